"""Batches in order: each event once, all or nothing, the chain unbroken."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Integer, select

from gateway.envelope import canonical, from_json
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    ClockSynced,
    GatewayStarted,
    MatPressed,
    MatReleased,
    PreviousRun,
    Severity,
    Unknown,
)
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.storage import event_store, tables


def rows(staff: Staff, table: Any, **where: Any) -> list[Any]:
    """The rows of a table, in the order of their numbers where each has one of its own: PostgreSQL
    gives a row that was changed after the others."""
    query = select(table)
    numbers = [column for column in table.primary_key if isinstance(column.type, Integer)]
    if len(numbers) == len(table.primary_key) or "origin" in where:
        query = query.order_by(*numbers)
    for name, value in where.items():
        query = query.where(table.c[name] == value)
    with staff.db.read() as conn:
        return list(conn.execute(query))


def test_a_batch_is_stored_byte_for_byte(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """What is stored is exactly what the hash seals, whatever characters and numbers are in it."""
    odd = Unknown("toaster.smoked", {"a": 1e22, "b": "nul \x00 – 🙂", "c": [1.0, None, True]})
    sent = enrolled_home.send(MatPressed(), odd, MatReleased(), device="bed")
    stored = rows(staff, tables.event, origin="home:h1")
    assert [row.seq for row in stored] == [1, 2, 3]
    whole = [json.loads(event_store.with_hash(row.body, row.hash)) for row in stored]
    assert [from_json(one) for one in whole] == sent
    assert [row.kind for row in stored] == ["mat.pressed", "toaster.smoked", "mat.released"]


def test_a_batch_sent_again_changes_nothing(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The same batch twice, and one that overlaps with what is stored, are answered as the
    first."""
    first = enrolled_home.seal(MatPressed(), MatReleased(), device="bed")
    assert enrolled_home.post("events", first).get_json() == {"have": 2}
    assert enrolled_home.post("events", first).get_json() == {"have": 2}
    more = enrolled_home.seal(MatPressed(), device="bed")
    assert enrolled_home.post("events", first[1:] + more).get_json() == {"have": 3}
    assert len(rows(staff, tables.event, origin="home:h1")) == 3


