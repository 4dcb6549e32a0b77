"""Access taken back: one home, a lost phone, everything; at once, and with an honest account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.staff.care.test_actions import refusal
from tests.staff.doors.test_lock_orders import alarm, carer_of, told
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, sign_in
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.doors import door_codes, lock_orders, service_access
from web.staff.people import access_revocation, accounts
from web.staff.people.access_revocation import Scope
from web.staff.people.accounts import Wrong
from web.staff.signin.auth import actor_of
from web.staff.storage import tables

Make = Callable[..., Actor]


@pytest.fixture
def boss(make_user: Make) -> Actor:
    """Who takes back."""
    return make_user("c1", ["coordinator"])


def wrong(call: Callable[..., Any], *args: Any) -> Wrong:
    """Why it was refused."""
    with pytest.raises(accounts.Refused) as caught:
        call(*args)
    return caught.value.why


def test_one_home_ends_with_what_was_live_there(
    home: EnrolledHome,
    staff: Staff,
    stream: Iterator[bytes],
    make_user: Make,
    make_home: Callable[[str], EnrolledHome],
    boss: Actor,
) -> None:
    """The turn and the codes are revoked, the assignment is over, and the home hears of it on its
    open stream; another home is left alone."""
    make_home("h2").describe()
    carer = make_user("p1", ["caregiver"], homes=["h1", "h2"])
    sent = lock_orders.order_turn(staff, carer, "h1", "front")
    door_codes.shift_codes(staff, carer)
    done = access_revocation.revoke(staff, boss, "p1", Scope.HOME, "h1")
    assert (len(done.live.turns), len(done.live.codes)) == (1, door_codes.PER_HOME)
    assert (done.ends, done.homes, done.sessions) == (("h1",), ("h1",), 0)
    revoked = told(staff, "grant.revoked")
    assert sent.grant in {event.data.grant for event in revoked}
    assert {(event.origin, event.person) for event in revoked} == {("staff:h1", "c1")}
    seen = b""
    while b"grant.revoked" not in seen:
        seen = next(stream)
    after = carer_of(staff, "p1")
    assert after.assigned == {"h2"}
    assert refusal(lock_orders.order_turn, staff, after, "h1", "front").why is Why.NOT_ASSIGNED
    (noted,) = told(staff, "account.changed")
    assert (noted.data.what, noted.data.account, noted.person) == ("taken_back_home", "p1", "c1")
    again = access_revocation.revoke(staff, boss, "p1", Scope.HOME, "h1")
    assert (len(again.live), again.ends) == (0, ())


def test_a_teams_other_homes_are_kept(
    home: EnrolledHome,
    staff: Staff,
    make_user: Make,
    make_home: Callable[[str], EnrolledHome],
    boss: Actor,
) -> None:
    """Only the home that was named ends, also when a team gave it."""
    make_home("h2")
    make_user("p1", ["caregiver"])
    for kind, name in (("team", "Norr"), ("area", "Norra")):
        accounts.add_group(staff, boss, kind, name)
    with staff.db.read() as conn:
        team, area = (conn.execute(select(t.c.id)).scalar_one() for t in (tables.team, tables.area))
    accounts.set_team_areas(staff, boss, team, [area])
    accounts.set_teams(staff, boss, "p1", [team])
    for one in ("h1", "h2"):
        accounts.set_home_area(staff, boss, one, area)
    assert carer_of(staff, "p1").assigned == {"h1", "h2"}
    done = access_revocation.revoke(staff, boss, "p1", Scope.HOME, "h1")
    assert ([team.name for team in done.teams], done.stays) == (["Norr"], ("h2",))
    assert carer_of(staff, "p1").assigned == {"h2"}


def test_a_lost_phone_is_signed_out_and_its_codes_are_void(
    staff_app: Flask, home: EnrolledHome, staff: Staff, make_user: Make, boss: Actor
) -> None:
    """Every session ends; the person keeps the homes, and signs in again."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    phone = staff_app.test_client()
    assert sign_in(phone, "p1").status_code == 302
    door_codes.shift_codes(staff, carer)
    done = access_revocation.revoke(staff, boss, "p1", Scope.PHONE)
    assert (done.sessions, done.ends, len(done.live.codes)) == (1, (), door_codes.PER_HOME)
    assert phone.get("/pass").status_code == 303
    assert not any(row.ended_at is None for row in rows(staff, tables.door_code, person="p1"))
    assert carer_of(staff, "p1").assigned == {"h1"}
    assert sign_in(staff_app.test_client(), "p1").status_code == 302


