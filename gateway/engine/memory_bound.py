"""How much a log in memory may hold, and what goes first: what sensors said.

When it is full, first the sensors' events go that the server has confirmed, the oldest first; they
are at the server, and the chain goes on over them.  Where that is not enough (no disk and no
server, for weeks) what sensors say is from then on judged as ever and not kept: rules see it, it
has no number, and what a rule decides on it names the event that tells of this, `log.thinned`.
An alarm, a visit, a turn of a lock, a check, a device's trouble are always kept.

Not for: the disk's own log (`EventLog.prune`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from gateway.engine.sequencer import Sequencer
from gateway.envelope import Draft, Event
from gateway.events import LogThinned, kind_of

MEMORY_BYTES = 48_000_000
"""What a log in memory may take: some 150,000 events (one of a mat takes 244 bytes, measured), two
months of a busy home; with the program's own 80 MB well below the unit's `MemoryHigh`."""

LOOK_EVERY = 200
"""Rows between two looks at its size."""

AT_ONCE = 2_000
"""Events that are let go in one look: some 20 ms of the writer."""

TOLD_EVERY = 1_000
"""Events not kept between two that tell how many."""

NOISE = (
    "mat.pressed",
    "mat.released",
    "mat.loaded",
    "contact.changed",
    "motion.detected",
    "motion.cleared",
    "moisture.detected",
    "moisture.cleared",
    "temperature.measured",
    "device.heard",
)
"""What sensors say, many times an hour.  A button or a pendant is a person, and is none."""

_NOISE_SQL = " OR ".join(f'instr(body, \'"kind":"{kind}"\') > 0' for kind in NOISE)


class MemoryBound:
    """Looks after one log in memory, in its writer's thread; `full` may be read by any."""

    def __init__(self) -> None:
        self.full = False
        self._most_bytes = MEMORY_BYTES
        self._rows = 0

    def written(self, db: sqlite3.Connection, rows: int, forwarded: int) -> None:
        """`rows` more are in the log; the server has its own up to number `forwarded`."""
        self._rows += rows
        if self._rows < LOOK_EVERY and not self.full:
            return
        self._rows = 0
        if _size(db) > self._most_bytes:
            _let_go(db, forwarded)
        size = _size(db)
        self.full = size > self._most_bytes or (self.full and size > 0.9 * self._most_bytes)


def _size(db: sqlite3.Connection) -> int:
    pages, free, page_bytes = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page_bytes


def _let_go(db: sqlite3.Connection, forwarded: int) -> None:
    """Drop the oldest of what sensors said and the server has: of this log, and of those that it
    took in."""
    last = db.execute(
        "SELECT row, seq, hash FROM event WHERE origin IS NULL AND seq <= ? "
        "AND row < (SELECT max(row) FROM event WHERE origin IS NULL) ORDER BY row DESC LIMIT 1",
        (forwarded,),
    ).fetchone()
    top = 0 if last is None else int(last[0])
    db.execute("BEGIN IMMEDIATE")
    try:
        if last is not None:  # the triggers keep what is not sealed
            db.execute(
                "INSERT OR IGNORE INTO segment VALUES (?, ?, ?, "
                "strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
                last,
            )
        db.execute(
            "DELETE FROM event WHERE row IN (SELECT row FROM event WHERE row <= ? AND "  # noqa: S608
            f"({_NOISE_SQL}) AND (origin IS NULL OR (origin < 'staff' AND seq <= coalesce("
            "(SELECT seq FROM mark WHERE name = 'rest:' || event.origin), 0))) "
            "ORDER BY row LIMIT ?)",
            (top, AT_ONCE),
        )
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


@dataclass(slots=True)
class _Passed:
    """What was not kept of one device's reading: the last."""

    draft: Draft
    at: datetime
    mono_s: float


class Input(Protocol):
    """What is given to the engine (`turns.Item`)."""

    @property
    def at(self) -> datetime: ...

    @property
    def mono_s(self) -> float: ...

    @property
    def durable(self) -> object: ...


class Thinning:
    """Numbers what is given to the engine, or passes by what is not kept.  In the engine's loop."""

    def __init__(self) -> None:
        self._count = 0
        self._told: Event | None = None
        self._last: dict[tuple[str | None, str], _Passed] = {}

    def number(self, sequencer: Sequencer, item: Input, draft: Draft, *, is_full: bool) -> Event:
        """As `Sequencer.number`; `is_full`: there is no room for what sensors say, but for what
        somebody waits for."""
        at, mono_s = item.at, item.mono_s
        if not is_full and self._told is not None:
            self._end(sequencer, at, mono_s)
        kind = kind_of(draft.data)
        if not is_full or kind not in NOISE or item.durable is not None:
            return sequencer.number(draft, at=at, mono_s=mono_s)
        if self._told is None or self._count % TOLD_EVERY == 0:
            told = Draft(LogThinned(count=self._count))
            self._told = sequencer.write_only(told, at=at, mono_s=mono_s)
        self._count += 1
        stamped = replace(draft, at=draft.at or at, mono_s=mono_s)
        sensor = draft.device, kind.partition(".")[0]
        self._last.pop(sensor, None)  # in the order of the last ones
        self._last[sensor] = _Passed(stamped, at, mono_s)
        return sequencer.pass_by(stamped, self._told, at=at, mono_s=mono_s)

    def _end(self, sequencer: Sequencer, at: datetime, mono_s: float) -> None:
        """There is room again: say how many went, and keep what each sensor said last, so that the
        state that is folded from the log is the one that the rules are in."""
        sequencer.write_only(Draft(LogThinned(count=self._count)), at=at, mono_s=mono_s)
        for passed in self._last.values():
            sequencer.write_only(passed.draft, at=passed.at, mono_s=passed.mono_s)
        self._count, self._told = 0, None
        self._last.clear()
