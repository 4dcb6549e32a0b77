"""Visits beside the door: tags, declined visits, corrections, approval, the lock date, absence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.envelope import Draft
from gateway.events import Stamp, Tap, Undone, VisitEnded, VisitStarted
from tests.staff.care.test_actions import CAREGIVER, actor, refusal
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, hire
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.runtime.watch import Watch
from web.staff.storage import tables
from web.staff.storage.plan_tables import absence, plan_visit, visit_note
from web.staff.visits import plan_import, plan_store, visit_actions
from web.staff.visits.plan_store import Sent
from web.staff.visits.visit_actions import correct

MIN = timedelta(minutes=1)
COORDINATOR = actor(Role.COORDINATOR, person="p9", assigned=frozenset())
STRANGER = actor(Role.CAREGIVER, person="p2", assigned=frozenset())


def a_visit(home: EnrolledHome, *, person: str = "p1", ended: bool = True) -> str:
    """A visit of half an hour that ended ten minutes ago; its reference."""
    now = home.clock.now()
    started = VisitStarted(since=now - 40 * MIN, source=Stamp.UNLOCK)
    hire(home.app, person)
    (event,) = home.send(Draft(started, person=person))
    if ended:
        end = VisitEnded(visit=event.ref, until=now - 10 * MIN, source=Stamp.LOCK)
        home.send(Draft(end, person=person))
    return event.ref


def visit(staff: Staff, ref: str) -> Any:
    (row,) = rows(staff, tables.visit, id=ref)
    return row


# --- tags


def test_a_tag_is_a_tap_with_its_own_source(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The home is told who tapped and that it was the tag; the tag itself is kept hashed, and
    stands in no event."""
    tag = visit_actions.make_tag(staff, "h1")
    visit_actions.tap_tag(staff, CAREGIVER, tag, Tap.ARRIVE)
    (event,) = rows(staff, tables.event, kind="visit.tapped")
    assert (event.person, event.home_id) == ("p1", "h1")
    assert '"source":"tag"' in event.body
    everything = str([rows(staff, table) for table in tables.metadata.sorted_tables])
    assert tag not in everything


