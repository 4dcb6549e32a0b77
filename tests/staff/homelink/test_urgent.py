"""The urgent lane: at once, once, and never lost when a batch says otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.events import (
    AlarmCancelled,
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    BedEntered,
    CheckAsked,
    CheckPlanned,
    MatPressed,
    Severity,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.care import actions
from web.staff.checks import claims
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.core.together import NotDone
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables
from web.staff.storage.ladder_tables import escalation

WATCHER = Actor(
    "p1", "Prov", "org1", frozenset({Role.NIGHT_WATCHER}), frozenset({"h1"}), frozenset({"h1"})
)


def _alarm(home: EnrolledHome) -> AlarmRaised:
    return AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=home.clock.now())


def test_an_urgent_alarm_goes_before_a_backlog(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The alarm is open at once; its batch later neither doubles nor tells it again."""
    backlog = enrolled_home.seal(MatPressed(), BedEntered(), device="bed")
    written = enrolled_home.send_urgent(_alarm(enrolled_home))
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.id, alarm.closed_at) == ("home:h1/3", None)
    assert len(rows(staff, tables.event, origin="home:h1")) == 0
    received = rows(staff, tables.urgent)[0].received_at
    enrolled_home.clock.advance(3600)
    with staff.broker.subscribe({"h1"}) as screen:
        assert enrolled_home.post("events", backlog + written).get_json() == {"have": 3}
        told = [screen.get(0), screen.get(0)]
        assert all(raw is not None for raw in told)
        assert screen.get(0) is None, "the twin was told when it came, not again"
    assert rows(staff, tables.urgent) == []
    assert len(rows(staff, tables.alarm)) == 1
    assert rows(staff, tables.event, kind="alarm.raised")[0].received_at == received


