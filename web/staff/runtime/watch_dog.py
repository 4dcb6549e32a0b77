"""Feeds systemd's watchdog for as long as this worker is well.

systemd has one watchdog for all workers, and hears whoever feeds it.  So a worker whose watch
stands while the others go on feeding ends by itself, and gunicorn's master begins another: on
PostgreSQL one that leads and stands keeps every other from looking for silent homes.

Not for: what is well (`health`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable

from web.staff.core.repeating import Repeating

log = logging.getLogger(__name__)

LOOKS = 3
"""Looks running at which the watch of one of several workers stands before that worker ends: a
machine that slept takes a moment to come to itself."""

EVERY_S = 10.0
"""Seconds between two looks where systemd says nothing of it."""

LEAST_S = 0.1
"""Seconds between two looks at the least: each asks the database."""

STOP_TIMEOUT_S = 2
"""Seconds to wait for the last look."""


def notify(state: str, address: str | None) -> None:
    """Tell systemd `state` (`READY=1`, `WATCHDOG=1`), as sd_notify(3); `address` is its
    `NOTIFY_SOCKET`, None when not run by it."""
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.connect(path)
        sock.sendall(state.encode())


def between_s(watchdog_us: str | None) -> float:
    """Seconds between two looks: a third of the time after which systemd gives up
    (`WATCHDOG_USEC`)."""
    try:
        watchdog_s = int(watchdog_us or "") / 1e6
    except ValueError:
        return EVERY_S
    return max(watchdog_s / 3, LEAST_S) if watchdog_s > 0 else EVERY_S


def end_worker() -> None:
    """End this process as its master would."""
    os.kill(os.getpid(), signal.SIGTERM)


class WatchDog(Repeating):
    """`ill` says what is wrong with this worker, in a word.  `alone`: there is no other, and
    systemd ends it."""

    def __init__(
        self,
        ill: Callable[[], str | None],
        address: str | None,
        *,
        every_s: float,
        alone: bool,
        end: Callable[[], None] = end_worker,
    ) -> None:
        super().__init__(
            "tryggve-watchdog",
            "the watchdog could not be fed",
            every_s=every_s,
            stop_within_s=STOP_TIMEOUT_S,
            at_once=True,
        )
        self._ill, self._address = ill, address
        self._alone, self._end = alone, end
        self._stood = 0

    def look(self) -> None:
        """Feed it, or not."""
        why = self._ill()
        if why is None:
            notify("WATCHDOG=1", self._address)
        self._stood = self._stood + 1 if why == "watch" else 0
        if self._stood == LOOKS and not self._alone:
            log.error("the watch of this worker stands: it ends, and another begins")
            self._end()
