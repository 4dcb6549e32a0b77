"""The plan of a home at the server: set, numbered, spread, and whether the home follows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from gateway.clock import ManualClock
from gateway.errors import BadPlan
from gateway.events import (
    CheckMethod,
    CheckPlanned,
    CheckWithdrawn,
    GatewayStarted,
    Night,
    PlanHeld,
    PlanRefusal,
    PlanRefused,
    PlanSet,
    PlanTerms,
    PreviousRun,
)
from gateway.night_plan import minutes_of, night_plan
from tests.staff.parts import EnrolledHome, add_home
from web.staff.care.actions import Refused, Why
from web.staff.checks import plans
from web.staff.checks.plans import Follows
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import event_store, tables

TERMS = PlanTerms(times=("23:00", "02:30"), nights=Night.offered())

Made = Callable[..., Actor]


def decided(staff: Staff, home: str = "h1") -> list[PlanSet]:
    """The plans that went to the home as events."""
    e = tables.event.c
    with staff.db.read() as conn:
        rows = conn.execute(
            tables.event.select().where(e.home_id == home, e.kind == PlanSet.KIND).order_by(e.seq)
        ).all()
    found = (event_store.to_event(row.body, row.hash).data for row in rows)
    return [data for data in found if isinstance(data, PlanSet)]


def test_a_change_is_an_event_with_the_whole_plan_and_the_next_number(
    home: EnrolledHome, staff: Staff, make_user: Made
) -> None:
    """Each is numbered; the same again writes nothing; the tables made anew say the same."""
    planner = make_user("p-plan", ["coordinator"])
    plans.set_plan(staff, planner, "h1", TERMS, after=0)
    later = replace(TERMS, method=CheckMethod.VISIT)
    assert plans.set_plan(staff, planner, "h1", later, after=1).number == 2
    assert plans.set_plan(staff, planner, "h1", later, after=2).number == 2
    assert decided(staff) == [PlanSet(number=1, terms=TERMS), PlanSet(number=2, terms=later)]
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    with staff.db.read() as conn:
        history = plans.history(conn, "h1", 9)
    assert [(one.number, one.terms, one.set_by) for one in history] == [
        (2, later, "p-plan"),
        (1, TERMS, "p-plan"),
    ]


def test_of_two_who_change_at_once_the_second_is_told(
    home: EnrolledHome, staff: Staff, make_user: Made
) -> None:
    """Nobody overwrites what they have not seen."""
    planner = make_user("p-plan", ["coordinator"])
    plans.set_plan(staff, planner, "h1", TERMS, after=0)
    with pytest.raises(Refused) as refused:
        plans.set_plan(staff, planner, "h1", replace(TERMS, recheck_min=20), after=0)
    assert refused.value.why is Why.NOT_FIRST
    assert len(decided(staff)) == 1


def test_who_may_not_plan_is_refused(home: EnrolledHome, staff: Staff, make_user: Made) -> None:
    """Another role, and another organisation's home; and a plan that none may follow."""
    for who, why in ((["night_watcher"], Why.NO_ROLE), (["caregiver"], Why.NO_ROLE)):
        actor = make_user(f"p-{who[0]}", who, homes=["h1"])
        with pytest.raises(Refused) as refused:
            plans.set_plan(staff, actor, "h1", TERMS, after=0)
        assert refused.value.why is why
    planner = make_user("p-plan", ["coordinator"])
    with pytest.raises(Refused) as refused:
        plans.set_plan(staff, planner, "h9", TERMS, after=0)
    assert refused.value.why is Why.NO_HOME
    with pytest.raises(BadPlan):
        plans.set_plan(staff, planner, "h1", replace(TERMS, times=("24:00",)), after=0)
    assert decided(staff) == []


# --- a hundred homes ------------------------------------------------------------------------------


