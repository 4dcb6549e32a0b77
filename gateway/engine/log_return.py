"""What a log in memory held goes into the log on the disk, when the disk takes events again.

Every row is copied as it was sealed, in order, behind what the disk holds: the events of the log in
memory under their own origin, those of the server, and those that had a number of the disk's own
log and never reached it.  The call may be repeated, and be cut off at any row: each has its place,
and the log in memory stays as it is until all is written.

Not for: a log on disk that cannot be used (`log_folder`), or what is read of one (`log_rest`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from gateway.engine.log_reader import connect
from gateway.engine.log_rest import CHUNK
from gateway.envelope import GENESIS, chained
from gateway.errors import LogCorrupt
from gateway.events import LogReturned

_INSERT = "INSERT OR IGNORE INTO event (seq, body, hash, origin, taken) VALUES (?, ?, ?, ?, ?)"

_AT_LEAST = (
    "INSERT INTO mark VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)"
)

_Head = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Returned:
    """What was copied: up to row `row` of the last log in memory; of their own events `held` were
    not on the disk before; `since` is the time of the first one that the first of them has."""

    row: int
    held: int
    since: datetime | None

    @property
    def told(self) -> LogReturned:
        """What the home says of it."""
        return LogReturned(held=self.held, since=self.since)


def give_back(disk: Path, memory: Path, before: Returned | None = None) -> Returned:
    """Copy into the log at `disk` what the log at `memory` holds and it does not; `before` is what
    was copied of an older one.

    Raises `sqlite3.Error` when the disk does not take it, `LogCorrupt` when the disk lacks what
    comes before it."""
    with closing(connect(disk)) as new, closing(connect(memory, read_only=True)) as old:
        own, memory_origin = (
            str(db.execute("SELECT value FROM about WHERE name = 'origin'").fetchone()[0])
            for db in (new, old)
        )
        (top,) = old.execute("SELECT coalesce(max(row), 0) FROM event").fetchone()
        rows = old.execute(
            "SELECT seq, body, hash, coalesce(origin, ?), taken, json_extract(body, '$.at') "
            "FROM event WHERE row <= ? ORDER BY row",
            (memory_origin, top),
        )
        held = 0 if before is None else before.held
        while part := list(islice(rows, CHUNK)):
            held += _copy(new, part, own, memory_origin)
        _mark(new, dict(old.execute("SELECT name, seq FROM mark").fetchall()), own, memory_origin)
        first = old.execute(
            "SELECT json_extract(body, '$.at') FROM event WHERE origin IS NULL ORDER BY row LIMIT 1"
        ).fetchone()
    since = None if before is None else before.since
    if since is None and first is not None:
        since = datetime.fromisoformat(first[0])
    return Returned(int(top), held, since)


def _copy(new: sqlite3.Connection, rows: list[Any], own: str, memory_origin: str) -> int:
    """One transaction; returns how many of the memory's own events were not there yet."""
    new.execute("BEGIN IMMEDIATE")
    try:
        held = 0
        for row, is_held in _fitting(new, rows, own, memory_origin):
            held += new.execute(_INSERT, row).rowcount * is_held
        new.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            new.execute("ROLLBACK")
        raise
    return held


def _fitting(
    new: sqlite3.Connection, rows: list[Any], own: str, memory_origin: str
) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """The rows to insert, and whether each is of the memory's own."""
    heads: dict[str, _Head | None] = {own: _head(new, None)}
    for seq, body, digest, origin, taken, at in rows:
        if origin != own and not origin.startswith("staff:"):
            yield (seq, body, digest, origin, taken or at), origin == memory_origin
            continue
        if origin not in heads:
            heads[origin] = _head(new, origin)
        head = heads[origin]
        if head is not None:
            if seq <= head[0]:
                continue  # it came from the disk
            if seq != head[0] + 1 or chained(head[1], body.encode()) != digest:
                raise LogCorrupt(f"the log on the disk ends before event {seq} of {origin}")
        heads[origin] = seq, digest
        mine = origin == own
        yield (seq, body, digest, None if mine else origin, None if mine else taken), False


def _head(db: sqlite3.Connection, origin: str | None) -> _Head | None:
    """Where a chain ends; None: the disk has nothing of the server's."""
    if origin is None:
        row = db.execute(
            "SELECT seq, hash FROM event WHERE origin IS NULL ORDER BY row DESC LIMIT 1"
        ).fetchone()
        return (0, GENESIS) if row is None else (row[0], row[1])
    row = db.execute(
        "SELECT seq, hash FROM event WHERE origin = ? ORDER BY seq DESC LIMIT 1", (origin,)
    ).fetchone()
    return None if row is None else (row[0], row[1])


def _mark(db: sqlite3.Connection, marks: dict[str, int], own: str, memory_origin: str) -> None:
    """What the server has of each log; written in any case, so that a disk which takes nothing is
    noticed here."""
    known = {name: seq for name, seq in marks.items() if name.startswith("rest:")}
    sent = known.pop(f"rest:{own}", 0)
    times = db.execute("SELECT seq FROM mark WHERE name = 'returned'").fetchone()
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany(
            _AT_LEAST,
            [
                *known.items(),
                (f"rest:{memory_origin}", marks.get("forwarded", 0)),
                ("forwarded", min(sent, (_head(db, None) or (0, b""))[0])),
                ("returned", 1 if times is None else int(times[0]) + 1),
            ],
        )
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
