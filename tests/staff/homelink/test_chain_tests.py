"""Test alarms at the server: answered, shown, missed when they do not come, over when they do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckPlanned,
    GatewayTestFailed,
    GatewayTestPassed,
    GatewayTestSent,
    TestWhy,
)
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.homelink import chain_tests
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.pages.chain_state import chain_shown
from web.staff.runtime.watch import Watch
from web.staff.storage import tables

ZONE = "Europe/Stockholm"


def send_test(home: EnrolledHome) -> str:
    """The home sends a test alarm; its reference."""
    next_by = home.clock.now() + timedelta(hours=9)
    [event] = home.send(GatewayTestSent(why=TestWhy.DAILY, next_by=next_by))
    return event.ref


def row(staff: Staff) -> Any:
    """What is known of the home's test."""
    with staff.db.read() as conn:
        return conn.execute(select(tables.chain_test)).one_or_none()


def kinds(staff: Staff) -> list[str]:
    """What the server wrote, in order."""
    e = tables.event.c
    query = select(e.kind).where(e.origin == "staff:h1", e.kind != "home.enrolled")
    with staff.db.read() as conn:
        return list(conn.execute(query.order_by(e.seq)).scalars())


def shown(staff: Staff) -> str:
    """What the home's page says."""
    with staff.db.read() as conn:
        said = chain_shown(conn, "h1", ZONE, staff.clock.now())
    return "" if said is None else said.text


def test_a_test_alarm_is_answered_once(staff: Staff, home: EnrolledHome) -> None:
    """With what does not hold; the next round finds nothing to answer, a newer test does."""
    assert shown(staff) == ""
    ref = send_test(home)
    assert shown(staff) == "Larmkedjan provas sedan 22:00"
    assert chain_tests.answer_due(staff, ("sms", "push")) == 1
    assert chain_tests.answer_due(staff, ()) == 0
    known = row(staff)
    assert (known.test, known.broken) == (ref, "push,sms")
    assert shown(staff) == "Larmkedjan provad 22:00, fungerar inte: push, sms"
    assert kinds(staff) == ["server.test_answered"]
    home.send(GatewayTestPassed(test=ref))
    home.clock.advance(60)
    send_test(home)
    assert row(staff).answered_at is None
    assert chain_tests.answer_due(staff, ()) == 1
    assert shown(staff) == "Larmkedjan provad 22:01"
    assert row(staff).passed_at is not None


def test_an_old_test_is_not_answered(staff: Staff, home: EnrolledHome) -> None:
    """The home has said where it stayed; what it says is shown."""
    ref = send_test(home)
    home.clock.advance(3601)
    home.send(GatewayTestFailed(test=ref, hop="dispatcher"))
    assert chain_tests.answer_due(staff, ()) == 0
    assert shown(staff) == "Larmkedjan bruten 22:00: servern skickade inte provlarmet vidare"


def test_one_that_does_not_come_is_told_once(
    staff: Staff, home: EnrolledHome, staff_app: Flask
) -> None:
    """Four minutes after it was due: an event that names the hop and a technical alarm, and the end
    of both when the next one comes."""
    send_test(home)
    chain_tests.answer_due(staff, ())
    home.clock.advance(9 * 3600 + 239)
    chain_tests.look(staff)
    assert kinds(staff) == ["server.test_answered"]
    home.clock.advance(2)
    chain_tests.look(staff)
    chain_tests.look(staff)
    assert kinds(staff)[1:] == ["home.test_missed", "alarm.raised"]
    with staff_app.app_context():
        assert shown(staff) == "Provlarmet har uteblivit sedan 23 nov. 22:00"
    with staff.db.read() as conn:
        [alarm] = conn.execute(select(tables.alarm)).all()
    assert (alarm.type, alarm.severity) == ("chain_broken", "technical")
    home.clock.advance(60)
    send_test(home)
    chain_tests.look(staff)
    chain_tests.look(staff)
    assert kinds(staff)[3:] == ["alarm.cancelled"]


def test_a_silent_home_has_an_alarm_of_its_own(staff: Staff, home: EnrolledHome) -> None:
    """Nobody needs to hear twice that a home is gone."""
    send_test(home)
    with staff.db.write() as tx:
        silent = tables.home_state.update().values(silent_since=staff.clock.now())
        tx.conn.execute(silent)
    home.clock.advance(10 * 3600)
    chain_tests.look(staff)
    assert kinds(staff) == []


def test_the_dispatcher_answers_and_the_watch_misses(staff: Staff, home: EnrolledHome) -> None:
    """Who sends alarms out says that it lives; who watches says that none came."""
    watch = Watch(staff, settle_s=0)
    send_test(home)
    watch.look()
    assert row(staff).answered_at is None
    dispatcher = Dispatcher(staff, {})
    dispatcher.broken = ("sms",)
    dispatcher.step()
    assert row(staff).broken == "sms"
    home.clock.advance(10 * 3600)
    watch.look()
    assert "home.test_missed" in kinds(staff)
    assert watch.failing == {}


def test_a_check_that_the_home_called_unreported_is_one_alarm(
    staff: Staff, home: EnrolledHome
) -> None:
    """Raised by the home while the server was away: the server notes it, and raises no second."""
    now = home.clock.now()
    home.send(CheckPlanned(check="n@1", slot=now, report_by=now + timedelta(minutes=10)))
    home.send(AlarmRaised.usual(AlarmType.CHECK_UNREPORTED, now + timedelta(minutes=10)))
    home.clock.advance(20 * 60)
    Watch(staff, settle_s=0).look()
    assert kinds(staff) == ["check.unreported"]
    with staff.db.read() as conn:
        assert len(conn.execute(select(tables.alarm)).all()) == 1
