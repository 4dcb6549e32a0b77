"""One bad event darkens no page: what is out of all measure is refused by its field's name, or
kept, marked, and shown as such."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

from gateway.envelope import Draft
from gateway.events import (
    KINDS,
    AlarmRaised,
    AlarmType,
    BatteryLow,
    ClockSynced,
    DeviceFailed,
    DeviceTold,
    GatewayStarted,
    HomeDescribed,
    MatPressed,
    PreviousRun,
    Severity,
    Unknown,
    alarm_type,
)
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_user, sign_in
from web.staff.core.context import Staff
from web.staff.events.judgement import REFUSED_KIND, Mark
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables

LAST = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
FIRST = datetime(1, 1, 1, tzinfo=UTC)

HUGE = int("9" * 4000)


@pytest.fixture
def reader(staff_app: Flask) -> FlaskClient:
    """Somebody who sees every page."""
    roles = ["caregiver", "coordinator", "night_watcher", "technician", "administrator"]
    add_user(staff_app, "p9", roles, homes=["h1"])
    client = staff_app.test_client()
    assert sign_in(client, "p9").status_code == 302
    return client


def broken(app: Flask, reader: FlaskClient) -> list[str]:
    """Pages that answer with an error of the server's."""
    known = {"home": "h1", "device": "front", "person": "p9"}
    found, seen = [], 0
    for rule in app.url_map.iter_rules():
        if _is_page(rule) and set(rule.arguments) <= set(known):
            values = {name: known[name] for name in rule.arguments}
            path = app.url_map.bind("localhost").build(rule.endpoint, values)
            answer = reader.get(path, buffered=False)
            seen += answer.status_code == 200
            if answer.status_code >= 500:
                found.append(path)
            answer.close()
    assert seen + len(found) > 15, "hardly a page was looked at"
    return found


def _is_page(rule: Rule) -> bool:
    return (
        "GET" in (rule.methods or ())
        and rule.endpoint.startswith("pages.")
        and ("live" not in rule.rule)
    )


@pytest.mark.parametrize("at", [LAST, FIRST, LAST.replace(year=2400)])
def test_a_far_time_counts_as_the_time_of_arrival(
    home: EnrolledHome, staff_app: Flask, staff: Staff, reader: FlaskClient, at: datetime
) -> None:
    """On both lanes, in the envelope and in what it tells: the alarm is open, with the server's
    time; the list says so; no page is dark, and a rebuild finds the same."""
    raised = AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=at)
    part = home.seal(raised, device="bed", at=at)
    assert home.post("urgent", part).status_code == 200
    assert broken(staff_app, reader) == []
    assert home.post("events", part).status_code == 200
    home.send(Unknown("toaster.smoked", {}), at=at)
    assert broken(staff_app, reader) == []
    now = staff.clock.now()
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.since, alarm.raised_at, alarm.closed_at) == (now, now, None)
    (row,) = rows(staff, tables.event, kind="alarm.raised", home_id="h1")
    assert (row.at, row.corrected_at, row.mark) == (now, now, Mark.FAR_TIME)
    assert json.loads(row.body)["at"] == part[0]["at"], "what was written stays as it was"
    assert "Hemmets klocka gick fel" in reader.get("/handelser").get_data(as_text=True)
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert rows(staff, tables.alarm) == [alarm]


