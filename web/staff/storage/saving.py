"""Whether the database takes what is written: a disk that is full still reads.

Each write that is refused for the disk's sake begins the state; a probe, which is a write of some
size, ends it, for a disk with little room takes small writes between two that it refuses.

Not for: a database that is away (`web.staff.storage.outage`), or who is told
(`web.staff.runtime.saving_watch`).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert

from web.staff.storage import tables
from web.staff.storage.outage import Refusal

log = logging.getLogger(__name__)

PROBE_BYTES = 200_000
"""Bytes of a probe: what some hundred homes send in one round of batches."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is saved since then (real time), and why."""

    why: Refusal
    since: datetime


Heard = Callable[[Refused | None], None]
"""Called when saving stops (why, and since when) and when it goes on (None); any thread."""


class Saving:
    """The state of one worker.  Thread-safe; `now` costs nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: list[Heard] = []
        self.now: Refused | None = None
        """None: what is written is saved."""

    def listen(self, heard: Heard) -> None:
        """Have `heard` called at each change."""
        self._heard.append(heard)

    def refused(self, why: Refusal) -> None:
        """A write was refused for the disk's sake."""
        with self._lock:
            if self.now is not None:
                return
            self.now = new = Refused(why, datetime.now(UTC))
        log.error("the database saves nothing", extra={"why": why.value})
        self._tell(new)

    def took(self) -> None:
        """A probe was saved."""
        with self._lock:
            before, self.now = self.now, None
        if before is not None:
            log.warning("the database saves again", extra={"since": before.since.isoformat()})
            self._tell(None)

    def _tell(self, new: Refused | None) -> None:
        for heard in self._heard:
            heard(new)


def probe(conn: Connection) -> None:
    """Write something of some size, in a transaction of the caller's."""
    conn.execute(delete(tables.storage_probe))
    filler = os.urandom(PROBE_BYTES // 2).hex()
    conn.execute(insert(tables.storage_probe).values(id=1, filler=filler))
