"""The watch: silence and unreported checks, each told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert

from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckBy,
    CheckDone,
    CheckDue,
    CheckPlanned,
    CheckUnreported,
    HomeHeard,
    HomeSilent,
    MatPressed,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.doors import revocation
from web.staff.events import append, append_many
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.homelink import ingest
from web.staff.runtime import watch as watch_module
from web.staff.runtime.health import ill
from web.staff.runtime.silence import Silence
from web.staff.runtime.watch import SETTLE_S, Watch
from web.staff.storage import tables
from web.staff.storage.chains import verify_all
from web.staff.storage.outage import Refusal


def _kinds(staff: Staff) -> list[str]:
    found = rows(staff, tables.event, origin="staff:h1")
    return [row.kind for row in sorted(found, key=lambda row: row.seq)]


@dataclass
class Looks:
    """A watch in a time of its own: it looks every ten seconds."""

    staff: Staff
    now_s: float = 5000.0
    settle_s: float = SETTLE_S
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.staff, settle_s=self.settle_s, monotonic=lambda: self.now_s)
        self.watch.look()

    def go_on(self, seconds: float) -> None:
        """Look for as long, at the last at its end."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(self.now_s + 10, until_s)
            self.watch.look()
        assert self.watch.failing == {}


def test_silence_is_told_once_and_its_end(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """180 s without a request: one event and one care alarm; heard again: both end, and the next
    silence is told again."""
    enrolled_home.send(MatPressed(), device="bed")
    looks = Looks(staff)
    looks.go_on(170)
    assert rows(staff, tables.alarm) == []
    looks.go_on(20)
    looks.go_on(300)
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.type, alarm.severity, alarm.closed_at) == ("home_silent", "care", None)
    assert rows(staff, tables.home_state)[0].silent_since == staff.clock.now()
    assert enrolled_home.post("events", []).status_code == 200
    looks.go_on(20)
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.outcome, alarm.reason) == ("cancelled", "home_heard")
    assert rows(staff, tables.home_state)[0].silent_since is None
    assert _kinds(staff)[1:] == ["home.silent", "alarm.raised", "home.heard", "alarm.cancelled"]
    looks.go_on(200)
    assert _kinds(staff)[5:] == ["home.silent", "alarm.raised"]


