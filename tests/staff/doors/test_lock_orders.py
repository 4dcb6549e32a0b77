"""Who may turn a lock and on what ground; one turn for one wish; what is taken back."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gateway.access import codes, grants
from gateway.access.grants import Action, Reason
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    CheckEscalated,
    CodesIssued,
    GrantRevoked,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRefused,
    LockOperationRequested,
    Refusal,
    Severity,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.care.test_actions import refusal, turn_of
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_home, parts_of
from web.staff.care import actions
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.doors import door_codes, lock_orders, revocation
from web.staff.people import accounts
from web.staff.storage import tables
from web.staff.storage.event_store import to_event

Make = Callable[..., Actor]


def told(staff: Staff, kind: str) -> list[Any]:
    """The events of this kind; those of one origin in their order."""
    events = [to_event(row.body, row.hash) for row in rows(staff, tables.event, kind=kind)]
    one_origin = len({event.origin for event in events}) == 1
    return sorted(events, key=lambda event: event.seq) if one_origin else events


def alarm(home: EnrolledHome, severity: Severity = Severity.CARE) -> str:
    raised = AlarmRaised(type=AlarmType.BED_EXIT, severity=severity, since=home.clock.now())
    return home.send(raised)[0].ref


def read(staff: Staff, stream: Iterator[bytes]) -> grants.Grant:
    return grants.read(turn_of(stream), {staff.keys.kid: staff.keys.private.public_key()})


# --- one turn for one wish ------------------------------------------------------------------------


def test_a_wish_with_a_name_is_one_turn(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """A retry after a lost answer is the same turn, also when that has ended since; a new wish is a
    new one."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    first = lock_orders.order_turn(staff, carer, "h1", "front", key="w1")
    again = lock_orders.order_turn(staff, carer, "h1", "front", key="w1")
    assert again == first
    home.send(LockOperationEnded(grant=first.grant, outcome=LockOperationOutcome.DONE))
    assert lock_orders.order_turn(staff, carer, "h1", "front", key="w1").grant == first.grant
    assert lock_orders.order_turn(staff, carer, "h1", "front", key="w2").grant != first.grant
    assert len(told(staff, "grant.issued")) == 2


def test_many_taps_at_once_are_one_turn(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """Two phones of one person, and a finger that trembles: one grant."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    got: list[str] = []

    def tap(key: str) -> None:
        got.append(lock_orders.order_turn(staff, carer, "h1", "front", key=key).grant)

    threads = [threading.Thread(target=tap, args=(f"w{n % 3}",)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(got), len(set(got))) == (9, 1)
    assert len(told(staff, "grant.issued")) == 1


def test_another_persons_wish_of_the_same_name_is_its_own(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """Nobody gets somebody else's turn by knowing its name."""
    one = make_user("p1", ["caregiver"], homes=["h1"])
    other = make_user("p2", ["caregiver"], homes=["h1"])
    first = lock_orders.order_turn(staff, one, "h1", "front", key="w1")
    assert lock_orders.order_turn(staff, other, "h1", "front", key="w1").grant != first.grant


# --- on what ground -------------------------------------------------------------------------------


def test_during_a_care_alarm_others_of_the_organisation_may_open(
    staff_app: Flask,
    home: EnrolledHome,
    staff: Staff,
    stream: Iterator[bytes],
    make_user: Make,
) -> None:
    """Acute, and written as that; never for a technical alarm, another organisation, another role,
    nor when the alarm is over."""
    colleague = make_user("p9", ["caregiver"])
    assert refusal(lock_orders.order_turn, staff, colleague, "h1", "front").why is Why.NOT_ASSIGNED
    alarm(home, Severity.TECHNICAL)
    assert refusal(lock_orders.order_turn, staff, colleague, "h1", "front").why is Why.NOT_ASSIGNED
    ref = alarm(home)
    add_home(staff_app, "x1", org="org2")
    stranger = make_user("p8", ["caregiver"], org="org2", homes=["x1"])
    assert refusal(lock_orders.order_turn, staff, stranger, "h1", "front").why is Why.NO_HOME
    clerk = make_user("p7", ["administrator"])
    assert refusal(lock_orders.order_turn, staff, clerk, "h1", "front").why is Why.NO_ROLE
    sent = lock_orders.order_turn(staff, colleague, "h1", "front")
    assert (sent.reason, sent.alarm) == (Reason.ALARM, ref)
    (acute,) = told(staff, "grant.acute")
    assert (acute.person, acute.data.grant, acute.data.alarm) == ("p9", sent.grant, ref)
    assert read(staff, stream).ref == ref
    mine = make_user("p1", ["caregiver"], homes=["h1"])
    lock_orders.order_turn(staff, mine, "h1", "front")
    assert len(told(staff, "grant.acute")) == 1, "who is assigned is not acute"
    actions.resolve(staff, mine, ref, AlarmOutcome.HELPED)
    staff.clock.advance(300)  # type: ignore[attr-defined]
    assert refusal(lock_orders.order_turn, staff, colleague, "h1", "front").why is Why.NOT_ASSIGNED
    assert (
        refusal(lock_orders.order_turn, staff, colleague, "h1", "front", Action.LOCK).why
        is Why.NOT_ASSIGNED
    )
    home.send(VisitStarted_of("p9", home))
    sent = lock_orders.order_turn(staff, colleague, "h1", "front", Action.LOCK)
    assert sent.reason is Reason.PLANNED_VISIT, "who is still there may shut the door behind them"


def VisitStarted_of(person: str, home: EnrolledHome) -> Any:  # noqa: N802 - reads as the event
    from gateway.envelope import Draft

    return Draft(VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK), person=person)


