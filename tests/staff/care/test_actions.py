"""What a person may do, and what becomes of it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from gateway.access import grants
from gateway.access.grants import Action, Reason
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    CheckAsked,
    CheckBy,
    CheckDone,
    Finding,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationProgressed,
    LockOperationRequested,
    LockOperationStep,
    Looked,
    Severity,
    Tap,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.care import actions, reads
from web.staff.care.actions import Refused, Why
from web.staff.checks import claims
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.doors import lock_orders
from web.staff.pages import lock_progress
from web.staff.storage import tables
from web.staff.storage.changes import LockOrder
from web.staff.storage.rows import TurnRow

H1 = frozenset({"h1"})


def actor(role: Role, *, person: str = "p1", assigned: frozenset[str] = H1) -> Actor:
    """Somebody with one role, who sees h1."""
    return Actor(person, "Prov", "org1", frozenset({role}), H1, assigned)


CAREGIVER = actor(Role.CAREGIVER)


def refusal(call: Any, *args: Any) -> Refused:
    """The refusal that a call ends with."""
    with pytest.raises(Refused) as caught:
        call(*args)
    return caught.value


def turn_of(stream: Any) -> str:
    """The grant of the next turn order on a stream."""
    for raw in stream:
        text = raw.decode()
        if text.startswith("event: turn"):
            assert "id:" not in text
            return str(json.loads(text.partition("data: ")[2])["grant"])
    raise AssertionError("the stream ended without an order")


def test_an_unlock_goes_to_the_home_that_listens(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The home gets a grant that it can verify by itself; the phone follows its steps."""
    enrolled_home.describe()
    stream = enrolled_home.listen(1)
    next(stream)
    sent = lock_orders.order_turn(staff, CAREGIVER, "h1", "front")
    token = turn_of(stream)
    grant = grants.read(token, {staff.keys.kid: staff.keys.private.public_key()})
    assert (grant.id, grant.home, grant.device) == (sent.grant, "h1", "front")
    assert (grant.action, grant.person, grant.reason) == (
        Action.UNLOCK,
        "p1",
        Reason.PLANNED_VISIT,
    )
    assert grant.expires - grant.not_before == timedelta(seconds=grants.LIFE_S)
    grants.judge(
        grant,
        home="h1",
        devices={"front": None},
        now=staff.clock.now(),
        record=grants.GrantRecord(used=grants.no, revoked=grants.no, alarm_open=grants.no),
    )
    (turn,) = rows(staff, tables.turn)
    assert (turn.step, turn.person, turn.device) == ("issued", "p1", "front")
    requested = LockOperationRequested(grant=grant.id, action="unlock", reason="planned_visit")
    enrolled_home.send(
        requested, LockOperationProgressed(grant=grant.id, step=LockOperationStep.WAKING)
    )
    assert rows(staff, tables.turn)[0].step == "waking"
    enrolled_home.send(
        LockOperationEnded(grant=grant.id, outcome=LockOperationOutcome.UNKNOWN, why="no_answer")
    )
    (turn,) = rows(staff, tables.turn)
    assert (turn.step, turn.outcome, turn.why) == ("ended", "unknown", "no_answer")