@pytest.mark.parametrize("jump", [-86_400, -3600, -180, 180, 3600, 86_400])
def test_a_clock_that_jumps_calls_nobody_silent(
    enrolled_home: EnrolledHome, staff: Staff, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """The machine's wall clock jumps, by minutes or a day, either way: a home that goes on speaking
    is never silent, and one that stops is so after 180 s, no sooner and no later."""

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Jumped:
            return cls.fromtimestamp(time.time() + offset_s, tz)

    offset_s = 0
    monkeypatch.setattr(ingest, "datetime", Jumped)
    enrolled_home.send(MatPressed(), device="bed")
    looks = Looks(staff)
    looks.go_on(100)
    offset_s = jump
    looks.go_on(70)
    assert rows(staff, tables.alarm) == [], "nothing was heard, for 170 s"
    enrolled_home.send(MatPressed(), device="bed")
    looks.go_on(180)
    assert rows(staff, tables.alarm) == []
    looks.go_on(20)
    assert [row.type for row in rows(staff, tables.alarm)] == ["home_silent"]


def test_a_thousand_silent_at_once_are_told_together(
    staff_app: Flask, enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The number of statements grows with parts of two hundred, not with homes; each home has its
    events, its chain and its alarm; so has each that comes back."""
    enrolled_home.send(MatPressed(), device="bed")
    _more_homes(staff, 999)
    looks = Looks(staff, settle_s=1e9)
    looks.go_on(170)
    with counted(staff) as statements:
        looks.go_on(20)
    assert len(statements) < 150, "a thousand homes"
    alarms = rows(staff, tables.alarm)
    assert {row.type for row in alarms} == {"home_silent"}
    assert len({row.home_id for row in alarms}) == len(alarms) == 1000
    assert {row.silent_alarm for row in rows(staff, tables.home_state)} == {a.id for a in alarms}
    assert [problem for _, _, problem in verify_all(staff.db) if problem] == []
    with staff.db.write() as tx:
        tx.conn.execute(tables.home_link.update().values(heard_at=datetime.now(UTC)))
    with counted(staff) as statements:
        looks.go_on(10)
    assert len(statements) < 120, "a thousand homes"
    assert {row.reason for row in rows(staff, tables.alarm)} == {"home_heard"}
    assert [problem for _, _, problem in verify_all(staff.db) if problem] == []
    with staff.db.write() as tx:
        before = rows(staff, tables.home_state), rows(staff, tables.alarm)
        for home in ("h1", "h500"):
            rebuild_home(tx.conn, home)
    assert _sorted(rows(staff, tables.home_state), rows(staff, tables.alarm)) == _sorted(*before)


def _sorted(*tables_rows: list[Any]) -> list[list[str]]:
    return [sorted(map(repr, found)) for found in tables_rows]


def _more_homes(staff: Staff, count: int) -> None:
    """Homes that were heard."""
    names = [f"h{number}" for number in range(2, count + 2)]
    with staff.db.write() as tx:
        place = {"org_id": "org1", "label": "Lgh", "timezone": "Europe/Stockholm"}
        tx.conn.execute(insert(tables.home), [{"id": name, **place} for name in names])
        heard = datetime.now(UTC)
        tx.conn.execute(
            insert(tables.home_link), [{"home_id": name, "heard_at": heard} for name in names]
        )


@contextmanager
def counted(staff: Staff) -> Iterator[list[str]]:
    """The statements that the database is given meanwhile."""
    statements: list[str] = []

    def note(*args: Any) -> None:
        statements.append(args[2])

    event.listen(staff.db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(staff.db.engine, "before_cursor_execute", note)


def test_what_is_told_together_is_what_is_told_one_by_one(
    make_home: Callable[[str], EnrolledHome], staff: Staff
) -> None:
    """The same events, in the same order, fold into the same rows."""
    homes = [make_home("h1"), make_home("h2")]
    now = staff.clock.now()
    for home in homes:
        home.send(CheckPlanned(check="n@1", slot=now, report_by=now))
    drafts = [
        Draft(HomeSilent(silent_s=181.0)),
        Draft(AlarmRaised.usual(AlarmType.HOME_SILENT, now)),
        Draft(CheckUnreported(check="n@1")),
        Draft(HomeHeard()),
    ]
    with staff.write() as tx:
        (one, *_), many = (
            [append.write(staff, tx, "h1", draft) for draft in drafts],
            append_many.write_many(staff, tx, {"h2": drafts})["h2"],
        )
    assert [event.kind for event in many] == [draft.data.KIND for draft in drafts]
    assert one.seq == many[0].seq
    for table in (tables.home_state, tables.alarm, tables.night_check):
        first, second = (
            [str(dict(row._mapping)).replace(home, "h") for row in rows(staff, table, home_id=home)]
            for home in ("h1", "h2")
        )
        assert first == second, table.name


def test_after_its_own_absence_the_server_waits(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A server that was away for an hour blames nobody at once: homes get their 180 s to come back,
    and a minute to send what they queued."""
    due = staff.clock.now() - timedelta(hours=1)
    enrolled_home.send(CheckPlanned(check="n@1", slot=due, report_by=due))
    heard_at = datetime.now(UTC) - timedelta(hours=1)
    with staff.db.write() as tx:
        tx.conn.execute(tables.home_link.update().values(heard_at=heard_at))
    looks = Looks(staff)
    looks.go_on(59)
    assert rows(staff, tables.alarm) == []
    looks.go_on(2)
    assert [row.type for row in rows(staff, tables.alarm)] == ["check_unreported"]
    looks.go_on(120)
    assert sorted(row.type for row in rows(staff, tables.alarm)) == [
        "check_unreported",
        "home_silent",
    ]


def test_while_the_server_could_not_look_nobody_falls_silent(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The machine stood still, or its database was away, for ten minutes: homes could not be
    heard."""
    enrolled_home.send(MatPressed(), device="bed")
    looks = Looks(staff)
    looks.go_on(60)
    looks.now_s += 600
    looks.go_on(90)
    assert rows(staff, tables.alarm) == []
    looks.go_on(40)
    assert [row.type for row in rows(staff, tables.alarm)] == ["home_silent"]


def test_while_nothing_can_be_saved_nobody_falls_silent(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The server's disk is full for ten minutes: no home can be noted as heard, so none is missed;
    the time from when it saves again counts as ever."""
    enrolled_home.send(MatPressed(), device="bed")
    now_s = 5000.0
    silence = Silence(staff, lambda: now_s)

    def go_on(seconds: int) -> None:
        nonlocal now_s
        for _ in range(seconds // 10):
            now_s += 10
            silence.observe()
        silence.tell()

    silence.observe()
    go_on(60)
    staff.db.saving.refused(Refusal.FULL)
    go_on(600)
    staff.db.saving.took()
    go_on(110)
    assert rows(staff, tables.alarm) == []
    go_on(20)
    assert [row.type for row in rows(staff, tables.alarm)] == ["home_silent"]


def test_another_worker_that_takes_over_knows_what_is_silent(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """It tells no end of a silence that it did not see end, and none a second time; when the home
    speaks, the silence ends."""
    enrolled_home.send(MatPressed(), device="bed")
    Looks(staff).go_on(200)
    other = Looks(staff)
    other.go_on(400)
    assert _kinds(staff)[1:] == ["home.silent", "alarm.raised"]
    enrolled_home.send(MatPressed(), device="bed")
    other.go_on(10)
    assert _kinds(staff)[3:] == ["home.heard", "alarm.cancelled"]


def test_a_home_that_never_spoke_is_not_silent(staff: Staff) -> None:
    """A home that is not installed yet raises nothing."""
    Looks(staff).go_on(400)
    assert rows(staff, tables.alarm) == []


@pytest.mark.parametrize("error", [OverflowError(), RuntimeError("x"), KeyError("h1")])
def test_a_step_that_fails_ends_nothing(
    staff_app: Flask,
    enrolled_home: EnrolledHome,
    staff: Staff,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """Whatever it raises: it is logged once, `/healthz` tells it, the other steps of the round are
    done, the loop goes on, and all is well when it works again.  The server is not started anew."""
    calls = 0

    def fails(_: object) -> None:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise error

    monkeypatch.setattr(revocation, "look", fails)
    now = enrolled_home.clock.now()
    enrolled_home.send(CheckPlanned(check="n@1", slot=now, report_by=now))
    enrolled_home.clock.advance(60)
    watch = Watch(staff, settle_s=0)
    staff_app.extensions["tryggve.watch"] = watch
    client = staff_app.test_client()
    watch.look()
    assert [row.type for row in rows(staff, tables.alarm)] == ["check_unreported"]
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.text == f"watch: revocation {type(error).__name__}"
    assert ill(staff, watch) is None
    assert "tryggve_watch_failing 1" in client.get("/metrics").text
    watch.start()
    try:
        until_s = time.monotonic() + 60
        while calls < 5 and time.monotonic() < until_s:
            threading.Event().wait(0.02)
    finally:
        watch.stop()
    assert calls >= 5, "the loop goes on"
    assert client.get("/healthz").text == "ok"
    said = [record for record in caplog.records if record.name == watch_module.__name__]
    assert len(said) == 1


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
    watch = Watch(staff, settle_s=0.0)
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
            message = screen.get(60)
            assert message is not None
            assert message.kind == "check.unreported"
        finally:
            watch.stop()