def test_a_gap_is_answered_with_what_the_server_has(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """A batch that begins too late, or has a hole, is refused whole."""
    enrolled_home.send(MatPressed(), device="bed")
    later = enrolled_home.seal(MatReleased(), MatPressed(), MatReleased(), device="bed")
    for batch in (later[1:], [later[0], later[2]]):
        answer = enrolled_home.post("events", batch)
        assert answer.status_code == 409
        assert (answer.get_json()["code"], answer.get_json()["have"]) == ("gap", 1)
    assert len(rows(staff, tables.event, origin="home:h1")) == 1
    assert enrolled_home.post("events", later).get_json() == {"have": 4}


def _edited(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [batch[0] | {"device": "other"}, *batch[1:]]


def _rewritten(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [batch[0] | {"hash": "00" * 32}, *batch[1:]]


@pytest.mark.parametrize("change", [_edited, _rewritten])
def test_an_edited_event_is_noticed_and_told_once(
    enrolled_home: EnrolledHome,
    staff: Staff,
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
) -> None:
    """A broken chain stores nothing, and raises one technical alarm however often it is sent."""
    enrolled_home.send(MatPressed(), device="bed")
    good = enrolled_home.seal(MatReleased(), MatPressed(), device="bed")
    for _ in range(2):
        answer = enrolled_home.post("events", change(good))
        assert answer.status_code == 409
        assert (answer.get_json()["code"], answer.get_json()["have"]) == ("chain", 1)
    assert len(rows(staff, tables.event, origin="home:h1")) == 1
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.type, alarm.severity, alarm.closed_at) == ("home_tampered", "technical", None)
    (told,) = rows(staff, tables.event, kind="home.tampered")
    assert event_store.to_event(told.body, told.hash).data.seq == 2  # type: ignore[attr-defined]
    assert enrolled_home.post("events", good).get_json() == {"have": 3}


def test_another_past_is_noticed(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """An old disk that goes on with other events under numbers that are stored is no re-send."""
    before = (enrolled_home.seq, enrolled_home.previous)
    enrolled_home.send(MatPressed(), device="bed")
    enrolled_home.seq, enrolled_home.previous = before
    answer = enrolled_home.post("events", enrolled_home.seal(MatReleased(), device="bed"))
    assert answer.get_json()["code"] == "chain"
    assert [row.type for row in rows(staff, tables.alarm)] == ["home_tampered"]


def test_a_new_log_begins_anew(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """After a lost disk the home writes `home:<id>~2` from 1; both logs stay."""
    enrolled_home.send(MatPressed(), device="bed")
    enrolled_home.origin, enrolled_home.seq = "home:h1~2", 0
    enrolled_home.previous = bytes(32)
    enrolled_home.send(BedEntered())
    empty = enrolled_home.post("events", [])
    assert empty.get_json() == {"have": 1}
    with staff.db.read() as conn:
        assert event_store.read_head(conn, "home:h1").seq == 1
        assert event_store.read_head(conn, "home:h1~2").seq == 1


def test_another_homes_events_are_refused(
    make_home: Callable[[str], EnrolledHome], staff: Staff
) -> None:
    """A gateway may send only its own home's events, also under a name that looks like it."""
    one, other = make_home("h1"), make_home("h11")
    for origin in ("home:h11", "staff:h1", "staff", "home:h1~", "home:h1~0", "home:h1~x"):
        one.origin = origin
        answer = one.post("events", one.seal(MatPressed(), device="bed"))
        assert answer.status_code == 403, origin
        assert answer.get_json()["code"] == "other_home"
    assert rows(staff, tables.event, home_id="h11", kind="mat.pressed") == []
    other.send(MatPressed())


BAD = [
    ([1], "bad_request"),
    ([{}], "bad_event"),
    ([{"origin": "home:h1", "seq": 0}], "bad_event"),
]


@pytest.mark.parametrize(("events", "code"), BAD)
def test_what_is_no_event_is_refused_with_a_sentence(
    enrolled_home: EnrolledHome, events: list[Any], code: str
) -> None:
    """Bad input is a 400 with one sentence."""
    answer = enrolled_home.post("events", events)
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
    assert answer.get_json()["detail"].endswith(".")


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 10**30},
        {"seq": True},
        {"seq": "1"},
        {"kind": 7},
        {"kind": "x" * 5000},
        {"hash": "xyz"},
        {"hash": None},
        {"data": {"a": float("nan")}},
        {"data": {"a": "\ud800"}},
        {"origin": None},
    ],
)
def test_what_has_no_number_hash_or_kind_is_refused(
    enrolled_home: EnrolledHome, change: dict[str, Any]
) -> None:
    """No field's nonsense becomes a 500.  What is only otherwise than here is taken
    (`test_newer_envelopes`)."""
    (good,) = enrolled_home.seal(Unknown("x.happened", {}))
    for path in ("events", "urgent"):
        answer = enrolled_home.post(path, [good | change])
        assert answer.status_code == 400, (path, answer.text)


def test_too_much_is_refused(enrolled_home: EnrolledHome) -> None:
    """A body over the limit, packed or not, and a gzip that is none or cut off are refused."""
    path = "/api/v1/home/events"
    import gzip

    bomb = gzip.compress(b" " * 5_000_000)
    cases = [
        (b" " * 2_000_001, {}, 413),
        (bomb, {"Content-Encoding": "gzip"}, 413),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}" * 1000)[:-9], {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"[" * 100_000, {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"", {}, 400),
    ]
    for body, extra, status in cases:
        headers = enrolled_home.headers("POST", path) | extra
        answer = enrolled_home.client.post(path, data=body, headers=headers)
        assert answer.status_code == status, (body[:20], answer.text)
        assert answer.get_json()["detail"]


def test_times_of_an_unsynced_boot_are_corrected(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """`clock.synced` moves the earlier times of its boot, in the events and in what is shown."""
    wrong = enrolled_home.clock.now() - timedelta(days=400)
    started = GatewayStarted(version="1", config_sha256="x", previous=PreviousRun.NONE)
    raised = AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=wrong)
    enrolled_home.send(started, raised, at=wrong, clock="unsynced")
    offset = timedelta(days=400)
    enrolled_home.send(ClockSynced(offset_s=offset.total_seconds()))
    found = rows(staff, tables.event, origin="home:h1")
    stored = sorted(found, key=lambda row: int(row.seq))  # a table is in no order
    assert [row.at for row in stored[:2]] == [wrong, wrong]
    assert [row.corrected_at for row in stored[:2]] == [wrong + offset, wrong + offset]
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.raised_at, alarm.since) == (wrong + offset, wrong + offset)


def test_a_gateway_that_starts_once_more_corrects_only_what_came_since(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """It says anew in the same boot by how much its clock was off: what was corrected before stays
    so, and an alarm of then with it."""
    now = enrolled_home.clock.now()
    day, minute = timedelta(days=400), timedelta(minutes=1)
    raised = AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=now - day)
    enrolled_home.send(raised, at=now - day, clock="unsynced")
    enrolled_home.send(ClockSynced(offset_s=day.total_seconds()))
    started = GatewayStarted(version="1", config_sha256="x", previous=PreviousRun.CLEAN)
    enrolled_home.send(started, at=now - minute, clock="unsynced")
    enrolled_home.send(ClockSynced(offset_s=minute.total_seconds()))
    found = sorted(rows(staff, tables.event, origin="home:h1"), key=lambda row: int(row.seq))
    assert [row.corrected_at for row in found if not row.synced] == [now, now]
    (alarm,) = rows(staff, tables.alarm)
    assert (alarm.raised_at, alarm.since) == (now, now)


def test_the_body_is_canonical(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The stored text is the canonical JSON, so that a chain can be verified from the table."""
    (sent,) = enrolled_home.seal(MatPressed(), device="bed")
    enrolled_home.post("events", [sent])
    (row,) = rows(staff, tables.event, origin="home:h1")
    assert row.body.encode() == canonical(sent)
