"""What goes out over `/live` to those who may not see care."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from flask.testing import FlaskClient

from gateway.events import AlarmRaised, AlarmType, BedEntered, DeviceFailed, Severity
from tests.staff.parts import EnrolledHome


def changes(stream: Iterator[Any], count: int) -> list[dict[str, object]]:
    """The next `count` messages; a sign of life is an empty one."""
    found = []
    for _ in range(count):
        raw = next(stream).decode()
        found.append(json.loads(raw.split("data: ", 1)[1]) if "data: " in raw else {})
    return found


def test_a_technician_gets_nothing_of_the_residents_day(
    as_role: Callable[..., FlaskClient], home: EnrolledHome
) -> None:
    """A device's fault comes whole; of an alarm only that there is one; of the bed nothing."""
    answer = as_role("technician", homes=()).get("/live", buffered=False)
    stream = iter(answer.response)
    next(stream)
    home.send(BedEntered())
    home.send(DeviceFailed(error="X", text="x", retry_s=1), device="bed")
    home.send(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=home.clock.now()))
    alarm, bed, device = changes(stream, 3)  # an alarm first, of what waits
    assert bed == {}
    assert device["kind"] == "device.failed"
    assert isinstance(device["event"], dict)
    assert alarm == {"home": "h1", "kind": "alarm.raised", "event": None}
    answer.close()


def test_a_caregiver_gets_events_whole(carer: FlaskClient, home: EnrolledHome) -> None:
    """The bed of an assigned home comes at once, with its data."""
    answer = carer.get("/live", buffered=False)
    stream = iter(answer.response)
    next(stream)
    [event] = home.send(BedEntered())
    [bed] = changes(stream, 1)
    assert bed["kind"] == "bed.entered"
    assert bed["event"]["hash"] == event.hash  # type: ignore[index]
    answer.close()
