"""A bed mat wired the wrong way round: found by its pattern, told, and not believed."""

from __future__ import annotations

import pytest

from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    ContactChanged,
    MatPressed,
    MatReleased,
    MotionDetected,
)
from tests.rules.conftest import Story, Tell

WORD = "mat_reversed"


def told(story: Story) -> list[str]:
    return [words for words in story.said("alarm.raised") if WORD in words]


def day(story: Story, *, wrong: bool, mats: tuple[str, ...] = ("mat",)) -> None:
    """From 21:00: to bed at 23, once up at 03, up at 07, about the home until noon and later."""
    lie, rise = (MatReleased(), MatPressed()) if wrong else (MatPressed(), MatReleased())
    for local, data in (("23:00", lie), ("03:00", rise), ("03:06", lie), ("07:00", rise)):
        for mat in mats:
            story.at(local, data, mat)
    about(story, 7, 12)
    story.until("12:01")
    about(story, 12, 21)


def about(story: Story, begin: int, end: int) -> None:
    for hour in range(begin, end):
        for minute in (5, 25, 45):
            story.at(f"{hour:02}:{minute}", MotionDetected(), "motion")


def begin(story: Story, *, wrong: bool, mats: tuple[str, ...] = ("mat",)) -> None:
    for mat in mats:
        story.at("21:00", MatPressed() if wrong else MatReleased(), mat)
    for minute in (5, 15, 25, 35, 45):
        story.at(f"21:{minute:02}", MotionDetected(), "motion")


def test_a_reversed_mat_is_told_to_the_technician_and_to_care(tell: Tell) -> None:
    """The first noon after a whole night: told to both, for the bed is not watched; from then on
    nobody is said to lie in it or to have left it, and no exit rings."""
    story = tell("mat", "motion")
    begin(story, wrong=True)
    day(story, wrong=True)
    assert told(story) == [
        "12:00:00 alarm.raised mat mat_reversed technical",
        "12:00:00 alarm.raised mat mat_reversed care",
    ]
    rings = len(story.decided("alarm.raised"))
    beds = len(story.decided("bed.entered", "bed.left"))
    for _ in range(3):
        day(story, wrong=True)
    assert len(story.decided("alarm.raised")) == rings
    assert len(story.decided("bed.entered", "bed.left")) == beds


def test_it_is_said_again_within_a_week(tell: Tell) -> None:
    """The rules are rebuilt from seven days of log; nobody mended it: every six days the old alarms
    end and new ones say it anew."""
    story = tell("mat", "motion")
    begin(story, wrong=True)
    for _ in range(7):
        day(story, wrong=True)
    assert len(told(story)) == 4
    assert [w.split()[-1] for w in story.said("alarm.cancelled")][-2:] == ["told_again"] * 2


def test_another_mat_of_the_bed_is_enough_for_care(tell: Tell) -> None:
    """One of two is reversed: the technician alone."""
    story = tell("mat", "mat2", "motion")
    begin(story, wrong=True)
    story.at("22:59", MatPressed(), "mat2")
    day(story, wrong=True)
    assert told(story) == ["12:00:00 alarm.raised mat mat_reversed technical"]


def test_a_bed_whose_mats_are_all_reversed_is_told_to_care_once(tell: Tell) -> None:
    """Both of two: each for the technician, the bed once for care."""
    story = tell("mat", "mat2", "motion")
    begin(story, wrong=True, mats=("mat", "mat2"))
    day(story, wrong=True, mats=("mat", "mat2"))
    assert told(story) == [
        "12:00:00 alarm.raised mat mat_reversed technical",
        "12:00:00 alarm.raised mat mat_reversed care",
        "12:00:00 alarm.raised mat2 mat_reversed technical",
    ]


def test_mended_and_closed_it_is_believed_again(tell: Tell) -> None:
    """The technician turns it round and closes the alarm: the next stay is a stay; and it is not
    told again.  Turned wrong again it is told after the next whole day."""
    story = tell("mat", "motion")
    begin(story, wrong=True)
    day(story, wrong=True)
    technical = story.decided("alarm.raised")[-2]
    assert WORD in str(technical.data)
    done = AlarmResolved(alarm=technical.ref, outcome=AlarmOutcome.NO_NEED)
    story.staff("20:50", done, person="p5")
    story.at("20:55", MatReleased(), "mat")
    before = len(story.decided("bed.entered"))
    day(story, wrong=False)
    assert len(story.decided("bed.entered")) > before
    assert len(told(story)) == 2
    story.at("21:00", MatPressed(), "mat")
    for _ in range(2):
        day(story, wrong=True)
    assert len(told(story)) > 2


def test_mended_and_left_open_it_ends_by_itself(tell: Tell) -> None:
    """Turned round, and nobody closed the alarm: a whole day of the right way round does."""
    story = tell("mat", "motion")
    begin(story, wrong=True)
    day(story, wrong=True)
    story.at("21:00", MatReleased(), "mat")
    for _ in range(2):
        day(story, wrong=False)
    assert len(story.said("alarm.cancelled")) == 2


@pytest.mark.parametrize("sleeper", ["the right way round", "stuck", "by day", "ill, with visits"])
def test_what_is_not_reversed(tell: Tell, sleeper: str) -> None:
    """A mat that is right; one that is pressed day and night; who sleeps by day, alone; who lies
    there day and night while others are about."""
    story = tell("mat", "motion", "toilet")
    story.at("21:00", MatReleased(), "mat")
    for _ in range(3):
        if sleeper == "the right way round":
            day(story, wrong=False)
        elif sleeper == "stuck":
            story.at("22:00", MatPressed(), "mat")
            about(story, 7, 21)
        elif sleeper == "by day":
            for hour in (22, 23, 1, 3, 5, 6):
                story.at(f"{hour:02}:10", ContactChanged(on=True), "toilet")
            about(story, 6, 8)
            story.at("08:00", MatPressed(), "mat")
            story.at("16:00", MatReleased(), "mat")
            about(story, 16, 21)
        else:
            story.at("21:30", MatPressed(), "mat")
            about(story, 8, 12)
            story.at("12:30", MatReleased(), "mat")
            story.at("12:40", MatPressed(), "mat")
            about(story, 13, 21)
    story.until("21:00")
    assert told(story) == []
