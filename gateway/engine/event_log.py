"""The event log: one SQLite file, one writer thread, nothing acknowledged before it is on the disk.

WAL with `synchronous=FULL`: a commit returns after fsync.  The writer takes whatever waits as one
transaction, without a timer.  Triggers refuse UPDATE and DELETE, except for segments that were
sealed and forwarded.  A commit that fails is tried again for as long as it takes; events wait in
memory, in order, and the engine is told so that alarms go out without the disk.

Not for: numbering or chaining events (`gateway.engine.sequencer`), or deciding what to keep
(`prune` is asked).
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from gateway.engine.ballast import give_up_ballast
from gateway.engine.log_reader import (
    BEFORE_ALL,
    LONG_LIVED_INDEX,
    LONG_LIVED_SQL,
    check,
    connect,
    first_row,
    told_to_old,
    trouble_of,
    walk,
)
from gateway.engine.log_rest import HELD, Rests
from gateway.engine.log_schema import SCHEMA
from gateway.engine.memory_bound import MemoryBound
from gateway.engine.sequencer import Sealed, wire_json
from gateway.envelope import GENESIS, SEQ_MAX, Event, canonical, from_json, verify_next
from gateway.errors import BadEvent, ChainError, LogCorrupt, LogUnwritable
from gateway.events import utc_text
from gateway.origin import is_in_memory

log = logging.getLogger(__name__)

RETRY_S = 0.5
"""Seconds between tries while the disk refuses a commit."""

TAIL = 200
"""Events at the end whose chain is verified at every start."""

_CHUNKS = (64, 16, 4, 1)
"""Rows of one INSERT.  sqlite3 lets go of Python's lock in every step and waits up to 5 ms for it
while the loop is busy, so rows go in few steps; four texts, for each is compiled once a
connection.  An event of another log that is there already (`event_foreign`) is passed over: it may
have been copied meanwhile (`log_return`)."""

_INSERT = "INSERT OR IGNORE INTO event (seq, body, hash, origin, taken) VALUES "
_INSERTS = {rows: f"{_INSERT}{', '.join(['(?, ?, ?, ?, ?)'] * rows)}" for rows in _CHUNKS}

Done = Callable[[BaseException | None], None]
"""Called in the writer thread: None when the rows are on the disk; `LogUnwritable` (once, the rows
stay in line) while the disk refuses; `LogCorrupt` when this file will never take them."""


@dataclass(slots=True)
class _Job:
    rows: Sequence[Sealed]
    done: Done
    warned: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: its last number and hash (0 and 32 zero bytes: nothing yet)."""

    seq: int = 0
    hash: bytes = GENESIS