def test_an_alarm_that_is_not_stored_in_time_is_sent_again(
    enrolled_home: EnrolledHome, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that it is there: the home waits a moment, and then it is."""
    written = enrolled_home.seal(_alarm(enrolled_home))

    def too_late(*_: object) -> None:
        raise NotDone

    with monkeypatch.context() as patch:
        patch.setattr(staff.urgent, "do", too_late)
        answer = enrolled_home.post("urgent", written)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert enrolled_home.post("urgent", written).status_code == 200
    assert len(rows(staff, tables.urgent)) == 1


def test_an_urgent_event_twice_is_one(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Sent again over the urgent lane, before or after its batch, it changes nothing."""
    written = enrolled_home.send_urgent(_alarm(enrolled_home))
    enrolled_home.post("urgent", written)
    assert len(rows(staff, tables.urgent)) == 1
    enrolled_home.post("events", written)
    enrolled_home.post("urgent", written)
    assert rows(staff, tables.urgent) == []
    assert len(rows(staff, tables.alarm)) == 1


def test_another_event_under_the_same_number_keeps_both(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The home lost its power between sending and writing: the alarm stays open beside the event
    that got its number, also when that is an alarm itself, and after a rebuild."""
    before = (enrolled_home.seq, enrolled_home.previous)
    enrolled_home.send_urgent(_alarm(enrolled_home))
    enrolled_home.seq, enrolled_home.previous = before
    enrolled_home.clock.advance(60)
    enrolled_home.send(_alarm(enrolled_home))
    alarms = sorted(rows(staff, tables.alarm), key=lambda row: row.id)
    assert alarms[0].id == "home:h1/1"
    assert alarms[1].id.startswith("home:h1/1~")
    assert [row.closed_at for row in alarms] == [None, None]
    assert [row.orphan for row in rows(staff, tables.urgent)] == [True]
    actions.acknowledge(staff, WATCHER, alarms[1].id)
    actions.resolve(staff, WATCHER, alarms[1].id, AlarmOutcome.NO_NEED)
    after = sorted(rows(staff, tables.alarm), key=lambda row: row.id)
    assert [row.closed_at is None for row in after] == [True, False]
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert sorted(rows(staff, tables.alarm), key=lambda row: row.id) == after


def test_a_lost_alarm_that_comes_late_is_an_alarm_of_its_own(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Its number is another alarm's by now, which is over: that one stays so, and this one is
    open."""
    before = (enrolled_home.seq, enrolled_home.previous)
    lost = enrolled_home.seal(_alarm(enrolled_home))
    enrolled_home.seq, enrolled_home.previous = before
    enrolled_home.clock.advance(60)
    enrolled_home.send(_alarm(enrolled_home))
    actions.acknowledge(staff, WATCHER, "home:h1/1")
    actions.resolve(staff, WATCHER, "home:h1/1", AlarmOutcome.NO_NEED)
    (over,) = rows(staff, tables.alarm)
    assert enrolled_home.post("urgent", lost).status_code == 200
    first, second = sorted(rows(staff, tables.alarm), key=lambda row: row.id)
    assert first == over
    assert second.id.startswith("home:h1/1~")
    assert second.closed_at is None


def test_an_alarm_that_gets_a_lost_ones_number_is_open(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The home lost its power between sending and writing, and calls again under that number before
    any batch: that somebody had taken the first says nothing of the second, which has a ladder of
    its own.  The first sent late, the batch of the second and a rebuild change nothing."""
    before = (enrolled_home.seq, enrolled_home.previous)
    lost = enrolled_home.send_urgent(_alarm(enrolled_home))
    actions.acknowledge(staff, WATCHER, "home:h1/1")
    enrolled_home.seq, enrolled_home.previous = before
    enrolled_home.clock.advance(60)
    written = enrolled_home.send_urgent(_alarm(enrolled_home))
    alarms = sorted(rows(staff, tables.alarm), key=lambda row: row.id)
    assert [row.id.partition("~")[0] for row in alarms] == ["home:h1/1"] * 2
    assert [row.acknowledged_by for row in alarms] == [None, "p1"]
    ladders = {row.alarm for row in rows(staff, escalation)}
    assert ladders == {row.id for row in alarms}
    for lane, events in (("urgent", lost), ("urgent", written), ("events", written)):
        assert enrolled_home.post(lane, events).status_code == 200
        assert sorted(rows(staff, tables.alarm), key=lambda row: row.id) == alarms
    assert [row.orphan for row in rows(staff, tables.urgent)] == [True]
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert sorted(rows(staff, tables.alarm), key=lambda row: row.id) == alarms


def test_what_follows_an_alarm_may_come_before_it(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The end of an alarm that is not known yet waits for it, and is no open alarm by itself."""
    raised = enrolled_home.seal(_alarm(enrolled_home))
    enrolled_home.send_urgent(AlarmCancelled(alarm="home:h1/1", reason="back"))
    (row,) = rows(staff, tables.alarm)
    assert (row.raised_at, row.closed_at is None) == (None, False)
    enrolled_home.post("urgent", raised)
    (row,) = rows(staff, tables.alarm)
    assert row.raised_at is not None
    assert row.closed_at is not None


def test_an_old_question_does_not_undo_an_answer(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A check that a watcher has begun stays begun when the question comes again in its batch, even
    if the home's clock is ahead."""
    now = enrolled_home.clock.now()
    planned = CheckPlanned(check="n@1", slot=now, report_by=now + timedelta(minutes=20))
    backlog = enrolled_home.seal(planned)
    asked = enrolled_home.seal(
        CheckAsked(check="n@1", why="bed_empty", answer_by=now + timedelta(minutes=5)),
        at=now + timedelta(seconds=30),
    )
    enrolled_home.post("urgent", asked)
    claims.start_check(staff, WATCHER, "h1", "n@1")
    assert enrolled_home.post("events", backlog + asked).status_code == 200
    (row,) = rows(staff, tables.night_check)
    assert (row.state, row.started_by, row.slot) == ("started", "p1", now)
