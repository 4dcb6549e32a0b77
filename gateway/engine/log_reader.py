"""The event log's file, seen from the reading side: opening, checking, walking the chain.

Used by the log itself, by `tryggve gateway log`, and by anyone who holds the file: the format is
two tables and SHA-256.  Not for: writing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.engine.sequencer import wire_json
from gateway.envelope import GENESIS, chained
from gateway.errors import ChainError, LogCorrupt, LogError, LogUnwritable
from gateway.origin import is_in_memory

BUSY_S = 5.0
"""Seconds to wait for another process that holds the file (a reader at a checkpoint)."""

CHECK_MAX_BYTES = 64_000_000
"""Files up to this size are checked whole at every start; of larger ones only the tail, because the
whole takes seconds on a card while the home waits."""

BEFORE_ALL = -(2**62)
"""Below any row: those that were taken in from the log before are below 1 (`log_rest`)."""

LONG_LIVED = (
    "absence.",
    "alarm.",
    "config.",
    "consent.",
    "device.battery_",
    "device.offline",
    "device.online",
    "grant.",
    "plan.",
    "power.",
    "visit.",
)
"""How the kinds begin whose meaning may outlast the days that a rebuild reads: an absence of a
month, an open alarm, the plan of the nights, a configuration that waits.  They are few, and have
an index of their own; give it a new number when this list changes."""

LONG_LIVED_INDEX = "event_long_lived_5"
LONG_LIVED_SQL = " OR ".join(f'instr(body, \'"kind":"{kind}\') > 0' for kind in LONG_LIVED)

_CORRUPT = ("malformed", "not a database", "no such table", "constraint", "is final", "is kept")


def connect(
    path: Path, *, read_only: bool = False, create: bool = False, in_memory: bool = False
) -> sqlite3.Connection:
    """A connection as the log wants it: WAL, full fsync (none for a file that is in memory, where
    nothing outlives a power cut), our own transactions.  `create`: a missing file is made."""
    mode = "ro" if read_only else "rwc" if create else "rw"
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if not read_only:
            db.execute(f"PRAGMA synchronous={'OFF' if in_memory else 'FULL'}")
            db.execute("PRAGMA journal_mode=WAL")
    except BaseException:
        db.close()
        raise
    return db


def trouble_of(path: Path, error: sqlite3.Error) -> LogError:
    """Our error for SQLite's: `LogCorrupt` when the file will never do, else `LogUnwritable`."""
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError) or any(word in text for word in _CORRUPT):
        return LogCorrupt(f"{path.name} is damaged: {text}")
    return LogUnwritable(f"{path.name} cannot be written: {text}")


def check(db: sqlite3.Connection, path: Path) -> None:
    """Raise `LogCorrupt` when SQLite finds a file of up to `CHECK_MAX_BYTES` damaged, or the disk
    does not give back a block of it."""
    if path.stat().st_size <= CHECK_MAX_BYTES:
        try:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if "disk I/O error" not in str(error):
                raise
            verdict = str(error)
        if verdict != "ok":
            raise LogCorrupt(f"{path.name} is damaged: {verdict}")


def told_to_old(db: sqlite3.Connection, moment: str, kind: str) -> list[dict[str, Any]]:
    """The JSON of the next events of `kind` behind those of `LONG_LIVED` kinds before `moment`
    whose clock was not sure."""
    unsure = f'({LONG_LIVED_SQL}) AND instr(body, \'"clock":"unsynced"\') > 0'
    rows = db.execute(
        f"SELECT row FROM event INDEXED BY {LONG_LIVED_INDEX} "  # noqa: S608 - ours
        f"WHERE row < ? AND {unsure} ORDER BY row",
        (first_row(db, "at", moment),),
    ).fetchall()
    next_one = "SELECT row, body FROM event WHERE row > ? AND body LIKE ? ORDER BY row LIMIT 1"
    found: list[dict[str, Any]] = []
    done = BEFORE_ALL
    for (row,) in rows:
        if row <= done:
            continue
        behind = db.execute(next_one, (row, f'%"kind":"{kind}"%')).fetchone()
        if behind is None:
            break
        done = behind[0]
        found.append(json.loads(behind[1]))
    return [obj for obj in found if obj["kind"] == kind]


def first_row(db: sqlite3.Connection, key: str, value: Any) -> int:
    """The first row whose own event has `key` (`seq` or `at`) not below `value`, by bisection:
    both grow with the row.  One past the end when none has.  By `at` the home's other logs count
    too: what was held in memory stands between its own rows.

    A boot that did not know the time may have said any: its rows are as old as the next one whose
    time was right; behind the last of those they are told apart by what they say."""
    low, high = (
        int(n)
        for n in db.execute(
            "SELECT coalesce(min(row), 1), coalesce(max(row), 0) + 1 FROM event"
        ).fetchone()
    )
    if key == "seq":
        return _bisected(db, "seq", "origin IS NULL", value, (low, high))
    at, ours = (
        "CAST(coalesce(json_extract(body, '$.at'), '') AS TEXT)",
        "(origin IS NULL OR origin < 'staff')",
    )
    sure = f'{ours} AND instr(body, \'"clock":"synced"\') > 0'
    first = _bisected(db, at, sure, value, (low, high))
    (right,) = db.execute(
        f"SELECT EXISTS (SELECT 1 FROM event WHERE row >= ? AND {sure})",  # noqa: S608 - ours
        (first,),
    ).fetchone()
    return first if right else _bisected(db, at, ours, value, (first, high))


