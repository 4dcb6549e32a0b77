"""The rule `mat_quality` on a mat that feels nobody: a finding of its own, told once."""

from __future__ import annotations

import pytest

from gateway.envelope import Event
from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    GatewayStarted,
    MatPressed,
    MatReleased,
    MotionDetected,
    PreviousRun,
)
from tests.rules.conftest import Story, Tell

WORD = "mat_unfelt"
STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)


def told(story: Story) -> list[Event]:
    return [event for event in story.decided("alarm.raised") if WORD in str(event.data)]


def qualities(story: Story, mat: str = "mat") -> list[str]:
    learned = [e for e in story.decided("mat.learned") if e.device == mat]
    return [str(event.data.quality) for event in learned]


def day(story: Story, *, blips: int = 0, sleeps: str | None = None) -> None:
    """From 21:00: a night in which `sleeps` is the mat that feels the sleeper and "mat" pulses so
    often by itself, and a day about the home; until 12:01, and to 21:00."""
    if sleeps is not None:
        story.at("22:30", MatPressed(), sleeps)
    for n in range(blips):
        story.at(f"{(23 + n) % 24:02}:30:00", MatPressed(), "mat")
        story.at(f"{(23 + n) % 24:02}:30:01", MatReleased(), "mat")
    if sleeps is not None:
        story.at("06:30", MatReleased(), sleeps)
    for hour in range(7, 12):
        story.at(f"{hour:02}:05", MotionDetected(), "motion")
    story.until("12:01")
    for hour in range(13, 21):
        story.at(f"{hour:02}:05", MotionDetected(), "motion")
    story.until("21:00")


@pytest.mark.parametrize("noise", ["pulses of a second", "a word at each start"])
def test_a_mat_that_has_felt_nobody_is_told_once_and_is_never_good(tell: Tell, noise: str) -> None:
    """It speaks, somebody lives there, and it is never pressed: never good; on the third noon a
    finding of its own for the technician, once, however long it lasts."""
    story = tell("mat", "motion")
    for _ in range(9):
        if noise == "a word at each start":
            story.at("21:01", STARTED)
            story.at("21:02", MatReleased(), "mat")
        day(story, blips=4 if noise == "pulses of a second" else 0)
    assert set(qualities(story)) == {"learning", "unfelt"}
    assert qualities(story)[2:] == ["unfelt"] * 7
    said = [words for words in story.said("alarm.raised") if WORD in words]
    assert said == ["12:00:00 alarm.raised mat mat_unfelt technical"]


def test_a_mat_that_felt_nobody_is_not_believed(tell: Tell) -> None:
    """Its pulses ask no watcher to look and end no silence; a cut of the bed's other mat is care's
    at once, for this one does not see the bed."""
    story = tell("mat", "mat2", "motion")
    for _ in range(4):
        day(story, blips=4, sleeps="mat2")
    assert qualities(story)[-1] == "unfelt"
    assert qualities(story, "mat2")[-1] == "good"
    asked = len(story.decided("check.asked"))
    for second in range(0, 60, 4):
        story.at(f"22:10:{second:02}", MatPressed(), "mat")
        story.at(f"22:10:{second + 2:02}", MatReleased(), "mat")
    story.until("22:20")
    assert [e for e in story.decided("bed.entered") if e.at.minute == 10] == []
    story.until("23:30")
    assert len(story.decided("check.asked")) == asked


def test_a_mat_beside_it_still_rings(tell: Tell) -> None:
    """The sleeper lies on the other mat, which is good: an exit from that one is an alarm."""
    story = tell("mat", "mat2", "motion")
    for _ in range(4):
        day(story, blips=4, sleeps="mat2")
    story.at("22:30", MatPressed(), "mat2")
    story.at("02:00", MatReleased(), "mat2")
    story.until("03:00")
    assert "02:15:00 alarm.raised bed_exit care" in story.said("alarm.raised")


def test_moved_it_is_learned_anew(tell: Tell) -> None:
    """The technician moves it and closes the alarm: believed at once, learned over the next nights,
    and not told again."""
    story = tell("mat", "motion")
    for _ in range(4):
        day(story, blips=4)
    (alarm,) = told(story)
    done = AlarmResolved(alarm=alarm.ref, outcome=AlarmOutcome.MENDED)
    story.staff("21:05", done, person="p5")
    entered = len(story.decided("bed.entered"))
    for _ in range(4):
        day(story, sleeps="mat")
    assert len(story.decided("bed.entered")) > entered
    assert qualities(story)[4:] == ["learning", "learning", "good", "good"]
    assert len(told(story)) == 1


def test_moved_and_left_open_the_alarm_ends_by_itself(tell: Tell) -> None:
    """Nobody closed it: the noon after the first night in which somebody was felt does."""
    story = tell("mat", "motion")
    for _ in range(4):
        day(story, blips=4)
    (alarm,) = told(story)
    day(story, sleeps="mat")
    assert [event.data.alarm for event in story.decided("alarm.cancelled")] == [alarm.ref]
