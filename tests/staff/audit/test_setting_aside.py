"""An event is set aside by two people, and is then kept, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.envelope import Draft
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    AsideWhy,
    BedEntered,
    Stamp,
    VisitStarted,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home, add_user, sign_in
from web.staff.audit import setting_aside
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.events import append
from web.staff.events.judgement import SET_ASIDE_KIND, Mark
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables
from web.staff.storage.chains import verify_all


@pytest.fixture
def two(make_user: Callable[..., Actor]) -> tuple[Actor, Actor]:
    """A coordinator and an administrator."""
    return make_user("p1", ["coordinator"]), make_user("p2", ["administrator"])


def refusal(action: Callable[..., Any], *args: Any, **more: Any) -> Why:
    with pytest.raises(Refused) as error:
        action(*args, **more)
    return error.value.why


def test_two_set_an_event_aside_and_it_is_neither_shown_nor_counted(
    staff: Staff, home: EnrolledHome, two: tuple[Actor, Actor], staff_app: Flask
) -> None:
    """It is kept as it was written and the chain holds; no list of the home has it, what rested on
    it is as if it had not come, also after a rebuild; both names stand in the home's events."""
    asks, agrees = two
    client = staff_app.test_client()
    sign_in(client, "p1")
    (entered,) = home.send(Draft(BedEntered(), device="bed"))
    (before,) = rows(staff, tables.event, kind="bed.entered")
    assert rows(staff, tables.home_state)[0].in_bed == "on"
    assert f'data-key="{entered.ref}"' in text_of(client, "/handelser?slag=bed")
    request = setting_aside.ask(staff, asks, entered.ref, AsideWhy.WRONG)
    assert rows(staff, tables.home_state)[0].in_bed == "on", "one person changes nothing"
    setting_aside.answer(staff, agrees, request, yes=True)
    for _ in range(2):
        assert rows(staff, tables.home_state)[0].in_bed == "unknown"
        (kept,) = rows(staff, tables.event, origin="home:h1", seq=entered.seq)
        assert (kept.body, kept.hash) == (before.body, before.hash)
        assert (kept.home_id, kept.kind, kept.mark) == (None, SET_ASIDE_KIND, Mark.SET_ASIDE)
        assert f'data-key="{entered.ref}"' not in text_of(client, "/handelser?slag=bed")
        assert f'data-key="{entered.ref}"' not in text_of(client, f"/handelser?sok={entered.ref}")
        (row,) = rows(staff, tables.set_aside)
        assert (row.event, row.asked_by, row.answered_by) == (entered.ref, "p1", "p2")
        with staff.db.write() as tx:
            rebuild_home(tx.conn, "h1")
    told = {row.kind: row.person for row in rows(staff, tables.event, origin="staff:h1")}
    assert (told["event.aside_asked"], told["event.set_aside"]) == ("p1", "p2")
    assert [problem for _, _, problem in verify_all(staff.db) if problem] == []
    assert home.post("events", []).get_json() == {"have": entered.seq}, "the home goes on"
    home.send(Draft(BedEntered(), device="bed"))
    assert rows(staff, tables.home_state)[0].in_bed == "on"


def test_nobody_does_it_alone(staff: Staff, home: EnrolledHome, two: tuple[Actor, Actor]) -> None:
    """Who asked does not agree, may take it back, and a request is answered once."""
    asks, agrees = two
    (entered,) = home.send(Draft(BedEntered(), device="bed"))
    request = setting_aside.ask(staff, asks, entered.ref, AsideWhy.UNREADABLE)
    assert refusal(setting_aside.answer, staff, asks, request, yes=True) is Why.SAME_PERSON
    assert refusal(setting_aside.ask, staff, agrees, entered.ref, AsideWhy.WRONG) is Why.NOT_FIRST
    setting_aside.answer(staff, asks, request, yes=False)
    assert refusal(setting_aside.answer, staff, agrees, request, yes=True) is Why.CLOSED
    assert rows(staff, tables.event, kind="bed.entered")[0].home_id == "h1"
    again = setting_aside.ask(staff, asks, entered.ref, AsideWhy.UNREADABLE)
    setting_aside.answer(staff, agrees, again, yes=True)
    assert refusal(setting_aside.ask, staff, asks, entered.ref, AsideWhy.WRONG) is Why.NO_EVENT