def test_an_order_is_given_when_its_transaction_is_committed(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Once, to the home that listens then; not when it fails, and not when nobody listens."""
    stream = enrolled_home.listen(1)
    next(stream)
    with pytest.raises(RuntimeError), staff.write() as tx:
        tx.orders.append(LockOrder("h1", "failed"))
        raise RuntimeError
    with staff.write() as tx:
        tx.orders.append(LockOrder("h1", "first"))
        assert staff.broker.listens("h1")
    assert [order.reached for order in tx.orders] == [True]
    assert turn_of(stream) == "first"
    with staff.write() as tx:
        tx.orders.extend([LockOrder("h9", "nobody"), LockOrder("h1", "second")])
    assert [order.reached for order in tx.orders] == [False, True]
    assert turn_of(stream) == "second"


def test_a_home_that_stops_to_listen_meanwhile_is_told_as_not_connected(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Its stream was open when the order was signed and ends before the commit: the grant's number
    comes with the refusal, as it is written that it was signed."""
    enrolled_home.describe()
    stream = enrolled_home.listen(1)
    next(stream)

    def cut(_connection: Any) -> None:
        staff.broker.drop_home("h1")
        list(stream)

    event.listen(staff.db.engine, "commit", cut, once=True)
    error = refusal(lock_orders.order_turn, staff, CAREGIVER, "h1", "front")
    assert error.why is Why.NOT_CONNECTED
    (issued,) = rows(staff, tables.turn)
    assert error.data["grant"] == issued.grant
    assert (issued.step, issued.why) == ("issued", "revoked"), "void, should it arrive after all"
    assert lock_progress.turn_of(TurnRow(*issued), staff.clock.now()).outcome == "bad"
    stream = enrolled_home.listen(0)
    next(stream)
    again = lock_orders.order_turn(staff, CAREGIVER, "h1", "front")
    assert again.grant != issued.grant, "pressing again is another turn"


def test_nothing_is_queued_for_a_home_that_does_not_listen(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The caregiver is told at once; nothing is signed, and nothing comes when the home is back."""
    enrolled_home.describe()
    error = refusal(lock_orders.order_turn, staff, CAREGIVER, "h1", "front")
    assert error.why is Why.NOT_CONNECTED
    assert rows(staff, tables.event, kind="grant.issued") == []
    assert rows(staff, tables.turn) == []
    stream = enrolled_home.listen(1)
    assert next(stream) == b": hello\n\n"
    actions.tap(staff, CAREGIVER, "h1", Tap.ARRIVE)
    assert b"visit.tapped" in next(stream)


@pytest.mark.parametrize(
    ("who", "home", "device", "why"),
    [
        (actor(Role.COORDINATOR), "h1", "front", Why.NO_ROLE),
        (actor(Role.TECHNICIAN), "h1", "front", Why.NOT_APPROVED),
        (actor(Role.ADMINISTRATOR), "h1", "front", Why.NO_ROLE),
        (actor(Role.CAREGIVER, assigned=frozenset()), "h1", "front", Why.NOT_ASSIGNED),
        (CAREGIVER, "h2", "front", Why.NO_HOME),
        (CAREGIVER, "h1", "back", Why.NO_LOCK),
        (CAREGIVER, "h1", "bed", Why.NO_LOCK),
    ],
)
def test_a_door_opens_for_nobody_without_the_right(
    enrolled_home: EnrolledHome, staff: Staff, who: Actor, home: str, device: str, why: Why
) -> None:
    """Role, assignment, home and lock are each checked, and nothing is signed."""
    enrolled_home.describe()
    stream = enrolled_home.listen(1)
    next(stream)
    assert refusal(lock_orders.order_turn, staff, who, home, device).why is why
    assert rows(staff, tables.event, kind="grant.issued") == []


def test_a_look_is_no_turn(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Only unlock and lock turn a lock."""
    with pytest.raises(ValueError, match="turns no lock"):
        lock_orders.order_turn(staff, CAREGIVER, "h1", "front", Action.LOOK)


def _raise_alarm(home: EnrolledHome, severity: Severity = Severity.CARE) -> str:
    raised = AlarmRaised(type=AlarmType.BED_EXIT, severity=severity, since=home.clock.now())
    return home.send(raised)[0].ref


def test_an_open_alarm_is_the_reason(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The grant lives with the home's open care alarm, and only with that."""
    enrolled_home.describe()
    stream = enrolled_home.listen(1)
    next(stream)
    _raise_alarm(enrolled_home, Severity.TECHNICAL)
    alarm = _raise_alarm(enrolled_home)
    sent = lock_orders.order_turn(staff, CAREGIVER, "h1", "front")
    assert (sent.reason, sent.alarm) == (Reason.ALARM, alarm)
    actions.resolve(staff, CAREGIVER, alarm, AlarmOutcome.HELPED)
    sent = lock_orders.order_turn(staff, CAREGIVER, "h1", "front", Action.LOCK)
    assert (sent.reason, sent.alarm) == (Reason.PLANNED_VISIT, None)


def test_two_acknowledge_at_once_and_one_wins(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Of many at the same time one gets the alarm; the others are told who."""
    alarm = _raise_alarm(enrolled_home)
    people = [actor(Role.CAREGIVER, person=f"p{number}") for number in range(6)]
    outcomes: dict[str, Any] = {}
    start = threading.Barrier(len(people))

    def run(who: Actor) -> None:
        start.wait(60)
        try:
            outcomes[who.person] = actions.acknowledge(staff, who, alarm)
        except Refused as error:
            outcomes[who.person] = error

    threads = [threading.Thread(target=run, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    winners = [person for person, out in outcomes.items() if isinstance(out, actions.Done)]
    assert len(winners) == 1
    for person, out in outcomes.items():
        if person not in winners:
            assert (out.why, out.data["person"]) == (Why.NOT_FIRST, winners[0])
    assert len(rows(staff, tables.event, kind="alarm.acknowledged")) == 1
    (row,) = rows(staff, tables.alarm)
    assert row.acknowledged_by == winners[0]
    first = actor(Role.CAREGIVER, person=winners[0])
    assert actions.acknowledge(staff, first, alarm).at == row.acknowledged_at


def test_an_alarm_is_closed_once(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A closed alarm tells who closed it; an alarm that is none, or of another home, is not
    there."""
    alarm = _raise_alarm(enrolled_home)
    actions.resolve(staff, CAREGIVER, alarm, AlarmOutcome.FALSE)
    for call, args in (
        (actions.acknowledge, ()),
        (actions.resolve, (AlarmOutcome.HELPED,)),
    ):
        error = refusal(call, staff, CAREGIVER, alarm, *args)
        assert (error.why, error.data["person"]) == (Why.CLOSED, "p1")
    stranger = Actor("p9", "", "org1", frozenset({Role.CAREGIVER}), frozenset(), frozenset())
    assert refusal(actions.acknowledge, staff, stranger, alarm).why is Why.NO_ALARM
    assert refusal(actions.acknowledge, staff, CAREGIVER, "home:h1/99").why is Why.NO_ALARM


def test_a_technician_answers_only_technical_alarms(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """A care alarm is not a technician's to close."""
    care = _raise_alarm(enrolled_home)
    technical = _raise_alarm(enrolled_home, Severity.TECHNICAL)
    who = actor(Role.TECHNICIAN)
    assert refusal(actions.acknowledge, staff, who, care).why is Why.NO_ROLE
    assert refusal(actions.resolve, staff, who, care, AlarmOutcome.HELPED).why is Why.NO_ROLE
    actions.resolve(staff, who, technical, AlarmOutcome.MENDED)


def test_a_check_is_answered_by_the_one_who_looks(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """One watcher begins, another is told; after the answer nobody answers again."""
    one, other = (actor(Role.NIGHT_WATCHER, person=person) for person in ("p1", "p2"))
    args = (Finding.OK, Looked.PHONE)
    assert refusal(claims.start_check, staff, one, "h1", "n@1").why is Why.NO_CHECK
    now = enrolled_home.clock.now()
    asked = CheckAsked(check="n@1", why="bed_empty", answer_by=now + timedelta(minutes=5))
    enrolled_home.send(asked)
    claims.start_check(staff, one, "h1", "n@1")
    taken = refusal(claims.start_check, staff, other, "h1", "n@1")
    assert (taken.why, taken.data["person"]) == (Why.NOT_FIRST, "p1")
    assert refusal(claims.answer_check, staff, other, "h1", "n@1", *args).why is Why.NOT_FIRST
    claims.answer_check(staff, one, "h1", "n@1", *args)
    assert refusal(claims.answer_check, staff, one, "h1", "n@1", *args).why is Why.NOT_FIRST
    enrolled_home.send(CheckDone(check="n@1", by=CheckBy.WATCHER))
    closed = refusal(claims.answer_check, staff, one, "h1", "n@1", *args)
    assert (closed.why, closed.data["state"]) == (Why.NOT_ASKED, "done")
    (row,) = rows(staff, tables.night_check)
    assert (row.finding, row.looked, row.done_by) == ("ok", "phone", "watcher")


def test_a_tap_works_while_the_home_is_away(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Arrival is noted with its time, though the home hears of it later."""
    done = actions.tap(staff, CAREGIVER, "h1", Tap.ARRIVE)
    assert done.at == staff.clock.now()
    who = actor(Role.CAREGIVER, assigned=frozenset())
    assert refusal(actions.tap, staff, who, "h1", Tap.LEAVE).why is Why.NOT_ASSIGNED


def test_reading_a_record_is_an_event(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Who read what about whom."""
    reads.note(staff, CAREGIVER, ["h1"], "home")
    (row,) = rows(staff, tables.event, kind="record.read")
    assert (row.person, row.home_id) == ("p1", "h1")
    assert refusal(reads.note, staff, CAREGIVER, ["h2"], "home").why is Why.NO_HOME
