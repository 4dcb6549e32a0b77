"""The rule `night_check`: the sensors first, then a person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.envelope import Event
from gateway.events import (
    AbsenceStarted,
    CheckAnswered,
    CheckBy,
    CheckDue,
    CheckVisitAsked,
    Data,
    DeviceFailed,
    DeviceOffline,
    Finding,
    GatewayStarted,
    Looked,
    MatFault,
    MatFaulted,
    MatPressed,
    MatReleased,
    PreviousRun,
)
from tests.rules.conftest import Story, Tell

CHECK = ("check.asked", "check.done", "check.missed", "check.escalated")
NAME = "night@2026-11-24T01:00Z"


def due(story: Story, local: str = "02:00", name: str = NAME, late_min: float = 0.0) -> Event:
    """The bell rings at `local` for a slot `late_min` minutes earlier."""
    story.until(local)
    slot = story._clock - timedelta(minutes=late_min)
    return story.at(local, CheckDue(check=name, slot=slot))


def answer(story: Story, local: str, finding: Finding, person: str = "p5") -> Event:
    data = CheckAnswered(check=NAME, finding=finding, looked=Looked.IN_PERSON)
    return story.staff(local, data, person)


def asked_story(tell: Tell, **settings: dict[str, object]) -> Story:
    """A bed that was empty all evening: the check at 02:00 is asked."""
    story = tell(bed_exit={"enabled": False}, **settings)
    story.at("22:00", MatPressed(), "mat")
    story.at("22:05", MatReleased(), "mat")
    story.until("23:00")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.asked bed_empty"]
    return story


def test_what_the_server_leaves_to_a_visit_ends_a_check(tell: Tell) -> None:
    """A look that was refused or broke off: escalated, no alarm; after an answer it adds nothing,
    and a check that the home does not know is none."""
    story = asked_story(tell)
    story.staff("02:02", CheckVisitAsked(check="x", why="look_refused"), None)
    story.staff("02:03", CheckVisitAsked(check=NAME, why="look_refused"), None)
    story.staff("02:04", CheckVisitAsked(check=NAME, why="look_refused"), None)
    story.until("03:00")
    assert story.said(*CHECK)[1:] == ["02:03:00 check.escalated look_refused"]
    assert story.said("alarm.raised") == []
    story = asked_story(tell)
    answer(story, "02:02", Finding.COULD_NOT_LOOK)
    story.staff("02:02", CheckVisitAsked(check=NAME, why="could_not_look"), None)
    assert story.said(*CHECK)[1:] == ["02:02:00 check.escalated could_not_look"]


def test_a_pressed_mat_answers_without_anybody_looking(tell: Tell) -> None:
    """In bed and pressed now: done by the sensor, and the reading is named."""
    story = tell()
    pressed = story.at("22:00", MatPressed(), "mat")
    rung = due(story)
    (done,) = story.decided(*CHECK)
    assert (done.kind, done.data.by) == ("check.done", CheckBy.SENSOR)
    assert done.because is not None
    (entered,) = story.decided("bed.entered")
    assert done.because.events == (rung.ref, entered.ref, pressed.ref)


def test_a_chattering_mat_answers(tell: Tell) -> None:
    """Off at the very moment, and felt seconds ago: fresh."""
    story = tell()
    story.pulses("01:30", "01:59:58")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.done sensor"]


@pytest.mark.parametrize(
    ("why", "facts"),
    [
        ("bed_empty", [("22:00", MatPressed()), ("23:00", MatReleased())]),
        ("reading_stale", []),
        ("reading_stale", [("01:53", MatPressed()), ("01:54:59", MatReleased())]),
        ("mat_faulty", [("22:00", MatPressed()), ("01:59", MatFaulted(fault=MatFault.CUT))]),
        ("mat_faulty", [("22:00", MatPressed()), ("01:59", MatFaulted(fault=MatFault.STUCK))]),
        ("mat_faulty", [("22:00", MatPressed()), ("01:59", DeviceOffline(reason="silent"))]),
        (
            "mat_faulty",
            [("22:00", MatPressed()), ("01:59", DeviceFailed(error="x", text="x", retry_s=1.0))],
        ),
    ],
)
def test_what_the_sensors_cannot_answer_is_asked(
    tell: Tell, why: str, facts: list[tuple[str, Data]]
) -> None:
    """Empty, stale, cut, stuck, silent or failed: a watcher is asked, and told what is lacking."""
    story = tell(bed={"leave_s": 600})
    story.learned("mat")
    for local, data in facts:
        story.at(local, data, "mat")
    due(story)
    assert story.said(*CHECK) == [f"02:00:00 check.asked {why}"]
    (asked,) = story.decided(*CHECK)
    assert asked.data.answer_by - asked.at == timedelta(minutes=15)


def test_a_stuck_mat_that_says_pressed_again_answers_nothing(tell: Tell) -> None:
    """Stuck is over with a release, not with one more "pressed"."""
    story = tell()
    story.at("22:00", MatPressed(), "mat")
    story.at("01:00", MatFaulted(fault=MatFault.STUCK), "mat")
    story.at("01:30", MatPressed(), "mat")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.asked mat_faulty"]


def test_a_touch_is_nobody_in_bed(tell: Tell) -> None:
    """The mat is pressed this very second and nobody was in bed before: that is no answer yet."""
    story = tell()
    story.at("01:59:58", MatPressed(), "mat")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.asked reading_stale"]


def test_a_home_without_a_mat_asks(tell: Tell) -> None:
    """No sensor: each check is a look."""
    story = tell("motion", "door")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.asked no_sensor"]


def test_a_good_mat_beside_a_broken_one_answers(tell: Tell) -> None:
    """One of two mats is cut, the other is pressed: that is an answer."""
    story = tell("mat", "mat2")
    story.at("22:00", MatFaulted(fault=MatFault.CUT), "mat2")
    story.at("22:00", MatPressed(), "mat")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.done sensor"]


def test_a_slot_is_done_once(tell: Tell) -> None:
    """Rung again, after a restart too: nothing."""
    story = tell()
    story.at("22:00", MatPressed(), "mat")
    due(story)
    due(story, "02:01", late_min=1)
    story.at("02:02", GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT))
    due(story, "02:03", late_min=3)
    assert len(story.decided(*CHECK)) == 1


def test_too_late_is_missed(tell: Tell) -> None:
    """Rung 31 minutes after its slot: it no longer means that slot, and that is said."""
    story = tell()
    story.at("22:00", MatPressed(), "mat")
    due(story, late_min=31)
    due(story, "03:00", "night@2026-11-24T02:00Z", late_min=29)
    assert story.said(*CHECK) == [
        "02:00:00 check.missed too_late",
        "03:00:00 check.done sensor",
    ]


def test_an_absence_pauses_and_says_so(tell: Tell) -> None:
    """Away: missed, `absent`, resting on the absence; never silence."""
    story = tell()
    away = story.staff("21:30", AbsenceStarted(), "p9")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.missed absent"]
    (missed,) = story.decided(*CHECK)
    assert missed.because is not None and away.ref in missed.because.events


def test_ok_is_done_by_the_watcher(tell: Tell) -> None:
    """The person who looked stands on the outcome."""
    story = asked_story(tell)
    answer(story, "02:05", Finding.OK)
    (_, done) = story.decided(*CHECK)
    assert (done.kind, done.person) == ("check.done", "p5")
    assert done.data.by is CheckBy.WATCHER
    story.until("04:00")
    assert len(story.decided(*CHECK)) == 2


def test_unclear_asks_again_and_twice_is_an_alarm(tell: Tell) -> None:
    """Unclear: a second question after the recheck time; unclear again: escalated, and an alarm."""
    story = asked_story(tell)
    answer(story, "02:05", Finding.UNCLEAR)
    answer(story, "02:06", Finding.UNCLEAR, "p6")  # another watcher saw the same
    story.until("02:25")
    answer(story, "02:27", Finding.UNCLEAR)
    assert story.said(*CHECK, "alarm.raised")[1:] == [
        "02:20:00 check.asked recheck",
        "02:27:00 check.escalated unclear_twice",
        "02:27:00 alarm.raised check_unclear care",
    ]
    assert story.decided("check.asked")[1].data.attempt == 2


def test_the_alarm_counts_from_the_first_question(tell: Tell) -> None:
    """Unclear twice: the alarm's `since` is when the check was asked first."""
    story = asked_story(tell)
    (asked,) = story.decided("check.asked")
    answer(story, "02:05", Finding.UNCLEAR)
    story.until("02:25")
    answer(story, "02:27", Finding.UNCLEAR)
    (alarm,) = story.decided("alarm.raised")
    assert alarm.data.since == asked.at


