"""Migrations, rebuilding, verifying, and the described API."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask.testing import FlaskClient
from sqlalchemy import MetaData, Table, select

from gateway.envelope import Draft
from gateway.errors import UserError
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BatteryLow,
    BedEntered,
    BedLeft,
    CheckAsked,
    CheckPlanned,
    DeviceFailed,
    Finding,
    LockUnlocked,
    Looked,
    MatFault,
    MatFaulted,
    MatPressed,
    PowerLost,
    Severity,
    Stamp,
    Tap,
    VisitCorrected,
    VisitEnded,
    VisitStarted,
)
from gateway.wire import EnrollAnswer, EventBatch
from tests.staff import postgres
from tests.staff.homelink.test_ingest import rows
from tests.staff.homelink.test_urgent import WATCHER
from tests.staff.parts import EnrolledHome
from web.staff.care import actions
from web.staff.checks import claims
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.doors import lock_orders
from web.staff.events import append
from web.staff.events.projections.fold import HANDLERS
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.runtime import openapi
from web.staff.signin import grace
from web.staff.storage import migrate, schema_now, tables
from web.staff.storage.chains import verify_all
from web.staff.storage.database import Database, parse_url

AT = datetime(2026, 11, 23, 21, tzinfo=UTC)
REVISIONS = schema_now.known_revisions()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        name = f"empty_{abs(hash(request.node.nodeid)) % 10**9}"
        url = postgres.make_database(request.getfixturevalue("postgres_url"), name)
    database = Database(parse_url(url))
    yield database
    database.close()


@pytest.fixture(scope="module")
def old_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Where an SQLite database of a revision is; all are made on one way through."""
    folder = tmp_path_factory.mktemp("old")
    for revision in REVISIONS:
        _brought(f"sqlite:///{folder / 'way.db'}", revision)
        shutil.copy(folder / "way.db", folder / f"{revision}.db")
    return lambda revision: f"sqlite:///{folder / revision}.db"


@pytest.fixture(scope="module")
def old_postgres(postgres_url: str) -> Callable[[str], str]:
    """The same on PostgreSQL."""
    way = postgres.make_database(postgres_url, "old_way")
    for revision in REVISIONS:
        _brought(way, revision)
        postgres.make_database(postgres_url, f"old_{revision}", "old_way")
    return lambda revision: f"{postgres_url}old_{revision}"


def _brought(url: str, revision: str) -> None:
    database = Database(parse_url(url))
    migrate.migrate(database, revision)
    database.close()


def test_nothing_becomes_the_present_schema(empty: Database) -> None:
    """All of it at once: afterwards tables and migrations agree."""
    _is_refused(empty)
    _becomes_the_present_one(empty)


@pytest.mark.timeout(900)  # the first of each kind makes the old databases of all
@pytest.mark.parametrize("old", REVISIONS)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_every_old_schema_becomes_the_present_one(
    request: pytest.FixtureRequest, kind: str, old: str
) -> None:
    """From each revision: afterwards tables and migrations agree."""
    database = Database(parse_url(request.getfixturevalue(f"old_{kind}")(old)))
    try:
        assert migrate.revision_of(database) == old
        if old == REVISIONS[-1]:
            migrate.require_current(database)
        else:
            _is_refused(database)
        _becomes_the_present_one(database)
    finally:
        database.close()


def _is_refused(database: Database) -> None:
    with pytest.raises(UserError, match="tryggve staff migrate"):
        migrate.require_current(database)


def _becomes_the_present_one(empty: Database) -> None:
    migrate.migrate(empty)
    migrate.require_current(empty)
    with empty.engine.connect() as conn:
        opts: dict[str, Any] = {"compare_type": True, "compare_server_default": True}
        opts |= {"version_table": schema_now.REVISION_TABLE, "include_name": _is_no_version_table}
        context = MigrationContext.configure(conn, opts=opts)
        assert compare_metadata(context, tables.metadata) == []


def _is_no_version_table(name: str | None, kind: str, _of: object) -> bool:
    return kind != "table" or name != schema_now.OLDEST_TABLE


def test_the_first_day_of_who_was_there_begins_with_the_migration(empty: Database) -> None:
    """Nobody is shut out by it, and nobody has for ever: a password alone does for a day more."""
    migrate.migrate(empty, "0012")
    began = datetime.now(UTC)
    new = {"grace_from", "sso_issuer", "factor_grace_h"}
    old = {
        table.name: Table(
            table.name, MetaData(), *[c._copy() for c in table.c if c.name not in new]
        )
        for table in (tables.organisation, tables.user)
    }
    user = {"name": "x", "active": True, "created_at": AT, "org_id": "o", "sso_id": "s"}
    with empty.engine.begin() as conn:
        conn.execute(old["organisation"].insert().values(id="o", name="x"))
        named = {"person_id": "p1", "email": "a@prov.example", "fs_uniquifier": "u"}
        conn.execute(old["user"].insert().values(**user, **named))
    migrate.migrate(empty)
    with empty.read() as conn:
        row = conn.execute(select(tables.user)).one()
        org = conn.execute(select(tables.organisation)).one()
    assert began <= row.grace_from <= datetime.now(UTC)
    assert (row.sso_id, row.sso_issuer, org.factor_grace_h) == ("s", None, grace.DEFAULT_H)