class EventLog:
    """An open log, made by `EventLog.open`.  Reading is thread-safe; writing is `append`."""

    def __init__(
        self, path: Path, db: sqlite3.Connection, reader: sqlite3.Connection, origin: str
    ) -> None:
        self.path = path
        self.origin = origin
        self._db = db
        self._read_lock = threading.Lock()
        self._reader = reader
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._marks: dict[str, int] = {}
        self.rests = Rests(reader, self._read_lock, keep=self._keep_mark)
        self._forwarded = self._mark("forwarded")
        self.head = self._head_of(None)
        self.durable = self.head.seq
        self._bound = MemoryBound() if is_in_memory(origin) else None
        self.complete = True
        """Whether it holds what the state is folded from; a log in memory does not at once."""
        self._thread = threading.Thread(target=self._write, name="eventlog", daemon=True)
        self._closed = False
        self._abandoned = False
        self._cursor = (0, 0)  # a number and its row: where the last `pending` ended

    # --- opening ----------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: Path, origin: str) -> EventLog:
        """Open the log at `path` and start its writer; a missing file is made, for `origin`.

        Raises `LogCorrupt` when the file is damaged, its tail breaks the chain, or it belongs to
        another origin; `LogUnwritable` when the disk does not let it be opened.
        """
        try:
            existed = path.exists() and path.stat().st_size > 0
            db = connect(path, create=True, in_memory=is_in_memory(origin))
            reader: sqlite3.Connection | None = None
            try:
                if existed:
                    check(db, path)
                db.executescript(SCHEMA)
                db.execute("INSERT OR IGNORE INTO about VALUES ('origin', ?)", (origin,))
                (written,) = db.execute("SELECT value FROM about WHERE name = 'origin'").fetchone()
                if written != origin:
                    raise LogCorrupt(f"{path.name} is the log of {written}, not of {origin}")
                reader = connect(path, read_only=True)
                opened = cls(path, db, reader, origin)
                for _ in walk(opened._reader, origin, last=TAIL):
                    pass
                # it can be written, and the -wal is not empty from here on (`log_folder`): a number
                # that is new each time, for SQLite writes no page that stays as it is
                opened._transact((), {"opened": opened._mark("opened") + 1})
            except BaseException:
                for connection in (db, reader):
                    if connection is not None:
                        connection.close()
                raise
        except sqlite3.Error as error:
            raise trouble_of(path, error) from error
        except OSError as error:
            raise LogUnwritable(f"{path.name} cannot be read: {error}") from error
        except ChainError as error:
            raise LogCorrupt(f"{path.name} is damaged: {error}") from error
        opened._thread.start()
        return opened

    # --- writing ----------------------------------------------------------------------------------

    def append(self, rows: Sequence[Sealed], done: Done) -> None:
        """Put rows in line.  Rows of one call are in one transaction; `done` is called in the
        writer thread.  No rows: `done` is called when the line before them is written."""
        self._jobs.put(_Job(rows, done))

    @property
    def writing(self) -> bool:
        """Whether the writer thread lives; also while the disk refuses."""
        return self._thread.is_alive()

    @property
    def full(self) -> bool:
        """Whether there is no room for what sensors say (`memory_bound`): never so on the disk."""
        return self._bound is not None and self._bound.full

    def mark_forwarded(self, seq: int) -> None:
        """The server has everything up to `seq`.

        Written with the next events, or at the end: a lost mark costs a repeated batch, which the
        server drops, so it needs no fsync of its own.
        """
        if seq > self._forwarded:
            self._forwarded = seq
            self._keep_mark("forwarded", seq)

    def _keep_mark(self, name: str, seq: int) -> None:
        self._marks[name] = min(seq, SEQ_MAX)  # the server may say anything

    def hold_back(self, origin: str, seq: int) -> None:
        """With the next write: what is taken in here of `origin` above `seq` is not on the disk
        yet, under whose numbers it is, and is not sent before."""
        self._keep_mark(f"{HELD}{origin}", seq)

    def abandon(self) -> None:
        """Another log has taken over what is in line; a commit under way is the last.  It stays
        open, for SQLite would fold the `-wal` of a log that is closed."""
        self._abandoned = True
        self._jobs.put(None)

    def reread(self) -> None:
        """The file was written beside this log (`log_return`), which has written nothing since."""
        with self._read_lock:
            self.head = self._head_of(None)
            self.durable = self.head.seq
            self._forwarded = max(self._forwarded, self._mark("forwarded"))
        self.rests.look_again()

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is in line and close.  Rows that the disk refuses are given up after
        `timeout_s`."""
        if self._closed:
            return
        self._closed = True
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join(timeout_s)
        with self._read_lock:
            self._reader.close()
        if not self._thread.is_alive():
            self._db.close()

    def _write(self) -> None:
        """The writer thread: whatever waits becomes one transaction."""
        waiting: list[_Job] = []
        open_ended = True
        while open_ended or waiting:
            try:
                batch = [self._jobs.get(timeout=RETRY_S if waiting else None)]
                with suppress(Empty):
                    while True:
                        batch.append(self._jobs.get_nowait())
                open_ended = open_ended and None not in batch
                waiting += [job for job in batch if job is not None]
            except Empty:
                if self._closed and waiting:
                    return
            if self._abandoned:
                return
            if not (waiting or self._marks):
                continue
            if self._commit(waiting):
                waiting = []

    def _commit(self, jobs: list[_Job]) -> bool:
        """One transaction; True when the jobs need not be tried again."""
        marks, self._marks = self._marks, {}
        rows = [row for job in jobs for row in job.rows]
        if rows or marks:
            try:
                self._transact(rows, marks)
            except sqlite3.Error as error:
                self._marks = {**marks, **self._marks}
                return self._failed(jobs, error)
            if self._bound is not None:
                with suppress(sqlite3.Error):  # it is looked at again
                    self._bound.written(self._db, len(rows), self._forwarded)
            for row in reversed(rows):
                if row.received_at is None:
                    self.head = Head(row.event.seq, row.digest)
                    self.durable = row.event.seq
                    break
        for job in jobs:
            job.done(None)
        return True

    def _transact(self, rows: Sequence[Sealed], marks: dict[str, int]) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            first = 0
            for size in _CHUNKS:
                while len(rows) - first >= size:
                    chunk = rows[first : first + size]
                    db.execute(_INSERTS[size], list(chain.from_iterable(map(_row, chunk))))
                    first += size
            for name, seq in marks.items():
                db.execute(
                    "INSERT INTO mark VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = ?",
                    (name, seq, seq),
                )
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    def _failed(self, jobs: list[_Job], error: sqlite3.Error) -> bool:
        trouble = trouble_of(self.path, error)
        if isinstance(trouble, LogCorrupt):
            log.error("event log corrupt")
            for job in jobs:
                job.done(trouble)
            return True
        if give_up_ballast(self.path):
            log.warning("disk full, ballast given up")
        else:
            with suppress(sqlite3.Error):  # after an I/O error the connection itself may be spoilt
                fresh = connect(self.path, in_memory=is_in_memory(self.origin))
                # first: the last one closed would fold the -wal
                self._db.close()
                self._db = fresh
        for job in jobs:
            if not job.warned:
                job.warned = True
                job.done(trouble)
        return False

    # --- reading ----------------------------------------------------------------------------------

    def forwarded(self) -> int:
        """The last own number that the server confirmed."""
        return self._forwarded

    def pending(self, after: int, limit: int) -> list[bytes]:
        """Own events after number `after`, at most `limit`, as the JSON that is sent.

        None beyond `durable`: a reader sees a commit a moment before its writer has said so, and
        whoever compares the two would take the server for being ahead.
        """
        durable = self.durable
        with self._read_lock:
            if self._closed:
                return []  # another log has taken its place
            seq, row = self._cursor
            if seq != after:
                row = first_row(self._reader, "seq", after + 1) - 1
            rows = self._reader.execute(
                "SELECT row, seq, CAST(body AS BLOB), hash FROM event WHERE row > ? "
                "AND origin IS NULL AND seq <= ? ORDER BY row LIMIT ?",
                (row, durable, limit),
            ).fetchall()
            if rows:
                self._cursor = (rows[-1][1], rows[-1][0])
        return [wire_json(body, digest) for _, _, body, digest in rows]

    def rows_after(self, row: int) -> list[Sealed]:
        """What was written after `row`, its own events and others, as it goes into another log."""
        with self._read_lock:
            rows = self._reader.execute(
                "SELECT body, hash, taken FROM event WHERE row > ? ORDER BY row", (row,)
            ).fetchall()
        return [_elsewhere(*found) for found in rows]

    def down_head(self, origin: str) -> Head | None:
        """Where the chain of the server's events `origin` stands in this log; None when it holds
        none and an earlier log may have."""
        with self._read_lock:
            head = self._head_of(origin)
        return None if head.seq == 0 and "~" in self.origin else head

    def told(self, moment: datetime, kind: str) -> list[dict[str, Any]]:
        """The JSON of the events of this kind from about `moment` on, in order."""
        with self._read_lock:
            rows = self._reader.execute(
                "SELECT body FROM event WHERE row >= ? AND body LIKE ? ORDER BY row",
                (first_row(self._reader, "at", utc_text(moment)), f'%"kind":"{kind}"%'),
            ).fetchall()
        told = [json.loads(body) for (body,) in rows]
        return [obj for obj in told if obj["kind"] == kind]

    def told_to_old(self, moment: datetime, kind: str) -> list[dict[str, Any]]:
        """As `told`, of before `moment`: the next ones behind what `since` has from an unsure
        clock."""
        with self._read_lock:
            return told_to_old(self._reader, utc_text(moment), kind)

    def since(self, moment: datetime | None = None) -> Iterator[tuple[Event, datetime]]:
        """Events in the order they were written, each with when it was received: all, or those from
        about `moment` on (by bisection over the rows; it is for whole days) and, before them, the
        older ones of `LONG_LIVED` kinds."""
        with closing(connect(self.path, read_only=True)) as db:
            first = BEFORE_ALL if moment is None else first_row(db, "at", utc_text(moment))
            columns = "SELECT body, hash, taken FROM event"
            old = f"INDEXED BY {LONG_LIVED_INDEX} WHERE row < ? AND ({LONG_LIVED_SQL}) ORDER BY row"
            for query in (f"{columns} {old}", f"{columns} WHERE row >= ? ORDER BY row"):
                for body, digest, received in db.execute(query, (first,)):
                    event = from_json({**json.loads(body), "hash": digest.hex()})
                    yield event, event.at if received is None else datetime.fromisoformat(received)

    def prune(self, before: datetime, sealed_at: datetime) -> int:
        """Seal and drop forwarded events written before `before`; returns how many went.

        The segment keeps the last number and hash, from which the chain goes on.  The last own
        event and the last one of the server stay, so that both chains can be continued.
        """
        with closing(connect(self.path, in_memory=is_in_memory(self.origin))) as db:
            limit = first_row(db, "at", utc_text(before)) - 1
            unsent = self.rests.first_unsent(db)
            limit = limit if unsent is None else min(limit, unsent - 1)
            last = db.execute(
                "SELECT row, seq, hash FROM event WHERE row <= ? AND origin IS NULL AND seq <= ? "
                "AND seq < (SELECT max(seq) FROM (SELECT seq FROM event WHERE origin IS NULL "
                "ORDER BY row DESC LIMIT 1)) ORDER BY row DESC LIMIT 1",
                (limit, self._forwarded),
            ).fetchone()
            if last is None:
                return 0
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT OR IGNORE INTO segment VALUES (?, ?, ?, ?)", (*last, utc_text(sealed_at))
            )
            gone = db.execute(
                "DELETE FROM event WHERE row <= ? AND row IS NOT (SELECT row FROM event WHERE "
                "origin IS NOT NULL ORDER BY origin DESC, seq DESC LIMIT 1)",
                (last[0],),
            ).rowcount
            db.execute("COMMIT")
            return gone

    def _mark(self, name: str) -> int:
        row = self._reader.execute("SELECT seq FROM mark WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def _head_of(self, origin: str | None) -> Head:
        if origin is None:  # the last own event is never pruned
            row = self._reader.execute(
                "SELECT seq, hash FROM event WHERE origin IS NULL ORDER BY row DESC LIMIT 1"
            ).fetchone()
        else:
            row = self._reader.execute(
                "SELECT seq, hash FROM event WHERE origin = ? ORDER BY seq DESC LIMIT 1", (origin,)
            ).fetchone()
        return Head() if row is None else Head(*row)


def verified(obj: dict[str, Any], event: Event, origin: str, after: Head | None) -> Sealed:
    """The server's event as it will be stored.  `after` None: where its chain stands is not known
    (a new log), and the first one that comes is believed."""
    try:
        body = canonical(obj)
    except ValueError as error:  # no number, or half a character: nothing that was ever sealed
        raise BadEvent(f"event {event.seq} has no canonical form: {error!a}") from error
    if after is None:
        if event.origin != origin:
            raise ChainError(f"event {event.seq} comes from another origin", event.seq)
        return Sealed(event, body, bytes.fromhex(event.hash))
    digest = verify_next(obj, origin=origin, seq=after.seq + 1, previous=after.hash, body=body)
    return Sealed(event, body, digest)


def _elsewhere(body: str, digest: bytes, taken: str | None) -> Sealed:
    event = from_json({**json.loads(body), "hash": digest.hex()})
    received_at = event.at if taken is None else datetime.fromisoformat(taken)
    return Sealed(event, body.encode(), digest, received_at)


def _row(sealed: Sealed) -> tuple[int, str, bytes, str | None, str | None]:
    event = sealed.event
    if sealed.received_at is None:
        return event.seq, sealed.body.decode(), sealed.digest, None, None
    return (
        event.seq,
        sealed.body.decode(),
        sealed.digest,
        event.origin,
        utc_text(sealed.received_at),
    )
