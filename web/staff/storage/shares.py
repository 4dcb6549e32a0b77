"""Whose connection, and whose turn to write: nobody's crowd takes what another lane needs.

A thread works for one `Share` at a time (`working_for`).  On PostgreSQL each has connections of its
own (`SharedPool`); on SQLite, which has one writer, who writes history lets everybody else go first
(`WriteTurn`).  Not for: how many requests are let in at all (`web.staff.core.admission`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

log = logging.getLogger(__name__)


class Share(StrEnum):
    """For whom a thread works."""

    URGENT = "urgent"
    """Alarms, and what people do."""
    BATCH = "batch"
    """What homes send in order."""
    STREAM = "stream"
    """Homes that listen: they read when they are woken."""
    OTHER = "other"
    """Pages, the watch, and everything else."""


CONNECTIONS: Mapping[Share, int] = {
    Share.URGENT: 10,
    Share.BATCH: 6,
    Share.STREAM: 8,
    Share.OTHER: 12,
}
"""Connections to PostgreSQL of one worker.  A page and a person's order hold up to two each (one
for who they are, one for what they ask); `web.staff.core.admission` lets in no more of each lane
than these carry."""

SAID_EVERY_S = 60.0
"""Seconds without an exhausted pool after which the next is said in the diagnostic log again."""

PASSED_MAX_S = 2.0
"""Seconds for which history lets others write first; then its turn comes like anybody's."""

_share = ContextVar("tryggve_share", default=Share.OTHER)
_RECORDED = "tryggve_share"


@contextmanager
def working_for(share: Share) -> Iterator[None]:
    """What this thread asks of the database meanwhile is for `share`."""
    token = _share.set(share)
    try:
        yield
    finally:
        _share.reset(token)


class SharedPool(QueuePool):
    """A pool of which each share has a part of its own."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._free = {share: threading.Semaphore(n) for share, n in CONNECTIONS.items()}
        self.exhausted = 0
        """How often nobody gave a connection back in time."""
        self.exhausted_s: float | None = None
        """When that was last (monotonic)."""

    def _do_get(self) -> ConnectionPoolEntry:
        share = _share.get()
        if not self._free[share].acquire(timeout=self._timeout):
            self._note(share)
            raise PoolTimeout(f"no connection is free for {share} ({CONNECTIONS[share]})")
        try:
            record = super()._do_get()
        except BaseException:
            self._free[share].release()
            raise
        record.record_info[_RECORDED] = share  # type: ignore[index]
        return record

    def _note(self, share: Share) -> None:
        """Count it, and say so once in a while."""
        now_s, last_s = time.monotonic(), self.exhausted_s
        self.exhausted += 1
        self.exhausted_s = now_s
        if last_s is None or now_s - last_s > SAID_EVERY_S:
            log.warning("no connection to the database is free", extra={"share": str(share)})

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        share = record.record_info.pop(_RECORDED)  # type: ignore[union-attr]
        try:
            super()._do_return_conn(record)
        finally:
            self._free[share].release()


WRITE_WITHIN_S = 30.0
"""Seconds that a writer waits for its turn at the most: the one before it hangs, or makes all
tables anew."""


class _Waiter:
    def __init__(self, patient: bool, since_s: float) -> None:
        self.patient = patient
        self.since_s = since_s
        self.called = threading.Event()


class WriteTurn:
    """A lock with two lines.  Use as a context manager; not re-entrant.  Entering raises
    SQLAlchemy's `TimeoutError` after `WRITE_WITHIN_S`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: list[_Waiter] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            me = _Waiter(_share.get() is Share.BATCH, time.monotonic())
            self._waiting.append(me)
        if me.called.wait(WRITE_WITHIN_S):
            return
        with self._lock:
            if not me.called.is_set():
                self._waiting.remove(me)
                raise PoolTimeout("no turn to write in time")

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            if not self._waiting:
                self._taken = False
                return
            late_s = time.monotonic() - PASSED_MAX_S
            following = min(
                self._waiting, key=lambda one: (one.patient and one.since_s > late_s, one.since_s)
            )
            self._waiting.remove(following)
            following.called.set()  # the lock stays taken: it is handed over
