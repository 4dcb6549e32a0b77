"""What alarms are about: the table of types, and what an older or a newer version wrote."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import gateway
import web
from gateway.envelope import (
    GENESIS,
    Draft,
    canonical,
    chained,
    from_json,
    seal,
    to_json,
    verify_next,
)
from gateway.events import (
    RENAMED,
    AlarmAcknowledged,
    AlarmRaised,
    AlarmType,
    Severity,
    Trait,
    UnknownAlarmType,
    alarm_type,
    from_fields,
    names_of,
    to_fields,
)
from gateway.state.home_view import HomeView
from web.home.words import Words
from web.staff.texts import words

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SINCE = "2026-11-23T01:48:00.000Z"


def raised(**fields: Any) -> Any:
    return from_fields("alarm.raised", {"severity": "care", "since": SINCE, **fields})


def sealed_before(**fields: Any) -> dict[str, Any]:
    """An `alarm.raised` as a version sealed it in which the type was called `alarm`."""
    event, _, _ = seal(
        Draft(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=NOW)),
        origin="home:h1",
        seq=1,
        at=NOW,
        clock="synced",
        boot="b1",
        mono_s=1.0,
        previous=GENESIS,
    )
    obj = to_json(event)
    obj["data"] = {"alarm": "bed_exit", "severity": "care", "since": SINCE, **fields}
    obj["hash"] = chained(GENESIS, canonical(obj)).hex()
    return obj


def test_each_type_is_raised_somewhere_and_nothing_else_is() -> None:
    """A type that no rule and no server raises is a word for nothing; a word that is raised and no
    type cannot be: only `AlarmRaised` makes an alarm, and its type is checked."""
    packages = (gateway, web)
    sources = [
        path.read_text("utf-8")
        for package in packages
        for path in Path(str(package.__path__[0])).rglob("*.py")
        if "texts" not in path.parts and path.name != "alarm_types.py"
    ]
    used = set(re.findall(r"AlarmType\.([A-Z_]+)", "\n".join(sources)))
    assert used == set(AlarmType.__members__)
    free = re.compile(r"AlarmRaised(?:\.usual)?\(\s*(?:type=)?[\"']")
    assert not any(free.search(source) for source in sources)


def test_each_type_has_words_for_the_staff_and_for_the_resident() -> None:
    """Swedish and English, none for a type that is no more."""
    assert set(words.ALARMS) == set(AlarmType)
    for about in AlarmType:
        for language in ("sv", "en"):
            assert Words(language).word("alarm", about) != about.replace("_", " "), about


@pytest.mark.parametrize("about", AlarmType)
def test_each_type_is_read_as_it_was_written(about: AlarmType) -> None:
    """Its word is the JSON, and the JSON is the member again, with what follows from it."""
    data = AlarmRaised.usual(about, NOW)
    assert to_fields(data)["type"] == about.value == about.name.lower()
    assert raised(**to_fields(data)).type is about
    assert data.severity is about.severity


def test_a_type_of_a_newer_home_is_kept_and_counts_as_care() -> None:
    """Its word stays, it is care with no other trait, and it is open like any other alarm."""
    data = raised(type="stove_left_on")
    assert isinstance(data.type, UnknownAlarmType)
    assert data.type == "stove_left_on"
    assert data.type.severity is Severity.CARE
    assert not data.type.traits
    assert to_fields(data)["type"] == "stove_left_on"
    view = HomeView()
    obj = sealed_before(alarm="stove_left_on")
    view.apply(from_json(obj))
    [alarm] = view.snapshot().alarms
    assert (alarm.type, alarm.severity) == ("stove_left_on", Severity.CARE)
    assert words.spoken(words.ALARMS, alarm.type) == "stove left on"


def test_a_severity_of_a_newer_home_is_read_as_care() -> None:
    """Rather one call too many than an alarm that nobody hears."""
    assert raised(type="bed_exit", severity="panic").severity is Severity.CARE


@pytest.mark.parametrize("wrong", [7, None, "", ["bed_exit"]])
def test_what_is_no_word_is_an_alarm_all_the_same(wrong: object) -> None:
    """It rings as what is not understood."""
    assert raised(type=wrong).type is AlarmType.NOT_UNDERSTOOD
    assert raised(type=wrong).severity is Severity.CARE


def test_the_old_name_of_the_type_is_read() -> None:
    """An event that was sealed when the type was called `alarm`; of both names the new one
    counts."""
    assert raised(alarm="on_floor") == raised(type="on_floor")
    assert raised(alarm="on_floor", type="bed_exit").type is AlarmType.BED_EXIT
    assert names_of("alarm.raised", "type") == ("type", "alarm")
    assert names_of("alarm.raised", "since") == ("since",)


def test_a_renamed_field_is_one_of_now() -> None:
    """The table names no field that is gone, and none that is still called so."""
    for kind, fields in RENAMED.items():
        for old, new in fields.items():
            names = set(to_fields(AlarmRaised.usual(AlarmType.PENDANT, NOW)))
            assert kind == "alarm.raised"
            assert new in names
            assert old not in names


def test_an_event_that_was_sealed_with_the_old_name_keeps_its_hash() -> None:
    """The chain is that of the JSON as sealed: it verifies, goes on, and folds as one of now."""
    old = sealed_before()
    assert json.loads(canonical(old))["data"]["alarm"] == "bed_exit"
    digest = verify_next(old, origin="home:h1", seq=1, previous=GENESIS)
    assert digest.hex() == old["hash"] == from_json(old).hash
    taken, _, _ = seal(
        Draft(AlarmAcknowledged(alarm="home:h1/1"), person="p1"),
        origin="home:h1",
        seq=2,
        at=NOW,
        clock="synced",
        boot="b1",
        mono_s=2.0,
        previous=digest,
    )
    verify_next(to_json(taken), origin="home:h1", seq=2, previous=digest)
    view = HomeView()
    for event in (from_json(old), taken):
        view.apply(event)
    [alarm] = view.snapshot().alarms
    assert (alarm.type, alarm.acknowledged_by) == (AlarmType.BED_EXIT, "p1")


def test_only_the_bed_says_that_somebody_is_back_in_it() -> None:
    """The traits, spelt out once: a wrong one would close, hide or doubt the wrong thing."""
    by_trait = {
        trait: {about.value for about in AlarmType if trait in about.traits} for trait in Trait
    }
    assert by_trait == {
        Trait.DEVICE_FAULT: {
            "camera_covered", "camera_open",
            "device_down", "lock_jammed", "lock_unknown", "mat_poor", "mat_faulty"
        },
        Trait.OUT_OF_BED: {"bed_exit"},
        Trait.BED_DOUBTED: {"on_floor"},
        Trait.COMMON_CAUSE: {
            "check_unreported", "power_lost", "power_failing", "home_silent", "home_tampered",
            "home_overstepped", "home_unread", "chain_broken",
        },
    }  # fmt: skip
    assert alarm_type("pendant") is AlarmType.PENDANT
