"""What becomes of an event that says more than a home may, or more than anybody reads: whom it says
lives there, what was called otherwise once, what is out of all measure; and what a later look at
the same event makes of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    ClockSynced,
    DeviceTold,
    HomeDescribed,
    LockOperationRequested,
    MatPressed,
    Severity,
    Unknown,
    alarm_type,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_home, add_user
from web.staff.core.context import Staff
from web.staff.events.judgement import BODY_MAX, REFUSED_KIND, Mark
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.homelink import ingest
from web.staff.storage import tables
from web.staff.storage.chains import verify_all


def _rebuild(staff: Staff) -> None:
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")


# --- who lives there ------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["events", "urgent"])
@pytest.mark.parametrize(
    ("resident", "kept", "mark"),
    [
        ("r-h1", "r-h1", None),
        (None, None, None),
        ("r-nobody", None, None),
        ("r-h2", None, Mark.FOREIGN_PERSON),
        ("r-h3", None, Mark.FOREIGN_PERSON),
        ("p7", None, Mark.FOREIGN_PERSON),
    ],
)
def test_a_home_says_nothing_of_who_lives_elsewhere(
    staff_app: Flask,
    staff: Staff,
    enrolled_home: EnrolledHome,
    lane: str,
    resident: str | None,
    kept: str | None,
    mark: str | None,
) -> None:
    """Its own resident is kept; nobody's name is left out; another home's resident, of this
    organisation or another, or somebody of the staff is left out, marked and told.  The devices
    count in every case, and a rebuild finds the same."""
    add_home(staff_app, "h2")
    add_home(staff_app, "h3", org="org2")
    add_user(staff_app, "p7", ["caregiver"], homes=["h1"])
    bed = DeviceTold(id="bed", driver="mat_gpio", type="sensor", role="bed")
    told = HomeDescribed(devices=(bed,), timezone="Europe/Stockholm", resident=resident)
    part = enrolled_home.seal(told)
    assert enrolled_home.post(lane, part).status_code == 200
    for _ in range(2):
        (state,) = rows(staff, tables.home_state)
        assert state.resident == kept
        assert [row.id for row in rows(staff, tables.device)] == ["bed"]
        table = tables.event if lane == "events" else tables.urgent
        stored = [row for row in rows(staff, table) if json.loads(row.body)["origin"] == "home:h1"]
        assert [(row.kind, row.mark) for row in stored] == [("home.described", mark)]
        _rebuild(staff)
    overstepped = rows(staff, tables.event, kind="home.overstepped")
    assert len(overstepped) == (mark is not None)


# --- judged anew ----------------------------------------------------------------------------------


def test_what_would_be_taken_today_counts_after_a_rebuild(
    staff_app: Flask, staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """Somebody whose account came later: what named them was refused, and counts from the rebuild
    on, over either lane, at its own time as its boot's clock was corrected; what is foreign still
    stays refused."""
    asked = [
        Draft(
            LockOperationRequested(grant=f"g-{number}", action="unlock", reason="service"),
            device="front",
            person=person,
        )
        for number, person in enumerate(("p-late", "p-never"))
    ]
    wrong = enrolled_home.clock.now() - timedelta(days=3)
    late, never = enrolled_home.send(*asked, clock="unsynced", at=wrong)
    enrolled_home.send(ClockSynced(offset_s=timedelta(days=3).total_seconds()))
    raised = AlarmRaised(type=AlarmType.PENDANT, severity=Severity.CARE, since=wrong)
    enrolled_home.send_urgent(Draft(raised, person="p-late"))
    _rebuild(staff)
    stored = {row.seq: row for row in rows(staff, tables.event, origin="home:h1")}
    assert {stored[one.seq].kind for one in (late, never)} == {REFUSED_KIND}
    assert rows(staff, tables.turn) == []
    add_user(staff_app, "p-late", ["caregiver"])
    _rebuild(staff)
    stored = {row.seq: row for row in rows(staff, tables.event, origin="home:h1")}
    row = stored[late.seq]
    assert (row.kind, row.person, row.mark) == ("unlock.requested", "p-late", None)
    assert (row.at, row.corrected_at) == (wrong, wrong + timedelta(days=3))
    assert (stored[never.seq].kind, stored[never.seq].mark) == (REFUSED_KIND, Mark.FOREIGN_PERSON)
    assert [(turn.grant, turn.person) for turn in rows(staff, tables.turn)] == [("g-0", "p-late")]
    (urgent,) = rows(staff, tables.urgent)
    assert urgent.mark is None
    (alarm,) = (one for one in rows(staff, tables.alarm) if one.type == "pendant")
    assert alarm.person == "p-late"


# --- what was called otherwise --------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["events", "urgent"])
def test_an_alarm_under_the_old_name_of_its_type_rings(
    staff: Staff, enrolled_home: EnrolledHome, lane: str
) -> None:
    """`alarm` in place of `type`, as homes wrote it once: it is the same alarm, over both lanes,
    once, and what was written stays as it was."""
    at = enrolled_home.clock.now().isoformat().replace("+00:00", "Z")
    old = Unknown("alarm.raised", {"alarm": "bed_exit", "severity": "care", "since": at})
    (obj,) = part = enrolled_home.seal(old, device="bed")
    assert "type" not in obj["data"]
    assert enrolled_home.post(lane, part).status_code == 200
    assert enrolled_home.post("events", part).status_code == 200
    for _ in range(2):
        (alarm,) = rows(staff, tables.alarm)
        assert (alarm.type, alarm.severity, alarm.device) == ("bed_exit", "care", "bed")
        assert alarm.closed_at is None
        _rebuild(staff)
    (row,) = rows(staff, tables.event, kind="alarm.raised")
    assert json.loads(row.body)["data"] == obj["data"]
    assert row.mark is None


# --- out of all measure ---------------------------------------------------------------------------

LONG = "x" * 30_000


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("toaster.smoked", {"text": LONG}, "text"),
        ("toaster.smoked", {"a": [{"b": LONG}]}, "a"),
        ("toaster.smoked", {"a": {LONG: 1}}, "a"),
        ("toaster.smoked", {LONG: LONG}, LONG[:60]),
        ("toaster.smoked", {"many": ["x" * 900] * 100}, "many"),
        ("toaster.smoked", {"n": list(range(20_000))}, "n"),
        ("device.failed", {"error": "x", "text": LONG, "retry_s": 1.0}, "text"),
        ("device.failed", {"text": LONG, "newer": 1}, "text"),
    ],
)
@pytest.mark.parametrize("lane", ["events", "urgent"])
def test_an_event_out_of_measure_counts_for_nothing(
    staff: Staff, enrolled_home: EnrolledHome, kind: str, fields: Any, field: str, lane: str
) -> None:
    """Of a kind that is known or not: kept whole (the chain holds), no screen is given it, the
    field is told by a name of a reasonable length, and the home goes on."""
    with staff.broker.subscribe({"h1"}) as screen:
        part = enrolled_home.seal(Unknown(kind, fields))
        assert enrolled_home.post(lane, part).status_code == 200
        assert enrolled_home.post("events", part).status_code == 200
        told = [message.kind for message in iter(lambda: screen.get(0), None)]
    assert kind not in told
    enrolled_home.send(MatPressed(), device="bed")
    (row,) = rows(staff, tables.event, origin="home:h1", seq=1)
    assert (row.kind, row.mark) == (REFUSED_KIND, Mark.BAD_VALUE)
    (overstepped,) = rows(staff, tables.event, kind="home.overstepped")
    assert json.loads(overstepped.body)["data"]["field"] == field
    assert [problem for _, _, problem in verify_all(staff.db) if problem] == []


def test_a_text_of_a_megabyte_is_refused_by_name(staff: Staff, enrolled_home: EnrolledHome) -> None:
    """Nothing of it is kept; an alarm rings all the same."""
    huge = "x" * 1_500_000
    for kind, fields, field in (
        ("toaster.smoked", {"text": huge}, "text"),
        ("toaster.smoked", {huge[:900_000]: 1}, "x" * 60),
        ("device.failed", {"error": "x", "text": huge, "retry_s": 1.0}, "text"),
    ):
        before = enrolled_home.seq, enrolled_home.previous
        part = enrolled_home.seal(Unknown(kind, fields))
        for lane in ("events", "urgent"):
            answer = enrolled_home.post(lane, part)
            assert answer.status_code == 400
            detail = answer.get_json()["detail"]
            assert detail == f"Event 1 of the request: {field} is too big."
        enrolled_home.seq, enrolled_home.previous = before
    assert rows(staff, tables.event, origin="home:h1") == []
    assert rows(staff, tables.urgent) == []
    now = enrolled_home.clock.now()
    strange = AlarmRaised(type=alarm_type(huge), severity=Severity.CARE, since=now)
    enrolled_home.send(strange)
    (alarm,) = (row for row in rows(staff, tables.alarm) if row.severity == "care")
    assert len(alarm.type) <= 600


@pytest.mark.parametrize("depth", [41, 500, 900, 930, 937, 960, 2000])
def test_what_lies_too_deep_is_refused_in_a_sentence(
    staff: Staff, enrolled_home: EnrolledHome, depth: int
) -> None:
    """In the data of a kind that is known or not, and around it: what is read where it comes in
    could not be read by a page."""
    deep = "[" * depth + "]" * depth
    for kind, fields, more in (
        ("toaster.smoked", f'{{"a":{deep}}}', ""),
        ("device.failed", f'{{"error":"x","text":{deep},"retry_s":1}}', ""),
        ("alarm.raised", "{}", f',"more":{deep}'),
    ):
        said = (
            f'{{"origin":"home:h1","seq":1,"kind":"{kind}","data":{fields}{more},'
            f'"hash":"{"a" * 64}",'
            '"at":"2026-11-23T21:00:00.000Z","clock":"synced","boot":"b","mono_s":1.0}'
        )
        for lane in ("events", "urgent"):
            path = f"/api/v1/home/{lane}"
            body = f'{{"events":[{said}],"down_have":0}}'
            head = enrolled_home.headers("POST", path)
            answer = enrolled_home.client.post(path, data=body, headers=head)
            assert answer.status_code == 400, answer.text
            told = answer.get_json()
            assert told["code"] == "bad_json" or "lie too deep" in told["detail"]
    assert rows(staff, tables.event, origin="home:h1") == rows(staff, tables.urgent) == []


def test_what_counts_is_smaller_than_what_is_taken() -> None:
    """So a home never stops over what only does not count; both fit in a request."""
    from gateway.wire import BODY_MAX_BYTES

    assert BODY_MAX < ingest.EVENT_MAX < BODY_MAX_BYTES
