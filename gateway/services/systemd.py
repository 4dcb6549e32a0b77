"""Tells systemd how the program is: ready, alive, stopping (sd_notify over a datagram socket).

Not for: deciding whether the gateway is healthy; the engine feeds the watchdog.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends to `$NOTIFY_SOCKET`; does nothing when the program was not started by systemd."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        if address.startswith("@"):
            address = "\0" + address[1:]
        self._address = address
        self._socket = (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            if address
            else None
        )
        self.watchdog_s = _watchdog_s(environ)
        """Seconds within which systemd wants a sign of life; None: it does not ask for one."""

    def ready(self, status: str = "") -> None:
        """The home works from now on."""
        self._send(f"READY=1\nSTATUS={status}" if status else "READY=1")

    def alive(self) -> None:
        """The engine has made a turn, durable or not."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; no names of people."""
        self._send(f"STATUS={text}")

    def stopping(self) -> None:
        """The program was told to stop."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            # systemd is not there or its queue is full: the watchdog decides, not we
            return


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """`WatchdogSec=` in seconds (sd_watchdog_enabled(3)); None when meant for another process."""
    pid = environ.get("WATCHDOG_PID")
    if pid is not None and pid != str(os.getpid()):
        return None
    try:
        microseconds = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
