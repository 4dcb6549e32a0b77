"""What is known of an alarm's life, folded from its events."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from gateway.envelope import Draft, Event
from gateway.events import (
    AlarmAcknowledged,
    AlarmArrivalAnswered,
    AlarmArrivalAsked,
    AlarmDelivered,
    AlarmEscalated,
    AlarmExplained,
    AlarmFinding,
    AlarmLapsed,
    AlarmRaised,
    AlarmRepeated,
    AlarmResponderArrived,
    AlarmResponderDeparted,
    AlarmSent,
    AlarmShown,
    AlarmType,
    AlarmUndelivered,
    Climbed,
    ClockSynced,
    Data,
    Stamp,
    VisitCorrected,
    VisitStarted,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, hire
from web.staff.care import actions, response_times
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.events import append
from web.staff.events.projections.rebuild import Fold, rebuild_home
from web.staff.storage import tables
from web.staff.storage.coming import Coming
from web.staff.storage.rows import AlarmRow


def raised(home: EnrolledHome, about: AlarmType = AlarmType.PENDANT) -> str:
    """An alarm of the home; its reference."""
    (event,) = home.send(AlarmRaised.usual(about, home.clock.now()), device="pendant")
    return event.ref


def said(staff: Staff, data: Data, person: str | None = None) -> Event:
    """What the server writes about h1."""
    with staff.write() as tx:
        return append.write(staff, tx, "h1", Draft(data, person=person))


def row_of(staff: Staff, ref: str) -> AlarmRow:
    """The alarm as it is now."""
    (row,) = rows(staff, tables.alarm, id=ref)
    return AlarmRow(*row)


def test_an_acknowledgement_after_a_lapse_replaces_the_one_before(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Within one instant of a clock that stands still, too; the first is kept for the figures."""
    alarm = raised(enrolled_home)
    first = said(staff, AlarmAcknowledged(alarm=alarm), "p1")
    assert row_of(staff, alarm).acknowledged_by == "p1"
    said(staff, AlarmLapsed(alarm=alarm), "p1")
    row = row_of(staff, alarm)
    assert (row.acknowledged_by, row.acknowledged_at, row.lapsed_by) == (None, None, "p1")
    said(staff, AlarmAcknowledged(alarm=alarm), "p2")
    row = row_of(staff, alarm)
    assert (row.acknowledged_by, row.first_acknowledged_at) == ("p2", first.at)


LIFE: list[tuple[str | None, Data]] = [
    (None, AlarmEscalated(alarm="a", step=1, round=1, why=Climbed.BEGUN, ladder="l1")),
    ("p1", AlarmSent(alarm="a", message="m1", channel="push", step=1)),
    ("p2", AlarmSent(alarm="a", message="m2", channel="sms", step=1)),
    ("p2", AlarmUndelivered(alarm="a", message="m2", why="gone")),
    ("p1", AlarmShown(alarm="a", message="m1")),
    ("p1", AlarmDelivered(alarm="a", message="m1")),
    ("p1", AlarmAcknowledged(alarm="a")),
    ("p1", AlarmLapsed(alarm="a")),
    (None, AlarmEscalated(alarm="a", step=2, round=1, why=Climbed.LAPSED, ladder="l1")),
    ("p2", AlarmAcknowledged(alarm="a")),
    ("p2", AlarmResponderDeparted(alarm="a")),
    ("p2", AlarmArrivalAsked(alarm="a")),
    ("p2", AlarmArrivalAnswered(alarm="a", there=False)),
    ("p2", AlarmArrivalAsked(alarm="a")),
    ("p2", AlarmArrivalAnswered(alarm="a", there=True)),
    ("p2", AlarmLapsed(alarm="a")),
    ("p2", AlarmAcknowledged(alarm="a")),
    ("p2", AlarmResponderDeparted(alarm="a")),
    ("p2", AlarmArrivalAsked(alarm="a")),
    ("p2", AlarmResponderArrived(alarm="a", visit="home:h1/9")),
    ("p2", AlarmExplained(alarm="a", finding=AlarmFinding.FALL)),
    ("p3", AlarmExplained(alarm="a", finding=AlarmFinding.NEEDED_HELP)),
]


