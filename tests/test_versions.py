"""Events of another version are read as far as they can be: every kind, every field, by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.envelope import GENESIS, body_of, canonical, chained, from_json, to_json, verify_next
from gateway.events import (
    KINDS,
    AbsenceStarted,
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    BedLeft,
    ButtonPressed,
    Coded,
    Data,
    Finding,
    HomeDescribed,
    LockOperationOutcome,
    MatQuality,
    PendantPressed,
    PressHow,
    Severity,
    Tap,
    Undone,
    Unknown,
    VisitCorrected,
    from_fields,
    may_call_for_help,
    not_read,
    to_fields,
)
from gateway.events.tolerance import readers
from tests import versions
from tests.versions import Newer

AT = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)

CASES = versions.all_newer()


def read(kind: str, fields: Any) -> Data:
    return from_fields(kind, fields, AT)


def is_strict(kind: str) -> bool:
    return KINDS[kind].STRICT


@pytest.mark.parametrize("cls", KINDS.values(), ids=lambda cls: cls.KIND)
def test_every_kind_is_read_with_a_field_more(cls: type[Data]) -> None:
    """What it has that is known counts as ever, the rest is passed over, also within its parts.
    What gives a right is not read at all: a field more may be a restriction."""
    known = versions.whole(cls)
    for one in versions.newer_of(cls):
        if one.what == "field":
            data = read(one.kind, one.fields)
            if is_strict(one.kind):
                assert data == Unknown(one.kind, dict(one.fields)), str(one)
            else:
                assert data == read(one.kind, known), str(one)
                assert not isinstance(data, Unknown), str(one)


WORDS = [one for one in CASES if one.what == "word"]


@pytest.mark.parametrize("one", WORDS, ids=str)
def test_a_word_that_is_not_known_has_a_meaning(one: Newer) -> None:
    """The other fields count, and the field means what its words say of it (`Coded.unread`).  What
    gives a right is not read at all."""
    data = read(one.kind, one.fields)
    if is_strict(one.kind):
        assert data == Unknown(one.kind, dict(one.fields))
        return
    enum = dict(versions.coded(KINDS[one.kind]))[one.where]
    assert getattr(data, one.where) is enum.unread()
    known = {**to_fields(data), one.where: one.fields[one.where]}
    assert known == one.fields


def test_what_unknown_words_mean() -> None:
    """Spelt out once: never that all is well, that it was done, or that somebody was there."""
    meant = {enum: enum.unread() for kind in KINDS.values() for _, enum in versions.coded(kind)}
    assert {enum.__name__ for enum in meant if meant[enum].name != "UNKNOWN"} == {
        "Severity",
        "PressHow",
        "Undone",
    }
    assert meant[Severity] is Severity.CARE
    assert (meant[PressHow], meant[Undone]) == (PressHow.OTHER, Undone.OTHER)
    assert meant[LockOperationOutcome] is not LockOperationOutcome.DONE
    assert meant[Finding] is not Finding.OK
    for enum in (Finding, AlarmOutcome, MatQuality, Tap):
        assert isinstance(enum, type)
        assert issubclass(enum, Coded)
        assert meant[enum] not in enum.offered(), "nobody may choose it"
        with pytest.raises(ValueError, match="nothing to choose"):
            enum.chosen("unknown")


def test_what_cannot_be_read_of_one_field_is_not_the_whole_event() -> None:
    """A field that may be missing, or has a meaning without its value, loses only itself."""
    for one in CASES:
        if one.what not in ("missing", "form") or is_strict(one.kind):
            continue
        data = read(one.kind, one.fields)
        kind: type = KINDS[one.kind]
        field = next(r for r in readers(kind) if r.name == one.where)
        if isinstance(data, Unknown):
            assert field.otherwise.value.__class__.__name__ == "Unread", str(one)
            continue
        rest = {name: value for name, value in one.fields.items() if name != one.where}
        assert {n: v for n, v in to_fields(data).items() if n != one.where} == rest, str(one)


def test_an_alarm_is_read_whatever_is_wrong_with_it() -> None:
    """Each field by itself, and all of them."""
    wrong: list[Any] = [
        {},
        {"type": 7, "severity": [], "since": "yesterday"},
        {"type": "bed_exit", "severity": "grave", "since": AT.isoformat(), "rooms": ["hall"]},
    ]
    for fields in wrong + [one.fields for one in CASES if one.kind == "alarm.raised"]:
        data = read("alarm.raised", fields)
        assert isinstance(data, AlarmRaised), fields
        if fields.get("severity") not in list(Severity):
            assert data.severity is Severity.CARE
    data = read("alarm.raised", {})
    assert data == AlarmRaised(type=AlarmType.NOT_UNDERSTOOD, severity=Severity.CARE, since=AT)
    assert isinstance(read("pendant.pressed", {"verified": "perhaps"}), PendantPressed)


def test_a_guess_that_could_do_harm_is_not_made() -> None:
    """An absence without its end would silence a home for ever, half a correction would pay for
    another time, and a press that is not said to be proved is not."""
    assert isinstance(read("absence.started", {"until": "soon"}), Unknown)
    assert read("absence.started", {"why": "hospital"}) == AbsenceStarted()
    corrected = {"visit": "home:h1/1", "since": AT.isoformat(), "until": {"about": "noon"}}
    assert isinstance(read("visit.corrected", corrected), Unknown)
    assert isinstance(read("visit.corrected", {**corrected, "until": None}), VisitCorrected)
    assert read("button.pressed", {"verified": "perhaps"}) == ButtonPressed(verified=False)
    assert read("button.pressed", {}) == ButtonPressed(verified=True)
    assert read("bed.left", {"certain": "perhaps"}) == BedLeft(empty_since=AT, certain=False)


def test_a_device_that_cannot_be_read_is_left_out() -> None:
    """The others of the home are described all the same."""
    bed = {"id": "bed", "driver": "mat_gpio", "type": "sensor", "role": "bed", "zz": 1}
    strange = {"id": "x", "driver": {"name": "y"}, "type": "sensor"}
    described = read(
        "home.described", {"devices": [bed, strange, 7], "timezone": "Europe/Stockholm"}
    )
    assert isinstance(described, HomeDescribed)
    assert [(device.id, device.role) for device in described.devices] == [("bed", "bed")]


def test_what_was_written_stays_byte_for_byte() -> None:
    """The hash is that of the text as it was sealed, whoever reads it and writes it down again."""
    for one in CASES:
        obj = {
            "origin": "home:h1",
            "seq": 1,
            "at": "2026-11-23T21:00:00.000Z",
            "clock": "synced",
            "boot": "b1",
            "mono_s": 1.0,
            "kind": one.kind,
            "data": one.fields,
        }
        body = canonical(json.loads(json.dumps(obj)))
        event = from_json({**obj, "hash": chained(GENESIS, body).hex()})
        assert body_of(event) == canonical(to_json(event)) == body, str(one)
        verify_next(to_json(event), origin="home:h1", seq=1, previous=GENESIS)
        written = event.as_written or {}
        more = not_read(event.kind, written, event.data)
        assert isinstance(event.data, Unknown) or bool(more) == (one.what != "missing"), str(one)


@pytest.mark.parametrize(
    ("kind", "urgent", "rings"),
    [
        ("alarm.shouted", False, True),
        ("alarm.shouted", True, True),
        ("pendant.squeezed", False, True),
        ("fall.suspected", True, True),
        ("fall.suspected", False, False),
        ("unlock.unlatched", True, False),  # a new step of a lock, at every door that opens
        ("check.postponed", True, False),  # its deadline rings
        ("check.escalated", True, True),  # known, and nothing of it can be read
        ("check.missed", False, True),
        ("check.done", True, False),
        ("alarm.resolved", True, False),
        ("toaster.smoked", False, False),
    ],
)
def test_what_may_be_a_call_for_help(kind: str, urgent: bool, rings: bool) -> None:
    """Of what cannot be read: rather one call too many, and none at every door."""
    assert may_call_for_help(kind, urgent=urgent) is rings
