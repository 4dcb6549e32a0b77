"""Hashing passwords a few at a time: each takes 64 MiB and 0.1 s of every core, by intent.

Who comes while others are hashed waits in a bounded queue; who finds it full, or waited long, is
told to try again (503 with `Retry-After`).  Every hash of the application goes through here, also
those of pages that make a password.  Not for: whether somebody may try (`failed_attempts`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app
from werkzeug.exceptions import ServiceUnavailable

AT_ONCE = 2
"""Hashes at a time: 128 MiB.  One uses four lanes, so more at once are no faster on a server of two
to eight cores; eighty at once took 1.2 GB, and `/healthz` 14 s (seen)."""

WAITING_MAX = 30
"""Sign-ins that may wait for their turn: a shift's beginning.  Two at a time, at 0.6 s each on a
slow machine, the last of them has its turn just within `WAIT_S`."""

WAIT_S = 10.0
"""Seconds after which somebody who waits is told to try again: longer looks like a dead page."""

RETRY_AFTER_S = 10
"""What `Retry-After` says: the queue is empty by then."""

EXTENSION = "tryggve.hashing"


class Busy(ServiceUnavailable):
    """Too many passwords are being checked.  Nothing was tried."""

    def __init__(self) -> None:
        super().__init__(retry_after=RETRY_AFTER_S)


class Turns:
    """A few at a time, in the order in which they came.  `room` says how many threads requests may
    take now: at the most half of them hash or wait, so that alarms and `/healthz` get in."""

    def __init__(
        self,
        room: Callable[[], int],
        *,
        at_once: int = AT_ONCE,
        waiting_max: int = WAITING_MAX,
        wait_s: float = WAIT_S,
    ) -> None:
        self._room = room
        self._at_once = at_once
        self._waiting_max = waiting_max
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._queue: list[object] = []
        self._running = 0
        self._mine = threading.local()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn; a thread that has one already goes on.  Raises `Busy`."""
        if getattr(self._mine, "has", False):
            yield
            return
        self._take()
        self._mine.has = True
        try:
            yield
        finally:
            self._mine.has = False
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _take(self) -> None:
        places = min(self._waiting_max, max(1, self._room() // 2 - self._at_once))
        me = object()
        until_s = time.monotonic() + self._wait_s
        with self._changed:
            if self._queue and len(self._queue) >= places:
                raise Busy
            self._queue.append(me)
            try:
                while self._running >= self._at_once or self._queue[0] is not me:
                    left_s = until_s - time.monotonic()
                    if left_s <= 0 or not self._changed.wait(left_s):
                        raise Busy
                self._running += 1
            finally:
                self._queue.remove(me)
                self._changed.notify_all()


class InTurns:
    """passlib's context, one turn for each hash."""

    def __init__(self, context: Any, turns: Turns) -> None:
        self._context = context
        self._turns = turns

    def hash(self, *args: Any, **more: Any) -> Any:
        """See passlib.  Raises `Busy`."""
        with self._turns.turn():
            return self._context.hash(*args, **more)

    def verify(self, *args: Any, **more: Any) -> Any:
        """See passlib.  Raises `Busy`."""
        with self._turns.turn():
            return self._context.verify(*args, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def turns() -> Turns:
    """The running application's."""
    turns: Turns = current_app.extensions[EXTENSION]
    return turns
