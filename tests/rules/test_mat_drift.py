"""A mat's empty level that wanders: told to the technician in good time, once."""

from __future__ import annotations

from gateway.events import AlarmOutcome, AlarmResolved, MatDrifted
from tests.rules.conftest import Story, Tell

NEAR = MatDrifted(near=True, drift_pct=8.1, limit_pct=10.0)
BACK = MatDrifted(near=False, drift_pct=0.4, limit_pct=10.0)


def told(story: Story) -> list[str]:
    return story.said("alarm.raised", "alarm.cancelled")


def days(story: Story, count: int) -> None:
    """From any time of day to so many past one in the afternoon."""
    for _ in range(count):
        story.until("12:59")
        story.until("13:00")


def test_a_day_near_its_limit_is_told_at_noon_and_ends_when_calibrated(tell: Tell) -> None:
    """Near since ten in the evening: at the noon after a whole day; a restarted driver that says so
    again raises no second alarm; back after a calibration, it ends."""
    story = tell()
    near = story.at("22:00", NEAR, "mat")
    story.until("21:59")
    story.until("11:59")
    assert told(story) == []
    story.until("12:01")
    assert told(story) == ["12:00:00 alarm.raised mat mat_drifted technical"]
    (raised,) = story.decided("alarm.raised")
    assert raised.because is not None and raised.because.events == (near.ref,)
    story.at("15:00", NEAR, "mat")
    days(story, 3)
    assert len(told(story)) == 1
    story.at("15:00", BACK, "mat")
    assert told(story)[1:] == ["15:00:00 alarm.cancelled mat recovered"]


def test_a_warm_night_is_nobodys(tell: Tell) -> None:
    """Near for the hours of a warm night, each night: never a whole day."""
    story = tell()
    for _ in range(4):
        story.at("22:00", NEAR, "mat")
        story.at("09:00", BACK, "mat")
    story.until("13:00")
    assert told(story) == []


def test_closed_by_a_person_it_is_not_told_again_until_it_was_back(tell: Tell) -> None:
    """The technician closed it without calibrating: the same wandering is silent; the next is
    told."""
    story = tell()
    story.at("08:00", NEAR, "mat")
    days(story, 2)
    (raised,) = story.decided("alarm.raised")
    done = AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.NO_NEED)
    story.staff("14:00", done, person="p5")
    days(story, 3)
    assert len(story.decided("alarm.raised")) == 1
    story.at("14:00", BACK, "mat")
    story.at("15:00", NEAR, "mat")
    days(story, 3)
    assert len(story.decided("alarm.raised")) == 2
