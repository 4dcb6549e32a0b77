"""Deadlines in rows that outlast a restart, and a clock that is set.

A deadline is written by the wall clock and by the clock that is never set, with the boot that
counts it.  In the same boot only the second is asked: a wall clock set an hour on does not let a
ladder jump its steps, and one set back does not stop it.  After a boot there is only the wall
clock; a deadline that was set in what is now the future is due at once.

Not for: which clock, domain time or real (both are written in the same way).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, or_

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""The kernel's name for this boot, the same for every process of it."""

SET_BACK = timedelta(minutes=1)
"""How far ahead of the clock a deadline may have been set before the clock counts as set back: two
machines on one database differ by less."""


@cache
def boot_id() -> str:
    """This boot's name; where the kernel tells none, this process's."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return f"process-{time.monotonic_ns()}"


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by both clocks."""

    at: datetime
    mono_s: float
    boot: str

    @classmethod
    def real(cls, boot: str) -> Moment:
        """Real time."""
        return cls(datetime.now(UTC), time.monotonic(), boot)

    def values(self, after_s: float = 0.0) -> dict[str, object]:
        """The columns of a deadline so many seconds from now."""
        return {
            "due_at": self.at + timedelta(seconds=after_s),
            "due_mono": self.mono_s + after_s,
            "boot": self.boot,
            "set_at": self.at,
        }

    def late_s(self, row: Row[Any], at_most_s: float) -> float:
        """Seconds for which a row's deadline is over, where they are so few; else 0."""
        if row.boot == self.boot:
            late_s: float = self.mono_s - row.due_mono
        else:
            late_s = (self.at - row.due_at).total_seconds()
        return late_s if 0.0 <= late_s <= at_most_s else 0.0

    def is_due(self, table: Table, late_s: float = 0.0) -> ColumnElement[bool]:
        """Whether a row's deadline is over, for so many seconds already."""
        c = table.c
        over = self.at - timedelta(seconds=late_s)
        elsewhere = or_(c.due_at <= over, c.set_at > self.at + SET_BACK)
        return or_(
            and_(c.boot == self.boot, c.due_mono <= self.mono_s - late_s),
            and_(c.boot != self.boot, elsewhere),
        )
