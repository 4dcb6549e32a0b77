"""The rule `bed_exit`: left at night and not back."""

from __future__ import annotations

from gateway.events import (
    AbsenceEnded,
    AbsenceStarted,
    AlarmAcknowledged,
    AlarmOutcome,
    AlarmResolved,
    GatewayStarted,
    LockJammed,
    MatFault,
    MatFaulted,
    MatPressed,
    MatReleased,
    PreviousRun,
    Severity,
)
from tests.rules.conftest import Story, Tell


def alarms(story: Story) -> list[str]:
    return [words for words in story.said("alarm.raised") if "bed_exit" in words]


def sleep(story: Story, begin: str, end: str) -> None:
    story.at(begin, MatPressed(), "mat")
    story.at(end, MatReleased(), "mat")


def test_left_and_not_back_is_an_alarm_for_care(tell: Tell) -> None:
    """Out of bed at 02:00, not back at 02:15: an alarm that says since when and why."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    story.until("04:00")
    assert alarms(story) == ["02:15:00 alarm.raised bed_exit care"]
    (raised,) = story.decided("alarm.raised")
    (left,) = story.decided("bed.left")
    assert raised.data.severity is Severity.CARE
    assert raised.data.since == left.data.empty_since
    assert raised.because is not None
    assert (raised.because.rule, raised.because.events) == ("bed_exit", (left.ref,))


def test_a_mat_that_is_still_learned_asks_and_does_not_ring(tell: Tell) -> None:
    """Nobody knows yet whether this mat loses sleepers: the same exit is a look after 29 minutes,
    and an alarm only when nobody answers it; once it is learned it rings."""
    story = tell()
    sleep(story, "22:30", "02:00")
    story.until("02:38")
    assert story.said("bed.left") == ["02:05:00 bed.left"]
    assert [left.data.certain for left in story.decided("bed.left")] == [False]
    assert story.said("check.asked") == ["02:29:00 check.asked bed_doubtful"]
    assert alarms(story) == []


def test_one_mat_of_two_that_is_not_known_yet_is_enough_to_ask(tell: Tell) -> None:
    """The other is known to be good: the sleeper may lie on the new one, and be lost there."""
    story = tell("mat", "mat2", "motion")
    story.learned("mat")
    story.at("21:10", MatReleased(), "mat2")
    sleep(story, "22:30", "02:00")
    story.until("02:38")
    assert len(story.decided("check.asked")) == 1
    assert alarms(story) == []


def test_back_in_time_is_no_alarm(tell: Tell) -> None:
    """Ten minutes up, then chatter in bed again: silence."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    story.pulses("02:10", "02:40")
    story.until("02:44")
    assert alarms(story) == []


def test_only_nights_are_watched(tell: Tell) -> None:
    """Left at 21:50 or at 07:10 is no business of this rule; at 06:55 it is, although the alarm
    then comes after the night's end."""
    story = tell()
    story.learned("mat")
    sleep(story, "21:30", "21:50")
    story.until("22:20")
    sleep(story, "23:00", "07:10")
    story.until("09:00")
    assert alarms(story) == []
    sleep(story, "23:00", "06:55")
    story.until("09:00")
    assert alarms(story) == ["07:10:00 alarm.raised bed_exit care"]


def test_the_return_does_not_close_the_alarm(tell: Tell) -> None:
    """Back after the alarm: seen as `bed.entered`; the alarm stays for a person to close."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    story.at("02:40", MatPressed(), "mat")
    story.until("03:00")
    assert story.said("bed.entered")[-1] == "02:40:10 bed.entered"
    assert story.decided("alarm.cancelled") == []


def test_a_ringing_alarm_stands_for_the_next_exit(tell: Tell) -> None:
    """Nobody took the alarm on: the next exit raises no second one, until it has rung an hour."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    sleep(story, "02:20", "02:25")
    story.until("03:10")
    assert len(alarms(story)) == 1
    story.until("03:20")
    assert alarms(story)[1:] == ["03:15:00 alarm.raised bed_exit care"]


def test_an_exit_after_somebody_took_the_alarm_on_is_news(tell: Tell) -> None:
    """Acknowledged, back, and out again: a second alarm."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    story.until("02:15")
    (raised,) = story.decided("alarm.raised")
    story.staff("02:18", AlarmAcknowledged(alarm=raised.ref), person="p7")
    sleep(story, "02:20", "02:30")
    story.until("03:00")
    assert alarms(story)[1:] == ["02:45:00 alarm.raised bed_exit care"]


def test_taking_on_another_alarm_changes_nothing_here(tell: Tell) -> None:
    """Somebody takes on the alarm about the broken lock: the exit alarm rings on by itself, and
    stands for the next exit."""
    story = tell()
    story.learned("mat")
    broken = story.at("22:00", LockJammed(), "door")
    sleep(story, "22:30", "02:00")
    story.until("02:15")
    jammed, _ = story.decided("alarm.raised")
    assert jammed.because is not None and jammed.because.events == (broken.ref,)
    story.staff("02:18", AlarmAcknowledged(alarm=jammed.ref), person="p7")
    sleep(story, "02:20", "02:30")
    story.until("03:00")
    assert len(alarms(story)) == 1


def test_closing_the_alarm_covers_the_exit_it_stood_for(tell: Tell) -> None:
    """An exit that fell under the ringing alarm does not ring when that one is closed; the same
    exit is never raised twice."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    sleep(story, "02:20", "02:25")
    story.until("02:50")
    (raised,) = story.decided("alarm.raised")
    resolved = AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.HELPED)
    story.staff("02:55", resolved, person="p7")
    story.until("07:30")
    assert len(alarms(story)) == 1


def test_a_broken_mat_does_not_unring_an_exit(tell: Tell) -> None:
    """Out of bed, then the mat breaks: nobody can tell that the resident is back, so it rings."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    story.at("02:10", MatFaulted(fault=MatFault.CUT), "mat")
    story.until("02:30")
    assert alarms(story) == ["02:15:00 alarm.raised bed_exit care"]


def test_no_alarm_while_the_resident_is_away(tell: Tell) -> None:
    """Registered as away: an empty bed is no news; home again, the next exit is."""
    story = tell()
    story.learned("mat")
    story.staff("21:30", AbsenceStarted(), person="p9")
    sleep(story, "22:30", "23:00")
    story.until("23:50")
    assert alarms(story) == []
    story.staff("23:55", AbsenceEnded(), person="p9")
    sleep(story, "00:10", "01:00")
    story.until("02:00")
    assert alarms(story) == ["01:15:00 alarm.raised bed_exit care"]


def test_an_absence_ends_by_itself(tell: Tell) -> None:
    """`until` passed without an `absence.ended`: the rule watches again."""
    story = tell()
    story.learned("mat")
    begun = story.at("21:10", MatReleased(), "mat").at
    story.staff("21:30", AbsenceStarted(until=begun.replace(hour=23)), person="p9")
    sleep(story, "23:10", "02:00")  # 23:00 UTC is midnight in Stockholm
    story.until("03:00")
    assert alarms(story) == ["02:15:00 alarm.raised bed_exit care"]


def test_due_while_the_gateway_was_off_is_raised_when_it_is_back(tell: Tell) -> None:
    """Power was gone at the alarm's time: it comes with the start, with its original `since`."""
    story = tell()
    story.learned("mat")
    sleep(story, "22:30", "02:00")
    story.until("02:06")
    started = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)
    story.at("02:40", started)
    assert alarms(story) == ["02:40:00 alarm.raised bed_exit care"]
