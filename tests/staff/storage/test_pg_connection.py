"""The quicker way to ask PostgreSQL: the same rows, the same errors, fewer journeys, and an end to
each wait."""

from __future__ import annotations

import os
import resource
import select
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import pq
from sqlalchemy import Column, Connection, MetaData, Table, insert, text
from sqlalchemy import select as choose
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from tests.processes import tell_each
from tests.staff import postgres
from web.staff.realtime import relay as relay_module
from web.staff.realtime.broker import Broker
from web.staff.realtime.relay import CHANNEL, PostgresRelay
from web.staff.storage import pg_connection, pg_prepared
from web.staff.storage.column_types import EARLIEST, LATEST, Utc
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate
from web.staff.storage.outage import is_away
from web.staff.storage.pg_connection import OneJourney
from web.staff.storage.pg_prepared import Prepared

AT = datetime(2026, 11, 23, 1, 14, 5, tzinfo=UTC)

IN_EARNEST = pg_connection.ANSWER_TIMEOUT_S, pg_connection.CONNECT_TIMEOUT_S
"""What holds outside the tests, which are patient (`tests/staff/conftest.py`)."""


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    made = Database(parse_url(f"{postgres_url}shared"))
    yield made
    made.close()


@pytest.fixture
def journeys(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each time that the server is asked and waited for."""
    asked: list[int] = []
    waits = OneJourney.wait

    def counted(self: OneJourney, *args: Any, **more: Any) -> Any:
        asked.append(1)
        return waits(self, *args, **more)

    monkeypatch.setattr(OneJourney, "wait", counted)
    return asked


def driven(conn: Connection) -> OneJourney:
    """The driver's connection beneath."""
    found = conn.connection.dbapi_connection
    assert isinstance(found, OneJourney)
    return found


def test_the_driver_is_the_one_in_c() -> None:
    """Not the one in Python, which it falls back to without a word where its wheel is missing."""
    assert pq.__impl__ == "binary"


def test_a_statement_is_one_journey_and_an_error_leaves_the_connection_whole(
    database: Database, journeys: list[int]
) -> None:
    """Rows, none, and no rows at all come back as before; after an error of the statement, of a
    parameter or of a constraint, and after ones that break a transaction, the next is answered."""
    with database.read() as conn:
        journeys.clear()
        assert conn.execute(text("SELECT CAST(:n AS int) + 1"), {"n": 1}).scalar_one() == 2
        assert len(journeys) == 1
        assert conn.execute(text("SELECT 1 WHERE CAST(:n AS int) = 0"), {"n": 1}).all() == []
        for wrong, given in (
            ("SELECT nothing FROM nowhere WHERE 1 = :n", {"n": 1}),
            ("SELECT CAST(:n AS int)", {"n": "many"}),
            ("SELECT 1 / CAST(:n AS int)", {"n": 0}),
            ("SELECT CAST(:n AS text)", {"n": "\x00"}),
        ):
            with pytest.raises(DBAPIError) as told:
                conn.execute(text(wrong), given)
            assert not is_away(told.value)
            assert conn.execute(text("SELECT CAST(:n AS text)"), {"n": "é\n"}).scalar_one() == "é\n"
    with database.write() as tx:
        row = {"id": "org-x", "name": "x"}
        tx.conn.execute(text("INSERT INTO organisation (id, name) VALUES (:id, :name)"), row)
        inner = tx.conn.begin_nested()
        with pytest.raises(DBAPIError, match="organisation"):
            tx.conn.execute(text("INSERT INTO organisation (id, name) VALUES (:id, :name)"), row)
        inner.rollback()
        gone = tx.conn.execute(text("DELETE FROM organisation WHERE id = :id"), {"id": "org-x"})
        assert gone.rowcount == 1


def test_to_lend_a_connection_costs_nothing_and_a_dead_one_is_not_lent(
    database: Database, postgres_url: str, journeys: list[int]
) -> None:
    """A reading is the journey of its statement alone; each statement of it sees what is committed;
    a connection that the server ended while nobody had it is not lent."""
    pids = set()
    for _ in range(3):
        journeys.clear()
        with database.read() as conn:
            pids.add(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())
            assert conn.execute(text("SELECT 1")).scalar_one() == 1
    assert len(journeys) == 2 and len(pids) == 1
    journeys.clear()
    with database.write() as tx:  # the same connection, in a transaction
        assert tx.conn.execute(text("SELECT now() = now()")).scalar_one()
        began = tx.conn.execute(text("SELECT CAST(now() AS text)")).scalar_one()
        tx.conn.execute(text("SELECT pg_sleep(0.01)"))
        assert tx.conn.execute(text("SELECT CAST(now() AS text)")).scalar_one() == began
        ended = driven(tx.conn)
    assert len(journeys) == 6, "four statements, the beginning and the end"
    with postgres.connected(f"{postgres_url}shared") as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pids.pop()])
    select.select([ended], [], [], 60)  # until the end has arrived
    with database.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1