def test_a_tag_opens_nothing_for_others(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Not assigned, not one's organisation, unknown, revoked: refused, and nothing is written."""
    tag = visit_actions.make_tag(staff, "h1")
    tap = visit_actions.tap_tag
    assert refusal(tap, staff, STRANGER, tag, Tap.ARRIVE).why is Why.NOT_ASSIGNED
    assert refusal(tap, staff, COORDINATOR, tag, Tap.ARRIVE).why is Why.NO_ROLE
    foreign = type(CAREGIVER)(
        "p3", "", "org2", frozenset({Role.CAREGIVER}), frozenset({"h2"}), frozenset({"h2"})
    )
    assert refusal(tap, staff, foreign, tag, Tap.ARRIVE).why is Why.NO_TAG
    assert refusal(tap, staff, CAREGIVER, tag + "x", Tap.ARRIVE).why is Why.NO_TAG
    assert visit_actions.revoke_tags(staff, "h1") == 1
    assert refusal(tap, staff, CAREGIVER, tag, Tap.ARRIVE).why is Why.NO_TAG
    assert rows(staff, tables.event, kind="visit.tapped") == []


# --- declined


def test_a_declined_visit_is_told_once(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """With its reason and which planned visit it was; a second tap is the same; a visit that the
    plan does not have is refused."""
    now = staff.clock.now()
    with staff.write() as tx:
        drafts = [plan_import.Draft(1, "h1", "a1", now, now + 30 * MIN)]
        plan_store.keep(tx.conn, "org1", Sent("prov", drafts), now=now)
    (planned,) = rows(staff, plan_visit)
    first = visit_actions.decline(staff, CAREGIVER, "h1", Undone.DECLINED, planned.id)
    again = visit_actions.decline(staff, CAREGIVER, "h1", Undone.ABSENT, planned.id)
    assert again == first
    (row,) = rows(staff, tables.visit_declined)
    assert (row.id, row.person, row.why, row.planned) == (first.ref, "p1", "declined", planned.id)
    decline = visit_actions.decline
    assert refusal(decline, staff, CAREGIVER, "h1", Undone.ABSENT, "none").why is Why.NO_PLAN
    assert refusal(decline, staff, STRANGER, "h1", Undone.ABSENT).why is Why.NOT_ASSIGNED
    assert refusal(decline, staff, COORDINATOR, "h1", Undone.ABSENT).why is Why.NO_ROLE


# --- corrections


def test_a_correction_keeps_the_original_with_who_and_why(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Both stand side by side; a later correction of one stamp keeps the earlier of the other; the
    note is beside the event, not in it."""
    ref, now = a_visit(enrolled_home), staff.clock.now()
    before = visit(staff, ref)
    args = {"reason": "forgot", "note": " Ringde anhörig. "}
    done = correct(staff, CAREGIVER, ref, since=None, until=now - 5 * MIN, **args)
    correct(staff, COORDINATOR, ref, since=now - 45 * MIN, until=None, reason="wrong_time")
    row = visit(staff, ref)
    assert (row.since, row.until) == (before.since, before.until)
    assert (row.corrected_since, row.corrected_until) == (now - 45 * MIN, now - 5 * MIN)
    assert (row.corrected_by, row.correction_reason) == ("p9", "wrong_time")
    (note,) = rows(staff, visit_note)
    assert (note.ref, note.text) == (done.ref, "Ringde anhörig.")
    assert len(rows(staff, tables.event, kind="visit.corrected")) == 2
    bodies = [event.body for event in rows(staff, tables.event, kind="visit.corrected")]
    assert not any("anhörig" in body for body in bodies)


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        (None, None, "forgot"),
        (None, -10, "forgot"),
        (None, 1, "forgot"),
        (None, -41, "forgot"),
        (-9, None, "forgot"),
        (-25 * 60, None, "forgot"),
        (None, -5, "just because"),
    ],
)
def test_times_that_cannot_be(
    enrolled_home: EnrolledHome,
    staff: Staff,
    since: int | None,
    until: int | None,
    reason: str,
) -> None:
    """Nothing changed, to come, an end before the beginning, longer than a day, no reason."""
    ref, now = a_visit(enrolled_home), staff.clock.now()
    at: list[datetime | None] = [None if m is None else now + m * MIN for m in (since, until)]

    def call() -> None:
        correct(staff, COORDINATOR, ref, since=at[0], until=at[1], reason=reason)

    assert refusal(call).why is Why.BAD_TIME
    assert rows(staff, tables.event, kind="visit.corrected") == []


def test_a_caregiver_corrects_the_own_visit_of_the_day(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Not another's, and not when the day and twelve hours are over; the coordinator may."""
    own, others = a_visit(enrolled_home), a_visit(enrolled_home, person="p2")
    until = staff.clock.now() - 5 * MIN

    def by(who: object, ref: str) -> object:
        return correct(staff, who, ref, since=None, until=until, reason="forgot")  # type: ignore[arg-type]

    assert refusal(by, CAREGIVER, others).why is Why.NOT_YOURS
    enrolled_home.clock.advance(12 * 3600)
    assert refusal(by, CAREGIVER, own).why is Why.NOT_YOURS
    assert refusal(by, CAREGIVER, "home:h1/99").why is Why.NO_VISIT
    by(COORDINATOR, own)


def test_a_missing_departure_is_never_invented(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """An open visit has no end until a person gives it one."""
    ref = a_visit(enrolled_home, ended=False)
    enrolled_home.clock.advance(3600)
    assert visit(staff, ref).until is None
    until = staff.clock.now() - 30 * MIN
    correct(staff, CAREGIVER, ref, since=None, until=until, reason="forgot")
    row = visit(staff, ref)
    assert (row.until, row.corrected_until) == (None, until)


# --- approval and the lock date


def test_approval_and_what_takes_it_back(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Only whole visits are approved; a correction afterwards takes the approval back."""
    whole, still = a_visit(enrolled_home), a_visit(enrolled_home, ended=False)
    assert refusal(visit_actions.approve, staff, CAREGIVER, [whole]).why is Why.NO_ROLE
    assert visit_actions.approve(staff, COORDINATOR, [whole, still, "home:h1/99"]) == 1
    assert visit(staff, whole).approved_by == "p9"
    assert visit_actions.approve(staff, COORDINATOR, [whole]) == 0
    until = staff.clock.now() - 5 * MIN
    correct(staff, COORDINATOR, whole, since=None, until=until, reason="other")
    assert visit(staff, whole).approved_at is None


def test_after_the_lock_date_nothing_changes(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Neither correction nor approval, for nobody; nor may a visit be moved behind the date; the
    date never moves back, and never lies ahead."""
    enrolled_home.describe()
    ref = a_visit(enrolled_home)
    enrolled_home.clock.advance(3600)
    now, later = staff.clock.now(), a_visit(enrolled_home)
    lock = visit_actions.lock
    assert refusal(lock, staff, "p9", ["h1"], now + MIN).why is Why.BAD_TIME
    assert lock(staff, "p9", ["h1"], now - 50 * MIN) == 1
    assert lock(staff, "p9", ["h1"], now - 60 * MIN) == 0

    def fix(which: str, since: datetime) -> object:
        return correct(staff, COORDINATOR, which, since=since, until=None, reason="other")

    assert refusal(fix, ref, now - 99 * MIN).why is Why.LOCKED
    assert refusal(fix, later, now - 55 * MIN).why is Why.LOCKED
    assert visit_actions.approve(staff, COORDINATOR, [ref]) == 0
    fix(later, now - 45 * MIN)


def test_the_lock_by_age(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """`visits.lock_after_days` locks without anybody doing anything."""
    ref = a_visit(enrolled_home)
    days = staff.config.visits.model_copy(update={"lock_after_days": 2})
    staff.config = staff.config.model_copy(update={"visits": days})
    enrolled_home.clock.advance(2 * 86400)

    def fix() -> object:
        at = staff.clock.now() - timedelta(days=2, minutes=5)
        return correct(staff, COORDINATOR, ref, since=None, until=at, reason="other")

    assert refusal(fix).why is Why.LOCKED


# --- absence


def test_an_absence_told_in_advance_begins_by_itself(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The home is told when it begins, once, with its end; not before, and not when taken back."""
    now, watch = staff.clock.now(), Watch(staff)
    note = visit_actions.note_absence
    note(staff, COORDINATOR, "h1", now + 60 * MIN, now + 600 * MIN)
    note(staff, COORDINATOR, "h1", now + 60 * MIN, None)
    second = rows(staff, absence)[1]
    visit_actions.end_absence(staff, COORDINATOR, "h1", second.id)
    watch.look()
    assert rows(staff, tables.event, kind="absence.started") == []
    enrolled_home.clock.advance(3600)
    watch.look()
    watch.look()
    (event,) = rows(staff, tables.event, kind="absence.started")
    assert '"until":"2026-11-24T07:00:00.000Z"' in event.body
    assert rows(staff, tables.event, kind="absence.ended") == []


def test_back_before_the_end(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The home is told that the resident is back; a second time is refused."""
    now = staff.clock.now()
    visit_actions.note_absence(staff, COORDINATOR, "h1", now - 60 * MIN, now + 600 * MIN)
    assert len(rows(staff, tables.event, kind="absence.started")) == 1
    (row,) = rows(staff, absence)
    end = visit_actions.end_absence
    assert refusal(end, staff, CAREGIVER, "h1", row.id).why is Why.NO_ROLE
    end(staff, COORDINATOR, "h1", row.id)
    assert len(rows(staff, tables.event, kind="absence.ended")) == 1
    assert refusal(end, staff, COORDINATOR, "h1", row.id).why is Why.CLOSED
    bad = refusal(visit_actions.note_absence, staff, COORDINATOR, "h1", now, now - MIN)
    assert bad.why is Why.BAD_TIME