def test_a_hundred_homes_do_not_ring_in_one_minute(
    staff_app: Flask, staff: Staff, make_user: Made
) -> None:
    """The same times in a hundred homes, ten minutes to spread them over: ten in the fullest of
    eleven minutes, the same minutes again for the same plans.  Who sets no tolerance keeps the
    minute."""
    for number in range(100):
        add_home(staff_app, f"n{number}")
    planner = make_user("p-plan", ["coordinator"])
    terms = replace(TERMS, tolerance_min=10)
    chosen = [
        plans.set_plan(staff, planner, f"n{number}", terms, after=0).terms for number in range(100)
    ]
    rings = Counter(minute for one in chosen for minute in minutes_of(night_plan(one)))
    assert len(rings) == 2 * 11
    assert max(rings.values()) == 10
    assert [one.offset_min for one in chosen[:12]] == [*range(11), 0]
    method = replace(terms, method=CheckMethod.CAMERA)
    assert plans.set_plan(staff, planner, "n5", method, after=1).terms.offset_min == 5
    exact = replace(terms, tolerance_min=0)
    assert plans.set_plan(staff, planner, "n5", exact, after=2).terms.offset_min == 0


# --- what the home does ---------------------------------------------------------------------------


def follows(staff: Staff) -> tuple[Follows, int | None, PlanRefusal | None]:
    with staff.db.read() as conn:
        standing = plans.standing(conn, "h1")
    return standing.follows, standing.held, standing.why


def has_all(home: EnrolledHome, staff: Staff) -> None:
    """The home has on its disk what was decided."""
    with staff.db.read() as conn:
        home.down_have = event_store.read_head(conn, "staff:h1").seq


STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CLEAN)


def test_which_plan_the_home_follows_the_home_says(
    home: EnrolledHome, staff: Staff, make_user: Made, clock: ManualClock
) -> None:
    """Not yet, then that it does; one that it refuses, and the one before goes on."""
    planner = make_user("p-plan", ["coordinator"])
    home.send(STARTED)
    set_ = plans.set_plan(staff, planner, "h1", TERMS, after=0)
    assert follows(staff) == (Follows.NOT_YET, None, None)
    clock.advance(60)
    has_all(home, staff)
    home.send(PlanHeld(number=1, terms=set_.terms, looks_agreed=False))
    assert follows(staff) == (Follows.YES, 1, None)
    plans.set_plan(staff, planner, "h1", replace(TERMS, recheck_min=30), after=1)
    home.send(PlanRefused(number=2, why=PlanRefusal.NOT_UNDERSTOOD))
    assert follows(staff) == (Follows.REFUSED, 1, PlanRefusal.NOT_UNDERSTOOD)


def test_a_home_of_before_has_the_plan_and_follows_its_file(
    home: EnrolledHome, staff: Staff, make_user: Made, clock: ManualClock
) -> None:
    """It keeps the event and says nothing; also one that was put back to an older version, which
    had said that it follows."""
    planner = make_user("p-plan", ["coordinator"])
    home.send(STARTED)
    set_ = plans.set_plan(staff, planner, "h1", TERMS, after=0)
    has_all(home, staff)
    home.send(CheckPlanned(check="n@1", slot=clock.now(), report_by=clock.now()))
    assert follows(staff) == (Follows.ITS_FILE, None, None)
    clock.advance(60)
    home.send(PlanHeld(number=1, terms=set_.terms, looks_agreed=False))
    assert follows(staff) == (Follows.YES, 1, None)
    clock.advance(60)
    home.send(STARTED)
    assert follows(staff) == (Follows.ITS_FILE, 1, None)


def test_a_slot_that_was_withdrawn_is_waited_for_no_longer(
    home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """Nobody is alarmed because of it; planned anew it counts again."""
    c = tables.night_check.c
    slot = clock.now() + timedelta(hours=2)
    planned = CheckPlanned(check="night@x", slot=slot, report_by=slot)
    states = []
    for data in (planned, CheckWithdrawn(check="night@x"), planned):
        home.send(data)
        with staff.db.read() as conn:
            row = conn.execute(tables.night_check.select().where(c.check == "night@x")).one()
        states.append((row.state, row.closed_at is None))
    assert states == [("planned", True), ("withdrawn", False), ("planned", True)]
