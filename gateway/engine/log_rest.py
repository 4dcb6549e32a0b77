"""What can still be read of a log that was set aside goes into the log that takes its place.

A log that was shortened, or lost its `-wal`, still holds what the home must not forget: open
alarms, an absence, the last sign of each device, and events that the server never got.  They are
copied as they were sealed, under the origin that they have, into rows below 1: before all that the
new log writes.  So the state is folded from them at every start, and the link sends what is
missing.

Copied are the last days, what was not forwarded, and of what is older the kinds of `LONG_LIVED`; up
to the first row that cannot be read or that breaks its chain; behind one that the disk does not
give back, what is of those kinds.  The old file stays as it is.

Not for: mending it, or what no program can read (`sqlite3 FILE .recover`, by a technician).
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from gateway.engine.log_reader import (
    BEFORE_ALL,
    LONG_LIVED_INDEX,
    LONG_LIVED_SQL,
    connect,
    first_row,
)
from gateway.engine.sequencer import wire_json
from gateway.envelope import chained
from gateway.envelope_fields import NO_TIME
from gateway.events import utc_text

log = logging.getLogger(__name__)

DAYS = 7
"""Days of it that are copied: as many as a rebuild reads (`stamp_time.REBUILD_DAYS`)."""

CHUNK = 500
"""Rows of one transaction: the new log's own writer waits for one at most, some 10 ms."""

TAKEN = "rest taken"
"""The mark of a log that has what could be read of the one before it."""

HELD = "held:"
"""Begins the mark of an origin whose numbers above it must not be sent: they are given on the disk
and are not there yet."""

_Row = tuple[int, int, str, bytes, str, str]
"""Row, number, body, hash, origin, time of receipt."""

_COLUMNS = "SELECT row, seq, body, hash, origin, taken FROM event"


def take_in(path: Path, aside: Path | None, origin: str, *, in_memory: bool = False) -> int:
    """Copy into the log at `path` what can be read of `aside`, the log of `origin`; returns how
    many events.  `in_memory`: `path` is.  It may be in use, and the call may be repeated: each
    row has its place.  Raises
    `sqlite3.Error` when the new log cannot be written."""
    count, last = 0, None
    with closing(connect(path, in_memory=in_memory)) as new:
        for top, marks, rows in _left_of(aside, origin):
            # the last one waits: it may have to stand elsewhere
            some = rows if last is None else [last, *rows]
            count += _copy(new, some[:-1], top, marks)
            last = some[-1]
        if last is not None:
            count += _copy(new, [last], _end_of(new, last, top), marks)
        new.execute("INSERT OR IGNORE INTO mark VALUES (?, 1)", (TAKEN,))
    log.info("took in what was left of a log", extra={"origin": origin, "events": count})
    return count


def _end_of(new: sqlite3.Connection, last: _Row, top: int) -> int:
    """What is taken from the last row's number: it stands at 0 where nothing else does, for the new
    log's own rows follow on whatever is the last, and are above 0."""
    (there,) = new.execute("SELECT max(row) FROM event").fetchone()
    return top if there is not None and there >= 0 else last[0]


def is_taken_in(path: Path) -> bool:
    """Whether `take_in` was through for this log."""
    with closing(connect(path, read_only=True)) as db:
        return db.execute("SELECT 1 FROM mark WHERE name = ?", (TAKEN,)).fetchone() is not None


def _marks(old: sqlite3.Connection, origin: str) -> dict[str, int]:
    """How far the server had the old log, and what that one had taken in itself."""
    known = dict(old.execute("SELECT name, seq FROM mark").fetchall())
    rests = {name: seq for name, seq in known.items() if name.startswith("rest:")}
    return {**rests, f"rest:{origin}": known.get("forwarded", 0)}


def _left_of(aside: Path | None, origin: str) -> Iterator[tuple[int, dict[str, int], list[_Row]]]:
    """The old log's last row, its marks and the rows to copy, in parts.  What cannot be read ends
    it."""
    if aside is None:
        return
    with suppress(sqlite3.Error), closing(connect(aside, read_only=True)) as old:
        (top,) = old.execute("SELECT coalesce(max(row), 0) FROM event").fetchone()
        marks = _marks(old, origin)
        rows = _readable(old, origin, marks[f"rest:{origin}"])
        while part := list(islice(rows, CHUNK)):
            yield int(top), marks, part


def _readable(old: sqlite3.Connection, origin: str, forwarded: int) -> Iterator[_Row]:
    """The rows to copy, in order, up to the first that cannot be read."""
    first = _first(old, forwarded)
    with suppress(sqlite3.Error):  # a log of an earlier version has another index
        before = f"INDEXED BY {LONG_LIVED_INDEX} WHERE row < ? AND ({LONG_LIVED_SQL}) ORDER BY row"
        yield from _whole(old.execute(f"{_COLUMNS} {before}", (first,)), origin)
    try:
        rows = old.execute(f"{_COLUMNS} WHERE row >= ? ORDER BY row", (first,))
        yield from _chained(rows, origin)
        return
    except sqlite3.Error:
        log.warning("a part of a log cannot be read")
    with suppress(sqlite3.Error):  # what is open now may stand behind it
        late = f"INDEXED BY {LONG_LIVED_INDEX} WHERE row >= ? AND ({LONG_LIVED_SQL}) ORDER BY row"
        yield from _whole(old.execute(f"{_COLUMNS} {late}", (first,)), origin)


