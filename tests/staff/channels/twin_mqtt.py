"""Mosquitto (Debian: mosquitto), which asks for a password; with a listener of our own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.ports import free_port
from tests.staff.channels.twin import Twin
from web.staff.channels.contract import Address, Why

SECRET = "a secret of the broker's"

FAULTS: dict[str, Why | None] = {"stopped": Why.UNREACHABLE, "wrong password": Why.REFUSED}

STARTED_S = 60


@dataclass(kw_only=True)
class Heard(Twin):
    """`topics`: what the broker's listener heard last of each, and whether it was kept."""

    topics: dict[str, tuple[str, bool]]
    changed: threading.Event
    stop: Any


def _started(folder: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    """The broker, taking connections."""
    kept = folder / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(kept), "tryggve", password],
        check=True,
        timeout=60,
        capture_output=True,
    )
    kept.chmod(0o644)
    folder.chmod(0o755)
    settings = folder / "mosquitto.conf"
    lines = (f"listener {port} 127.0.0.1", "allow_anonymous false", f"password_file {kept}")
    settings.write_text("\n".join((*lines, "persistence false", "user root\n")))
    program = subprocess.Popen(
        ["mosquitto", "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until_s = time.monotonic() + STARTED_S
    while time.monotonic() < until_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return program
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the broker does not start")


@contextmanager
def running(folder: Path) -> Iterator[Heard]:
    """The broker, and somebody who listens to all."""
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("Mosquitto is not installed (Debian: mosquitto)")
    port = free_port()
    program = _started(folder, port, SECRET)
    topics: dict[str, tuple[str, bool]] = {}
    changed, ready = threading.Event(), threading.Event()
    listener = Client(CallbackAPIVersion.VERSION2)
    listener.username_pw_set("tryggve", SECRET)
    listener.reconnect_delay_set(1, 1)

    def heard(_client: Any, _data: Any, message: Any) -> None:
        topics[message.topic] = (message.payload.decode(), message.retain)
        changed.set()

    listener.on_connect = lambda client, *_: client.subscribe("#", qos=1)
    listener.on_subscribe = lambda *_: ready.set()
    listener.on_message = heard
    listener.connect("127.0.0.1", port)
    listener.loop_start()
    assert ready.wait(STARTED_S)
    settings: dict[str, Any] = {
        "organisations": {
            "org1": {"host": "127.0.0.1", "port": port, "tls": False, "user": "tryggve"}
        },
        "timeout_s": 2.0,
    }

    def stop() -> None:
        program.terminate()
        program.wait(60)

    def behave(how: str) -> None:
        stop()
        if how == "wrong password":
            again.append(_started(folder, port, "another"))
        elif how == "started anew":
            again.append(_started(folder, port, SECRET))

    again: list[subprocess.Popen[bytes]] = []
    yield Heard(
        settings=settings,
        secrets={"mqtt_org1": SECRET},
        address=Address("centre4", "org1"),
        behave=behave,
        sent=lambda: str(topics).encode(),
        may_say=frozenset({"home"}),
        topics=topics,
        changed=changed,
        stop=stop,
    )
    listener.disconnect()
    listener.loop_stop()
    stop()
    for one in again:
        one.terminate()
        one.wait(60)
