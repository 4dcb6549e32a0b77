"""Presence as an estimate, looks, and mats that learn."""

from __future__ import annotations

import pytest

from gateway.events import (
    CheckAnswered,
    CheckStarted,
    CheckVisitAsked,
    ContactChanged,
    DeviceFailed,
    Finding,
    Looked,
    MatLearned,
    MatPressed,
    MatQuality,
    MatReleased,
    MotionDetected,
)
from tests.rules.conftest import Story, Tell

BED = ("bed.entered", "bed.left", "bed.doubted")


def looks(story: Story) -> list[str]:
    return [f"{e.at:%H:%M} {e.data.why}" for e in story.decided("check.asked")]


def poor(story: Story, local: str) -> None:
    learned = MatLearned(
        quality=MatQuality.POOR, nights=5, gaps=9, gap_p50_s=5.0, gap_p95_s=300.0,
        gap_p99_s=1800.0, on_share_pct=40.0, counts=(0,) * 9,
    )  # fmt: skip
    story.at(local, learned, "mat")


def test_a_poor_mat_that_falls_silent_leaves_it_in_doubt(tell: Tell) -> None:
    """Nothing else says that the sleeper left: in doubt after a quarter of an hour, never `left`;
    what it rests on is named."""
    story = tell()
    poor(story, "21:30")
    story.at("22:00", MatPressed(), "mat")
    off = story.at("02:00", MatReleased(), "mat")
    story.until("02:28")
    assert story.said(*BED) == ["22:00:10 bed.entered", "02:15:00 bed.doubted mat_silent"]
    doubted = story.decided("bed.doubted")[0]
    assert doubted.data.since == off.at
    assert doubted.because is not None and doubted.because.events == (off.ref,)


def test_a_poor_mat_and_somebody_elsewhere_is_an_exit_that_is_not_certain(tell: Tell) -> None:
    """The detector in another room tells what the mat cannot; both are named."""
    story = tell()
    poor(story, "21:30")
    story.at("22:00", MatPressed(), "mat")
    off = story.at("02:00", MatReleased(), "mat")
    seen = story.at("02:01", MotionDetected(), "motion")
    story.until("02:20")
    assert story.said("bed.left") == ["02:05:00 bed.left"]
    left = story.decided("bed.left")[0]
    assert not left.data.certain
    assert left.because is not None and left.because.events == (off.ref, seen.ref)


