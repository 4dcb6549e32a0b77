"""The pages' queries on both databases: they answer, and the same."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckAsked,
    CheckDue,
    CheckEscalated,
    MatPressed,
    Severity,
    Stamp,
    VisitStarted,
)
from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome, add_user, sign_in
from tests.staff.walked import address_of, pages_to_open, ways
from web.staff.core.rights import Role


def test_every_page_answers(staff_app: Flask, enrolled_home: EnrolledHome) -> None:
    """A home with something of everything, on each page, filtered, searched and paged."""
    add_user(staff_app, "p7", ["caregiver", "night_watcher"], homes=["h1"])
    client = staff_app.test_client()
    sign_in(client, "p7")
    _something_of_everything(enrolled_home)
    assert "1 ej kvitterat larm" in text_of(client, "/nu")
    assert "Behöver besök" in text_of(client, "/nu")
    assert "Prov Boende" in text_of(client, "/pass")
    assert "I sängen" not in text_of(client, "/hem")
    assert "Prov p7" in text_of(client, "/hem/h1")
    assert "Är där nu" in text_of(client, "/besok")
    assert _count(client, "/handelser?rader=h1") == 50
    assert "Sängmattan: 60 tryck" in text_of(client, "/handelser?slag=bed")
    assert _count(client, "/handelser?sok=inte+kommit+tillbaka") == 1
    assert _count(client, "/handelser?sok=home:h1/3") == 1
    assert _count(client, "/handelser?fran=2026-11-24") == 0


def test_every_page_answers_each_of_its_questions(
    staff_app: Flask, enrolled_home: EnrolledHome
) -> None:
    """Whatever pages there are, with the queries that they name, for somebody who has every role;
    beside the menu something may be not there, or not for oneself, but nothing fails."""
    add_user(staff_app, "p7", [role.value for role in Role], homes=["h1"])
    client = staff_app.test_client()
    sign_in(client, "p7")
    _something_of_everything(enrolled_home)
    for route in pages_to_open():
        for fields in ways(route):
            status = client.get(address_of(route), query_string=fields).status_code
            fine = {200} if route.menu else {200, 403, 404}
            assert status in fine, (route.path, fields)


def _count(client: FlaskClient, path: str) -> int:
    return text_of(client, path).count('data-test="event" data-kind')


def _something_of_everything(home: EnrolledHome) -> None:
    now = home.clock.now()
    home.describe()
    home.send_urgent(CheckDue(check="n@1", slot=now))
    home.send_urgent(CheckAsked(check="n@1", why="no_sensor", answer_by=now + timedelta(minutes=5)))
    home.seq, home.previous = 1, bytes.fromhex(_last_hash(home))
    home.send(*[MatPressed() for _ in range(60)], device="bed")
    home.send(Draft(VisitStarted(since=now - timedelta(hours=1), source=Stamp.TAP), person="p7"))
    home.send(CheckEscalated(check="n@2", why="help"), at=now + timedelta(seconds=1))
    home.send(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=now))


def _last_hash(home: EnrolledHome) -> str:
    """The hash of event 1: the urgent ones after it were lost with the home's power."""
    from sqlalchemy import select

    from tests.staff.parts import parts_of
    from web.staff.storage import tables

    with parts_of(home.app).db.read() as conn:
        query = select(tables.head.c.hash).where(tables.head.c.origin == home.origin)
        return bytes(conn.execute(query).scalar_one()).hex()
