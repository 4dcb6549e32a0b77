"""The database's end: nothing is closed under a thread that works with it."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from web.staff.storage.database import Database, parse_url

WAIT_S = 60.0
"""A thread that has not come so far after this long never will."""

LONG = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) "
    "SELECT max(i) FROM n"
)
"""A statement that runs for some tenths of a second."""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An empty SQLite database."""
    return Database(parse_url(f"sqlite:///{tmp_path / 'staff.db'}"))


class Reader(threading.Thread):
    """Holds a connection until told, runs a statement with it, and keeps what came of it."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self.database = database
        self.holds, self.go = threading.Event(), threading.Event()
        self.answer: object = None

    def run(self) -> None:
        with self.database.read() as conn:
            self.holds.set()
            assert self.go.wait(WAIT_S)
            try:
                self.answer = conn.exec_driver_sql(LONG).scalar_one()
            except SQLAlchemyError as error:
                self.answer = error


def test_closing_waits_for_a_statement_that_runs(database: Database) -> None:
    """A request at work when the server stops gets its answer; closing under it crashed SQLite."""
    readers = [Reader(database) for _ in range(4)]
    for reader in readers:
        reader.start()
        assert reader.holds.wait(WAIT_S)
    for reader in readers:
        reader.go.set()
    database.close(WAIT_S)
    for reader in readers:
        reader.join(WAIT_S)
        assert reader.answer == 400_000


def test_closing_gives_up_in_time(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A thread that never gives its connection back holds the stop for the time-out only, is named
    in the log, and can still use it."""
    reader = Reader(database)
    reader.start()
    assert reader.holds.wait(WAIT_S)
    database.close(timeout_s=0.0)
    assert "database closed under work" in caplog.text
    reader.go.set()
    reader.join(WAIT_S)
    assert reader.answer == 400_000
    database.close()


def test_closing_takes_what_nobody_gave_back(database: Database) -> None:
    """A connection whose thread has ended, or that the closing thread itself holds, is closed at
    once: nobody works with it."""
    held = []

    def leave() -> None:
        held.append(database.engine.connect())

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join(WAIT_S)
    held.append(database.engine.connect())
    database.close(timeout_s=0.0)
    for connection in held:
        with pytest.raises(SQLAlchemyError):
            connection.exec_driver_sql("SELECT 1")
        connection.invalidate()


def test_who_comes_after_the_end_leaves_nothing_open(database: Database) -> None:
    """A request that is late is answered; its connection is closed with it."""
    with database.read() as conn:
        assert conn.exec_driver_sql("SELECT 1").scalar_one() == 1
    database.close()
    for _ in range(2):
        with database.read() as conn:
            raw = conn.connection.dbapi_connection
            assert conn.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert raw is not None
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            raw.cursor()
