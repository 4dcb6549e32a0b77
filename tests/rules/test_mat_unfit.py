"""A mat that makes the night team look in vain, night after night: said once."""

from __future__ import annotations

from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    BedDoubted,
    BedEntered,
    CheckAnswered,
    Finding,
    Looked,
    MatReleased,
)
from tests.rules.conftest import Story, Tell

WORD = "mat_unfit"


def told(story: Story) -> list[str]:
    return [words for words in story.said("alarm.raised") if WORD in words]


def night(story: Story, *losses: str, finding: Finding = Finding.OK) -> None:
    """From 21:00: the mat loses its sleeper at each of these times, and feels them again 44 minutes
    later; a watcher answers each look."""
    for lost in losses:
        hour, minute = (int(part) for part in lost.split(":"))
        story.until(lost)
        since = story.at(lost, MatReleased(), "mat").at
        story.at(f"{hour:02}:{minute + 15:02}", BedDoubted(since=since, why="mat_silent"))
        asked = len(story.decided("check.asked"))
        story.until(f"{hour:02}:{minute + 30:02}")
        looks = story.decided("check.asked")
        assert len(looks) == asked + 1
        answer = CheckAnswered(check=looks[-1].data.check, finding=finding, looked=Looked.PHONE)
        story.staff(f"{hour:02}:{minute + 34:02}", answer, person="p1")
        story.at(f"{hour:02}:{minute + 44:02}", BedEntered())
    story.until("12:01")
    story.until("21:00")


def mat(tell: Tell) -> Story:
    story = tell("mat", "motion")
    story.at("21:00", MatReleased(), "mat")
    return story


def test_two_looks_in_vain_for_three_nights_are_told_once(tell: Tell) -> None:
    """At the third noon, to be seen by the technician and the coordinator; it rests on the looks;
    the fourth and fifth such night say nothing more."""
    story = mat(tell)
    for _ in range(3):
        night(story, "00:10", "03:10")
    assert told(story) == ["12:00:00 alarm.raised mat mat_unfit technical"]
    alarm = next(e for e in story.decided("alarm.raised") if WORD in str(e.data))
    asked = tuple(event.ref for event in story.decided("check.asked"))
    assert alarm.because is not None and alarm.because.events == asked
    for _ in range(2):
        night(story, "00:10", "03:10")
    assert len(told(story)) == 1


def test_one_look_a_night_is_what_a_look_is_for(tell: Tell) -> None:
    """However many nights."""
    story = mat(tell)
    for _ in range(5):
        night(story, "01:10")
    assert told(story) == []


def test_a_look_that_was_needed_is_not_in_vain(tell: Tell) -> None:
    """Help was found each time: the mat did what it is for."""
    story = mat(tell)
    for _ in range(3):
        night(story, "00:10", "03:10", finding=Finding.HELP)
    assert told(story) == []


def test_closed_as_mended_it_is_counted_anew_and_closed_as_known_it_is_not(tell: Tell) -> None:
    """Mended, and three more such nights: told again.  No need: nobody is told again."""
    for outcome, times in ((AlarmOutcome.MENDED, 2), (AlarmOutcome.NO_NEED, 1)):
        story = mat(tell)
        for _ in range(3):
            night(story, "00:10", "03:10")
        alarm = next(e for e in story.decided("alarm.raised") if WORD in str(e.data))
        story.staff("21:01", AlarmResolved(alarm=alarm.ref, outcome=outcome), person="p5")
        for _ in range(3):
            night(story, "00:10", "03:10")
        assert len(told(story)) == times