def test_a_fall_beside_a_poor_mats_bed_is_a_look_within_half_an_hour(tell: Tell) -> None:
    """All sensors silent: a night watcher is asked after 29 minutes, and no alarm rings."""
    story = tell()
    poor(story, "21:30")
    story.at("22:00", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    story.until("02:31")
    assert looks(story) == ["01:29 bed_doubtful"]  # UTC
    assert story.said("alarm.raised") == []


def _asked(tell: Tell) -> tuple[Story, str]:
    story = tell()
    poor(story, "21:30")
    story.at("22:00", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    story.until("02:29")
    return story, story.decided("check.asked")[0].data.check


def test_help_seen_at_a_look_is_an_alarm(tell: Tell) -> None:
    """The watcher sees somebody on the floor: escalated, and an alarm that names the answer."""
    story, check = _asked(tell)
    said = CheckAnswered(check=check, finding=Finding.HELP, looked=Looked.PHONE)
    answer = story.staff("02:33", said, person="p3")
    assert story.said("check.escalated", "alarm.raised") == [
        f"02:33:00 check.escalated {'help'}",
        "02:33:00 alarm.raised check_help care",
    ]
    because = story.decided("alarm.raised")[0].because
    assert because is not None and answer.ref in because.events


def test_what_the_server_leaves_to_a_visit_ends_a_look(tell: Tell) -> None:
    """A camera that broke off: escalated without an alarm, once; nobody is asked any more."""
    story, check = _asked(tell)
    left = story.staff("02:33", CheckVisitAsked(check=check, why="look_broke_off"), person=None)
    story.staff("02:34", CheckVisitAsked(check=check, why="look_broke_off"), person=None)
    story.until("03:00")
    assert story.said("check.escalated", "alarm.raised") == [
        "02:33:00 check.escalated look_broke_off"
    ]
    because = story.decided("check.escalated")[0].because
    assert because is not None and left.ref in because.events


def test_nobody_answers_a_look(tell: Tell) -> None:
    """Ten minutes without an answer: an alarm."""
    story, _ = _asked(tell)
    story.until("02:40")
    assert story.said("alarm.raised") == ["02:39:00 alarm.raised check_no_answer care"]


def test_unclear_once_is_asked_again_and_twice_is_an_alarm(tell: Tell) -> None:
    """The second question comes five minutes later."""
    story, check = _asked(tell)
    unclear = CheckAnswered(check=check, finding=Finding.UNCLEAR, looked=Looked.PHONE)
    story.staff("02:33", unclear, person="p3")
    story.until("02:38")
    assert looks(story)[1:] == ["01:38 recheck"]
    story.staff("02:40", unclear, person="p3")
    assert story.said("alarm.raised") == ["02:40:00 alarm.raised check_unclear care"]


def test_back_in_bed_answers_a_look_that_nobody_began(tell: Tell) -> None:
    """The mat feels the sleeper again: done by the sensor; who had begun to look ends it alone."""
    story, _ = _asked(tell)
    story.at("02:31", MatPressed(), "mat")
    story.until("02:32")
    assert story.said("check.done") == ["02:31:02 check.done sensor"]
    story, check = _asked(tell)
    story.staff("02:30", CheckStarted(check=check), person="p3")
    story.at("02:31", MatPressed(), "mat")
    story.until("02:32")
    assert story.said("check.done") == []


@pytest.mark.parametrize(("calm_h", "third"), [(0.0, "00:29"), (4.0, "01:00")])
def test_each_silence_is_asked_about_in_time_unless_the_home_chose_calm(
    tell: Tell, calm_h: float, third: str
) -> None:
    """Two looks found all well: the third silence of that night is asked about within half an hour
    all the same, for it may be the fall; a home that chose calm waits an hour."""
    story = tell(bed_exit={"calm_h": calm_h})
    poor(story, "21:30")
    story.at("22:00", MatPressed(), "mat")
    for begin, asked, back in (("23:00", "23:32", "23:40"), ("23:50", "00:22", "00:30")):
        story.at(begin, MatReleased(), "mat")
        story.until(asked)
        check = story.decided("check.asked")[-1].data.check
        well = CheckAnswered(check=check, finding=Finding.OK, looked=Looked.PHONE)
        story.staff(asked, well, person="p3")
        story.at(back, MatPressed(), "mat")
    story.at("01:00", MatReleased(), "mat")
    story.until("02:01")
    assert looks(story)[2:] == [f"{third} bed_doubtful"]


def test_a_touch_of_the_bed_and_then_silence_is_a_look(tell: Tell) -> None:
    """Up at night, sits down on the edge for a second and slides to the floor: also beside a mat
    that loses nobody."""
    story = tell()
    story.at("22:30", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    story.at("02:10", MotionDetected(), "motion")
    story.at("02:20", MotionDetected(), "motion")
    story.at("02:30", MatPressed(), "mat")
    story.at("02:30:01", MatReleased(), "mat")
    story.until("03:05")
    assert looks(story) == ["01:59 all_silent"]
    assert story.said("alarm.raised") == []


def test_up_is_counted_from_when_the_bed_was_last_felt(tell: Tell) -> None:
    """Back in bed by a few faint touches, and out again half an hour after the first of them: who
    shows a last sign then and falls has only just left."""
    story = tell()
    poor(story, "21:30")
    story.at("22:00", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    story.at("02:20", MotionDetected(), "motion")
    for minute in (25, 35, 45, 55):
        story.at(f"02:{minute}", MatPressed(), "mat")
        story.at(f"02:{minute}:01", MatReleased(), "mat")
    story.at("02:59", MotionDetected(), "motion")
    story.until("04:00")
    assert looks(story) == ["02:28 all_silent"]


def test_who_is_up_and_about_raises_nothing(tell: Tell) -> None:
    """A sign of life later than twenty minutes after the bed was left: up, no exit any more."""
    story = tell()
    story.at("22:30", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    for minute in (3, 12, 21, 22):
        story.at(f"02:{minute:02}", MotionDetected(), "motion")
    story.until("03:30")
    assert story.said("alarm.raised", "check.asked") == []


def test_life_elsewhere_puts_the_alarm_off(tell: Tell) -> None:
    """A good mat: a quarter of an hour from the last sign, wherever it was."""
    story = tell()
    story.learned("mat")
    story.at("22:30", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    seen = story.at("02:10", MotionDetected(), "motion")
    story.until("03:30")
    assert story.said("alarm.raised") == ["02:25:00 alarm.raised bed_exit care"]
    because = story.decided("alarm.raised")[0].because
    assert because is not None and seen.ref in because.events


def test_a_dead_mat_is_doubt_and_no_exit(tell: Tell) -> None:
    """The driver fails under the sleeper: nobody knows, and nobody is said to have left."""
    story = tell()
    story.at("22:00", MatPressed(), "mat")
    story.at("23:00", DeviceFailed(error="x", text="x", retry_s=1.0), "mat")
    story.until("02:00")
    assert story.said(*BED) == ["22:00:10 bed.entered", "23:05:00 bed.doubted mat_unknown"]
    assert looks(story) == [], "the broken mat is its own alarm"
    assert story.said("alarm.raised")[0].split()[-2:] == ["device_down", "care"]


def chattering_night(story: Story) -> None:
    """Eight hours of pulses, and twice a quarter of an hour without any."""
    for begin, end in (("22:30", "23:00"), ("23:15", "00:00"), ("00:15", "00:45")):
        story.pulses(begin, end, on_s=1.0)
    story.at("00:46", MatPressed(), "mat")
    story.at("06:30", MatReleased(), "mat")
    story.at("06:31", ContactChanged(on=True), "toilet")
    story.until("12:30")


def test_a_mat_learns_that_it_is_poor_and_says_what_to_do_by_day(tell: Tell) -> None:
    """Three nights of gaps: poor, a technical alarm at noon; the counts stand in the event."""
    story = tell("mat", "motion", "toilet")
    for _ in range(3):
        chattering_night(story)
    said = [event.data.quality for event in story.decided("mat.learned")]
    assert said == [MatQuality.LEARNING, MatQuality.LEARNING, MatQuality.POOR]
    learned = story.decided("mat.learned")[-1].data
    assert learned.nights == 3 and sum(learned.counts) == learned.gaps
    assert learned.gap_p50_s == 5.0
    assert sum(learned.counts[6:7]) >= 6, "two silences of a quarter of an hour a night"
    assert [w for w in story.said("alarm.raised") if "mat_" in w] == [
        "12:00:00 alarm.raised mat mat_poor technical"
    ]


def test_a_still_mat_is_good(tell: Tell) -> None:
    """Three nights of unbroken pressure: good, and no alarm."""
    story = tell("mat", "motion", "toilet")
    for _ in range(3):
        story.at("22:30", MatPressed(), "mat")
        story.at("06:30", MatReleased(), "mat")
        story.at("06:31", ContactChanged(on=True), "toilet")
        story.until("12:30")
        story.at("21:00", MotionDetected(), "motion")
    assert story.decided("mat.learned")[-1].data.quality is MatQuality.GOOD
    assert [w for w in story.said("alarm.raised") if "mat_" in w] == []


def test_a_mute_mat_is_faulty(tell: Tell) -> None:
    """The resident lives there and the mat says nothing for five days: change it."""
    story = tell("mat", "motion")
    story.at("22:30", MatPressed(), "mat")
    story.at("06:30", MatReleased(), "mat")
    for _ in range(7):
        story.at("18:00", MotionDetected(), "motion")
        story.until("12:30")
    assert story.decided("mat.learned")[-1].data.quality is MatQuality.FAULTY
    assert [w.split()[-2:] for w in story.said("alarm.raised") if "mat_" in w] == [
        ["mat_faulty", "technical"]
    ]