@pytest.mark.parametrize("seed", range(4))
def test_a_life_in_any_order_ends_in_the_same_row(
    enrolled_home: EnrolledHome, staff: Staff, seed: int
) -> None:
    """What is folded late, twice or in another order changes nothing; nor does a rebuild."""
    (event,) = enrolled_home.send(AlarmRaised.usual(AlarmType.PENDANT, enrolled_home.clock.now()))
    events = [event, *enrolled_home.send(AlarmRepeated(alarm=event.ref))]
    for person, data in LIFE:
        enrolled_home.clock.advance(7)
        about = dataclasses.replace(data, alarm=event.ref)  # type: ignore[type-var]
        events.append(said(staff, about, person))
    row = row_of(staff, event.ref)
    at = {written.kind: written.at for written in reversed(events)}
    assert (row.acknowledged_by, row.first_acknowledged_at) == ("p2", at["alarm.acknowledged"])
    assert (row.sent_at, row.shown_at) == (at["alarm.sent"], at["alarm.shown"])
    assert row.delivered_at == at["alarm.shown"]  # it was shown before a provider said so
    assert (row.step, row.round, row.finding, row.explained_by) == (2, 1, "needed_help", "p3")
    assert row.way == (Coming.ASKED, row.coming_at)
    assert row.last_acknowledged_at == row.acknowledged_at != row.first_acknowledged_at
    assert (row.departed_by, row.departed_at) == ("p2", at["alarm.responder_departed"])
    assert (row.arrived_by, row.arrived_visit) == ("p2", "home:h1/9")
    (repeat,) = rows(staff, tables.alarm_repeat)
    assert (repeat.alarm, repeat.at) == (event.ref, event.at)

    shuffled = random.Random(seed).sample(events * 2, len(events) * 2)
    with staff.db.write() as tx:
        tx.conn.execute(delete(tables.alarm))
        fold = Fold(tx.conn, "h1")
        for number, one in enumerate(shuffled):
            fold.apply(one)
            if number % 5 == 0:
                fold.flush()
        fold.flush()
    assert row_of(staff, event.ref) == row
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert row_of(staff, event.ref) == row
    assert len(rows(staff, tables.alarm_repeat)) == 1


def test_a_repeat_of_anothers_alarm_counts_nowhere(
    enrolled_home: EnrolledHome, staff: Staff, make_home: Callable[[str], EnrolledHome]
) -> None:
    """A home that names an alarm of another home adds nothing to it."""
    other = make_home("h2")
    (alarm,) = other.send(AlarmRaised.usual(AlarmType.PENDANT, other.clock.now()))
    enrolled_home.send(AlarmRepeated(alarm=alarm.ref))
    assert rows(staff, tables.alarm_repeat) == []
    assert row_of(staff, alarm.ref).home_id == "h2"


