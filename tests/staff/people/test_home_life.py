"""A home that is closed is nobody's, nothing is let in, and it can be opened again; a resident who
moved out is named there no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from gateway.clock import ManualClock
from gateway.errors import UserError
from gateway.events import AlarmRaised, AlarmType, BedEntered, CheckPlanned, HomeClosedWhy
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_home, add_user, group_id, sign_in
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.homelink import enrolment
from web.staff.people import accounts, home_life
from web.staff.people.accounts import Refused, Wrong
from web.staff.signin.auth import actor_of
from web.staff.storage import place_tables, relative_tables, tables
from web.staff.visits import visit_actions

MOVED = HomeClosedWhy.MOVED


def now(staff: Staff, person: str) -> Actor:
    """Who acts, as a request of theirs would find it now."""
    with staff.db.read() as conn:
        u = tables.user.c
        number = conn.execute(select(u.id).where(u.person_id == person)).scalar_one()
    actor = actor_of(staff, number)
    assert actor is not None
    return actor


def why(call: Callable[..., Any], *args: Any) -> Wrong:
    """Why it was refused."""
    with pytest.raises(Refused) as refused:
        call(*args)
    return refused.value.why


def test_a_closed_home_is_nobodys(
    home: EnrolledHome, staff: Staff, staff_app: Flask, client: FlaskClient
) -> None:
    """No role sees it, nobody is assigned, its gateway, a code and a tag are good for nothing, it
    is never called silent; who closed it and why stands in its log."""
    boss = add_user(staff_app, "p1", ["administrator"])
    add_user(staff_app, "p2", ["caregiver"], homes=["h1"])
    accounts.add_group(staff, boss, "area", "Norr")
    accounts.set_home_area(staff, boss, "h1", group_id(staff, "area"))
    code = enrolment.new_code(staff.db, staff.keys, "h1").code
    visit_actions.make_tag(staff, "h1")
    version = rows(staff, tables.user, person_id="p2")[0].rights_version
    home_life.close(staff, boss, "h1", MOVED)
    for person in ("p1", "p2"):
        assert "h1" not in now(staff, person).homes
    assert rows(staff, tables.assignment) == []
    assert rows(staff, tables.area_home) == []
    assert rows(staff, tables.user, person_id="p2")[0].rights_version > version
    assert home.post("events", home.seal(BedEntered())).status_code == 401
    body = {"code": code[:11], "public_key": "x", "version": "1"}
    assert client.post("/api/v1/home/enroll", json=body).status_code in (400, 403)
    with pytest.raises(UserError, match="closed"):
        enrolment.new_code(staff.db, staff.keys, "h1")
    with staff.db.read() as conn:
        assert visit_actions.tags_of(conn, "h1") == []
    assert rows(staff, tables.home_link)[0].heard_at is None
    (told,) = rows(staff, tables.event, kind="home.closed")
    assert (told.person, '"why":"moved"' in told.body) == ("p1", True)
    assert why(home_life.close, staff, boss, "h1", MOVED) is Wrong.NOT_FOUND
    assert why(accounts.set_homes, staff, boss, "p2", ["h1"]) is Wrong.NOT_FOUND


def test_a_closed_home_is_opened_again(home: EnrolledHome, staff: Staff, staff_app: Flask) -> None:
    """It is seen again, by who works there as before only when somebody says so; a new code lets
    its gateway in."""
    boss = add_user(staff_app, "p1", ["administrator"])
    add_user(staff_app, "p2", ["caregiver"], homes=["h1"])
    home_life.close(staff, boss, "h1", MOVED)
    with staff.db.read() as conn:
        assert [one.id for one in home_life.closed(conn, "org1")] == ["h1"]
    home_life.reopen(staff, boss, "h1")
    assert now(staff, "p1").sees("h1")
    assert not now(staff, "p2").sees("h1")
    again = EnrolledHome(staff_app, home.client, "h1", home.clock)
    again.enroll()
    again.send(BedEntered())
    assert why(home_life.reopen, staff, boss, "h1") is Wrong.NOT_FOUND
    assert [row.person for row in rows(staff, tables.event, kind="home.reopened")] == ["p1"]


def an_alarm(home: EnrolledHome, _staff: Staff) -> None:
    home.send(AlarmRaised.usual(AlarmType.BED_EXIT, home.clock.now()))


def a_transponder(home: EnrolledHome, staff: Staff) -> None:
    at = home.clock.now()
    with staff.db.write() as tx:
        tx.conn.execute(
            insert(place_tables.tracker).values(
                id="t", home_id="h1", resident="r-h1", name="x", token_sha256="x",
                silent_after_h=12, made_at=at,
            )
        )  # fmt: skip


def a_relative(home: EnrolledHome, staff: Staff) -> None:
    at = home.clock.now()
    with staff.db.write() as tx:
        tx.conn.execute(
            insert(relative_tables.relative).values(
                id="r", org_id="org1", name="x", channel="sms", address="+46701234567", made_at=at
            )
        )
        tx.conn.execute(
            insert(relative_tables.relative_bond).values(
                relative_id="r", resident="r-h1", home_id="h1", arrived=True, departed=True,
                absence=True, notes_absence=True, since=at,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("begin", "wrong"),
    [
        (an_alarm, Wrong.OPEN_ALARMS),
        (a_transponder, Wrong.IN_USE),
        (a_relative, Wrong.IN_USE),
    ],
)
def test_what_would_go_on_unseen_is_ended_first(
    home: EnrolledHome,
    staff: Staff,
    staff_app: Flask,
    begin: Callable[[EnrolledHome, Staff], None],
    wrong: Wrong,
) -> None:
    """An open alarm, a transponder, a relative: the home stays as it is until somebody ended it."""
    begin(home, staff)
    boss = add_user(staff_app, "p1", ["administrator"])
    assert why(home_life.close, staff, boss, "h1", MOVED) is wrong
    assert now(staff, "p1").sees("h1")
    assert rows(staff, tables.event, kind="home.closed") == []


def test_a_check_of_a_closed_home_rings_nobody(
    home: EnrolledHome, staff: Staff, staff_app: Flask, clock: ManualClock
) -> None:
    """Its plan told of a check that nobody will report: no alarm comes of it."""
    at = clock.now()
    home.send(CheckPlanned(check="n@1", slot=at, report_by=at + timedelta(minutes=5)))
    boss = add_user(staff_app, "p1", ["administrator"])
    home_life.close(staff, boss, "h1", MOVED)
    clock.advance(600)
    staff_app.extensions["tryggve.watch"].look()
    assert rows(staff, tables.alarm) == []


@pytest.mark.parametrize("role", ["caregiver", "coordinator", "technician"])
def test_only_administrators_close(
    home: EnrolledHome, staff: Staff, staff_app: Flask, role: str
) -> None:
    """Nor does another organisation's, whose page has no such home."""
    other = add_user(staff_app, "p2", [role])
    assert why(home_life.close, staff, other, "h1", MOVED) is Wrong.NO_RIGHT
    assert why(home_life.reopen, staff, other, "h1") is Wrong.NO_RIGHT
    add_home(staff_app, "h2", org="org2")
    stranger = add_user(staff_app, "z1", ["administrator"], org="org2")
    assert why(home_life.close, staff, stranger, "h1", MOVED) is Wrong.NOT_FOUND