def test_a_second_look_is_never_too_late(tell: Tell) -> None:
    """A recheck an hour after the slot belongs to the check that was begun in time."""
    story = asked_story(tell, night_check={"recheck_min": 60})
    answer(story, "02:05", Finding.UNCLEAR)
    story.until("03:10")
    assert story.said(*CHECK)[1:] == ["03:05:00 check.asked recheck"]


def test_before_asking_again_the_sensors_are_looked_at(tell: Tell) -> None:
    """Unclear, then the resident lies in bed again: the sensor answers the second look."""
    story = asked_story(tell)
    answer(story, "02:05", Finding.UNCLEAR)
    story.pulses("02:10", "02:19:58")
    story.until("02:30")
    assert story.said(*CHECK)[1:] == ["02:20:00 check.done sensor"]


def test_help_escalates_and_alarms(tell: Tell) -> None:
    """Help is needed: at once, with both."""
    story = asked_story(tell)
    told = answer(story, "02:05", Finding.HELP)
    assert story.said(*CHECK, "alarm.raised")[1:] == [
        "02:05:00 check.escalated help",
        "02:05:00 alarm.raised check_help care",
    ]
    (alarm,) = story.decided("alarm.raised")
    assert alarm.because is not None and told.ref in alarm.because.events


def test_could_not_look_is_an_outcome_of_its_own(tell: Tell) -> None:
    """Somebody must go there; nobody is said to need help."""
    story = asked_story(tell)
    answer(story, "02:05", Finding.COULD_NOT_LOOK)
    assert story.said(*CHECK, "alarm.raised")[1:] == ["02:05:00 check.escalated could_not_look"]


