"""The watch: silence and unreported checks, each told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.events import CheckBy, CheckDone, CheckDue, CheckPlanned, MatPressed
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.runtime.watch import Watch
from web.staff.storage import tables


def _kinds(staff: Staff) -> list[str]:
    found = rows(staff, tables.event, origin="staff:h1")
    return [row.kind for row in sorted(found, key=lambda row: row.seq)]


def test_silence_is_told_once_and_its_end(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """180 s without a request: one event and one care alarm; heard again: both end, and the next
    silence is told again."""
    watch = Watch(staff)
    enrolled_home.send(MatPressed(), device="bed")
    now = datetime.now(UTC)
    watch.look(now + timedelta(seconds=170))
    assert rows(staff, tables.alarm) == []
    for seconds in (190, 200, 10_000):
        watch.look(now + timedelta(seconds=seconds))
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.type, alarm.severity, alarm.closed_at) == ("home_silent", "care", None)
    assert rows(staff, tables.home_state)[0].silent_since == staff.clock.now()
    assert enrolled_home.post("events", []).status_code == 200
    for _ in range(2):
        watch.look(datetime.now(UTC))
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.outcome, alarm.reason) == ("cancelled", "home_heard")
    assert rows(staff, tables.home_state)[0].silent_since is None
    assert _kinds(staff)[1:] == ["home.silent", "alarm.raised", "home.heard", "alarm.cancelled"]
    watch.look(datetime.now(UTC) + timedelta(seconds=200))
    assert _kinds(staff)[5:] == ["home.silent", "alarm.raised"]


def test_after_its_own_absence_the_server_waits(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A server that was away for an hour blames nobody at once: homes get their 180 s to come back,
    and a minute to send what they queued."""
    due = staff.clock.now() - timedelta(hours=1)
    enrolled_home.send(CheckPlanned(check="n@1", slot=due, report_by=due))
    heard_at = datetime.now(UTC) - timedelta(hours=1)
    with staff.db.write() as tx:
        tx.conn.execute(tables.home_link.update().values(heard_at=heard_at))
    watch = Watch(staff)
    watch.look()
    watch.look(datetime.now(UTC) + timedelta(seconds=59))
    assert rows(staff, tables.alarm) == []
    watch.look(datetime.now(UTC) + timedelta(seconds=61))
    assert [row.type for row in rows(staff, tables.alarm)] == ["check_unreported"]
    watch.look(datetime.now(UTC) + timedelta(seconds=181))
    assert sorted(row.type for row in rows(staff, tables.alarm)) == [
        "check_unreported",
        "home_silent",
    ]


def test_a_home_that_never_spoke_is_not_silent(staff: Staff) -> None:
    """A home that is not installed yet raises nothing."""
    Watch(staff).look(datetime.now(UTC) + timedelta(days=1))
    assert rows(staff, tables.alarm) == []


def test_a_check_that_nobody_reported_is_an_alarm(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """After `report_by` without outcome or question: one event, one care alarm.  One that was
    reported raises nothing; a late report still counts."""
    now = enrolled_home.clock.now()
    for number in (1, 2):
        slot = now + timedelta(hours=1)
        report_by = slot + timedelta(minutes=20)
        planned = CheckPlanned(check=f"n@{number}", slot=slot, report_by=report_by)
        enrolled_home.send(planned)
    enrolled_home.send(CheckDue(check="n@1", slot=now), CheckDone(check="n@2", by=CheckBy.SENSOR))
    watch = Watch(staff, settle_s=0)
    enrolled_home.clock.advance(3600 + 20 * 60)
    watch.look()
    assert rows(staff, tables.alarm) == []
    enrolled_home.clock.advance(1)
    watch.look()
    watch.look()
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.type, alarm.severity) == ("check_unreported", "care")
    assert _kinds(staff)[1:] == ["check.unreported", "alarm.raised"]
    states = {row.check: row.state for row in rows(staff, tables.night_check)}
    assert states == {"n@1": "unreported", "n@2": "done"}
    enrolled_home.send(CheckDone(check="n@1", by=CheckBy.SENSOR))
    row = next(row for row in rows(staff, tables.night_check) if row.check == "n@1")
    assert (row.state, row.unreported_at is None) == ("done", False)


def test_the_thread_looks_by_itself(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Started, it finds an overdue check without any traffic."""
    now = enrolled_home.clock.now()
    enrolled_home.send(CheckPlanned(check="n@1", slot=now, report_by=now))
    enrolled_home.clock.advance(60)
    watch = Watch(staff, settle_s=0)
    with staff.broker.subscribe({"h1"}) as screen:
        watch.start()
        try:
            message = screen.get(20)
            assert message is not None
            assert message.kind == "check.unreported"
        finally:
            watch.stop()
