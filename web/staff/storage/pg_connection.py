"""psycopg's connection, with one journey to the server a statement, none to lend and return a
connection, and an end to each wait.

What the driver does in C it does here: values are written and read by its own code, and come in
PostgreSQL's binary form.  What it does in Python at each statement is left out: its cursor takes
the text apart to number the parameters (SQLAlchemy has numbered them), looks up anew how each type
is written and read, and hands the rows over one by one.

Not for: SQL; which statements are prepared (`pg_prepared`); whose connection it is (`shares`).
"""

from __future__ import annotations

import select
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import RawCursor, abc, errors, pq
from psycopg.adapt import AdaptersMap, Loader, PyFormat, Transformer
from psycopg.generators import execute
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow, tuple_row
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL

from web.staff.storage.column_types import EARLIEST, LATEST
from web.staff.storage.pg_prepared import Prepared

CONNECT_TIMEOUT_S = 10
"""Seconds to wait for PostgreSQL's socket."""

ANSWER_TIMEOUT_S = 10.0
"""Seconds to wait for one answer: a server that hangs says nothing, while its machine goes on to
say that it is there."""

MIGRATION_TIMEOUT_S = 3600.0
"""The same, of a migration, which may give each row of a table something new."""

SAID_AT_ONCE = 500
"""Times that a statement is run before its answers are waited for."""

SETTINGS: Mapping[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # after 10 s without a word the other machine is asked three times, 5 s apart (Linux would ask
    # after two hours); what it does not say it got within 10,000 ms was said in vain
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "UTF8",
    "gssencmode": "disable",  # it would ask for Kerberos' tickets first
    "fallback_application_name": "tryggve",
}
"""libpq's, where the setting `database` says nothing else."""

OF_THE_SERVER = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
"""PostgreSQL's: the same in the other direction.  It would keep what a worker had locked, a home's
log, for two hours after the worker's machine lost its power."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Nobody listens between, and encryption would cost at each statement: PostgreSQL offers it there
too as Debian sets it up."""

TIMESTAMPTZ = "timestamptz"

_TUPLES, _NOTHING = pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK
_WELL = (_TUPLES, _NOTHING, pq.ExecStatus.EMPTY_QUERY)
_IDLE, _BINARY = pq.TransactionStatus.IDLE, pq.Format.BINARY


