"""What is known of an alarm's life, folded from its events."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete

from gateway.envelope import Draft, Event
from gateway.events import (
    AlarmAcknowledged,
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
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.projections.rebuild import Fold, rebuild_home
from web.staff.storage import tables
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
