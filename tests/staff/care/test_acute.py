"""Alarms of others: who sees them, that reading is noted, and how somebody who helped leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask import Flask

from gateway.envelope import Draft
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    Severity,
    Stamp,
    Tap,
    VisitEnded,
    VisitStarted,
)
from tests.staff.care.test_actions import refusal
from tests.staff.doors.test_lock_orders import alarm, told
from tests.staff.parts import EnrolledHome, add_home
from web.staff.care import actions, acute
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor

Make = Callable[..., Actor]


def elsewhere(staff: Staff, actor: Actor) -> list[str]:
    """The homes with an alarm of others."""
    with staff.db.read() as conn:
        return list(acute.open_elsewhere(conn, actor))


def test_only_care_staff_of_the_organisation_see_alarms_of_others(
    staff_app: Flask, home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """Open care alarms, of homes where one is not assigned; gone when they are closed."""
    colleague = make_user("p9", ["caregiver"])
    mine = make_user("p1", ["caregiver"], homes=["h1"])
    add_home(staff_app, "x1", org="org2")
    stranger = make_user("p8", ["night_watcher"], org="org2", homes=["x1"])
    others = [make_user(f"o{role[:3]}", [role]) for role in ("coordinator", "technician")]
    alarm(home, Severity.TECHNICAL)
    alarm(home, Severity.ROUTINE)
    assert elsewhere(staff, colleague) == []
    ref = alarm(home)
    assert elsewhere(staff, colleague) == ["h1"]
    assert [elsewhere(staff, who) for who in (mine, stranger, *others)] == [[], [], [], []]
    actions.resolve(staff, mine, ref, AlarmOutcome.HELPED)
    assert elsewhere(staff, colleague) == []


def test_the_longest_open_alarm_comes_first(
    home: EnrolledHome, staff: Staff, make_user: Make, make_home: Callable[[str], EnrolledHome]
) -> None:
    """One line a home, by when it was raised."""
    colleague = make_user("p9", ["caregiver"])
    for gateway in (make_home("h2"), home):
        since = gateway.clock.now() - timedelta(hours=1)
        gateway.send(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=since))
        gateway.clock.advance(60)
    assert elsewhere(staff, colleague) == ["h2", "h1"]


def test_a_reading_is_noted_and_a_page_that_refreshes_notes_it_once(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """Each reading by a person; what an open page brings by itself once for each alarm."""
    colleague = make_user("p9", ["caregiver"])
    other = make_user("p2", ["caregiver"])

    def note(who: Actor, *, only_new: bool) -> int:
        with staff.db.read() as conn:
            found = acute.open_elsewhere(conn, who)
        acute.note_reads(staff, who, found.values(), only_new=only_new)
        return len(told(staff, "record.read"))

    alarm(home)
    assert [note(colleague, only_new=new) for new in (True, True, False, False)] == [1, 1, 2, 3]
    assert note(other, only_new=True) == 4
    event = told(staff, "record.read")[0]
    assert (event.person, event.data.what, event.origin) == ("p9", "acute", "staff:h1")
    home.clock.advance(60)
    alarm(home)
    assert note(colleague, only_new=True) == 5, "another alarm is another reading"


def test_who_helped_may_leave(home: EnrolledHome, staff: Staff, make_user: Make) -> None:
    """Arriving needs the assignment; leaving only that one is there."""
    colleague = make_user("p9", ["caregiver"])
    assert refusal(actions.tap, staff, colleague, "h1", Tap.LEAVE).why is Why.NO_HOME
    now = home.clock.now()
    (visit,) = home.send(Draft(VisitStarted(since=now, source=Stamp.UNLOCK), person="p9"))
    assert refusal(actions.tap, staff, colleague, "h1", Tap.ARRIVE).why is Why.NO_HOME
    actions.tap(staff, colleague, "h1", Tap.LEAVE)
    assert told(staff, "visit.tapped")[0].person == "p9"
    home.send(VisitEnded(visit=visit.ref, until=now, source=Stamp.TAP))
    assert refusal(actions.tap, staff, colleague, "h1", Tap.LEAVE).why is Why.NO_HOME
