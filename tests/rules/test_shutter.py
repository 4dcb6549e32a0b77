"""A shutter before a camera that is stuck: the technician is told at once, once."""

from __future__ import annotations

import pytest

from gateway.events import AlarmOutcome, AlarmResolved, ShutterStuck, ShutterWanted, ShutterWell
from tests.rules.conftest import Story, Tell

UNCOVERED, COVERED = (
    ShutterStuck(wanted=ShutterWanted.SHUT),
    ShutterStuck(wanted=ShutterWanted.OPEN),
)


def told(story: Story) -> list[str]:
    return story.said("alarm.raised", "alarm.cancelled")


@pytest.mark.parametrize(
    ("stuck", "word"), [(UNCOVERED, "camera_open"), (COVERED, "camera_covered")]
)
def test_told_at_once_and_once(tell: Tell, stuck: ShutterStuck, word: str) -> None:
    """One alarm for the technician the moment it is stuck, none when a restarted driver says so
    again; it ends when the shutter does as it is told."""
    story = tell()
    said = story.at("02:30", stuck, "eye")
    assert told(story) == [f"02:30:00 alarm.raised eye {word} technical"]
    (raised,) = story.decided("alarm.raised")
    assert raised.because is not None and raised.because.events == (said.ref,)
    story.at("03:00", stuck, "eye")
    assert len(told(story)) == 1
    story.at("04:00", ShutterWell(), "eye")
    assert told(story)[1:] == ["04:00:00 alarm.cancelled eye recovered"]
    story.at("05:00", ShutterWell(), "eye")
    story.at("06:00", stuck, "eye")
    assert len(told(story)) == 3


def test_one_that_stands_open_is_told_also_when_it_did_not_open_before(tell: Tell) -> None:
    """The graver fault is another alarm; both end together, and another camera's stays."""
    story = tell()
    story.at("01:00", COVERED, "eye")
    story.at("01:01", UNCOVERED, "eye")
    story.at("01:02", UNCOVERED, "hall")
    assert len(story.decided("alarm.raised")) == 3
    story.at("02:00", ShutterWell(), "eye")
    assert len(story.decided("alarm.cancelled")) == 2


def test_closed_by_a_person_it_is_not_told_again(tell: Tell) -> None:
    """The same fault is silent then; the next is told."""
    story = tell()
    story.at("01:00", UNCOVERED, "eye")
    (raised,) = story.decided("alarm.raised")
    done = AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.NO_NEED)
    story.staff("01:10", done, person="p5")
    story.at("01:20", UNCOVERED, "eye")
    assert len(story.decided("alarm.raised")) == 1
    story.at("01:30", ShutterWell(), "eye")
    assert story.decided("alarm.cancelled") == []
    story.at("02:00", UNCOVERED, "eye")
    assert len(story.decided("alarm.raised")) == 2