def test_many_rows_of_values_are_said_at_once(database: Database, journeys: list[int]) -> None:
    """One statement with a list of values, as migrations and tests write them."""
    t = Table("said_at_once", MetaData(), Column("at", Utc()))
    with database.write() as tx:
        t.create(tx.conn)
        journeys.clear()
        tx.conn.execute(insert(t), [{"at": AT.replace(second=n)} for n in range(60)])
        assert len(journeys) < 10
        assert [row.at.second for row in tx.conn.execute(choose(t))] == list(range(60))
        t.drop(tx.conn)


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
    many_files: None, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections to the database, and the one that listens, work beside a thousand streams."""
    for _ in range(2):  # made, and lent again
        with database.read() as conn:
            lent = driven(conn)
            assert conn.execute(text("SELECT 1")).scalar_one() == 1
    assert lent.fileno() >= 1024
    heard = threading.Event()

    def understood(_self: PostgresRelay, _payload: str) -> list[Any]:
        heard.set()
        return []

    monkeypatch.setattr(PostgresRelay, "_understood", understood)
    relay = PostgresRelay(database, Broker())
    relay.start()
    assert relay.ready.wait(60)
    with database.write() as tx:
        tx.conn.execute(text("SELECT pg_notify(:channel, 'x')"), {"channel": CHANNEL})
    assert heard.wait(60)
    relay.stop()


def test_times_and_percent_signs_come_back_as_they_were_given(postgres_url: str) -> None:
    """A time with and without parts of a second, whatever zone the database is set to, and none;
    ones that Python has no date for are the ends of what it has; letters that mean something to a
    driver, many times over."""
    zone = "options=-c%20TimeZone%3DAsia/Tokyo"
    database = Database(parse_url(f"{postgres_url}shared?{zone}"))
    with database.read() as conn:
        for at in (AT, AT.replace(microsecond=1), AT.replace(microsecond=120000)):
            query = text("SELECT CAST(:at AS timestamptz), CAST(NULL AS timestamptz)")
            found = conn.execute(query, {"at": at}).one()
            assert tuple(found) == (at, None) and found[0].tzinfo is UTC
        ends = {"infinity": LATEST, "-infinity": EARLIEST, "50000-01-01": LATEST}
        ends |= {"200-01-01 BC": EARLIEST, "2026-11-23 02:14:05+01": AT}
        query = text("SELECT CAST(e AS timestamptz) FROM unnest(CAST(:ends AS text[])) AS e")
        given = conn.execute(query, {"ends": list(ends)}).scalars().all()
        assert given == list(ends.values())
        for _ in range(2):
            query = text("SELECT '100 %', CAST(:a AS text) || '$1', CAST(:b AS text)")
            row = conn.execute(query, {"a": "%s", "b": "?"}).one()
            assert tuple(row) == ("100 %", "%s$1", "?")
    database.close()


def test_rows_hold_what_they_held(database: Database) -> None:
    """The types of values, of each kind that a statement of ours gives."""
    with database.read() as conn:
        row = conn.execute(
            text(
                "SELECT true, 1, 9007199254740993, CAST(1.5 AS float8), 'é', decode('00ff', 'hex'),"
                " jsonb_build_array(1, 2.5), count(*), now(), ARRAY['a', 'b'], NULL"
            )
        ).one()
    kinds = [bool, int, int, float, str, bytes, list, int, datetime, list, type(None)]
    assert [type(value) for value in row] == kinds
    assert tuple(row[1:7]) == (1, 9007199254740993, 1.5, "é", b"\x00\xff", [1, 2.5])


def test_a_server_that_hangs_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes stand still, while the machine goes on to say that it is there: a statement
    ends in time, a new connection too, and so does the wait of whoever listens; all of them are
    served when it goes on."""
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    assert max(IN_EARNEST) <= 10
    monkeypatch.setattr(pg_connection, "ANSWER_TIMEOUT_S", IN_EARNEST[0])
    brief = {**pg_connection.SETTINGS, "connect_timeout": 2}
    monkeypatch.setattr(relay_module, "QUIET_S", 0.1)
    monkeypatch.setattr(relay_module, "RECONNECT_S", 0.05)
    with postgres.cluster() as url:
        database = Database(parse_url(f"{url}postgres"))
        relay = PostgresRelay(database, Broker())
        relay.start()
        assert relay.ready.wait(60)
        with database.read() as conn:
            conn.execute(text("SELECT 1"))
        stopped = postgres.everybody(url)
        tell_each(stopped, signal.SIGSTOP)
        try:
            monkeypatch.setattr(pg_connection, "ANSWER_TIMEOUT_S", 2.0)
            monkeypatch.setattr(pg_connection, "SETTINGS", brief)
            for _ in range(2):  # one that was there, and a new one
                began_s = time.monotonic()
                with pytest.raises(OperationalError) as told, database.read() as conn:
                    conn.execute(text("SELECT 1"))
                assert time.monotonic() - began_s < 60
                assert is_away(told.value)
            _until(lambda: not relay.ready.is_set())
        finally:
            tell_each(stopped, signal.SIGCONT)
        # it comes to itself first
        monkeypatch.setattr(pg_connection, "ANSWER_TIMEOUT_S", 60.0)
        monkeypatch.setattr(pg_connection, "SETTINGS", {**brief, "connect_timeout": 60})
        with database.read() as conn:
            assert conn.execute(text("SELECT 1")).scalar_one() == 1
        assert relay.ready.wait(60)
        relay.stop()
        database.close()


