"""Rows that nobody put in an order come backwards from SQLite.

A test that runs on both databases gets them from PostgreSQL as they were written, mostly: until a
row was changed, or another took the place of one that is gone.  So that none relies on it and fails
once in a hundred runs, SQLite gives them the other way round there, which it has a setting for.

Not for: tests on SQLite alone, where the order is the same each time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event


@contextmanager
def backwards() -> Iterator[None]:
    """For each connection that is opened meanwhile in this process."""
    event.listen(Engine, "connect", _turn)
    try:
        yield
    finally:
        event.remove(Engine, "connect", _turn)


def _turn(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA reverse_unordered_selects = ON").close()