def test_who_may_and_where(
    staff_app: Flask, staff: Staff, home: EnrolledHome, make_user: Callable[..., Actor]
) -> None:
    """Coordinators and administrators, in their own organisation."""
    (entered,) = home.send(Draft(BedEntered(), device="bed"))
    add_home(staff_app, "h2", org="org2")
    stranger = add_user(staff_app, "q1", ["coordinator", "administrator"], org="org2")
    asker = make_user("p0", ["coordinator"])
    for role in Role:
        actor = make_user(f"p-{role.value}", [role.value], homes=["h1"])
        if role in (Role.COORDINATOR, Role.ADMINISTRATOR):
            request = setting_aside.ask(staff, actor, entered.ref, AsideWhy.WRONG)
            assert refusal(setting_aside.answer, staff, stranger, request, yes=True) is Why.NO_EVENT
            setting_aside.answer(staff, asker, request, yes=False)
        else:
            why = refusal(setting_aside.ask, staff, actor, entered.ref, AsideWhy.WRONG)
            assert why is Why.NO_ROLE
    assert refusal(setting_aside.ask, staff, stranger, entered.ref, AsideWhy.WRONG) is Why.NO_EVENT


def test_what_may_not_be_taken_away(
    staff: Staff, home: EnrolledHome, two: tuple[Actor, Actor], make_user: Callable[..., Actor]
) -> None:
    """An alarm that is open, who came in, and what the server or its people did; nonsense is no
    event.  A closed alarm may go."""
    asks, agrees = two
    make_user("p7", ["caregiver"], homes=["h1"])
    now = home.clock.now()
    alarm, came = home.send(
        AlarmRaised.usual(AlarmType.BED_EXIT, now),
        Draft(VisitStarted(since=now, source=Stamp.TAP), person="p7"),
    )
    for ref in (alarm.ref, came.ref, "staff:h1/1"):
        assert refusal(setting_aside.ask, staff, asks, ref, AsideWhy.WRONG) is Why.KEPT, ref
    for ref in ("", "x", "home:h1/", "home:h1/999", "home:h1/" + "9" * 30, "home:h9/1", "/1"):
        assert refusal(setting_aside.ask, staff, asks, ref, AsideWhy.WRONG) is Why.NO_EVENT, ref
    closed = AlarmResolved(alarm=alarm.ref, outcome=AlarmOutcome.FALSE)
    with staff.write() as tx:
        append.write(staff, tx, "h1", Draft(closed, person="p7"))
    request = setting_aside.ask(staff, asks, alarm.ref, AsideWhy.WRONG)
    setting_aside.answer(staff, agrees, request, yes=True)
    (row,) = rows(staff, tables.alarm)
    assert row.raised_at is None, "only that somebody closed it is left"


def test_the_page(staff_app: Flask, home: EnrolledHome, two: tuple[Actor, Actor]) -> None:
    """One asks on the page, the other one finds it there and says yes; a caregiver has no such
    page."""
    clients: list[FlaskClient] = []
    for person in ("p1", "p2"):
        clients.append(staff_app.test_client())
        sign_in(clients[-1], person)
    first, second = clients
    (entered,) = home.send(Draft(BedEntered(), device="bed"))
    assert f'value="{entered.ref}"' in text_of(first, f"/handelser/undan?ref={entered.ref}")
    asked = post(first, "/handelser/undan", ref=entered.ref, why="wrong")
    assert asked.status_code == 200, asked.text
    page = text_of(second, "/handelser/undan")
    assert 'data-test="aside-yes"' in page
    assert 'data-test="aside-yes"' not in text_of(first, "/handelser/undan")
    request = page.split('name="aside" value="', 1)[1].split('"', 1)[0]
    own = post(first, "/handelser/undan/svar", aside=request, do="yes")
    assert own.status_code == 409
    done = post(second, "/handelser/undan/svar", aside=request, do="yes")
    assert done.status_code == 200, done.text
    assert 'data-test="aside"' not in text_of(second, "/handelser/undan")
    add_user(staff_app, "p7", ["caregiver"], homes=["h1"])
    carer = staff_app.test_client()
    sign_in(carer, "p7")
    text_of(carer, "/handelser/undan", status=403)


def test_an_old_request_is_found_by_its_age(
    staff: Staff, home: EnrolledHome, two: tuple[Actor, Actor]
) -> None:
    """The oldest first."""
    refs = []
    for _ in range(3):
        (entered,) = home.send(Draft(BedEntered(), device="bed"))
        refs.append(entered.ref)
        setting_aside.ask(staff, two[0], entered.ref, AsideWhy.WRONG)
        home.clock.advance(timedelta(minutes=1).total_seconds())
    with staff.db.read() as conn:
        assert [row.event for row in setting_aside.waiting(conn, two[1])] == refs