class OneJourney(psycopg.Connection[TupleRow]):
    """As the driver's, and quicker."""

    values: abc.Transformer
    """How values are written and read; it knows the types that it has met."""

    def __init__(self, pgconn: PGconn, row_factory: Any = tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self.prepared = Prepared()
        self.answer_timeout_s = ANSWER_TIMEOUT_S
        self._notified: deque[psycopg.Notify] = deque()

    def cursor(self, name: str = "", **more: Any) -> Any:
        """What runs one statement; one with a name is the driver's own."""
        return super().cursor(name, **more) if name else Cursor(self)

    def wait(self, gen: abc.PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """See the driver, which would wait for ever."""
        try:
            return super().wait(
                gen, interval, self.answer_timeout_s if timeout is None else timeout
            )
        except errors._WaitTimeout as error:
            if timeout is not None:
                raise
            self.pgconn.finish()  # the answer may come yet, and belongs to nobody
            raise psycopg.OperationalError("the database did not answer in time") from error

    def rollback(self) -> None:
        """See the driver: each connection that is given back is told to, and hardly one writes."""
        if self.pgconn.transaction_status != _IDLE:
            super().rollback()

    def begin_alone(self, alone: bool) -> None:
        """Whether each statement stands alone from now on.  As `autocommit` is set, which asks
        whether a transaction is open: SQLAlchemy has none then."""
        self._autocommit = alone

    @property
    def is_quiet(self) -> bool:
        """Whether the server has said nothing since the last answer: one that ended the connection
        has, and then there is something to read."""
        asked = select.poll()  # not `select`, which knows no socket from the 1,024th on
        asked.register(self.pgconn.socket, select.POLLIN)
        return not asked.poll(0)

    def listen(self, channel: str) -> None:
        """Be notified from now on."""
        self.add_notify_handler(self._notified.append)  # of what comes together with an answer
        self.begin_alone(True)
        self.ask(f"LISTEN {channel}")

    def notified(self) -> Iterator[psycopg.Notify]:
        """What has come; waits for nothing.  Raises `psycopg.OperationalError`: it is over."""
        self.pgconn.consume_input()
        while (one := self.pgconn.notifies()) is not None:
            said = psycopg.Notify(one.relname.decode(), one.extra.decode(), one.be_pid)
            self._notified.append(said)
        while self._notified:
            yield self._notified.popleft()

    def ask(self, statement: str, given: Sequence[Any] = ()) -> PGresult:
        """Run one statement; in a transaction unless it stands alone."""
        types: tuple[int, ...] = ()
        values = formats = None
        if given:
            values = self.values.dump_sequence(given, _chosen(len(given)))
            types, formats = self.values.types or (), self.values.formats
        alone = self._autocommit
        if not alone and self.pgconn.transaction_status == _IDLE:
            self.wait(self._start_query())
        key = (statement, types, alone)
        name = self.prepared.name_of(key)
        if name is None and self.prepared.is_due(key):
            name = self._prepare(statement, types, alone)
        if name is not None:
            self.pgconn.send_query_prepared(name, values, formats, _BINARY)
            try:
                return self._answer()
            except (errors.FeatureNotSupported, errors.InvalidSqlStatementName):
                if not alone:
                    raise
                self._close(self.prepared.forget(key))  # its columns are others now
        self.pgconn.send_query_params(statement.encode(), values, types, formats, _BINARY)
        result = self._answer()
        self.prepared.asked(key, rows=result.nfields > 0)
        return result

    def _prepare(self, statement: str, types: tuple[int, ...], alone: bool) -> bytes:
        name = self.prepared.new_name()
        self.pgconn.send_prepare(name, statement.encode(), types)
        self._answer()
        self._close(self.prepared.keep((statement, types, alone), name))
        return name

    def _close(self, name: bytes | None) -> None:
        """What was prepared is not wanted any more."""
        if name is not None:
            self.pgconn.send_close_prepared(name)
            self._answer()

    def _answer(self) -> PGresult:
        results = self.wait(execute(self.pgconn))
        for result in results:
            if result.status not in _WELL:
                raise _in_short(errors.error_from_result(result))
        first: PGresult = results[0]
        return first

    def rows(self, result: PGresult) -> list[tuple[Any, ...]]:
        """The rows of a result."""
        count = result.ntuples
        reader: abc.Transformer = self.values
        try:
            reader.set_pgresult(result)
            return reader.load_rows(0, count, tuple)
        except psycopg.DataError:  # a time that Python has no date for
            reader = Transformer(_Patient.of(self))
            reader.set_pgresult(result)
            return reader.load_rows(0, count, tuple)
        finally:
            reader.set_pgresult(None)


class Cursor:
    """What SQLAlchemy asks of one, and no more: the rows are here when `execute` comes back."""

    def __init__(self, connection: OneJourney) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self._next = 0
        self.rowcount = -1
        self.description: list[tuple[Any, ...]] | None = None
        """Names and types of the columns; None: it gives no rows."""

    def execute(self, statement: str, given: Sequence[Any] = ()) -> None:
        """Run it."""
        result = self._connection.ask(statement, given)
        self._next = 0
        if result.status == _TUPLES:
            self._rows = self._connection.rows(result)
            self.rowcount = len(self._rows)
            names = ((result.fname(at) or b"", at) for at in range(result.nfields))
            self.description = [
                (name.decode(), result.ftype(at), None, None, None, None, None)
                for name, at in names
            ]
        else:
            count = result.command_tuples
            self._rows, self.description = [], None
            self.rowcount = -1 if count is None else count

    def executemany(self, statement: str, many: Sequence[Sequence[Any]]) -> None:
        """Run it with each of these: many are said at once."""
        count = 0
        try:
            with RawCursor(self._connection) as driver:
                for first in range(0, len(many), SAID_AT_ONCE):
                    driver.executemany(statement, many[first : first + SAID_AT_ONCE])
                    count += driver.rowcount
        except psycopg.Error as error:
            raise _in_short(error) from error.__cause__
        self._rows, self.description, self.rowcount = [], None, count

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None: there is none."""
        if self._next == len(self._rows):
            return None
        self._next += 1
        return self._rows[self._next - 1]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """What is left."""
        left = self._rows[self._next :] if self._next else self._rows
        self._rows, self._next = [], 0
        return left

    def close(self) -> None:
        """Nothing is held at the server."""
        self._rows = []


def _in_short(error: psycopg.Error) -> psycopg.Error:
    """The same, with what PostgreSQL says first, and no row that it failed on: errors are logged,
    and what is in rows concerns people.  All of it is in `error.diag`."""
    if error.diag.message_primary:
        error.args = (error.diag.message_primary,)
    return error


@lru_cache
def _chosen(count: int) -> list[PyFormat]:
    """So many values, each in the form that the driver chooses."""
    return [PyFormat.AUTO] * count


class Vector(Loader):
    """Numbers of the catalogue's own kind, as SQLAlchemy reads them there: text, with blanks."""

    format = _BINARY

    def load(self, data: abc.Buffer) -> str:
        # dimensions, flags, oid, length, lower bound; then each with its length before it
        found, at = [], 20
        while at < len(data):
            (size,) = struct.unpack_from("!i", data, at)
            found.append(
                int.from_bytes(bytes(data)[at + 4 : at + 4 + size], "big", signed=size == 2)
            )
            at += 4 + size
        return " ".join(map(str, found))


class Letter(Loader):
    """One letter of the catalogue's; a zero says that there is none."""

    format = _BINARY

    def load(self, data: abc.Buffer) -> str:
        return bytes(data).decode().rstrip("\0")


class AnyTime(Loader):
    """A time; one that Python has no date for is the first or the last that it has."""

    format = _BINARY

    def load(self, data: abc.Buffer) -> datetime:
        (us,) = struct.unpack("!q", data)
        try:
            return _BEGIN + timedelta(microseconds=us)
        except OverflowError:
            return LATEST if us > 0 else EARLIEST


_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""What PostgreSQL counts microseconds from."""


@dataclass
class _Patient:
    """How values are read where the driver's own way has failed."""

    adapters: AdaptersMap
    connection: OneJourney

    @classmethod
    def of(cls, connection: OneJourney) -> _Patient:
        adapters = AdaptersMap(connection.adapters)
        adapters.register_loader(TIMESTAMPTZ, AnyTime)
        return cls(adapters, connection)


def settings_of(url: URL) -> dict[str, Any]:
    """libpq's settings of this address."""
    dialect: Any = PGDialect_psycopg
    _, given = dialect().create_connect_args(url)
    settings: dict[str, Any] = {**SETTINGS, **given}
    if not {"host", "hostaddr", "service"} & settings.keys():
        settings["host"] = "localhost"
    if settings.get("hostaddr", settings.get("host")) in LOOPBACK:
        settings.setdefault("sslmode", "disable")
    # whatever zone the database is set to: then the driver need not convert
    settings["options"] = f"{OF_THE_SERVER} {settings.get('options', '')} -c TimeZone=UTC"
    return settings


def connected(url: URL) -> OneJourney:
    """A connection.  Raises `psycopg.Error`."""
    made = OneJourney.connect(prepare_threshold=None, **settings_of(url))
    for name in ("int2vector", "oidvector"):
        made.adapters.register_loader(name, Vector)
    made.adapters.register_loader('"char"', Letter)
    made.values = Transformer(made)
    return made


@contextmanager
def patiently(conn: Connection) -> Iterator[None]:
    """A migration's statements may take their time, where they are PostgreSQL's."""
    driver = conn.connection.dbapi_connection
    if not isinstance(driver, OneJourney):
        yield
        return
    before, driver.answer_timeout_s = driver.answer_timeout_s, MIGRATION_TIMEOUT_S
    try:
        yield
    finally:
        driver.answer_timeout_s = before


def lend_without_journeys(engine: Engine) -> None:
    """SQLAlchemy asks each connection that it lends whether it lives, and tells each that read
    without a transaction to have them again: four journeys, whatever is asked in between.  A
    connection is asked only when the server has said something meanwhile, and nothing but
    `autocommit` was ever changed."""
    dialect: Any = engine.dialect
    ping = dialect.do_ping

    def do_ping(connection: OneJourney) -> bool:
        with suppress(psycopg.Error):  # it was ended
            return connection.is_quiet or ping(connection)
        return False

    def set_isolation_level(connection: OneJourney, level: str) -> None:
        connection.begin_alone(level == "AUTOCOMMIT")

    dialect.do_ping = do_ping
    dialect.set_isolation_level = set_isolation_level