def test_a_check_from_before_finds_its_question(empty: Database) -> None:
    """Its event is looked up by the attempt, also one that is still in the urgent lane."""
    migrate.migrate(empty, "0005")
    columns = [column._copy() for column in tables.night_check.c if column.name != "asked_ref"]
    old_check = Table("night_check", MetaData(), *columns)
    with empty.engine.begin() as conn:
        for check, attempt in (("a", 1), ("b", 2), ("c", 1), ("d", None)):
            row = {"home_id": "h1", "check": check, "attempt": attempt, "state_at": AT}
            conn.execute(old_check.insert().values(**row, state="asked"))
        for lane, seq, check, attempt, orphan in (
            ("event", 1, "a", 1, False),
            ("event", 2, "b", 1, False),
            ("event", 3, "b", 2, False),
            ("urgent", 4, "c", 1, False),
            ("urgent", 5, "b", 1, True),
            ("urgent", 6, "a", 1, True),
        ):
            data = {"check": check} if attempt == 1 else {"check": check, "attempt": attempt}
            common = {"origin": "home:h1", "home_id": "h1", "kind": "check.asked", "seq": seq}
            common |= {"body": json.dumps({"data": data}), "hash": bytes(32)}
            common["received_at"] = AT
            if lane == "urgent":
                conn.execute(tables.urgent.insert().values(**common, orphan=orphan))
            else:
                own = {"at": AT, "corrected_at": AT, "boot": "b", "synced": True}
                conn.execute(tables.event.insert().values(**common, **own))
    migrate.migrate(empty)
    c = tables.night_check.c
    with empty.read() as conn:
        refs = {row.check: row.asked_ref for row in conn.execute(select(c.check, c.asked_ref))}
    assert refs == {"a": "home:h1/1", "b": "home:h1/3", "c": "home:h1/4", "d": None}


def test_the_revisions_are_those_of_alembic() -> None:
    """In its order, though only bringing the database further asks it."""
    scripts = ScriptDirectory(str(schema_now.FOLDER)).walk_revisions()
    assert tuple(script.revision for script in reversed(list(scripts))) == REVISIONS


@pytest.mark.slow
def test_a_server_that_starts_loads_nothing_of_migrations() -> None:
    """Alembic and what reads catalogues are a fifth of its start, on a small machine half a
    second."""
    loaded = "[*{'alembic', 'babel.messages'} & {*sys.modules}]"
    said = f"import sys, web.staff.runtime.app; print({loaded})"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_a_database_that_does_not_answer_is_one_sentence() -> None:
    """No traceback for a wrong address, and no password in the sentence."""
    database = Database(parse_url("postgresql://x:hemligt@127.0.0.1:1/x"))
    with pytest.raises(UserError, match="does not answer") as caught:
        migrate.require_current(database)
    assert "hemligt" not in caught.value.text
    database.close()


def _a_night(home: EnrolledHome, staff: Staff) -> None:
    """Something of everything that is shown."""
    now = home.clock.now()
    home.describe()
    home.send(MatPressed(), MatFaulted(fault=MatFault.CUT), BatteryLow(level_pct=7), device="bed")
    home.send(DeviceFailed(error="DeviceUnavailable", text="gone", retry_s=5), device="front")
    home.send(BedEntered(), PowerLost(), BedLeft(empty_since=now - timedelta(minutes=3)))
    (alarm,) = home.send(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=now))
    actions.acknowledge(staff, WATCHER, alarm.ref)
    home.clock.advance(60)
    home.send(CheckPlanned(check="n@1", slot=now, report_by=now + timedelta(hours=1)))
    home.send_urgent(CheckAsked(check="n@1", why="bed_empty", answer_by=now))
    claims.start_check(staff, WATCHER, "h1", "n@1")
    claims.answer_check(staff, WATCHER, "h1", "n@1", Finding.UNCLEAR, Looked.PHONE)
    stream = home.listen(1)
    next(stream)
    lock_orders.order_turn(staff, WATCHER, "h1", "front")
    actions.tap(staff, WATCHER, "h1", Tap.ARRIVE)