def _bisected(
    db: sqlite3.Connection, column: str, whose: str, value: Any, between: tuple[int, int]
) -> int:
    low, high = between
    while low < high:
        middle = (low + high) // 2
        row = db.execute(
            f"SELECT row, {column} FROM event WHERE row >= ? AND row < ? "  # noqa: S608 - ours
            f"AND {whose} ORDER BY row LIMIT 1",
            (middle, high),
        ).fetchone()
        if row is None or row[1] >= value:
            high = middle
        else:
            low = int(row[0]) + 1
    return low


def walk(
    db: sqlite3.Connection, origin: str, *, last: int | None = None
) -> Iterator[dict[str, Any]]:
    """Every stored event as its JSON object with `hash`, in the order of writing, each checked
    against its chain; only about the `last` ones when given.

    Raises `ChainError` at the first event that does not continue its chain, `LogCorrupt` when a
    body cannot be read.
    """
    (top,) = db.execute("SELECT coalesce(max(row), 0) FROM event").fetchone()
    after = BEFORE_ALL if last is None else max(0, top - last)
    heads: dict[str, tuple[int, bytes]] = {}
    if after <= 0:
        sealed = db.execute(
            "SELECT last_seq, last_hash FROM segment ORDER BY last_row DESC LIMIT 1"
        ).fetchone()
        heads[origin] = (0, GENESIS) if sealed is None else (sealed[0], sealed[1])
    parts: dict[str, tuple[int, bytes]] = {}  # of logs before: of what is long past, only some
    for row, seq, body, digest, foreign in db.execute(
        "SELECT row, seq, body, hash, origin FROM event WHERE row > ? ORDER BY row", (after,)
    ):
        whose = foreign or origin
        known = heads.get(whose) if row > 0 else parts.get(whose)
        whole = row > 0 and not is_in_memory(whose)  # memory lets go of what sensors said
        if known is not None and (whole or seq == known[0] + 1):
            if seq != known[0] + 1:
                raise ChainError(f"after event {known[0]} of {whose} comes {seq}", seq)
            if chained(known[1], body.encode()) != digest:
                raise ChainError(f"event {seq} of {whose} does not continue the chain", seq)
        (heads if row > 0 else parts)[whose] = (seq, digest)
        try:
            obj = json.loads(body)
        except ValueError as error:
            raise LogCorrupt(f"event {seq} of {whose} cannot be read: {error}") from error
        if obj.get("seq") != seq or obj.get("origin") != whose:
            raise ChainError(f"event {seq} of {whose} stands in another's place", seq)
        yield {**obj, "hash": digest.hex()}


def of_kinds(path: Path, after: int, kinds: Collection[str]) -> list[tuple[int, str, bytes]]:
    """Own events after number `after` that are of these kinds, in order: number, kind, and the JSON
    that is sent.  Raises `sqlite3.Error`."""
    like = " OR ".join("instr(body, ?) > 0" for _ in kinds)  # parsing each would cost ten times it
    with closing(connect(path, read_only=True)) as db:
        rows = db.execute(
            "SELECT seq, json_extract(body, '$.kind'), CAST(body AS BLOB), hash FROM event "  # noqa: S608
            f"WHERE row >= ? AND origin IS NULL AND ({like}) ORDER BY row",
            (first_row(db, "seq", after + 1), *(f'"kind":"{kind}"' for kind in kinds)),
        )
        return [
            (seq, kind, wire_json(body, digest))
            for seq, kind, body, digest in rows
            if kind in kinds
        ]


class LogReader:
    """A log opened for reading only, also while the gateway writes it."""

    def __init__(self, path: Path) -> None:
        """Raises `LogUnwritable` when there is none, `LogCorrupt` when it is no log."""
        if not path.exists():
            raise LogUnwritable(f"there is no event log at {path}")
        self.path = path
        try:
            with closing(connect(path, read_only=True)) as db:
                (self.origin,) = db.execute(
                    "SELECT value FROM about WHERE name = 'origin'"
                ).fetchone()
        except (sqlite3.Error, TypeError) as error:
            raise LogCorrupt(f"{path.name} is no event log: {error}") from error

    def events(self, *, last: int | None = None) -> Iterator[dict[str, Any]]:
        """As `walk`."""
        with closing(connect(self.path, read_only=True)) as db:
            yield from walk(db, self.origin, last=last)
