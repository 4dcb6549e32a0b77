"""What OwnTracks and Traccar send, as their own documents and tests have it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.drivers.vectors import DATA, needs_vectors
from web.staff.places.fixes import Fix, Told, owntracks, token_within, traccar
from web.staff.places.geometry import Point

LOCATION = {"_type": "location", "lat": 57.7, "lon": 11.9, "tst": 1551874878, "acc": 15, "batt": 46}
POSITION = {
    "latitude": 48.83875,
    "longitude": 2.25353,
    "fixTime": "2018-09-14T10:18:32.000+0000",
    "valid": True,
    "outdated": False,
    "accuracy": 12.5,
    "attributes": {"batteryLevel": 81.6},
}
AT = datetime(2018, 9, 14, 10, 18, 32, tzinfo=UTC)


def messages(name: str) -> list[dict[str, Any]]:
    """The messages of a file, each with what is expected of it."""
    found: list[dict[str, Any]] = json.loads((DATA / "protocols" / f"{name}.json").read_text())[
        "messages"
    ]
    return found


@needs_vectors
def test_every_published_message_of_owntracks_is_read_as_it_says() -> None:
    """A location and a transition with a time are fixes with that time; all else is none, and no
    time is made up."""
    fixes = 0
    for message in messages("owntracks_payloads"):
        said, payload = message["expected"], message["payload"]
        told = owntracks(payload)
        if said["_type"] not in ("location", "transition") or "tst" not in said:
            assert told.fix is None
            continue
        assert told.fix == Fix(
            datetime.fromtimestamp(said["tst"], UTC),
            Point(said["lat"], said["lon"]),
            said.get("acc"),
        )
        assert told.battery_pct == said.get("batt")
        fixes += 1
    assert fixes >= 7


@needs_vectors
def test_every_published_message_of_traccar_is_read_as_it_says() -> None:
    """A position has its fix's time, whatever the zone is written as; an accuracy of 0 is none; an
    event without a position is no fix."""
    tolds = [traccar(message["payload"]) for message in messages("traccar_forward")]
    assert [told.fix for told in tolds] == [None, Fix(AT, Point(48.83875, 2.25353), None), None]


@pytest.mark.parametrize("zone", ["+0000", "+00:00", "Z"])
def test_the_zone_of_a_fix_is_read_in_each_form(zone: str) -> None:
    """Old servers, new servers and the interface write it differently."""
    told = traccar({"position": POSITION | {"fixTime": f"2018-09-14T10:18:32.000{zone}"}})
    assert told == Told(Fix(AT, Point(48.83875, 2.25353), 12.5), 82)


@pytest.mark.parametrize(
    "changed",
    [
        {"outdated": True},
        {"valid": False},
        {"fixTime": None},
        {"fixTime": "2018-09-14T10:18:32"},
        {"fixTime": "9" * 400},
        {"latitude": 0, "longitude": 0},
        {"latitude": "NaN"},
        {"longitude": 180.5},
    ],
)
def test_what_is_no_fix_of_traccar_makes_none(changed: dict[str, Any]) -> None:
    """Sent once more, without a zone, nowhere: none; the battery is read all the same."""
    assert traccar({"position": POSITION | changed}) == Told(None, 82)


def test_attributes_may_be_an_empty_list() -> None:
    """Old versions write an empty object so."""
    told = traccar({"position": POSITION | {"attributes": []}, "device": {"attributes": []}})
    assert told.fix is not None
    assert told.battery_pct is None
    assert token_within({"device": {"attributes": []}}) is None
    assert token_within({"device": {"attributes": {"tryggve": "x"}}}) == "x"


@pytest.mark.parametrize(
    "changed",
    [
        {"lat": None},
        {"lat": True},
        {"lat": "x" * 1000},
        {"lat": 1e400},
        {"lat": 91},
        {"tst": None},
        {"tst": -1},
        {"tst": 1e18},
        {"tst": [1]},
        {"acc": 2e6},
        {"_type": "waypoint"},
        {"_type": ["location"]},
    ],
)
def test_what_is_no_fix_of_owntracks_makes_none(changed: dict[str, Any]) -> None:
    """Wherever it is wrong."""
    assert owntracks(LOCATION | changed).fix is None


@pytest.mark.parametrize("acc", [None, 0, -1, "x"])
def test_an_accuracy_that_says_nothing_is_not_said(acc: object) -> None:
    """0 is what receivers write that do not know."""
    told = owntracks(LOCATION | {"acc": acc})
    assert told.fix is not None
    assert told.fix.acc_m is None


@pytest.mark.parametrize("batt", [-1, 101, "full", True, None])
def test_a_battery_level_that_cannot_be_is_not_said(batt: object) -> None:
    """A phone without a battery writes -1."""
    assert owntracks(LOCATION | {"batt": batt}).battery_pct is None