def test_who_moved_out_is_named_there_no_more(
    home: EnrolledHome, staff: Staff, staff_app: Flask
) -> None:
    """The home's name stands for itself again, and the change in its log names no name; what goes
    on for them must be ended first."""
    planner = add_user(staff_app, "p1", ["coordinator"])
    client = staff_app.test_client()
    assert sign_in(client, "p1").status_code == 302
    assert "Prov Boende" in client.get("/hem/h1").get_data(as_text=True)
    a_transponder(home, staff)
    assert why(home_life.move_out, staff, planner, "h1", "r-h1") is Wrong.IN_USE
    with staff.db.write() as tx:
        tx.conn.execute(place_tables.tracker.update().values(revoked_at=home.clock.now()))
    home_life.move_out(staff, planner, "h1", "r-h1")
    for path in ("/hem/h1", "/administration/hem/h1", "/administration/hem"):
        assert "Prov Boende" not in client.get(path).get_data(as_text=True), path
    (told,) = rows(staff, tables.event, kind="home.moved_out")
    assert (told.person, "r-h1" in told.body) == ("p1", True)
    assert why(home_life.move_out, staff, planner, "h1", "r-h1") is Wrong.NOT_FOUND


def test_the_page_closes_and_opens(home: EnrolledHome, staff_app: Flask) -> None:
    """Nothing is chosen beforehand; without a reason or the tick nothing happens; then it is among
    the closed ones, with a button that opens it."""
    add_user(staff_app, "p1", ["administrator"])
    client = staff_app.test_client()
    assert sign_in(client, "p1").status_code == 302
    page = client.get("/administration/hem/h1").get_data(as_text=True)
    token = {"csrf_token": page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]}
    headers = {"Accept": "application/json"}

    def sent(what: str, **fields: str) -> int:
        path = f"/administration/hem/h1/{what}"
        return int(client.post(path, data=fields | token, headers=headers).status_code)

    for fields in ({}, {"why": "moved"}, {"sure": "1"}, {"why": "unknown", "sure": "1"}):
        assert sent("stang", **fields) == 422
    assert sent("stang", why="moved", sure="1") == 200
    assert client.get("/administration/hem/h1").status_code == 404
    page = client.get("/administration/hem").get_data(as_text=True)
    assert 'data-test="reopen" data-home="h1"' in page
    assert sent("oppna") == 200
    assert client.get("/administration/hem/h1").status_code == 200