def test_no_answer_escalates_and_alarms(tell: Tell) -> None:
    """The time to answer ends: escalated, an alarm, once; an answer after that changes nothing."""
    story = asked_story(tell)
    story.until("02:30")
    answer(story, "02:31", Finding.OK)
    story.until("04:00")
    assert story.said(*CHECK, "alarm.raised")[1:] == [
        "02:15:00 check.escalated no_answer",
        "02:15:00 alarm.raised check_no_answer care",
    ]


def test_the_time_to_answer_holds_over_a_restart(tell: Tell) -> None:
    """The gateway was off at the deadline: it escalates when it is back, and not before."""
    story = asked_story(tell)
    story.at("02:10", GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT))
    assert len(story.decided(*CHECK)) == 1
    story.at("02:40", GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT))
    assert story.said("check.escalated") == ["02:40:00 check.escalated no_answer"]


def test_answers_to_nothing_change_nothing(tell: Tell) -> None:
    """A check that was never asked, or is closed: the answer is kept, and decides nothing."""
    story = tell()
    answer(story, "01:00", Finding.HELP)
    story.at("01:00", MatPressed(), "mat")
    due(story)
    answer(story, "02:01", Finding.HELP)
    story.until("04:00")
    assert story.said(*CHECK, "alarm.raised") == ["02:00:00 check.done sensor"]