def test_a_far_time_that_is_stored_already_is_mended(
    home: EnrolledHome, staff_app: Flask, staff: Staff, reader: FlaskClient
) -> None:
    """What an older server kept does not darken a page, and a rebuild gives it a time."""
    home.send(AlarmRaised.usual(AlarmType.BED_EXIT, home.clock.now()), device="bed")
    (row,) = rows(staff, tables.event, kind="alarm.raised")
    text = row.body.replace(json.loads(row.body)["at"], "9999-12-31T23:59:59.999Z")
    with staff.db.write() as tx:
        t = tables.event
        this = (t.c.origin == row.origin) & (t.c.seq == row.seq)
        tx.conn.execute(t.update().where(this).values(body=text, at=LAST, corrected_at=LAST))
        tx.conn.execute(tables.alarm.update().values(since=LAST, raised_at=LAST))
    assert broken(staff_app, reader) == []
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    (alarm,) = rows(staff, tables.alarm)
    assert alarm.raised_at == staff.clock.now()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (ClockSynced(offset_s=1e300), "offset_s"),
        (ClockSynced(offset_s=-1e10), "offset_s"),
        (BatteryLow(level_pct=10**30), "level_pct"),
        (BatteryLow(level_pct=2**31), "level_pct"),
        (DeviceFailed(error="x", text="x" * 30_000, retry_s=1.0), "text"),
    ],
)
def test_a_value_that_cannot_be_meant_counts_for_nothing(
    home: EnrolledHome, staff_app: Flask, staff: Staff, reader: FlaskClient, data: Any, field: str
) -> None:
    """It is kept and told of by its field's name, and the home goes on."""
    (event,) = home.send(data, device="bed")
    home.send(MatPressed(), device="bed")
    (row,) = rows(staff, tables.event, origin="home:h1", seq=event.seq)
    assert (row.kind, row.mark) == (REFUSED_KIND, Mark.BAD_VALUE)
    (told,) = rows(staff, tables.event, kind="home.overstepped")
    assert json.loads(told.body)["data"]["field"] == field
    assert broken(staff_app, reader) == []


@pytest.mark.parametrize("number", [2**63, 10**30, HUGE, -1])
def test_what_a_home_says_it_has_is_bounded(enrolled_home: EnrolledHome, number: int) -> None:
    """`down_have` is a number that a database can keep."""
    enrolled_home.down_have = number
    answer = enrolled_home.post("events", [])
    assert answer.status_code == 400
    assert "down_have" in answer.get_json()["detail"]


def test_a_boots_times_are_not_moved_into_the_future(home: EnrolledHome, staff: Staff) -> None:
    """An offset that would move an event past its arrival leaves it where it is."""
    started = GatewayStarted(version="1", config_sha256="x", previous=PreviousRun.NONE)
    (early, late) = (
        home.send(started, clock="unsynced", at=at)[0]
        for at in (home.clock.now() - timedelta(days=400), home.clock.now())
    )
    home.send(ClockSynced(offset_s=timedelta(days=399).total_seconds()))
    (one,) = rows(staff, tables.event, origin="home:h1", seq=early.seq)
    (other,) = rows(staff, tables.event, origin="home:h1", seq=late.seq)
    assert one.corrected_at == early.at + timedelta(days=399)
    assert other.corrected_at == late.at


def test_a_character_that_no_text_has_blocks_nothing(
    home: EnrolledHome, staff: Staff, reader: FlaskClient
) -> None:
    """Wherever a home says U+0000, as a driver may that was told a device's name: it is stored as
    it was sealed and read as `�`, on both lanes, and what comes after it too.  A rebuild finds the
    same."""
    now, nul = home.clock.now(), "a\x00b"
    bed = DeviceTold(id=nul, driver=nul, type="sensor", role="bed", room=nul)
    said = [
        *home.seal(HomeDescribed(devices=(bed,), timezone="Europe/Stockholm", resident=nul)),
        *home.seal(DeviceFailed(error=nul, text=nul + "\\u0000", retry_s=1.0), device=nul),
        *home.seal(Draft(MatPressed(), person=nul)),
        *home.seal(GatewayStarted(version=nul, config_sha256=nul, previous=PreviousRun.NONE)),
        *home.seal(Unknown(f"toaster.{nul}", {nul: nul}), device="bed"),
        *home.seal(AlarmRaised(type=alarm_type(nul), severity=Severity.CARE, since=now)),
    ]
    for path in ("urgent", "events"):
        answer = home.post(path, said)
        assert answer.status_code == 200, answer.text
    home.send(AlarmRaised.usual(AlarmType.BED_EXIT, now), device="bed")

    def shown() -> list[Any]:
        (device,) = rows(staff, tables.device, id="a�b")
        alarms = sorted(one.type for one in rows(staff, tables.alarm) if one.id.startswith("home:"))
        return [device.room, device.health_text, *alarms]

    found = shown()
    assert found == ["a�b", "a�b\\u0000", "a�b", "bed_exit"]
    (row,) = rows(staff, tables.event, seq=said[1]["seq"], origin=home.origin)
    assert json.loads(row.body)["device"] == nul, "what was sealed stays as it was"
    (named,) = rows(staff, tables.event, seq=said[2]["seq"], origin=home.origin)
    assert named.mark == Mark.FOREIGN_PERSON
    assert [reader.get(path).status_code for path in ("/nu", "/hem/h1", "/handelser")] == [200] * 3
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert shown() == found