def test_times_of_a_clock_that_was_wrong_are_moved(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """A repeat that an unsynced clock dated stands at its corrected time, once."""
    now = enrolled_home.clock.now()
    wrong = now - timedelta(days=20)
    (alarm,) = enrolled_home.send(
        AlarmRaised.usual(AlarmType.PENDANT, wrong), at=wrong, clock="unsynced"
    )
    enrolled_home.send(AlarmRepeated(alarm=alarm.ref), at=wrong, clock="unsynced")
    enrolled_home.send(ClockSynced(offset_s=20 * 86400.0), at=now)
    (repeat,) = rows(staff, tables.alarm_repeat)
    assert (repeat.at, row_of(staff, alarm.ref).raised_at) == (now, now)


WATCHER = Actor(
    "p1", "Prov", "org1", frozenset({Role.CAREGIVER}), frozenset({"h1"}), frozenset({"h1"})
)


def test_a_repeat_of_what_was_closed_meanwhile_rings_anew(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The home did not know; over both lanes it is one alarm.  What was pressed before the closing
    is old news."""
    alarm = raised(enrolled_home)
    enrolled_home.clock.advance(300)
    actions.explain(staff, WATCHER, alarm, AlarmFinding.FALSE_PRESS)
    enrolled_home.clock.advance(300)
    written = enrolled_home.send_urgent(AlarmRepeated(alarm=alarm))
    assert enrolled_home.post("events", written).status_code == 200
    before = enrolled_home.clock.now() - timedelta(seconds=500)
    enrolled_home.send(AlarmRepeated(alarm=alarm), at=before)
    first, anew = sorted(
        (AlarmRow(*row) for row in rows(staff, tables.alarm)), key=lambda one: one.id
    )
    assert (first.id, first.finding, first.outcome) == (alarm, "false_press", "no_need")
    assert (anew.type, anew.severity, anew.closed_at) == ("pendant", "care", None)
    assert anew.raised_at == enrolled_home.clock.now()


@pytest.mark.parametrize("lane", ["events", "urgent"])
def test_the_visit_that_answers_an_alarm(
    enrolled_home: EnrolledHome, staff: Staff, lane: str
) -> None:
    """It begins while somebody has the alarm, whoever comes; an earlier one is of something else.
    Told over both lanes, somebody arrives once."""
    hire(enrolled_home.app, "p1", "p2")
    now = enrolled_home.clock.now
    enrolled_home.send(Draft(VisitStarted(since=now(), source=Stamp.TAP), person="p2"))
    alarm = raised(enrolled_home)
    enrolled_home.clock.advance(60)
    actions.acknowledge(staff, WATCHER, alarm)
    assert row_of(staff, alarm).arrived_at is None
    enrolled_home.clock.advance(60)
    came = Draft(VisitStarted(since=now(), source=Stamp.UNLOCK), person="p2")
    enrolled_home.clock.advance(600)
    if lane == "urgent":
        written = enrolled_home.send_urgent(came)
        enrolled_home.post("events", written)
    else:
        enrolled_home.send(came)
    row = row_of(staff, alarm)
    assert (row.arrived_by, row.arrived_visit) == ("p2", f"home:h1/{enrolled_home.seq}")
    with staff.db.read() as conn:
        kinds = conn.execute(select(tables.event.c.kind)).scalars().all()
        (answered,) = response_times.read(conn, tables.alarm.c.id == alarm)
    assert kinds.count("alarm.responder_arrived") == 1
    assert answered.response.arrived == timedelta(seconds=120)


def test_who_is_there_and_takes_it_has_arrived(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A caregiver on a visit takes the alarm of that home: help was there when it rang."""
    hire(enrolled_home.app, "p1")
    begun = VisitStarted(since=enrolled_home.clock.now(), source=Stamp.TAP)
    enrolled_home.send(Draft(begun, person="p1"))
    enrolled_home.clock.advance(900)
    alarm = raised(enrolled_home)
    enrolled_home.clock.advance(30)
    actions.acknowledge(staff, WATCHER, alarm)
    with staff.db.read() as conn:
        (answered,) = response_times.read(conn, tables.alarm.c.id == alarm)
    assert row_of(staff, alarm).arrived_by == "p1"
    assert answered.response.arrived == timedelta()


def test_a_visit_told_after_the_alarm_was_closed(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The home had no link: what it tells later still says when somebody came, with a correction
    of the visit too."""
    hire(enrolled_home.app, "p1")
    alarm = raised(enrolled_home)
    enrolled_home.clock.advance(60)
    actions.set_out(staff, WATCHER, alarm)
    enrolled_home.clock.advance(540)
    came = enrolled_home.clock.now()
    enrolled_home.clock.advance(600)
    actions.explain(staff, WATCHER, alarm, AlarmFinding.FALL)
    enrolled_home.clock.advance(3600)
    (visit,) = enrolled_home.send(Draft(VisitStarted(since=came, source=Stamp.TAP), person="p1"))

    def arrived() -> timedelta | None:
        with staff.db.read() as conn:
            (answered,) = response_times.read(conn, tables.alarm.c.id == alarm)
        return answered.response.arrived

    assert arrived() == timedelta(seconds=600)
    said(staff, VisitCorrected(visit=visit.ref, since=came - timedelta(minutes=2), reason="forgot"))
    assert arrived() == timedelta(seconds=480)


def test_somebody_else_is_on_the_way(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Who sets out takes it; another one is told who has it; nothing can be said of what is
    closed but what it was."""
    alarm = raised(enrolled_home)
    actions.set_out(staff, WATCHER, alarm)
    row = row_of(staff, alarm)
    assert (row.acknowledged_by, row.departed_by) == ("p1", "p1")
    assert actions.set_out(staff, WATCHER, alarm).ref == alarm
    other = dataclasses.replace(WATCHER, person="p2")
    with pytest.raises(Refused) as caught:
        actions.set_out(staff, other, alarm)
    assert (caught.value.why, caught.value.data["person"]) == (Why.NOT_FIRST, "p1")
    actions.explain(staff, other, alarm, AlarmFinding.TEST)
    with pytest.raises(Refused) as caught:
        actions.set_out(staff, WATCHER, alarm)
    assert (caught.value.why, caught.value.data["person"]) == (Why.CLOSED, "p2")
    with pytest.raises(Refused):
        actions.explain(staff, WATCHER, alarm, AlarmFinding.OTHER, "   ", again=True)
    actions.note(staff, WATCHER, alarm, "ringde upp")
    with pytest.raises(Refused):
        actions.note(staff, WATCHER, alarm, "")
