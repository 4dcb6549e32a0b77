"""The rule `visit`: who came and left."""

from __future__ import annotations

from datetime import timedelta

from gateway.events import (
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRequested,
    Stamp,
    Tap,
    VisitCorrected,
    VisitTapped,
)
from tests.rules.conftest import BEGIN, Story, Tell

VISIT = ("visit.started", "visit.ended", "visit.overdue")


def turn(
    story: Story,
    local: str,
    person: str,
    action: str = "unlock",
    *,
    outcome: LockOperationOutcome = LockOperationOutcome.DONE,
    reason: str = "planned_visit",
) -> None:
    grant = f"g{len(story.log)}"
    asked = LockOperationRequested(grant=grant, action=action, reason=reason)
    story.at(local, asked, "door", person)
    story.at(f"{local}:08", LockOperationEnded(grant=grant, outcome=outcome), "door", person)


def test_from_the_first_unlock_to_the_lock(tell: Tell) -> None:
    """Unlock, unlock again, lock: one visit, both stamps from the door and resting on it."""
    story = tell()
    turn(story, "22:00", "p1")
    turn(story, "22:10", "p1")
    turn(story, "22:30", "p1", "lock")
    assert story.said(*VISIT) == ["22:00:08 visit.started unlock", "22:30:08 visit.ended lock"]
    started, ended = story.decided(*VISIT)
    assert started.person == ended.person == "p1"
    assert started.data.since == started.at
    assert ended.because is not None and ended.because.events[0] == started.ref
    assert ended.data.visit == started.ref


def test_taps_stamp_with_the_time_of_the_tap(tell: Tell) -> None:
    """A tap made without a network arrives an hour later and keeps its own time."""
    story = tell()
    written = BEGIN + timedelta(minutes=5)
    story.staff("22:10", VisitTapped(tap=Tap.ARRIVE), "p1", written=written)
    story.staff("22:40", VisitTapped(tap=Tap.LEAVE), "p1")
    started, ended = story.decided("visit.started", "visit.ended")
    assert started.data.since == written
    assert started.data.source is Stamp.TAP
    assert ended.data.until == ended.at


def test_tap_then_unlock_is_one_visit(tell: Tell) -> None:
    """The first sign starts the visit; the second adds none."""
    story = tell()
    story.staff("22:00", VisitTapped(tap=Tap.ARRIVE), "p1")
    turn(story, "22:01", "p1")
    story.staff("22:30", VisitTapped(tap=Tap.LEAVE), "p1")
    assert story.said(*VISIT) == ["22:00:00 visit.started tap", "22:30:00 visit.ended tap"]


def test_two_caregivers_are_two_visits(tell: Tell) -> None:
    """Each ends with their own departure; the lock of one does not end the other's."""
    story = tell()
    turn(story, "22:00", "p1")
    turn(story, "22:05", "p2")
    turn(story, "22:20", "p2", "lock")
    story.staff("22:40", VisitTapped(tap=Tap.LEAVE), "p1")
    persons = [(event.kind, event.person) for event in story.decided(*VISIT)]
    assert persons == [
        ("visit.started", "p1"),
        ("visit.started", "p2"),
        ("visit.ended", "p2"),
        ("visit.ended", "p1"),
    ]


def test_what_is_no_arrival(tell: Tell) -> None:
    """A turn that failed, whose outcome nobody knows, that was for service or never asked for; a
    departure without an arrival: no visit."""
    story = tell()
    turn(story, "22:00", "p1", outcome=LockOperationOutcome.FAILED)
    turn(story, "22:05", "p1", outcome=LockOperationOutcome.UNKNOWN)
    turn(story, "22:10", "p1", reason="service")
    story.at(
        "22:15", LockOperationEnded(grant="nobody", outcome=LockOperationOutcome.DONE), "door", "p1"
    )
    turn(story, "22:20", "p1", "lock")
    story.staff("22:30", VisitTapped(tap=Tap.LEAVE), "p1")
    assert story.said(*VISIT) == []


def test_a_turn_that_ended_nowhere_is_forgotten(tell: Tell) -> None:
    """Asked an hour and a half ago, and a new turn asked since: an end that comes now is no
    arrival of now."""
    story = tell()
    for local, grant in (("22:00", "old"), ("23:30", "new")):
        asked = LockOperationRequested(grant=grant, action="unlock", reason="planned_visit")
        story.at(local, asked, "door", "p1")
    story.at(
        "23:31", LockOperationEnded(grant="old", outcome=LockOperationOutcome.DONE), "door", "p1"
    )
    assert story.said(*VISIT) == []
    assert set(story.state("visit").turns) == {"new"}


def test_a_stale_departure_does_not_end_a_later_visit(tell: Tell) -> None:
    """A tap of before the arrival that comes late is no departure of this visit."""
    story = tell()
    turn(story, "22:00", "p1")
    story.staff("22:10", VisitTapped(tap=Tap.LEAVE), "p1", written=BEGIN)
    assert story.said(*VISIT) == ["22:00:08 visit.started unlock"]


def test_without_a_departure_it_becomes_overdue_never_ended(tell: Tell) -> None:
    """Four hours on: overdue, once, and no invented end; the next arrival is a visit of its own."""
    story = tell()
    turn(story, "22:00", "p1")
    story.until("08:00")
    assert story.said(*VISIT)[1:] == ["02:00:08 visit.overdue"]
    turn(story, "09:00", "p1")
    turn(story, "09:30", "p1", "lock")
    started = story.decided("visit.started")
    (ended,) = story.decided("visit.ended")
    assert len(started) == 2
    assert ended.data.visit == started[1].ref


def test_a_visit_may_still_end_after_it_was_overdue(tell: Tell) -> None:
    """A long visit that ends at last has its end."""
    story = tell(visit={"overdue_h": 1})
    turn(story, "22:00", "p1")
    turn(story, "23:30", "p1", "lock")
    kinds = [event.kind for event in story.decided(*VISIT)]
    assert kinds == ["visit.started", "visit.overdue", "visit.ended"]


def test_a_corrected_departure_ends_the_watch(tell: Tell) -> None:
    """A coordinator said when it ended: not overdue any more; a corrected arrival changes nothing
    here."""
    story = tell()
    turn(story, "22:00", "p1")
    (started,) = story.decided("visit.started")
    story.staff("22:20", VisitCorrected(visit=started.ref, since=BEGIN, reason="x"), "p8")
    until = started.at + timedelta(minutes=20)
    story.staff("22:40", VisitCorrected(visit=started.ref, until=until, reason="x"), "p8")
    story.until("08:00")
    assert story.said("visit.overdue") == []


def test_the_tag_at_the_door_is_a_source_of_its_own(tell: Tell) -> None:
    """A tap through the tag's link stamps as a tag: the source of each stamp is kept."""
    story = tell()
    story.staff("22:00", VisitTapped(tap=Tap.ARRIVE, source=Stamp.TAG), "p1")
    story.staff("22:30", VisitTapped(tap=Tap.LEAVE), "p1")
    assert story.said(*VISIT) == ["22:00:00 visit.started tag", "22:30:00 visit.ended tap"]
