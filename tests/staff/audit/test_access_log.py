"""The access log and its samples."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from pydantic import ValidationError

from gateway.envelope import Draft
from gateway.events import (
    ACCESS_KINDS,
    CheckedAs,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRefused,
    LockOperationRequested,
    MatPressed,
    Refusal,
    Stamp,
    VisitStarted,
)
from tests.staff.care.test_actions import CAREGIVER, actor, refusal
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, hire
from tests.staff.visits.test_visit_actions import COORDINATOR
from web.staff.audit import access_export, access_log
from web.staff.care import reads
from web.staff.care.actions import Why
from web.staff.core.config import AccessLogConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.runtime.watch import Watch
from web.staff.storage import tables

MIN = timedelta(minutes=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
AHEAD = datetime(2030, 1, 1, tzinfo=UTC)


def something(home: EnrolledHome, staff: Staff) -> None:
    """A read, an unlock, a refused one, a visit, and what is no access."""
    reads.note(staff, COORDINATOR, ["h1"], "events")
    home.clock.advance(60)
    asked = LockOperationRequested(grant="g1", action="unlock", reason="alarm")
    hire(home.app, "p1")
    home.send(Draft(asked, person="p1", device="front"))
    home.send(Draft(LockOperationEnded(grant="g1", outcome=LockOperationOutcome.DONE), person="p1"))
    home.clock.advance(60)
    home.send(LockOperationRefused(grant=None, why=Refusal.FORGED), MatPressed())
    home.clock.advance(60)
    started = VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK)
    home.send(Draft(started, person="p1"))


def log(staff: Staff, **more: object) -> list[access_log.AccessRow]:
    with staff.db.read() as conn:
        return access_log.read(conn, ["h1"], LONG_AGO, AHEAD, **more)  # type: ignore[arg-type]


def test_every_read_and_every_unlock_is_a_row(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Action, unit, time, user, patient, each with its reason; newest first; nothing else."""
    something(enrolled_home, staff)
    assert [(row.action, row.person, row.why, row.outcome) for row in log(staff)] == [
        ("visit.started", "p1", "unlock", None),
        ("unlock.refused", None, "forged", None),
        ("unlock.requested", "p1", "alarm", "done"),
        ("record.read", "p9", "events", None),
    ]
    assert {(row.home, row.patient) for row in log(staff)} == {("h1", "r-h1")}
    assert [row.action for row in log(staff, person="p9")] == ["record.read"]
    assert [row.action for row in log(staff, action="unlock.refused")] == ["unlock.refused"]
    assert {row.action for row in log(staff)} <= ACCESS_KINDS
    text = access_export.to_csv(log(staff), "org1").decode("utf-8-sig")
    assert text.splitlines()[0].startswith("time;action;unit;home;user;patient")
    assert "unlock.requested;org1;h1;p1;r-h1;front;alarm;done;home:h1/1" in text


def test_the_log_uses_its_index(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A month of one home is not looked for among its mat's thousands of events."""
    if staff.db.postgres:
        pytest.skip("a planner with statistics of three rows says nothing")
    statement = (
        f"EXPLAIN QUERY PLAN SELECT 1 FROM event WHERE home_id IN ('h1') AND {tables.ACCESS_SQL}"  # noqa: S608
        " AND corrected_at >= 1 AND corrected_at < 9"
    )
    with staff.db.read() as conn:
        told = str(conn.exec_driver_sql(statement).all())
    assert "ix_event_access" in told


def test_five_years_and_never_less() -> None:
    """HSLF-FS 2016:40 ch. 4 §9."""
    assert AccessLogConfig().keep_years == 5
    with pytest.raises(ValidationError):
        AccessLogConfig(keep_years=4)


def a_month(home: EnrolledHome, staff: Staff, count: int = 60) -> None:
    """Reads in November, and then it is December."""
    for number in range(count):
        reads.note(staff, CAREGIVER if number % 2 else COORDINATOR, ["h1"], "home")
        home.clock.advance(60)
    home.clock.advance(10 * 86400)


def test_a_sample_is_random_and_can_be_drawn_again(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """From the seed in its event anybody gets the same rows; another seed gives others; what came
    later changes nothing."""
    a_month(enrolled_home, staff)
    done = access_log.draw(staff, "org1", "2026-11", person="p9")
    assert done is not None
    with staff.db.read() as conn:
        (sample,) = access_log.samples(conn, "org1")
    data = sample.data
    assert (data.of, len(data.rows), len(set(data.rows)), sample.open) == (60, 20, 20, 20)
    late = staff.clock.now() - timedelta(days=8)
    enrolled_home.send(VisitStarted(since=late, source=Stamp.TAP), at=late)
    with staff.db.read() as conn:
        refs = access_log.month_refs(conn, "org1", "2026-11", sample.at)
    assert tuple(access_log.pick(data.seed, refs, 20)) == data.rows
    assert tuple(access_log.pick("another", refs, 20)) != data.rows
    assert access_log.draw(staff, "org1", "2026-10") is None


def test_the_check_itself_is_logged(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """With who and what was found; not one's own access, not a row that was not drawn, not by
    somebody without the right, not another organisation's."""
    a_month(enrolled_home, staff)
    done = access_log.draw(staff, "org1", "2026-11", seed="prov")
    assert done is not None
    with staff.db.read() as conn:
        (sample,) = access_log.samples(conn, "org1")
        shown = access_log.read_refs(conn, ["h1"], sample.data.rows)
    own = next(row.ref for row in shown if row.person == "p9")
    others = next(row.ref for row in shown if row.person == "p1")
    check, ok = access_log.check, CheckedAs.IN_ORDER
    assert refusal(check, staff, COORDINATOR, sample.ref, own, ok).why is Why.OWN_ACCESS
    assert refusal(check, staff, CAREGIVER, sample.ref, others, ok).why is Why.NO_ROLE
    assert refusal(check, staff, COORDINATOR, sample.ref, "home:h1/1", ok).why is Why.NO_SAMPLE
    stranger = type(COORDINATOR)(
        "p5", "", "org2", frozenset({Role.COORDINATOR}), frozenset(), frozenset()
    )
    assert refusal(check, staff, stranger, sample.ref, others, ok).why is Why.NO_SAMPLE
    check(staff, COORDINATOR, sample.ref, others, CheckedAs.ASKED)
    check(staff, actor(Role.COORDINATOR, person="p8"), sample.ref, others, ok)
    with staff.db.read() as conn:
        (sample,) = access_log.samples(conn, "org1")
        assert access_log.samples(conn, "org2") == []
    assert (sample.open, sample.checked[others].found) == (19, ok)
    assert len(rows(staff, tables.event, kind="access.checked")) == 2


def test_last_months_sample_is_drawn_once_by_itself(
    enrolled_home: EnrolledHome, staff: Staff, staff_app: Flask, make_user: Callable[..., object]
) -> None:
    """The watch draws it, for each organisation that had something to check."""
    a_month(enrolled_home, staff, 3)
    watch = Watch(staff)
    watch.look()
    watch.look()
    Watch(staff).look()
    (event,) = rows(staff, tables.event, kind="access.sampled")
    assert '"month":"2026-11"' in event.body
    assert (event.home_id, event.person) == (None, None)
