"""Running the application under gunicorn: threads, HTTPS, an orderly stop, systemd.

One worker with a thread for each open screen (`gthread`: steadiest of what was measured, DESIGN
section 9).  Not for: the application itself (`web.staff.runtime.app`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from web.staff.core.config import StaffConfig
from web.staff.core.context import EXTENSION, Staff
from web.staff.realtime.pictures import Pictures
from web.staff.realtime.siblings import Siblings
from web.staff.runtime import heap
from web.staff.runtime.app import create_app
from web.staff.runtime.health import ill
from web.staff.runtime.saving_watch import status
from web.staff.runtime.watch_dog import WatchDog, between_s, notify
from web.staff.runtime.worker import ENTRY, Worker

WORKER_TIMEOUT_S = 60
"""Seconds without a sign of a worker's main loop until gunicorn replaces it."""

KEEPALIVE_S = 75
"""Seconds an idle connection stays open: longer than a home's pause between two batches."""

SPARE_CONNECTIONS = 2000
"""Idle kept connections beside those being answered."""

SWITCH_S = 0.0002
"""Seconds that a thread may keep the interpreter while others wait for it.  A page asks the
database some thirty times, and after each answer waits so long for every batch that is worked on:
at Python's 5 ms that alone is a second."""

CROWD_SWITCH_S = 0.002
"""The same where many wait: each of them is woken so often to ask for the interpreter, and fifty at
0.2 ms took more than half of the processor for that alone.  A thousand homes that came back with an
alarm each had it stored after 59 s then (p99), after 8 s with this."""

THREAD_STACK_BYTES = 512 * 1024
"""A thread waits for each screen: 1,000 of them should not reserve 8 GB of addresses."""


def switch(crowd: bool) -> None:
    """Have threads take the interpreter from each other seldom while there is a crowd of them."""
    sys.setswitchinterval(CROWD_SWITCH_S if crowd else SWITCH_S)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured in code."""

    def __init__(self, config: StaffConfig) -> None:
        self._config = config
        # before the workers are forked, which all have them then
        self._pictures = Pictures()
        self._siblings = Siblings(config.listen.workers)
        # gunicorn's master would say READY before a worker has even opened its database
        self._notify = os.environ.pop("NOTIFY_SOCKET", None)
        self._watchdog_us = os.environ.get("WATCHDOG_USEC")
        super().__init__()

    def load_config(self) -> None:
        """The settings."""
        listen = self._config.listen
        host = f"[{listen.host}]" if ":" in listen.host else listen.host
        settings: dict[str, object] = {
            "bind": f"{host}:{listen.port}",
            "worker_class": Worker,
            "workers": listen.workers,
            "threads": listen.threads,
            "worker_connections": listen.threads + SPARE_CONNECTIONS,
            "timeout": WORKER_TIMEOUT_S,
            "graceful_timeout": listen.graceful_stop_s,
            "keepalive": KEEPALIVE_S,
            "control_socket_disable": True,
            "accesslog": None,
            # only `public_address` says which headers of a proxy are believed
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "loglevel": "warning",
            "proc_name": "tryggve-staff",
            "server_software": "tryggve",
            "post_worker_init": self._ready,
            "worker_exit": _stopped,
        }
        if listen.certfile is not None:
            settings |= {"certfile": str(listen.certfile), "keyfile": str(listen.keyfile)}
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, made in the worker: its threads do not survive a fork."""
        threading.stack_size(THREAD_STACK_BYTES)
        sys.setswitchinterval(SWITCH_S)
        app = create_app(self._config, pictures=self._pictures, siblings=self._siblings)
        parts: Staff = app.extensions[EXTENSION]
        turns = parts.admission.turns
        turns.read_now, turns.on_crowd = ENTRY.busy, switch
        return app

    def _ready(self, worker: Any) -> None:
        app: Flask = worker.app.callable
        _begin_threads(worker.tpool, self._config.listen.threads)
        heap.keep()
        before = signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: FrameType | None) -> None:
            # open streams would otherwise hold the stop until its time-out
            threading.Thread(target=_parts(app).broker.close, daemon=True).start()
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, stop)
        _parts(app).db.saving.listen(
            lambda state: notify(f"STATUS={status(state)}", self._notify)  # systemd needs no disk
        )
        notify("READY=1", self._notify)
        WatchDog(
            lambda: ill(_parts(app), app.extensions["tryggve.watch"]),
            self._notify if self._watchdog_us else None,
            every_s=between_s(self._watchdog_us),
            alone=self._config.listen.workers == 1,
        ).start()


def _begin_threads(pool: Any, count: int) -> None:
    """All threads that there may be, now.  A pool begins each when it is first wanted, and whoever
    accepts connections waits for it to have begun: a thousand homes that came back together were
    let in one after the other, an alarm among them after 8 s (17 kB a thread, measured)."""
    go = threading.Event()
    for _ in range(count):
        pool.submit(go.wait)
    go.set()


def _parts(app: Flask) -> Staff:
    parts: Staff = app.extensions[EXTENSION]
    return parts


def _stopped(_server: Any, worker: Any) -> None:
    app = getattr(worker.app, "callable", None)
    if app is not None:
        app.extensions["tryggve.stop"]()


def serve(config: StaffConfig) -> None:
    """Serve until told to stop (does not return: gunicorn exits the process)."""
    Server(config).run()