# --- anything at all ------------------------------------------------------------------------------

NUMBERS = [0, -1, 2**31, 2**63, 10**30, HUGE, 1e300, -1e300, 0.5, 1e30]
TIMES = ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "1969-12-31T00:00:00Z", "x"]
TEXTS = ["", "\x00", "x" * 3000, "home:h9/1", "home:h1/1", "\u202e", "<b>", "%(x)s", "9" * 40]

ANYTHING: st.SearchStrategy[Any] = st.sampled_from(
    [*NUMBERS, *TIMES, *TEXTS, None, True, [], {}, ["x"], [{"id": 1}]]
)


class Sent(list[dict[str, Any]]):
    """What a home sends.  A failure names the one that broke: all of them are 150 kB, for which
    Hypothesis has a warning in place of the failure."""

    def __repr__(self) -> str:
        return f"one of each of {len(self)} kinds"


@st.composite
def anything(draw: st.DrawFn) -> Sent:
    """One of each kind: the data that it has, with fields of any value, or none at all."""
    made = Sent()
    for kind, cls in KINDS.items():
        hints = typing.get_type_hints(cls)
        fields = {}
        for field in dataclasses.fields(typing.cast(Any, cls)):
            plain = str(hints[field.name])
            likely = TIMES if "datetime" in plain.lower() else TEXTS if "str" in plain else NUMBERS
            fields[field.name] = draw(st.sampled_from(likely) | ANYTHING)
        at = draw(st.sampled_from([None, None, None, LAST, FIRST]))
        made.append({"kind": kind, "fields": fields, "at": at})
    return made


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(anything())
def test_whatever_comes_no_page_is_dark(
    home: EnrolledHome, staff_app: Flask, reader: FlaskClient, sent: Sent
) -> None:
    """Every kind with any values over both lanes: no answer is an error of the server's, and every
    page is shown."""
    for number, one in enumerate(sent):
        before = home.seq, home.previous
        draft = Unknown(one["kind"], one["fields"])
        device = ("bed", "front", None)[number % 3]
        part = home.seal(draft, device=device, at=one["at"], clock=_clock(number))
        answers = [home.post(path, part).status_code for path in ("urgent", "events")]
        assert max(answers) < 500, one
        if answers[1] != 200:
            home.seq, home.previous = before
    assert broken(staff_app, reader) == []


def _clock(number: int) -> str:
    return "unsynced" if number % 5 == 0 else "synced"


def test_a_kind_that_is_read_is_shown_by_row(
    home: EnrolledHome,
    staff_app: Flask,
    reader: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An event that a page's words break on is a row that says so; the others stay."""
    from web.staff.texts import event_summary

    def breaks(*_: object) -> str:
        raise OverflowError

    tellers: dict[Any, Callable[..., str]] = event_summary._TELL
    monkeypatch.setitem(tellers, AlarmRaised, breaks)
    home.send(AlarmRaised.usual(AlarmType.BED_EXIT, home.clock.now()), device="bed")
    page = reader.get("/handelser").get_data(as_text=True)
    assert "En händelse som inte kan visas" in page
    assert 'data-kind="home.described"' in page