def _plan(staff: Staff, since_h: float, person: str | None) -> None:
    from sqlalchemy import insert

    from web.staff.storage.plan_tables import plan_staff, plan_visit

    since = staff.clock.now() + timedelta(hours=since_h)
    with staff.db.write() as tx:
        tx.conn.execute(
            insert(plan_visit).values(
                id=f"v{since_h}",
                home_id="h1",
                source="test",
                external_id=f"v{since_h}",
                since=since,
                until=since + timedelta(minutes=30),
                staff_needed=1,
                imported_at=since,
            )
        )
        if person is not None:
            tx.conn.execute(insert(plan_staff).values(plan_id=f"v{since_h}", person_id=person))


def test_a_plan_says_when_and_a_nights_check_goes_beside_it(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """With a plan: in its window only; or because a night check asks for a visit, until that is
    made.  Locking is always allowed to who is assigned."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    _plan(staff, 5, "p1")
    assert refusal(lock_orders.order_turn, staff, carer, "h1", "front").why is Why.NOT_PLANNED
    lock_orders.order_turn(staff, carer, "h1", "front", Action.LOCK)
    staff.clock.advance(60)  # type: ignore[attr-defined]
    home.send(CheckEscalated(check="night@x", why="no_answer"))
    sent = lock_orders.order_turn(staff, carer, "h1", "front")
    assert sent.reason is Reason.CHECK
    grants = [read(staff, stream), read(staff, stream)]
    assert (grants[1].reason, grants[1].ref) == (Reason.CHECK, "night@x")
    (visit,) = home.send(VisitStarted_of("p1", home))
    staff.clock.advance(600)  # type: ignore[attr-defined]
    home.send(VisitEnded(visit=visit.ref, until=staff.clock.now(), source=Stamp.TAP))
    assert refusal(lock_orders.order_turn, staff, carer, "h1", "front").why is Why.NOT_PLANNED
    staff.clock.advance(4.5 * 3600)  # type: ignore[attr-defined]
    sent = lock_orders.order_turn(staff, carer, "h1", "front")
    assert sent.reason is Reason.PLANNED_VISIT


# --- codes ----------------------------------------------------------------------------------------


def words(staff: Staff) -> set[str]:
    """What all events say, word by word: a long random number holds any few digits now and then."""
    return set(re.findall(r"\w+", json.dumps([row.body for row in rows(staff, tables.event)])))


def test_codes_are_shown_to_the_person_and_stored_nowhere(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """The home can check what the phone shows; asked again they are the same; no digits in any
    event or table."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    (mine,) = door_codes.shift_codes(staff, carer)
    assert (mine.home, len(mine.codes)) == ("h1", door_codes.PER_HOME)
    assert door_codes.shift_codes(staff, carer) == [mine]
    (issued,) = told(staff, "codes.issued")
    assert isinstance(issued.data, CodesIssued)
    assert (issued.person, issued.data.kid) == ("p1", staff.keys.kid)
    key = codes.shared_key(home.key, staff.keys.private.public_key(), "h1")
    by_number = {told.number: told for told in issued.data.codes}
    for code in mine.codes:
        number, proof = codes.split(code.digits) or (0, "")
        assert codes.fits(key, "h1", "p1", by_number[number], proof)
        said = words(staff)
        assert proof not in said
        assert code.digits not in said
    assert not any(code.there for code in mine.codes)
    home.down_have = issued.seq
    home.post("events", home.seal(VisitStarted_of("p1", home)))
    (mine,) = door_codes.shift_codes(staff, carer)
    assert all(code.there for code in mine.codes)


def test_codes_are_for_those_who_may_open(
    home: EnrolledHome, staff: Staff, make_user: Make, staff_app: Flask
) -> None:
    """Not for other roles, nor for homes without assignment, plan or gateway."""
    assert (
        refusal(door_codes.shift_codes, staff, make_user("t1", ["technician"])).why is Why.NO_ROLE
    )
    assert door_codes.shift_codes(staff, make_user("p2", ["caregiver"])) == []
    add_home(staff_app, "h2")
    assert door_codes.shift_codes(staff, make_user("p3", ["caregiver"], homes=["h2"])) == []
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    _plan(staff, 30, "p1")
    assert door_codes.shift_codes(staff, carer) == []
    _plan(staff, 6, "p1")
    assert len(door_codes.shift_codes(staff, carer)) == 1


def test_a_used_code_is_replaced_and_no_two_share_a_number(
    home: EnrolledHome, staff: Staff, make_user: Make
) -> None:
    """The home's word ends a code; many persons get many numbers."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    (before,) = door_codes.shift_codes(staff, carer)
    (issued,) = told(staff, "codes.issued")
    first, second = issued.data.codes[:2]
    home.send(
        LockOperationRequested(grant=first.id, action="unlock", reason="planned_visit"),
        LockOperationRefused(grant=second.id, why=Refusal.EXPIRED),
    )
    (after,) = door_codes.shift_codes(staff, carer)
    assert len({c.digits for c in before.codes} & {c.digits for c in after.codes}) == 1
    for n in range(20):
        other = make_user(f"q{n}", ["caregiver"], homes=["h1"])
        door_codes.shift_codes(staff, other)
    numbers = [code.number for e in told(staff, "codes.issued") for code in e.data.codes]
    assert len(numbers) == len(set(numbers)) > 60


# --- taking back ----------------------------------------------------------------------------------


def test_the_end_of_an_assignment_revokes_what_it_gave(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """However it ended: the watch finds it, once, and the home hears of it on its open stream."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    other = make_user("p2", ["caregiver"], homes=["h1"])
    sent = lock_orders.order_turn(staff, carer, "h1", "front")
    kept = lock_orders.order_turn(staff, other, "h1", "front")
    door_codes.shift_codes(staff, carer)
    revocation.look(staff)
    assert told(staff, "grant.revoked") == []
    with staff.db.write() as tx:
        tx.conn.execute(tables.assignment.delete().where(_user(carer)))
    revocation.look(staff)
    revocation.look(staff)
    revoked = [event.data.grant for event in told(staff, "grant.revoked")]
    assert len(revoked) == len(set(revoked)) == 1 + door_codes.PER_HOME
    assert sent.grant in revoked
    assert kept.grant not in revoked
    seen = b""
    while b"grant.revoked" not in seen:
        seen = next(stream)
    assert refusal(lock_orders.order_turn, staff, carer_of(staff, "p1"), "h1", "front").why is (
        Why.NOT_ASSIGNED
    )
    assert not any(row.ended_at is None for row in rows(staff, tables.door_code, person="p1"))


def test_who_is_assigned_by_a_team_keeps_what_that_gave(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """The watch leaves it alone for as long as the team covers the home, and no longer."""
    boss = make_user("c1", ["coordinator"])
    make_user("p1", ["caregiver"])
    for kind in ("area", "team"):
        accounts.add_group(staff, boss, kind, "Norr")
    (area,), (team,) = rows(staff, tables.area), rows(staff, tables.team)
    accounts.set_home_area(staff, boss, "h1", area.id)
    accounts.set_team_areas(staff, boss, team.id, [area.id])
    accounts.set_teams(staff, boss, "p1", [team.id])
    carer = carer_of(staff, "p1")
    sent = lock_orders.order_turn(staff, carer, "h1", "front")
    door_codes.shift_codes(staff, carer)
    revocation.look(staff)
    assert told(staff, "grant.revoked") == []
    with staff.db.write() as tx:
        tx.conn.execute(tables.team_area.delete())
    revocation.look(staff)
    revoked = [event.data.grant for event in told(staff, "grant.revoked")]
    assert len(revoked) == len(set(revoked)) == 1 + door_codes.PER_HOME
    assert sent.grant in revoked


def _user(actor: Actor) -> Any:
    u = tables.user.c
    return tables.assignment.c.user_id.in_(select(u.id).where(u.person_id == actor.person))


@pytest.mark.parametrize("what", ["role", "homes", "closed", "team"])
def test_a_change_takes_back_at_once(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make, what: str
) -> None:
    """Whoever takes a role, a home, a team or an account away need not wait for the watch: the
    grant and the codes are void with the change, by who made it, and its other roles stay."""
    boss = make_user("c1", ["administrator"])
    make_user("p1", ["caregiver", "coordinator"], homes=[] if what == "team" else ["h1"])
    if what == "team":
        for kind in ("area", "team"):
            accounts.add_group(staff, boss, kind, "Norr")
        (area,), (team,) = rows(staff, tables.area), rows(staff, tables.team)
        accounts.set_home_area(staff, boss, "h1", area.id)
        accounts.set_team_areas(staff, boss, team.id, [area.id])
        accounts.set_teams(staff, boss, "p1", [team.id])
    carer = carer_of(staff, "p1")
    sent = lock_orders.order_turn(staff, carer, "h1", "front")
    door_codes.shift_codes(staff, carer)
    accounts.set_roles(staff, boss, "p1", [Role.CAREGIVER])
    assert told(staff, "grant.revoked") == [], "the role that opens is still there"
    if what == "role":
        accounts.set_roles(staff, boss, "p1", [Role.COORDINATOR])
    elif what == "homes":
        accounts.set_homes(staff, boss, "p1", [])
    elif what == "closed":
        accounts.set_active(staff, boss, "p1", False)
    else:
        accounts.set_home_area(staff, boss, "h1", None)
    revoked = told(staff, "grant.revoked")
    assert len(revoked) == 1 + door_codes.PER_HOME
    assert sent.grant in [event.data.grant for event in revoked]
    assert {event.person for event in revoked} == {"c1"}
    seen = b""
    while b"grant.revoked" not in seen:
        seen = next(stream)


def test_what_changes_nothing_writes_nothing(staff: Staff, make_user: Make) -> None:
    """The same roles once more: no event, and nobody's page is loaded anew."""
    boss = make_user("c1", ["administrator"])
    make_user("p1", ["caregiver"], homes=["h1"])
    assert not accounts.set_roles(staff, boss, "p1", [Role.CAREGIVER])
    assert not accounts.set_homes(staff, boss, "p1", ["h1"])
    assert told(staff, "account.changed") == []
    assert accounts.set_homes(staff, boss, "p1", [])
    assert [event.data.what for event in told(staff, "account.changed")] == ["homes"]
    (row,) = rows(staff, tables.user, person_id="p1")
    assert row.rights_version == 1


def carer_of(staff: Staff, person: str) -> Actor:
    from web.staff.signin.auth import actor_of

    with staff.db.read() as conn:
        user = conn.execute(
            select(tables.user.c.id).where(tables.user.c.person_id == person)
        ).scalar_one()
    found = actor_of(staff, user)
    assert found is not None
    return found


def test_a_person_can_be_stopped_at_once(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """Somebody takes another's rights back, and is named for it."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    lock_orders.order_turn(staff, carer, "h1", "front")
    with staff.write() as tx:
        assert revocation.revoke_person(staff, tx, "h1", "p1", by="c1") == 1
    (event,) = told(staff, "grant.revoked")
    assert (event.person, event.device) == ("c1", "front")
    with staff.write() as tx:
        assert revocation.revoke_person(staff, tx, "h1", "p1", by="c1") == 0


def test_an_order_that_the_home_never_answered_is_a_deviation(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """Noted once, with who and where; one that was answered is not."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    sent = lock_orders.order_turn(staff, carer, "h1", "front")
    revocation.look(staff)
    assert told(staff, "unlock.deviated") == []
    staff.clock.advance(grants.LIFE_S + 15)  # type: ignore[attr-defined]
    revocation.look(staff)
    revocation.look(staff)
    (said,) = told(staff, "unlock.deviated")
    assert (said.person, said.device, said.data.why) == ("p1", "front", "no_word")
    (turn,) = rows(staff, tables.turn, grant=sent.grant)
    assert (turn.step, turn.outcome, turn.why) == ("ended", "unknown", "no_word")


def test_revoked_is_shown_by_the_events_alone(
    home: EnrolledHome, staff: Staff, stream: Iterator[bytes], make_user: Make
) -> None:
    """Rebuilt from the log, turns and codes are as they were."""
    from web.staff.events.projections.rebuild import rebuild_home

    carer = make_user("p1", ["caregiver"], homes=["h1"])
    lock_orders.order_turn(staff, carer, "h1", "front")
    door_codes.shift_codes(staff, carer)
    with staff.write() as tx:
        revocation.revoke_person(staff, tx, "h1", "p1")
    before = sorted(map(tuple, rows(staff, tables.door_code)))
    turns = sorted(map(tuple, rows(staff, tables.turn)))
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert sorted(map(tuple, rows(staff, tables.door_code))) == before != []
    assert sorted(map(tuple, rows(staff, tables.turn))) == turns
    assert all(isinstance(event.data, GrantRevoked) for event in told(staff, "grant.revoked"))
    assert parts_of(home.app) is staff
