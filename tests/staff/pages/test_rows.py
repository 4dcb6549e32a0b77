"""One bad row darkens no page: it is a row that says so, and all else stands (`row_guard`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Boolean, Column, Float, Integer, Table, insert, select, text, update

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckAsked,
    CheckDue,
    CheckPlanned,
    DoorOpened,
    GrantIssued,
    Severity,
    Stamp,
    VisitStarted,
)
from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome, parts_of
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import plan_tables, tables
from web.staff.storage.column_types import Utc

PAGES = ("/nu", "/hem", "/hem/h1", "/pass")
UNSHOWN = 'data-test="unshown"'


@pytest.fixture
def two(
    make_home: Callable[[str], EnrolledHome],
    as_role: Callable[..., FlaskClient],
    staff_app: Flask,
    clock: ManualClock,
) -> FlaskClient:
    """Somebody with two homes, each with one of everything, and a different alarm."""
    homes = (make_home("h1"), make_home("h2"))
    client = as_role("caregiver", "night_watcher", "coordinator", homes=("h1", "h2"))
    now, soon = clock.now(), clock.now() + timedelta(hours=1)
    for home, alarm in zip(homes, (AlarmType.BED_EXIT, AlarmType.PENDANT), strict=True):
        home.describe()
        home.send(
            Draft(DoorOpened(), device="front"),
            AlarmRaised(type=alarm, severity=Severity.CARE, since=now),
            CheckPlanned(check="n@1", slot=now, report_by=soon),
            CheckDue(check="n@1", slot=now),
            CheckAsked(check="n@1", why="bed_empty", answer_by=soon),
            CheckPlanned(check="n@2", slot=soon, report_by=soon),
            Draft(VisitStarted(since=now, source=Stamp.TAP), person="p7"),
        )
        _issue(parts_of(staff_app), home.home, soon)
    return client


def _issue(staff: Staff, home: str, until: datetime) -> None:
    granted = GrantIssued(
        grant=f"g-{home}", action="unlock", reason="visit", reason_ref=None, expires=until
    )
    with staff.write() as tx:
        append.write(staff, tx, home, Draft(granted, device="front", person="p7"))
        tx.conn.execute(
            insert(plan_tables.plan_visit).values(
                id=f"v-{home}",
                home_id=home,
                source="prov",
                external_id=home,
                since=staff.clock.now(),
                until=until,
                what="Lunch",
                imported_at=staff.clock.now(),
            )
        )


def _breaks_on(bad: Callable[[Any], bool], real: Callable[..., Any]) -> Callable[..., Any]:
    def word(value: Any, *more: Any) -> Any:
        if bad(value):
            raise OverflowError
        return real(value, *more)

    return word


def _of_h1(value: Any) -> bool:
    whose = value if hasattr(value, "home_id") else value.state  # a device's row, or a tile
    return bool(whose.home_id == "h1")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", ["lock_word", "bed_word"])
def test_a_home_whose_words_break_is_a_row(
    two: FlaskClient, staff_app: Flask, monkeypatch: pytest.MonkeyPatch, path: str, name: str
) -> None:
    """A device or a bed that cannot be told: the other home stands, and what else is known here."""
    before = text_of(two, path)
    assert UNSHOWN not in before
    words: dict[str, Any] = staff_app.jinja_env.globals
    monkeypatch.setitem(words, name, _breaks_on(_of_h1, words[name]))
    page = text_of(two, path)
    shown_there = (path, name) != ("/pass", "bed_word")
    assert (UNSHOWN in page) == shown_there
    assert page.count('href="/hem/h2"') == before.count('href="/hem/h2"')
    assert page.count('data-test="open-door"') == before.count('data-test="open-door"')


@pytest.mark.parametrize("path", ["/nu", "/hem/h1", "/pass"])
def test_an_alarm_that_cannot_be_told_is_a_row(
    two: FlaskClient, staff_app: Flask, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """It says that there is something, and where; it still counts, and the other alarm stands."""
    before = text_of(two, path)
    words = staff_app.jinja_env.filters
    broken = _breaks_on(lambda code: code == AlarmType.BED_EXIT, words["alarm_word"])
    monkeypatch.setitem(words, "alarm_word", broken)
    page = text_of(two, path)
    assert "Det här kan inte visas." in page
    assert page.count("Larmknappen") == before.count("Larmknappen")
    if path == "/nu":
        assert "2 ej kvitterade larm" in page
        at = page.index(UNSHOWN)
        assert 'href="/hem/h1"' in page[at : at + 600]


def test_a_picture_that_cannot_be_drawn_says_so(
    two: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home's page stands without the picture of its day."""
    from web.staff.pages import homes

    def breaks(*_: object) -> str:
        raise OverflowError

    monkeypatch.setattr(homes, "draw", breaks)
    page = text_of(two, "/hem/h1")
    assert UNSHOWN in page
    assert 'data-test="devices"' in page


def test_a_database_that_refuses_is_no_row(
    two: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what one row says is passed over: a page without its database is an error page."""
    from sqlalchemy.exc import OperationalError

    from web.staff.pages import lock_progress

    def refuses(*_: object) -> None:
        raise OperationalError("SELECT", {}, OSError())

    monkeypatch.setattr(lock_progress, "newest", refuses)
    assert two.get("/pass").status_code >= 500


FAR = (2**62, -(2**62))
"""Milliseconds that no time of Python's can hold."""


def _odd(column: Column[Any]) -> tuple[Any, ...]:
    """Values that a column can hold, and that nobody meant."""
    if isinstance(column.type, Utc):
        ends = (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC))
        return (*ends, *FAR)
    if isinstance(column.type, Boolean):
        return (True, False)
    return (2**62, -1) if isinstance(column.type, Integer | Float) else ("\x00<b>\u202e" * 500,)


@pytest.mark.slow
@pytest.mark.parametrize("table", tables.PROJECTIONS, ids=lambda table: table.name)
def test_whatever_a_column_holds_the_pages_stand(
    two: FlaskClient, staff_app: Flask, table: Table
) -> None:
    """Each column of each folded table in turn, for one of the two homes."""
    database = parts_of(staff_app).db
    this = table.c.home_id == "h1"
    with database.read() as conn:
        rows = conn.execute(select(table).where(this)).mappings().all()
        columns = [
            column for column in table.c if not column.primary_key and column != table.c.home_id
        ]
    failed = []
    for column in columns:
        for value in _odd(column):
            literal = text(str(value)) if value in FAR else value
            with database.write() as tx:
                tx.conn.execute(update(table).where(this).values({column.name: literal}))
            failed += [
                (path, column.name, value) for path in PAGES if two.get(path).status_code != 200
            ]
        with database.write() as tx:
            tx.conn.execute(table.delete().where(this))
            if rows:
                tx.conn.execute(insert(table), [dict(row) for row in rows])
    assert failed == []
