"""The database goes away: pages say so with 503, and a statement of ours that is wrong is no such
thing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gateway.events import MatPressed, MatReleased, PendantPressed
from tests.staff import postgres
from tests.staff.parts import EnrolledHome, sign_in
from web.staff.core.context import Staff
from web.staff.storage.database import Database, parse_url
from web.staff.storage.outage import is_away
from web.staff.storage.shares import CONNECTIONS, Share, working_for


@pytest.fixture
def admin(db: str) -> Iterator[psycopg.Connection]:
    """A connection to PostgreSQL beside the server's; skips on SQLite."""
    url = make_url(db)
    if url.get_backend_name() != "postgresql":
        pytest.skip("SQLite has no server that could go away")
    connection = postgres.connected(f"{db.rpartition('/')[0]}/postgres")
    yield connection
    connection.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')
    connection.close()


def end_all(admin: psycopg.Connection, database: str) -> None:
    """End every connection to the database, as a restart of PostgreSQL does (57P01)."""
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
    )


def test_pages_say_that_the_database_is_away(
    admin: psycopg.Connection,
    db: str,
    staff_app: Flask,
    client: FlaskClient,
    make_user: Callable[..., object],
) -> None:
    """A page and a form answer 503 with words and when to come back; the next page is whole again
    once the database is."""
    make_user("p7", ["caregiver"], homes=["h1"])
    assert sign_in(client, "p7").status_code == 302
    name = str(make_url(db).database)
    admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    end_all(admin, name)
    page = client.get("/nu")
    assert page.status_code == 503
    assert "Servern når inte sin databas" in page.get_data(as_text=True)
    assert int(page.headers["Retry-After"]) > 0
    form = client.get("/nu", headers={"Accept": "application/json"})
    assert form.status_code == 503
    assert "Servern når inte sin databas" in form.get_json()["text"]
    admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert client.get("/nu").status_code == 200


def test_a_pool_that_is_exhausted_is_told_in_words(
    admin: psycopg.Connection,
    staff: Staff,
    client: FlaskClient,
    enrolled_home: EnrolledHome,
    make_user: Callable[..., object],
) -> None:
    """Every connection of pages is taken: they say so, with a time to come again, and it is
    counted; an alarm, a batch and a stream have connections of their own."""
    make_user("p7", ["caregiver"], homes=["h1"])
    assert sign_in(client, "p7").status_code == 302
    staff.db.engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    held = [staff.db.engine.connect() for _ in range(CONNECTIONS[Share.OTHER])]
    page = client.get("/nu")
    assert page.status_code == 503 and int(page.headers["Retry-After"]) > 0
    assert "Många gör det här just nu" in page.get_data(as_text=True)
    assert staff.db.exhausted >= 1
    enrolled_home.send(MatPressed(), device="bed")
    enrolled_home.send_urgent(PendantPressed(verified=True), device="p")
    assert next(enrolled_home.listen()) == b": hello\n\n"
    for conn in held:
        conn.close()
    assert client.get("/nu").status_code == 200
    assert "full: connections" in client.get("/healthz").get_data(as_text=True)
    held = []
    with working_for(Share.URGENT):
        held = [staff.db.engine.connect() for _ in range(CONNECTIONS[Share.URGENT])]
    refused = enrolled_home.post("urgent", enrolled_home.seal(MatReleased(), device="bed"))
    assert refused.status_code == 503 and refused.get_json()["code"] == "busy"
    assert int(refused.headers["Retry-After"]) > 0
    for conn in held:
        conn.close()


def test_a_connection_ended_in_the_middle_is_the_database_going_away(
    admin: psycopg.Connection, db: str
) -> None:
    """PostgreSQL's 57P01, while reading and in a transaction; a table that is missing is a mistake
    of ours."""
    database = Database(parse_url(db))
    for way in (database.read, database.write):
        with pytest.raises(SQLAlchemyError) as told, way() as lent:
            conn: Any = getattr(lent, "conn", lent)
            conn.execute(text("SELECT 1"))
            end_all(admin, str(make_url(db).database))
            conn.execute(text("SELECT 1"))
        assert is_away(told.value), repr(told.value)
    with pytest.raises(SQLAlchemyError) as wrong, database.read() as conn:
        conn.execute(text("SELECT * FROM not_there"))
    assert not is_away(wrong.value)
    database.close()


def test_a_full_disk_is_away_and_a_missing_table_is_not(tmp_path: Path) -> None:
    """SQLite calls both an operational error; its code tells them apart."""
    engine = create_engine(f"sqlite:///{tmp_path / 'small.db'}")
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE t (x)"))
    with pytest.raises(SQLAlchemyError) as full, engine.begin() as conn:
        conn.execute(text("PRAGMA max_page_count = 3"))
        for _ in range(100):
            conn.execute(text("INSERT INTO t VALUES (:x)"), {"x": "x" * 2000})
    assert isinstance(getattr(full.value, "orig", None), sqlite3.OperationalError)
    assert is_away(full.value)
    with pytest.raises(SQLAlchemyError) as wrong, engine.connect() as conn:
        conn.execute(text("SELECT * FROM not_there"))
    assert not is_away(wrong.value)
    engine.dispose()