def test_a_worker_that_is_gone_keeps_nothing_locked(database: Database, postgres_url: str) -> None:
    """PostgreSQL asks each connection within seconds whether the other machine is there; what the
    setting says itself about that counts."""
    asked = "SHOW tcp_keepalives_idle"
    with database.read() as conn:
        assert conn.exec_driver_sql(asked).scalar_one() == "10"
    own = "options=-c%20tcp_keepalives_idle%3D60"
    other = Database(parse_url(f"{postgres_url}shared?{own}"))
    with other.read() as conn:
        assert conn.exec_driver_sql(asked).scalar_one() == "60"
    other.close()


def test_a_migration_may_take_its_time(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on where any other statement would be given up."""
    monkeypatch.setattr(pg_connection, "ANSWER_TIMEOUT_S", 0.5)
    url = postgres.make_database(postgres_url, "takes_its_time")
    database = Database(parse_url(url))
    with postgres.connected(url) as beside:
        beside.execute("BEGIN")
        beside.execute("LOCK TABLE pg_class IN SHARE MODE")  # nobody makes a table meanwhile
        with pytest.raises(OperationalError, match="in time"), database.write() as tx:
            tx.conn.execute(text("CREATE TABLE quick (x int)"))
        later = threading.Timer(1.5, beside.execute, ["COMMIT"])
        later.start()
        migrate(database, "0001")
        later.join()
    database.close()


def _until(holds: Any, timeout_s: float = 60.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end_s
        threading.Event().wait(0.01)


def prepared(conn: Connection) -> set[str]:
    """The statements that PostgreSQL has prepared for a connection."""
    found = conn.execute(text("SELECT statement FROM pg_prepared_statements")).scalars()
    return {statement for statement in found if "pg_prepared" not in statement}


def test_what_is_asked_often_is_prepared_and_a_migration_cannot_spoil_it(
    database: Database, postgres_url: str
) -> None:
    """A newer version gives a column another type beneath a server that goes on: reading and
    writing it goes on, prepared or not.  In a transaction, which could not be repeated, what gives
    rows is never prepared."""
    t = "CREATE TABLE migrated (id int, at int)"
    with postgres.connected(f"{postgres_url}shared") as beside:
        beside.execute("DROP TABLE IF EXISTS migrated")
        beside.execute(t)
        read = text("SELECT at FROM migrated WHERE id = :id")
        write = text("INSERT INTO migrated (id, at) VALUES (:id, 1)")
        with database.read() as conn:
            for _ in range(pg_prepared.FROM + 2):
                conn.execute(read, {"id": 1})
            assert prepared(conn) == {"SELECT at FROM migrated WHERE id = $1"}
        with database.write() as tx:
            for _ in range(pg_prepared.FROM + 2):
                tx.conn.execute(write, {"id": 1})
                tx.conn.execute(text("SELECT at FROM migrated"))
            there = {"INSERT INTO migrated (id, at) VALUES ($1, 1)"}
            assert prepared(tx.conn) == there | {"SELECT at FROM migrated WHERE id = $1"}
        beside.execute("ALTER TABLE migrated ALTER COLUMN at TYPE text")
        with database.read() as conn:
            assert conn.execute(read, {"id": 1}).scalars().first() == "1"
            assert conn.execute(read, {"id": 2}).scalars().first() is None
        with database.write() as tx:
            tx.conn.execute(write, {"id": 2})
            assert tx.conn.execute(read, {"id": 2}).scalars().first() == "1"
        beside.execute("DROP TABLE migrated")


def test_prepared_statements_have_an_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was not asked for longest makes room, at the server too."""
    monkeypatch.setattr(pg_prepared, "MAX", 2)
    with database.read() as conn:
        for number in (1, 2, 1, 3):
            for _ in range(pg_prepared.FROM + 1):
                assert conn.execute(text(f"SELECT {number}0")).scalar_one() == number * 10
        assert prepared(conn) == {"SELECT 10", "SELECT 30"}


def test_statements_that_come_but_once_are_not_kept() -> None:
    """What is counted has an end too, and a very long one is not counted."""
    kept = Prepared()
    for number in range(2 * pg_prepared.COUNTED_MAX):
        kept.asked((str(number), (), True), rows=True)
    long = ("x" * (pg_prepared.LONGEST + 1), (), True)
    for _ in range(2 * pg_prepared.FROM):
        kept.asked(long, rows=True)
    assert not kept.is_due(long)
    assert len(kept._asked) == pg_prepared.COUNTED_MAX


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("postgresql://u:p@db/x", {"host": "db"}),
        ("postgresql+pg8000://u:p@db:5433/x", {"host": "db", "port": 5433}),
        ("postgresql+psycopg://u@db/x?sslmode=require", {"sslmode": "require"}),
        ("postgresql://u@/x?hostaddr=127.0.0.1", {"sslmode": "disable"}),
        ("postgresql+pg8000://u@/x?timeout=5&tcp_keepalive=1", {"host": None}),
        (
            "postgresql+pg8000://u@/x?unix_sock=/run/postgresql/.s.PGSQL.5433",
            {"host": "/run/postgresql", "port": "5433"},
        ),
    ],
)
def test_addresses_of_older_settings_go_on(written: str, meant: dict[str, Any]) -> None:
    """The driver that a setting names, or none, is the one that there is; what only pg8000 knew is
    said as libpq knows it; what is libpq's reaches it."""
    url = parse_url(written)
    assert url.drivername == "postgresql+psycopg"
    given = pg_connection.settings_of(url)
    psycopg.conninfo.make_conninfo(**given)  # raises for a word that libpq does not know
    assert given["user"] == "u" and given["dbname"] == "x"
    assert {name: given[name] for name in meant} == {
        name: value or "localhost" for name, value in meant.items()
    }


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://u:p@db/x",
        "postgresql://u:p@localhost/x?hostaddr=192.0.2.1",
        "postgresql://u:p@/x?hostaddr=192.0.2.1",
        "postgresql://u:p@/x?service=tryggve",
    ],
)
def test_what_leads_to_another_machine_may_be_encrypted(written: str) -> None:
    """Encryption is left out only on the way to this machine: not where an address stands beside
    the name, or the service's file says where."""
    given = pg_connection.settings_of(parse_url(written))
    assert "sslmode" not in given
    assert given.get("host") in ("db", "localhost" if "localhost" in written else None)


def test_a_password_may_have_any_letters(postgres_url: str) -> None:
    """As it stands in the address, each written with its number: it is libpq's as it was meant."""
    odd = "å %'\\\"@:/?#&= ;$1"
    url = make_url(f"{postgres_url}shared").set(password=odd)
    given = pg_connection.settings_of(parse_url(url.render_as_string(hide_password=False)))
    assert given["password"] == odd
    told = psycopg.conninfo.conninfo_to_dict(psycopg.conninfo.make_conninfo(**given))
    assert told["password"] == odd
