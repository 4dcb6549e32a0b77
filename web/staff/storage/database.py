"""The database: SQLite by default, PostgreSQL by URL.

SQLite: WAL, `synchronous=FULL`, and one lock around every write, so that writers queue in memory
and not in SQLite's sleeping busy handler (p99 929 -> 49 ms, DESIGN section 9); therefore one worker
process.  PostgreSQL: psycopg, as many workers as wanted.  Who goes first at the lock, and whose the
connections are: `web.staff.storage.shares`.  Not for: queries.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.errors import ConfigError
from web.staff.storage.changes import Change, LockOrder, ManyChanges, gathered
from web.staff.storage.outage import FAULTS, refusal_of
from web.staff.storage.pg_connection import OneJourney, connected, lend_without_journeys
from web.staff.storage.pg_url import POSTGRES, postgres_url
from web.staff.storage.saving import Saving
from web.staff.storage.shares import CONNECTIONS, SharedPool, WriteTurn

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 10_000
"""Milliseconds that SQLite waits for another process (a command line beside the server)."""

POOL_MAX = sum(CONNECTIONS.values())
"""Connections to PostgreSQL of one worker; a request holds one only while it asks."""

POOL_TIMEOUT_S = 10
"""Seconds to wait for a free connection before a request is told to come again (503)."""

CLOSE_TIMEOUT_S = 5.0
"""Seconds that a server which stops waits for requests still at work: half of gunicorn's grace."""

CLOSE_LOOK_S = 0.05
"""Seconds between looks whether the thread that has a connection still lives."""


@dataclass
class Tx:
    """An open write transaction.  `changes` are told, and `orders` given, after the commit; open
    pages of the accounts in `look_again` then look whether they may go on."""

    conn: Connection
    changes: list[Change | ManyChanges] = field(default_factory=list)
    orders: list[LockOrder] = field(default_factory=list)
    look_again: set[int] = field(default_factory=set)

    def told(self) -> list[Change | ManyChanges]:
        """`changes` as they are told: what was done in many homes at once, once."""
        return list(gathered(self.changes))


def parse_url(text: str, *, file: str = "configuration") -> URL:
    """The SQLAlchemy URL of a setting.  Raises `ConfigError`."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            file, "database", "is no database URL", "write sqlite:///PATH or postgresql://…"
        ) from error
    if url.drivername in POSTGRES:
        return postgres_url(url)
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return url.set(drivername="sqlite+pysqlite")
    raise ConfigError(
        file,
        "database",
        f"the database {url.drivername} is not known",
        "write sqlite:///PATH or postgresql://…",
    )


class Database:
    """The engine, and the two ways to use it: `read()` and `write()`."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.postgres = url.get_backend_name() == "postgresql"
        self._write_lock = WriteTurn()
        self.saving = Saving()
        self.engine: Engine = _postgres(url) if self.postgres else _sqlite(url)
        self._lent: dict[DBAPIConnection, threading.Thread] = {}
        self._given_back = threading.Condition()
        event.listen(self.engine, "checkout", self._lend)
        self._closed = False
        event.listen(self.engine, "checkin", self._return)
        event.listen(self.engine, "close", self._forget)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries; each statement sees what is committed when it runs."""
        with self.engine.connect() as conn:
            yield conn.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def write(self, committed: Callable[[Tx], None] | None = None) -> Iterator[Tx]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        `committed` is called after the commit, before the next writer on SQLite, so that what is
        told is told in order.
        """
        if self.postgres:
            yield from self._write(committed)
            return
        with self._write_lock:
            yield from self._write(committed)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other thread of this process writes meanwhile (SQLite; PostgreSQL needs no such
        thing).  For writing that does not go through `write`."""
        if self.postgres:
            yield
            return
        with self._write_lock:
            yield

    def _write(self, committed: Callable[[Tx], None] | None) -> Iterator[Tx]:
        try:
            with self.engine.connect() as conn:
                conn.execution_options(tryggve_write=True)
                with conn.begin():
                    tx = Tx(conn)
                    yield tx
        except FAULTS as error:
            why = refusal_of(error)
            if why is not None:
                self.saving.refused(why)
            raise
        if committed is not None:
            committed(tx)

    @property
    def exhausted(self) -> int:
        """How often no connection was free in time (PostgreSQL)."""
        pool = self.engine.pool
        return pool.exhausted if isinstance(pool, SharedPool) else 0

    def exhausted_within(self, seconds: float) -> bool:
        """Whether that was lately."""
        pool = self.engine.pool
        at_s = pool.exhausted_s if isinstance(pool, SharedPool) else None
        return at_s is not None and time.monotonic() - at_s < seconds

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Close every connection, also one that a stream cut short has not given back.

        One that another thread works with is waited for: closed under a running statement, SQLite
        takes the whole process down.  What is not back after `timeout_s` is left open and named in
        the diagnostic log.  A request that comes later still gets an answer, and leaves nothing
        open.
        """
        self._closed = True
        until_s = time.monotonic() + timeout_s
        with self._given_back:
            while (at_work := self._at_work()) and time.monotonic() < until_s:
                self._given_back.wait(CLOSE_LOOK_S)  # a thread that dies gives nothing back
            if at_work:
                log.warning("database closed under work", extra={"lent": len(at_work)})
            idle = self._lent.keys() - at_work
        for connection in idle:
            connection.close()
        self.engine.dispose()

    def _at_work(self) -> set[DBAPIConnection]:
        """The connections that a living thread, other than this one, has in its hands."""
        me = threading.current_thread()
        return {
            connection
            for connection, thread in self._lent.items()
            if thread is not me and thread.is_alive()
        }

    def _lend(self, connection: DBAPIConnection, _record: object, _proxy: object) -> None:
        with self._given_back:
            self._lent[connection] = threading.current_thread()

    def _return(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        self._forget(connection, record)
        if self._closed and record.dbapi_connection is not None:
            record.invalidate()  # nobody comes after it who would close it

    def _forget(self, connection: DBAPIConnection, _record: object) -> None:
        with self._given_back:
            self._lent.pop(connection, None)
            self._given_back.notify_all()


def _postgres(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # errors are logged, and what is in them concerns people
        poolclass=SharedPool,
        pool_size=POOL_MAX,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=True,
        paramstyle="numeric_dollar",  # PostgreSQL's own: nobody needs to number them at each run
        use_native_hstore=False,  # it would be looked for at the start
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, _args: object, _more: object) -> OneJourney:
        return connected(url)

    lend_without_journeys(engine)
    return engine


def _sqlite(url: URL) -> Engine:
    if url.database and not Path(url.database).exists() and Path(url.database).parent.is_dir():
        # what is in it concerns people's health: nobody else may read it, nor its WAL
        os.close(os.open(url.database, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(
        url,
        hide_parameters=True,  # as above
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        pool_size=POOL_MAX,
        # A request holds a connection for its session while it waits for the write lock, and the
        # writer needs one more: a limit would let forty taps at once wait for one another.
        max_overflow=-1,
        pool_timeout=POOL_TIMEOUT_S,
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # Debian's is so by itself
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        write = options.get("tryggve_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