def test_a_rebuild_changes_nothing(
    enrolled_home: EnrolledHome, staff: Staff, make_home: Callable[[str], EnrolledHome]
) -> None:
    """The projections made anew from the events are those that were made as they came; another
    home's are left alone."""
    _a_night(enrolled_home, staff)
    other = make_home("h2")
    other.send(LockUnlocked(), device="front")
    before = {table.name: sorted(map(tuple, rows(staff, table))) for table in tables.PROJECTIONS}
    assert all(before[name] for name in ("alarm", "night_check", "device", "home_state", "turn"))
    with staff.db.write() as tx:
        assert rebuild_home(tx.conn, "h1") > 10
    after = {table.name: sorted(map(tuple, rows(staff, table))) for table in tables.PROJECTIONS}
    assert after == before


def test_names_are_erased_without_touching_an_event(
    enrolled_home: EnrolledHome, staff: Staff, make_user: Callable[..., Actor]
) -> None:
    """Who lives there, what the home is called and where it is, and who works there: all of it can
    go, and the log, its chain and what is folded from it stay as they are."""
    make_user("p7", ["caregiver"], homes=["h1"])
    _a_night(enrolled_home, staff)
    names = [row.name for t in (tables.resident, tables.user) for row in rows(staff, t)]
    names += [text for row in rows(staff, tables.home) for text in (row.label, row.address)]
    names = [name for name in names if name]
    assert len(names) >= 3
    events = sorted(map(tuple, rows(staff, tables.event)))
    assert not [row for row in rows(staff, tables.event) if any(name in row.body for name in names)]
    before = {table.name: sorted(map(tuple, rows(staff, table))) for table in tables.PROJECTIONS}
    with staff.db.write() as tx:
        tx.conn.execute(tables.resident.update().values(name=""))
        tx.conn.execute(tables.user.update().values(name=""))
        tx.conn.execute(tables.home.update().values(label="", address=""))
        assert rebuild_home(tx.conn, "h1") > 10
    assert [wrong for _origin, _count, wrong in verify_all(staff.db) if wrong] == []
    assert sorted(map(tuple, rows(staff, tables.event))) == events
    after = {table.name: sorted(map(tuple, rows(staff, table))) for table in tables.PROJECTIONS}
    assert after == before


def test_a_visit_keeps_its_original_stamps(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A correction stands beside what was noted."""
    now = enrolled_home.clock.now()
    (started,) = enrolled_home.send(VisitStarted(since=now, source=Stamp.UNLOCK))
    ended = VisitEnded(visit=started.ref, until=now + timedelta(minutes=20), source=Stamp.TAP)
    corrected = VisitCorrected(visit=started.ref, until=now + timedelta(minutes=30), reason="x")
    enrolled_home.send(ended)
    with staff.write() as tx:
        append.write(staff, tx, "h1", Draft(corrected, person="p9"))
    (row,) = rows(staff, tables.visit)
    assert (row.since, row.until) == (now, now + timedelta(minutes=20))
    assert (row.corrected_since, row.corrected_until) == (None, now + timedelta(minutes=30))


def test_an_edit_in_the_database_is_found(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """`tryggve staff check` names the origin and number of what was edited or cut off."""
    enrolled_home.send(MatPressed(), MatPressed(), MatPressed(), device="bed")
    assert all(wrong is None for _, _, wrong in verify_all(staff.db))
    t = tables.event
    with staff.db.write() as tx:
        tx.conn.execute(t.delete().where(t.c.origin == "home:h1", t.c.seq == 3))
    found = {origin: wrong for origin, _, wrong in verify_all(staff.db)}
    assert found["staff:h1"] is None
    assert "cut off" in (found["home:h1"] or "")
    with staff.db.write() as tx:
        body = rows(staff, t, origin="home:h1", seq=2)[0].body.replace("bed", "bad")
        tx.conn.execute(t.update().where(t.c.origin == "home:h1", t.c.seq == 2).values(body=body))
    found = {origin: wrong for origin, _, wrong in verify_all(staff.db)}
    assert "event 2" in (found["home:h1"] or "")


def test_a_kind_is_folded_by_one_function() -> None:
    """A second one would silently take the place of the first."""
    kinds = HANDLERS.kinds()
    with pytest.raises(ValueError, match=r"alarm\.raised is handled twice"):
        HANDLERS.on(AlarmRaised)(lambda _fold, _step, _data: None)
    assert HANDLERS.kinds() == kinds


def test_the_api_is_described_as_it_is(client: FlaskClient) -> None:
    """Each route of the link, with the wire models' own schemas."""
    described = client.get("/api/v1/openapi.json").get_json()
    assert described == openapi.describe()
    assert described["openapi"] == "3.1.0"
    routes = {
        (rule.rule, method.lower())
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint.startswith(("link.", "plan_api."))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    routes = {(re.sub(r"<(\w+)>", r"{\1}", path), method) for path, method in routes}
    assert routes == {
        (path, method) for path, methods in described["paths"].items() for method in methods
    }
    schemas = described["components"]["schemas"]
    for model in (EventBatch, EnrollAnswer):
        assert set(schemas[model.__name__]["properties"]) == set(model.model_fields)
    text = str(described)
    for name in schemas:
        assert f"#/components/schemas/{name}" in text
