"""The quicker way to ask PostgreSQL: the same rows, the same errors, fewer journeys."""

from __future__ import annotations

import os
import resource
import select
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from web.staff.realtime.broker import Broker
from web.staff.realtime.relay import CHANNEL, PostgresRelay
from web.staff.storage.database import Database, parse_url
from web.staff.storage.pg_connection import OneJourney

AT = datetime(2026, 11, 23, 1, 14, 5, tzinfo=UTC)


def test_a_statement_is_one_journey_and_an_error_leaves_the_connection_whole(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, none, and no rows at all come back as before; after an error of the statement, of a
    parameter or of a constraint, and after ones that break a transaction, the next is answered."""
    database = Database(parse_url(f"{postgres_url}shared"))
    asked: list[int] = []
    waits = OneJourney.handle_messages

    def counted(self: Any, context: Any) -> Any:
        asked.append(1)
        return waits(self, context)

    monkeypatch.setattr(OneJourney, "handle_messages", counted)
    with database.read() as conn:
        asked.clear()
        assert conn.execute(text("SELECT CAST(:n AS int) + 1"), {"n": 1}).scalar_one() == 2
        assert len(asked) == 1
        assert conn.execute(text("SELECT 1 WHERE CAST(:n AS int) = 0"), {"n": 1}).all() == []
        for wrong, given in (
            ("SELECT nothing FROM nowhere WHERE 1 = :n", {"n": 1}),
            ("SELECT CAST(:n AS int)", {"n": "many"}),
            ("SELECT 1 / CAST(:n AS int)", {"n": 0}),
        ):
            with pytest.raises(DBAPIError):
                conn.execute(text(wrong), given)
            assert conn.execute(text("SELECT CAST(:n AS text)"), {"n": "é\n"}).scalar_one() == "é\n"
    with database.write() as tx:
        row = {"id": "org-x", "name": "x"}
        tx.conn.execute(text("INSERT INTO organisation (id, name) VALUES (:id, :name)"), row)
        inner = tx.conn.begin_nested()
        with pytest.raises(DBAPIError, match="23505"):
            tx.conn.execute(text("INSERT INTO organisation (id, name) VALUES (:id, :name)"), row)
        inner.rollback()
        gone = tx.conn.execute(text("DELETE FROM organisation WHERE id = :id"), {"id": "org-x"})
        assert gone.rowcount == 1
    database.close()


def test_to_lend_a_connection_costs_nothing_and_a_dead_one_is_not_lent(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading is the journey of its statement alone; each statement of it sees what is committed;
    a connection that the server ended while nobody had it is not lent."""
    database = Database(parse_url(f"{postgres_url}shared"))
    asked: list[int] = []
    waits = OneJourney.handle_messages

    def counted(self: Any, context: Any) -> Any:
        asked.append(1)
        return waits(self, context)

    monkeypatch.setattr(OneJourney, "handle_messages", counted)
    pids = set()
    for _ in range(3):
        asked.clear()
        with database.read() as conn:
            pids.add(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())
            assert conn.execute(text("SELECT 1")).scalar_one() == 1
    assert len(asked) == 2 and len(pids) == 1
    with database.write() as tx:  # the same connection, in a transaction
        assert tx.conn.execute(text("SELECT now() = now()")).scalar_one()
        began = tx.conn.execute(text("SELECT CAST(now() AS text)")).scalar_one()
        tx.conn.execute(text("SELECT pg_sleep(0.01)"))
        assert tx.conn.execute(text("SELECT CAST(now() AS text)")).scalar_one() == began
        ended = tx.conn.connection.dbapi_connection
    other = Database(parse_url(f"{postgres_url}shared"))
    with other.read() as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pids.pop()})
    assert isinstance(ended, OneJourney)
    select.select([ended._usock], [], [], 10)  # until the end has arrived
    with database.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
    database.close()
    other.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Over a thousand files are open, as with a thousand homes; the next has a number beyond what
    `select` knows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this machine lets nobody open 2,048 files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    first = os.open(os.devnull, os.O_RDONLY)
    opened = [first, *(os.dup(first) for _ in range(1100))]
    yield
    for number in opened:
        os.close(number)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_open_files_are_no_limit(
    postgres_url: str, many_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections to the database, and the one that listens, work beside a thousand streams."""
    database = Database(parse_url(f"{postgres_url}shared"))
    for _ in range(2):  # made, and lent again
        with database.read() as conn:
            lent = conn.connection.dbapi_connection
            assert conn.execute(text("SELECT 1")).scalar_one() == 1
    assert isinstance(lent, OneJourney)
    assert lent._usock.fileno() >= 1024
    heard = threading.Event()

    def understood(_self: PostgresRelay, _payload: str) -> list[Any]:
        heard.set()
        return []

    monkeypatch.setattr(PostgresRelay, "_understood", understood)
    relay = PostgresRelay(database, Broker())
    relay.start()
    assert relay.ready.wait(20)
    with database.write() as tx:
        tx.conn.execute(text("SELECT pg_notify(:channel, 'x')"), {"channel": CHANNEL})
    assert heard.wait(20)
    relay.stop()
    database.close()


def test_times_and_percent_signs_come_back_as_they_were_given(postgres_url: str) -> None:
    """What the driver reads slowly is read otherwise here, to the same: a time with and without
    parts of a second, one that Python has no date for, none; letters that mean something to the
    driver, many times over."""
    database = Database(parse_url(f"{postgres_url}shared"))
    with database.read() as conn:
        for at in (AT, AT.replace(microsecond=1), AT.replace(microsecond=120000)):
            query = text("SELECT CAST(:at AS timestamptz), CAST(NULL AS timestamptz)")
            assert tuple(conn.execute(query, {"at": at}).one()) == (at, None)
        assert (
            conn.execute(text("SELECT CAST('infinity' AS timestamptz)")).scalar_one() == "infinity"
        )
        for _ in range(2):
            query = text("SELECT '100 %', CAST(:a AS text) || '$1', CAST(:b AS text)")
            row = conn.execute(query, {"a": "%s", "b": "?"}).one()
            assert tuple(row) == ("100 %", "%s$1", "?")
    database.close()
