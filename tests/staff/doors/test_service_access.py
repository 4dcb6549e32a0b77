"""A technician asks, a second person answers: who may, for how long, and what is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from gateway.access.grants import Action, Reason
from gateway.envelope import Draft
from gateway.events import GrantApproved, GrantRequested
from tests.staff.care.test_actions import refusal
from tests.staff.doors.test_lock_orders import read, told
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.doors import lock_orders, service_access
from web.staff.doors.service_access import Standing
from web.staff.storage import tables
from web.staff.storage.plan_tables import visit_note

Make = Callable[..., Actor]


@pytest.fixture
def tech(make_user: Make) -> Actor:
    """Who asks."""
    return make_user("t1", ["technician"])


@pytest.fixture
def boss(make_user: Make) -> Actor:
    """Who answers."""
    return make_user("c1", ["coordinator"])


def standings(staff: Staff) -> list[Standing]:
    """What became of every request, the newest first."""
    with staff.db.read() as conn:
        found = service_access.recent(conn, ["h1"], staff.clock.now())
    return [service_access.standing(row, staff.clock.now()) for row in found]


def advance(staff: Staff, minutes: float) -> None:
    staff.clock.advance(minutes * 60)  # type: ignore[attr-defined]


def test_service_needs_a_second_person(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """A technician asks, another says yes; once asked, once answered, a quarter of an hour."""
    tech = make_user("t1", ["technician"])
    boss = make_user("c1", ["coordinator"])
    both = make_user("t2", ["technician", "coordinator"])
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    assert refusal(lock_orders.order_turn, staff, tech, "h1", "front").why is Why.NOT_APPROVED
    assert refusal(service_access.request, staff, carer, "h1", "front").why is Why.NO_ROLE
    asked = service_access.request(staff, tech, "h1", "front")

    def answer(who: Actor, ref: str, yes: bool = True) -> Any:
        return service_access.answer(staff, who, "h1", ref, yes=yes)

    assert refusal(answer, tech, asked.ref).why is Why.NO_ROLE
    assert refusal(answer, boss, "staff:h1/1").why is Why.NO_REQUEST
    own = service_access.request(staff, both, "h1", "front")
    assert refusal(answer, both, own.ref).why is Why.SAME_PERSON
    assert refusal(lock_orders.order_turn, staff, both, "h1", "front").why is Why.NOT_APPROVED
    yes = answer(boss, asked.ref)
    assert refusal(answer, carer, asked.ref).why is Why.CLOSED
    sent = lock_orders.order_turn(staff, tech, "h1", "front")
    grant = read(staff, stream)
    assert (sent.reason, grant.ref, grant.person) == (Reason.SERVICE, yes.ref, "t1")
    staff.clock.advance(service_access.APPROVED_MIN * 60)  # type: ignore[attr-defined]
    assert refusal(lock_orders.order_turn, staff, tech, "h1", "front").why is Why.NOT_APPROVED
    no = service_access.request(staff, tech, "h1", "front")
    answer(carer, no.ref, False)
    assert refusal(lock_orders.order_turn, staff, tech, "h1", "front").why is Why.NOT_APPROVED
    assert len(told(staff, "grant.refused")) == 1


def test_asked_again_it_is_the_first(home: EnrolledHome, staff: Staff, tech: Actor) -> None:
    """A finger that trembles, or an answer that came late: one request, and one event."""
    first = service_access.request(staff, tech, "h1", "front", why="battery", note="  röd lampa ")
    again = service_access.request(staff, tech, "h1", "front", why="lock")
    assert (first.fresh, again.fresh, again.ref) == (True, False, first.ref)
    (asked,) = told(staff, "grant.requested")
    assert asked.data.why == "battery"
    with staff.db.read() as conn:
        assert conn.execute(select(visit_note.c.text)).scalars().all() == ["röd lampa"]
    assert "lampa" not in rows(staff, tables.event, kind="grant.requested")[0].body


def test_a_code_that_nobody_knows_is_not_written(
    home: EnrolledHome, staff: Staff, tech: Actor
) -> None:
    """Free words never become part of an event."""
    service_access.request(staff, tech, "h1", "front", why="Prov Boende bad om det")
    assert told(staff, "grant.requested")[0].data.why is None


def test_a_request_waits_an_hour_and_an_approval_then_lives_its_time(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], tech: Actor, boss: Actor
) -> None:
    """Answered late it still gives a quarter of an hour; not answered it must be asked anew."""
    late = service_access.request(staff, tech, "h1", "front")
    advance(staff, 59)
    service_access.answer(staff, boss, "h1", late.ref, yes=True)
    advance(staff, 14)
    assert lock_orders.order_turn(staff, tech, "h1", "front").reason is Reason.SERVICE
    advance(staff, 1)
    assert standings(staff) == [Standing.OVER]
    old = service_access.request(staff, tech, "h1", "front")
    advance(staff, 60)
    assert standings(staff)[0] is Standing.EXPIRED
    assert refusal(_answer, staff, boss, old.ref, True).why is Why.NO_REQUEST
    assert refusal(service_access.withdraw, staff, tech, "h1", old.ref).why is Why.NO_REQUEST
    assert service_access.request(staff, tech, "h1", "front").fresh


def _answer(staff: Staff, who: Actor, ref: str, yes: bool) -> Any:
    return service_access.answer(staff, who, "h1", ref, yes=yes)


def test_who_got_in_may_lock_after_themselves(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], tech: Actor, boss: Actor
) -> None:
    """An approval to unlock is one to lock; one to lock opens nothing."""
    asked = service_access.request(staff, tech, "h1", "front")
    service_access.answer(staff, boss, "h1", asked.ref, yes=True)
    assert lock_orders.order_turn(staff, tech, "h1", "front", Action.LOCK).reason is Reason.SERVICE
    advance(staff, 16)
    asked = service_access.request(staff, tech, "h1", "front", Action.LOCK)
    service_access.answer(staff, boss, "h1", asked.ref, yes=True)
    assert refusal(lock_orders.order_turn, staff, tech, "h1", "front").why is Why.NOT_APPROVED


def test_an_approval_is_taken_back_with_what_is_under_way(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], tech: Actor, boss: Actor
) -> None:
    """A second thought: the turn is revoked, a new one is refused, and who did it is written."""
    asked = service_access.request(staff, tech, "h1", "front")
    service_access.answer(staff, boss, "h1", asked.ref, yes=True)
    sent = lock_orders.order_turn(staff, tech, "h1", "front")
    _answer(staff, boss, asked.ref, False)
    (revoked,) = told(staff, "grant.revoked")
    assert (revoked.data.grant, revoked.person) == (sent.grant, "c1")
    assert refusal(lock_orders.order_turn, staff, tech, "h1", "front").why is Why.NOT_APPROVED
    assert standings(staff) == [Standing.DECLINED]
    assert refusal(_answer, staff, boss, asked.ref, True).why is Why.CLOSED


def test_the_asker_takes_the_request_back(
    home: EnrolledHome, staff: Staff, tech: Actor, boss: Actor, make_user: Make
) -> None:
    """Before it is answered; nobody else can in the asker's name; then it is over."""
    asked = service_access.request(staff, tech, "h1", "front")
    other = make_user("t2", ["technician"])
    assert refusal(service_access.withdraw, staff, other, "h1", asked.ref).why is Why.NO_REQUEST
    service_access.withdraw(staff, tech, "h1", asked.ref)
    assert standings(staff) == [Standing.WITHDRAWN]
    assert refusal(_answer, staff, boss, asked.ref, True).why is Why.CLOSED
    assert refusal(service_access.withdraw, staff, tech, "h1", asked.ref).why is Why.CLOSED