def _first(old: sqlite3.Connection, forwarded: int) -> int:
    """From where on everything is copied; from the beginning where that cannot be found out."""
    with suppress(sqlite3.Error, ValueError, TypeError):
        row = old.execute(
            "SELECT json_extract(body, '$.at') FROM event WHERE origin IS NULL "
            "ORDER BY row DESC LIMIT 1"
        ).fetchone()
        if row is not None:
            since = utc_text(datetime.fromisoformat(row[0]) - timedelta(days=DAYS))
            return min(first_row(old, "at", since), first_row(old, "seq", forwarded + 1))
    return BEFORE_ALL


def _whole(rows: Iterator[Any], own: str) -> Iterator[_Row]:
    """Rows whose body says what they are."""
    for row, seq, body, digest, origin, taken in rows:
        with suppress(ValueError, TypeError, AttributeError):
            obj = json.loads(body)
            whose = origin or own
            if obj.get("seq") == seq and obj.get("origin") == whose:
                at = obj.get("at")
                came = taken or (at if isinstance(at, str) else utc_text(NO_TIME))
                yield row, seq, body, digest, whose, came


def _chained(rows: Iterator[Any], own: str) -> Iterator[_Row]:
    """Rows up to the first that does not continue its chain; the first of each chain is believed.
    One that is left out by `_whole` is missed by the next of its chain."""
    heads: dict[str, tuple[int, bytes]] = {}
    for one in _whole(rows, own):
        row, seq, body, digest, origin, _ = one
        before = heads.get(origin)
        # what it had taken in itself may have gaps
        if before is not None and (row > 0 or seq == before[0] + 1):
            follows = seq == before[0] + 1 and chained(before[1], body.encode()) == digest
            if not follows:
                return
        heads[origin] = seq, digest
        yield one


def _copy(new: sqlite3.Connection, rows: list[_Row], top: int, marks: dict[str, int]) -> int:
    """One transaction; returns how many were not there yet."""
    new.execute("BEGIN IMMEDIATE")
    try:
        count = new.executemany(
            "INSERT OR IGNORE INTO event (row, seq, body, hash, origin, taken) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [(row - top, *rest) for row, *rest in rows],
        ).rowcount
        new.executemany("INSERT OR IGNORE INTO mark VALUES (?, ?)", list(marks.items()))
        new.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            new.execute("ROLLBACK")
        raise
    return count


# --- sending it -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rest:
    """What an earlier log of this home, of `origin`, still held: it ended at `head`."""

    origin: str
    head: int
    bodies: Sequence[bytes]


class Rests:
    """What a log took in, and how far the server has it.  Thread-safe.  `lock` guards `reader`;
    `keep` keeps a mark with the log's next write."""

    def __init__(
        self, reader: sqlite3.Connection, lock: threading.Lock, *, keep: Callable[[str, int], None]
    ) -> None:
        self._reader, self._lock, self._keep = reader, lock, keep
        self._sent: dict[str, int] = {}  # what was marked since the log was opened
        self._known: dict[str, tuple[int, int]] | None = None  # how far the server has it, its end

    def next(self, limit: int) -> Rest | None:
        """What the server may not have, at most `limit` events; None: nothing."""
        with self._lock:
            if self._known is None:
                try:
                    self._known = self._look()
                except sqlite3.ProgrammingError:  # closed: another log has taken its place
                    return None
            for origin, (sent, head) in self._known.items():
                if sent < head:
                    rows = self._reader.execute(
                        "SELECT seq, CAST(body AS BLOB), hash FROM event "
                        "WHERE origin = ? AND seq > ? "
                        "ORDER BY seq LIMIT ?",
                        (origin, sent, limit),
                    ).fetchall()
                    # without a gap: the server would take none of them
                    run = [row for n, row in enumerate(rows) if row[0] == rows[0][0] + n]
                    return Rest(origin, head, [wire_json(body, digest) for _, body, digest in run])
        return None

    def look_again(self) -> None:
        """Something was taken in."""
        with self._lock:
            self._known = None

    def mark(self, origin: str, seq: int) -> None:
        """The server has, of the rest of `origin`, what it will ever take up to `seq`.  A lost mark
        costs a repeated batch."""
        with self._lock:
            self._sent[origin] = seq
            self._known = None
        self._keep(f"rest:{origin}", seq)

    def _look(self) -> dict[str, tuple[int, int]]:
        marks = self._reader.execute("SELECT name, seq FROM mark").fetchall()
        sent = dict(marks) | {f"rest:{origin}": seq for origin, seq in self._sent.items()}
        heads = self._reader.execute(
            "SELECT origin, max(seq) FROM event WHERE origin >= 'home:' AND origin < 'home;' "
            "GROUP BY origin"
        )
        return {
            origin: (sent.get(f"rest:{origin}", 0), min(head, sent.get(f"{HELD}{origin}", head)))
            for origin, head in heads
        }

    def first_unsent(self, db: sqlite3.Connection) -> int | None:
        """The first row above 0 that is not sent yet; None: there is none."""
        with self._lock:
            known = self._look()
        rows = [
            db.execute(
                "SELECT min(row) FROM event WHERE origin = ? AND seq > ? AND row > 0",
                (origin, sent),
            ).fetchone()[0]
            for origin, (sent, head) in known.items()
            if sent < head
        ]
        return min((int(row) for row in rows if row is not None), default=None)
