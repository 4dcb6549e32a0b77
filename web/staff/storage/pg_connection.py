"""pg8000's connection, with one journey to the server a statement in place of three, and none to
lend and return a connection.

The driver asks to parse, waits, asks what comes back, waits, binds and runs, and waits: on the way
it gives Python's lock away each time and waits to get it back, which under load costs more than the
statement.  PostgreSQL's protocol lets a client say it all and then wait ("Extended Query", section
54.2.3 of its manual).  An alarm took 40 journeys (measured), and takes 16.

The driver also reads each statement's text letter by letter to number its parameters, an eighth of
what a page cost; here that is remembered.

Not for: COPY, which goes the driver's own way; SQL.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any

import pg8000.dbapi
import pg8000.legacy
from pg8000.converters import make_params
from pg8000.core import NULL_BYTE, SYNC_MSG, Context, _flush, _write
from sqlalchemy import Engine

STATEMENTS_KEPT = 500
"""Statements whose numbered text is remembered; a batch of 300 events has one of 40 kB."""

TIMESTAMPTZ = 1184
"""PostgreSQL's number of the type, in `pg_type`."""


class OneJourney(pg8000.legacy.Connection):  # type: ignore[misc]
    """As the driver's, and quicker."""

    def execute_unnamed(
        self,
        statement: str,
        vals: Sequence[Any] = (),
        oids: Sequence[int] = (),
        stream: Any = None,
    ) -> Any:
        """See the driver: parse, describe, bind, run; then wait for all of it.  An error of any
        step is told as ever: the server passes over the rest."""
        if stream is not None:
            return super().execute_unnamed(statement, vals=vals, oids=oids, stream=stream)
        params = make_params(self.py_types, vals)  # first: what cannot be written sends nothing
        context = Context(statement)
        self.send_PARSE(NULL_BYTE, statement, oids)
        self.send_DESCRIBE_STATEMENT(NULL_BYTE)
        self.send_BIND(NULL_BYTE, params)
        self.send_EXECUTE()
        _write(self._sock, SYNC_MSG)
        _flush(self._sock)
        self.handle_messages(context)
        return context

    @property
    def is_quiet(self) -> bool:
        """Whether the server has said nothing since the last answer: one that ended the connection
        has, and then there is something to read."""
        line = self._usock
        if line is None:
            return False
        asked = select.poll()  # not `select`, which knows no socket from the 1,024th on
        asked.register(line, select.POLLIN)
        return not asked.poll(0)

    def close(self) -> None:
        """See the driver, which leaves the socket open when the server has ended the connection."""
        line = self._sock
        try:
            super().close()
        finally:
            if line is not None:
                with suppress(OSError):
                    line.close()


@lru_cache(STATEMENTS_KEPT)
def _numbered(style: str, statement: str) -> str:
    """The statement with `$1`, `$2` … in place of its `%s`."""
    return str(_as_the_driver(style, statement, ())[0])


def _converted(style: str, statement: str, values: Any) -> tuple[str, Any]:
    if style != "format":
        return _as_the_driver(style, statement, values)  # type: ignore[no-any-return]
    return _numbered(style, statement), values


_as_the_driver = pg8000.dbapi.convert_paramstyle
pg8000.legacy.convert_paramstyle = _converted  # its cursor has no other place for it


def _timestamp(text: str) -> Any:
    """As the driver reads it, by what is written in C; what Python has no date for stays text."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return pg8000.converters.timestamptz_in(text)


def connected(*args: Any, **more: Any) -> OneJourney:
    """A connection."""
    made = OneJourney(*args, **more)
    made.register_in_adapter(TIMESTAMPTZ, _timestamp)
    return made


def lend_without_journeys(engine: Engine) -> None:
    """SQLAlchemy asks each connection that it lends whether it lives, and tells each that read
    without a transaction to have them again: four journeys, whatever is asked in between.  A
    connection is asked only when the server has said something meanwhile, and nothing but
    `autocommit` was ever changed."""
    dialect: Any = engine.dialect
    ping = dialect.do_ping

    def do_ping(connection: OneJourney) -> bool:
        try:
            return connection.is_quiet or ping(connection)
        except OSError:
            return False  # it was ended, and the driver has no word of its own for it

    def set_isolation_level(connection: OneJourney, level: str) -> None:
        connection.autocommit = level == "AUTOCOMMIT"

    dialect.do_ping = do_ping
    dialect.set_isolation_level = set_isolation_level
