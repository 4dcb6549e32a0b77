"""Whether a fault of the database means that it is away: nothing was stored, and it will be back.

Not for: mistakes in a statement of ours, which are faults of the program.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

import psycopg
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
    psycopg.Error,
    ConnectionError,
)
"""What the database raises.  The last two: a connection that breaks while SQLAlchemy tries, resets
or closes it tells the driver's own error, and the socket's."""

AWAY_STATES = ("08", "25006", "53", "55", "57P", "58")
"""How a SQLSTATE begins when PostgreSQL goes, is gone, is full or not ready (its manual, appendix
A): 57P01 is "shut down by an administrator"."""


class Refusal(StrEnum):
    """Why a database that may still be read takes nothing now."""

    FULL = "full"
    READ_ONLY = "read_only"
    BROKEN = "broken"


SAVES_NOTHING = {
    sqlite3.SQLITE_FULL: Refusal.FULL,
    sqlite3.SQLITE_READONLY: Refusal.READ_ONLY,
    sqlite3.SQLITE_IOERR: Refusal.BROKEN,
    "53100": Refusal.FULL,
    "25006": Refusal.READ_ONLY,
    "58030": Refusal.BROKEN,
}
"""SQLite's codes, and PostgreSQL's states (`disk_full`, `read_only_sql_transaction`, `io_error`),
that a write is given by a disk that refuses it."""

DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""What SQLite says of a disk that refuses, and of another process that writes for too long."""

BROKEN = (InterfaceError, OperationalError, psycopg.OperationalError)
"""What is said without a SQLSTATE when the socket broke, or no answer came in time."""


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
        return state.startswith(AWAY_STATES) or _is_grave(told)
    cut = isinstance(error, DBAPIError) and error.connection_invalidated
    return cut or isinstance(error, BROKEN)


def refusal_of(error: Exception) -> Refusal | None:
    """Why this write was refused for the disk's sake; None: it was something else."""
    told = error.orig if isinstance(error, DBAPIError) else error
    if told is None or not isinstance(error, FAULTS):
        return None
    if isinstance(told, sqlite3.Error):
        return SAVES_NOTHING.get(getattr(told, "sqlite_errorcode", 0) & 0xFF)
    return SAVES_NOTHING.get(_sqlstate(told))


def is_crowded(error: Exception) -> bool:
    """Whether the database is there, and everybody who asks it has no connection free."""
    return isinstance(error, TimeoutError)


def _sqlstate(told: BaseException) -> str:
    """PostgreSQL's own code; "" when the driver alone found the fault (a socket that broke)."""
    return told.sqlstate or "" if isinstance(told, psycopg.Error) else ""


def _is_grave(told: BaseException) -> bool:
    """Whether the connection is over, or was never given, as on a disk that is quite full.  In the
    words that no language changes."""
    grave = told.diag.severity_nonlocalized if isinstance(told, psycopg.Error) else None
    return grave in ("FATAL", "PANIC")
