"""The rule `bed`: somebody lies there, or left."""

from __future__ import annotations

from gateway.events import (
    DeviceFailed,
    DeviceOffline,
    DeviceOnline,
    GatewayStarted,
    MatFault,
    MatFaulted,
    MatPressed,
    MatReleased,
    MotionDetected,
    PreviousRun,
)
from tests.rules.conftest import Tell

BED = ("bed.entered", "bed.left")
FAILED = DeviceFailed(error="DeviceUnavailable", text="no pin", retry_s=2.0)


def test_a_still_night_is_one_stay(tell: Tell) -> None:
    """Pressed at 22, released at 6: entered after the hold, left five minutes after the last
    sign, which the event names."""
    story = tell()
    pressed = story.at("22:00", MatPressed(), "mat")
    released = story.at("06:00", MatReleased(), "mat")
    story.until("07:00")
    assert story.said(*BED) == ["22:00:10 bed.entered", "06:05:00 bed.left"]
    entered, left = story.decided(*BED)
    assert left.data.empty_since == released.at
    assert entered.because is not None and entered.because.events == (pressed.ref,)
    assert left.because is not None and left.because.events == (released.ref,)


def test_a_mat_that_chatters_all_night_is_one_stay(tell: Tell) -> None:
    """On for 1.5 of every 4 s, for hours: entered once, and left once somebody stirs elsewhere."""
    story = tell()
    story.pulses("22:00", "22:30")
    story.pulses("22:34", "23:00")  # a gap that the hold covers
    story.at("23:01", MotionDetected(), "motion")
    story.until("23:30")
    assert [words[9:] for words in story.said(*BED)] == list(BED)
    (left,) = story.decided("bed.left")
    assert not left.data.certain


def test_sitting_down_for_a_moment_is_nobody_in_bed(tell: Tell) -> None:
    """Five seconds of pressure every two minutes never add up."""
    story = tell()
    for minute in range(0, 20, 2):
        story.at(f"22:{minute:02}", MatPressed(), "mat")
        story.at(f"22:{minute:02}:05", MatReleased(), "mat")
    story.until("23:00")
    assert story.said(*BED) == []


def test_two_mats_are_one_bed(tell: Tell) -> None:
    """From one mat to the other and back: still there; left when both are quiet."""
    story = tell("mat", "mat2")
    story.at("22:00", MatReleased(), "mat2")
    story.at("22:00", MatPressed(), "mat")
    story.at("23:00", MatPressed(), "mat2")
    story.at("23:01", MatReleased(), "mat")
    story.at("02:00", MatReleased(), "mat2")
    story.until("02:30")
    assert story.said(*BED) == ["22:00:10 bed.entered", "02:05:00 bed.left"]


def test_on_while_on_and_off_while_off_change_nothing(tell: Tell) -> None:
    """Doubled readings neither lengthen a stay nor shorten the quiet."""
    story = tell()
    story.at("22:00", MatPressed(), "mat")
    story.at("22:00:05", MatPressed(), "mat")
    story.at("23:00", MatReleased(), "mat")
    story.at("23:04", MatReleased(), "mat")
    story.until("23:30")
    assert story.said(*BED) == ["22:00:10 bed.entered", "23:05:00 bed.left"]


def test_a_cut_cable_is_no_empty_bed(tell: Tell) -> None:
    """Unknown is unknown: nobody has left, however long it lasts, until a reading says so."""
    for fault in (
        MatFaulted(fault=MatFault.CUT),
        MatFaulted(fault=MatFault.FLAPPING, count=900),
        DeviceOffline(reason="silent"),
        FAILED,
    ):
        story = tell()
        story.at("22:00", MatPressed(), "mat")
        story.at("23:00", fault, "mat")
        story.until("05:00")
        story.at("05:00", DeviceOnline(), "mat")
        story.until("05:30")
        assert story.said(*BED) == ["22:00:10 bed.entered"]
        story.at("05:30", MatReleased(), "mat")
        story.until("06:00")
        assert story.said(*BED)[1:] == ["05:35:00 bed.left"]


def test_one_broken_mat_of_two_blinds_until_the_other_shows_somebody(tell: Tell) -> None:
    """The mat under the sleeper breaks: nobody knows.  The other is pressed: somebody lies there,
    and when it is released the bed was left, also while the broken driver fails again and again."""
    story = tell("mat", "mat2")
    story.at("22:00", MatReleased(), "mat2")
    story.at("22:00", MatPressed(), "mat")
    story.at("23:00", FAILED, "mat")
    story.until("01:00")
    assert story.said(*BED) == ["22:00:10 bed.entered"]
    story.at("01:00", MatPressed(), "mat2")
    story.at("01:10", FAILED, "mat")
    story.at("01:20", MatReleased(), "mat2")
    story.at("01:22", FAILED, "mat")
    story.until("02:00")
    assert story.said(*BED)[1:] == ["01:00:02 bed.entered", "01:25:00 bed.left"]


def test_a_stuck_mat_is_found_and_not_believed_again_until_released(tell: Tell) -> None:
    """Pressed longer than anybody lies: a fault; only a release heals it."""
    story = tell(bed={"stuck_h": 12})
    story.at("22:00", MatPressed(), "mat")
    story.until("10:30")
    assert story.said("mat.faulted") == ["10:00:00 mat.faulted mat stuck"]
    story.at("11:00", MatPressed(), "mat")
    story.until("20:00")
    assert len(story.decided("mat.faulted")) == 1
    assert story.said("bed.left") == []
    story.at("20:00", MatReleased(), "mat")
    story.until("20:30")
    assert story.said("bed.left") == ["20:05:00 bed.left"]


def test_a_restart_neither_empties_the_bed_nor_hides_a_stuck_mat(tell: Tell) -> None:
    """What came due while the gateway was off is not decided before the mat has spoken; pressure
    that went on over the restart counts as one."""
    story = tell(bed={"stuck_h": 12})
    story.at("22:00", MatPressed(), "mat")
    story.at("23:00", MatReleased(), "mat")
    started = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)
    story.at("23:30", started)
    story.at("23:30:01", MatPressed(), "mat")
    story.at("03:00", started)
    story.at("03:00:01", MatPressed(), "mat")
    story.until("11:45")
    assert story.said(*BED) == ["22:00:10 bed.entered"]
    assert story.said("mat.faulted") == ["11:30:01 mat.faulted mat stuck"]


def test_a_home_without_a_mat_has_no_opinion(tell: Tell) -> None:
    """No mat of the role bed: no bed event, whatever happens."""
    story = tell("motion", "door")
    story.at("22:00", MatPressed(), "mat")
    story.until("23:00")
    assert story.said() == []
