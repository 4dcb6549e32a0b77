"""A server that meets a database which another version migrated: at its start, in `migrate`, and
beneath it while it runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from gateway.errors import UserError
from web.staff.core.context import Staff
from web.staff.runtime.health import ill
from web.staff.runtime.watch import Watch
from web.staff.storage import schema_now
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate, require_current, revision_of
from web.staff.storage.schema_now import Schema, SchemaTooNew


def say(database: Database, revision: str, oldest: str) -> None:
    """Have the database say what a version of the future would have it say."""
    with database.write() as tx:
        for table, word in (("schema_revision", revision), ("alembic_version", oldest)):
            schema_now._write(tx.conn, table, word)


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Database]:
    """A database of today's schema."""
    database = Database(parse_url(f"sqlite:///{tmp_path / 'staff.db'}"))
    migrate(database)
    yield database
    database.close()


def test_a_schema_that_was_only_added_to_is_used(
    migrated: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that went back starts on it, and says so in one line."""
    say(migrated, "9000", schema_now.newest_revision())
    with caplog.at_level(logging.WARNING):
        require_current(migrated)
    (line,) = caplog.messages
    assert "schema 9000" in line
    assert "goes on" in line


def test_a_schema_that_lacks_something_is_refused_in_one_sentence(migrated: Database) -> None:
    """With what to do about it; nothing about `migrate`, which could not help."""
    say(migrated, "9000", "8999")
    with pytest.raises(SchemaTooNew) as caught:
        require_current(migrated)
    assert caught.value.text == (
        "The database has schema 9000, made by a newer version that took away what this one needs; "
        "install a version that knows schema 8999, or restore the backup from before."
    )


def test_an_older_version_brings_no_newer_schema_back(migrated: Database) -> None:
    """`tryggve staff migrate` of the older version is one sentence, and changes nothing."""
    say(migrated, "9000", schema_now.newest_revision())
    with pytest.raises(UserError, match="has schema 9000 already, of a newer version"):
        migrate(migrated)
    assert revision_of(migrated) == "9000"


def test_a_database_of_the_first_release_is_taken_over(tmp_path: Path) -> None:
    """It has one word for both: it is the revision, and stays the oldest program's, so that the
    release starts on the database again."""
    database = Database(parse_url(f"sqlite:///{tmp_path / 'old.db'}"))
    try:
        migrate(database, schema_now.OLDEST)
        with database.write() as tx:
            tx.conn.execute(text("DROP TABLE schema_revision"))
        assert revision_of(database) == schema_now.OLDEST
        migrate(database)
        with database.read() as conn:
            newest = schema_now.newest_revision()
            assert schema_now.schema_of(conn) == Schema(newest, schema_now.OLDEST)
    finally:
        database.close()


def test_a_schema_older_than_the_oldest_names_itself(tmp_path: Path) -> None:
    """No program is told that it can use a database that lacks what it needs."""
    database = Database(parse_url(f"sqlite:///{tmp_path / 'old.db'}"))
    try:
        migrate(database, "0012")
        with database.read() as conn:
            assert schema_now.schema_of(conn) == Schema("0012", "0012")
    finally:
        database.close()


def test_migrated_beneath_a_running_server(
    staff: Staff, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on and says so once; when something was taken away that it needs, it says that once,
    calls itself ill, and systemd's watchdog is not fed: at its next start it refuses."""
    watch = Watch(staff)
    client.application.extensions["tryggve.watch"] = watch
    newest = schema_now.newest_revision()
    with caplog.at_level(logging.WARNING):
        watch.look()
        assert caplog.messages == []
        say(staff.db, "9000", newest)
        watch.look()
        watch.look()
    (line,) = caplog.messages
    assert line == (
        f"The database has schema 9000, of a newer version; this version ({newest}) goes on, for "
        "nothing was taken away that it needs."
    )
    assert client.get("/healthz").text == "ok"

    caplog.clear()
    say(staff.db, "9001", "9000")
    watch.look()
    watch.look()
    (line,) = caplog.messages
    assert "took away what this one needs" in line
    assert ill(staff, watch) == "schema"
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "schema")

    say(staff.db, newest, schema_now.OLDEST)
    watch.look()
    assert client.get("/healthz").text == "ok"
