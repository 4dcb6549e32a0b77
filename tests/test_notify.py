"""sd_notify: what systemd is told, over a real socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway.services.systemd import Notifier


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_systemd_is_told(tmp_path: Path, abstract: bool) -> None:
    """Ready, alive, status, stopping, each one datagram."""
    name = f"@tryggve-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(60)
        notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
        assert notifier.watchdog_s == 30.0
        notifier.ready("Hemmet är i gång")
        notifier.alive()
        notifier.status("x")
        notifier.stopping()
        got = [systemd.recv(1000).decode() for _ in range(4)]
        notifier.close()
    assert got == ["READY=1\nSTATUS=Hemmet är i gång", "WATCHDOG=1", "STATUS=x", "STOPPING=1"]


def test_without_systemd_nothing_happens() -> None:
    """Started by hand, or systemd is gone: no error."""
    quiet = Notifier({})
    quiet.ready()
    assert quiet.watchdog_s is None
    gone = Notifier({"NOTIFY_SOCKET": "/nowhere/notify"})
    gone.alive()
    gone.close()
    gone.alive()


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
        ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_ours_only(environ: dict[str, str], wanted: float | None) -> None:
    """A watchdog meant for another process is not fed by this one."""
    assert Notifier(environ).watchdog_s == wanted
