"""A home's own weeks with another setting: counted by the live rules, from what devices told."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.envelope import GENESIS, Because, Draft, seal
from gateway.events import (
    AlarmAcknowledged,
    AlarmRaised,
    AlarmType,
    Data,
    DoorClosed,
    DoorOpened,
    Ref,
    TemperatureMeasured,
)
from gateway.replay import what_if
from gateway.replay.what_if import Answer, Asked

BEGIN = datetime(2026, 11, 1, 11, 0, tzinfo=UTC)
MIN = timedelta(minutes=1)

DOOR = {"id": "front", "driver": "door_gpio", "type": "sensor", "role": "front_door"}


def asked(**more: object) -> str:
    """The line that says what to try: another time that the front door may stand open."""
    said = {
        "home": "h1",
        "timezone": "Europe/Stockholm",
        "devices": [DOOR],
        "change": {"door_open": {"open_min": 30}},
    }
    return json.dumps(said | more)


def written(told: list[tuple[datetime, Data, Because | None]]) -> Iterator[str]:
    """A home's events as the server sends them."""
    previous = GENESIS
    for number, (at, data, because) in enumerate(told, 1):
        device = "front" if because is None else None
        _, body, previous = seal(
            Draft(data, device=device, because=because),
            origin="home:h1",
            seq=number,
            at=at,
            clock="synced",
            boot="b",
            mono_s=0.0,
            previous=previous,
        )
        yield f"{at.isoformat()}\t{body.decode()}"


def doors(days: int, minutes: float = 20) -> list[tuple[datetime, Data, Because | None]]:
    """The front door stands open so long each day; what the rule had raised then, and what somebody
    said to it, are in the log too."""
    told: list[tuple[datetime, Data, Because | None]] = []
    for day in range(days):
        at = BEGIN + timedelta(days=day)
        raised = AlarmRaised.usual(AlarmType.DOOR_LEFT_OPEN, at)
        told += [
            (at, DoorOpened(), None),
            (at + 15 * MIN, raised, Because("door_open", 1, (Ref("home:h1/1"),))),
            (at + 16 * MIN, AlarmAcknowledged(alarm=Ref("home:h1/2")), None),
            (at + minutes * MIN, DoorClosed(), None),
        ]
    return told


def run(head: str, lines: Iterator[str] | list[str]) -> Answer:
    """The process's own way in and out."""
    out = io.StringIO()
    source = io.StringIO("\n".join([head, *lines]) + "\n")
    assert what_if.main(source, out) == 0
    return Answer.model_validate_json(out.getvalue())


def test_alarms_that_another_setting_would_not_have_raised() -> None:
    """Twenty days with the door open for twenty minutes: after a quarter, as it was, one a day in
    the days that are counted; after half an hour none.  What the log says of alarms counts for
    nothing: it is the rules that decide anew."""
    found = run(asked(), written(doors(20)))
    assert found.before == {"door_left_open": 15}
    assert found.after == {}
    assert len(found.less) == 15
    assert found.more == ()
    assert found.days == pytest.approx(14.2, abs=0.3)
    assert found.events == 40, "neither what rules decided nor what was said to it"


def test_what_is_set_now_is_what_it_is_compared_with() -> None:
    """The home's own settings, not the defaults, are `before`; the change is laid over them."""
    head = asked(settings={"door_open": {"open_min": 60}}, change={"door_open": {"open_min": 5.0}})
    found = run(head, written(doors(20)))
    assert (found.before, found.after) == ({}, {"door_left_open": 15})
    assert [one.what for one in found.more] == ["door_left_open"] * 15


def test_the_same_alarm_a_little_later_is_no_other() -> None:
    """An alarm that comes some minutes later neither comes nor goes."""
    found = run(asked(change={"door_open": {"open_min": 18}}), written(doors(8)))
    assert found.before == found.after == {"door_left_open": 6}
    assert (found.more, found.less) == ((), ())


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"door_open": {"open_min": 0}}, "door_open.open_min"),
        ({"door_open": {"nothing": 1}}, "door_open.nothing"),
        ({"no_rule": {}}, "no_rule"),
        ({"door_open": {"open_min": "long"}}, "door_open.open_min"),
    ],
)
def test_a_setting_that_cannot_be_is_named(change: dict[str, object], wrong: str) -> None:
    """Nothing is tried; which key, by the rule's own model."""
    assert run(asked(change=change), written(doors(2))).wrong == wrong


def test_nothing_to_count() -> None:
    """A home that never told anything, and one that told only what no rule looks at."""
    assert run(asked(), []).days is None
    assert run(asked(), ["x", "2026-11-01T00:00:00+00:00\t{}", "\t"]).days is None


def test_lines_that_are_no_events_are_passed_over() -> None:
    """A body that cannot be read, a moment that is none, and one out of order change nothing."""
    lines = list(written(doors(20)))
    cold = TemperatureMeasured(celsius=20.0)
    late = list(written([(BEGIN - timedelta(days=9), cold, None)]))
    odd = [lines[0], "not a line", *late, f"2026-11-01\t{lines[1].partition(chr(9))[2]}"]
    assert run(asked(), [*odd, *lines[1:]]) == run(asked(), lines)


def test_what_to_try_is_bounded() -> None:
    """More devices than a home has, or a word that is no key: refused before anything is read."""
    with pytest.raises(ValueError, match="devices"):
        Asked.model_validate_json(asked(devices=[DOOR] * 201))
    with pytest.raises(ValueError, match="more"):
        Asked.model_validate_json(asked(more=1))