def test_a_home_approves_nothing(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], tech: Actor
) -> None:
    """A gateway in wrong hands writes requests and approvals of its own: they count for nothing."""
    asked = service_access.request(staff, tech, "h1", "front")
    until = staff.clock.now().replace(year=2027)
    forged = [
        Draft(GrantRequested(action="unlock"), device="front", person="t1"),
        Draft(GrantApproved(request=asked.ref, until=until), device="front", person="c1"),
        Draft(GrantApproved(request="home:h1/2", until=until), device="front", person="c1"),
    ]
    home.send(*forged)
    assert standings(staff) == [Standing.WAITING]
    assert refusal(lock_orders.order_turn, staff, tech, "h1", "front").why is Why.NOT_APPROVED


def test_requests_are_counted_for_those_who_may_answer(
    home: EnrolledHome, staff: Staff, tech: Actor, boss: Actor, make_user: Make
) -> None:
    """The assigned and the coordinator; not the asker, not an administrator, not the unassigned."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    others = [make_user("p2", ["caregiver"]), make_user("a1", ["administrator"]), tech]
    asked = service_access.request(staff, tech, "h1", "front")

    def count(who: Actor) -> int:
        with staff.db.read() as conn:
            (count,) = conn.execute(service_access.waiting(who, staff.clock.now())).one()
            return count

    assert [count(who) for who in (carer, boss, *others)] == [1, 1, 0, 0, 0]
    _answer(staff, carer, asked.ref, False)
    assert count(boss) == 0


def test_requests_are_shown_by_the_events_alone(
    home: EnrolledHome, staff: Staff, tech: Actor, boss: Actor
) -> None:
    """Rebuilt from the log they are as they were."""
    from web.staff.events.projections.rebuild import rebuild_home

    first = service_access.request(staff, tech, "h1", "front", why="battery")
    service_access.answer(staff, boss, "h1", first.ref, yes=False)
    second = service_access.request(staff, tech, "h1", "front")
    service_access.answer(staff, boss, "h1", second.ref, yes=True)
    before = sorted(map(tuple, rows(staff, tables.service_request)))
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert sorted(map(tuple, rows(staff, tables.service_request))) == before != []