def test_everything_ends_an_open_alarm_too(
    staff_app: Flask,
    client: FlaskClient,
    home: EnrolledHome,
    staff: Staff,
    stream: Iterator[bytes],
    make_user: Make,
    boss: Actor,
) -> None:
    """No homes, no teams, no account: no door either when an alarm lets other care staff in."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    ref = alarm(home)
    lock_orders.order_turn(staff, carer, "h1", "front")
    done = access_revocation.revoke(staff, boss, "p1", Scope.ALL)
    assert (len(done.live.turns), done.ends) == (1, ("h1",))
    (row,) = rows(staff, tables.user, person_id="p1")
    assert not row.active
    assert actor_of(staff, row.id) is None
    assert sign_in(client, "p1").status_code != 302
    assert rows(staff, tables.assignment, user_id=row.id) == []
    assert rows(staff, tables.alarm, id=ref)[0].closed_at is None


def test_a_technicians_approval_is_taken_back(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make, boss: Actor
) -> None:
    """Not only the turn: within its quarter of an hour no new one is given."""
    tech = make_user("t1", ["technician"])
    asked = service_access.request(staff, tech, "h1", "front")
    service_access.answer(staff, boss, "h1", asked.ref, yes=True)
    done = access_revocation.revoke(staff, boss, "t1", Scope.PHONE)
    assert len(done.live.requests) == 1
    assert refusal(lock_orders.order_turn, staff, tech, "h1", "front").why is Why.NOT_APPROVED


def test_who_may_take_back(home: EnrolledHome, staff: Staff, make_user: Make, boss: Actor) -> None:
    """Those who say who works where; nobody locks themselves or an administrator out."""
    make_user("a1", ["administrator"])
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    admin = make_user("a2", ["administrator"])
    take = access_revocation.revoke
    assert wrong(take, staff, carer, "p1", Scope.PHONE) is Wrong.NO_RIGHT
    assert wrong(take, staff, boss, "a1", Scope.ALL) is Wrong.NO_RIGHT
    assert wrong(take, staff, boss, "c1", Scope.ALL) is Wrong.YOURSELF
    assert wrong(take, staff, boss, "nobody", Scope.PHONE) is Wrong.NOT_FOUND
    assert wrong(take, staff, boss, "p1", Scope.HOME, "h9") is Wrong.NOT_FOUND
    assert wrong(take, staff, boss, "p1", Scope.HOME) is Wrong.NOT_FOUND
    take(staff, admin, "a1", Scope.ALL)


def test_what_a_home_has_not_heard_is_said(
    home: EnrolledHome, staff: Staff, make_user: Make, boss: Actor
) -> None:
    """A home without a connection does not know yet; its codes end by themselves, and when it has
    answered the page says so."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    door_codes.shift_codes(staff, carer)
    (issued,) = told(staff, "codes.issued")

    def heard() -> list[access_revocation.HomeNotice]:
        with staff.db.read() as conn:
            return access_revocation.home_notices(conn, "p1", staff.clock.now())

    assert heard() == []
    access_revocation.revoke(staff, boss, "p1", Scope.PHONE)
    (one,) = heard()
    assert (one.home, one.count, one.heard, one.by) == ("h1", door_codes.PER_HOME, False, "c1")
    assert one.until == issued.data.codes[0].expires
    home.down_have = told(staff, "grant.revoked")[-1].seq
    home.send()
    home.post("events", [])
    (one,) = heard()
    assert one.heard
    staff.clock.advance(13 * 3600)  # type: ignore[attr-defined]
    assert heard() == []


def test_who_may_open_a_home(
    home: EnrolledHome, staff: Staff, make_user: Make, boss: Actor
) -> None:
    """The assigned who may turn locks, by name; not those whose account is closed."""
    make_user("p2", ["caregiver"], homes=["h1"])
    make_user("p1", ["night_watcher"], homes=["h1"])
    make_user("c2", ["coordinator"], homes=["h1"])
    make_user("p3", ["caregiver"])

    def found() -> list[str]:
        with staff.db.read() as conn:
            return [row.person_id for row in access_revocation.who_may_open(conn, "h1", "org1")]

    assert found() == ["p1", "p2"]
    access_revocation.revoke(staff, boss, "p1", Scope.ALL)
    assert found() == ["p2"]
