"""Whether a fault of the database means that it is away: nothing was stored, and it will be back.

Not for: mistakes in a statement of ours, which are faults of the program.
"""

from __future__ import annotations

import sqlite3

import pg8000.exceptions
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)

FAULTS: tuple[type[Exception], ...] = (
    SQLAlchemyError,
    pg8000.exceptions.Error,
    ConnectionError,
)
"""What the database raises.  The last two: a connection that breaks while SQLAlchemy tries, resets
or closes it tells the driver's own error, and the socket's."""

AWAY_STATES = ("08", "53", "55", "57P", "58")
"""How a SQLSTATE begins when PostgreSQL goes, is gone, is full or not ready (its manual, appendix
A): 57P01 is "shut down by an administrator", which pg8000 calls a programming error."""

DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""What SQLite says of a disk that refuses, and of another process that writes for too long."""

BROKEN = (InterfaceError, OperationalError, pg8000.exceptions.InterfaceError)
"""What is said without a SQLSTATE when the socket broke."""


def is_away(error: Exception) -> bool:
    """Whether the database is away (or full, or has no connection free), not the statement wrong.

    SQLite's faults are told by their code: a missing table is an operational error too.
    """
    if isinstance(error, (TimeoutError, DisconnectionError, ConnectionError)):
        return True
    told = error.orig if isinstance(error, DBAPIError) else error
    if told is None or not isinstance(error, FAULTS):
        return False
    if isinstance(told, sqlite3.Error):
        code = getattr(told, "sqlite_errorcode", 0) & 0xFF
        return code in (*DISK, *BUSY)
    state = _sqlstate(told)
    if state:
        return state.startswith(AWAY_STATES)
    cut = isinstance(error, DBAPIError) and error.connection_invalidated
    return cut or isinstance(error, BROKEN)


def is_crowded(error: Exception) -> bool:
    """Whether the database is there, and everybody who asks it has no connection free."""
    return isinstance(error, TimeoutError)


def _sqlstate(told: BaseException) -> str:
    """PostgreSQL's own code; "" when the driver alone found the fault (a socket that broke)."""
    fields = told.args[0] if told.args else None
    return str(fields.get("C", "")) if isinstance(fields, dict) else ""
