"""The rule `device_health`: who is told that a device does not work."""

from __future__ import annotations

from gateway.commands import AskStatus
from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    BatteryLow,
    BatteryOk,
    ContactFault,
    ContactFaulted,
    DeviceFailed,
    DeviceOffline,
    DeviceOnline,
    LockJammed,
    LockLocked,
    LockUnknown,
    MatFault,
    MatFaulted,
    MatPressed,
    MatReleased,
    MotionDetected,
    PendantPressed,
)
from tests.rules.conftest import Tell

ALARM = ("alarm.raised", "alarm.cancelled")
FAILED = DeviceFailed(error="DeviceUnavailable", text="no answer", retry_s=2.0)
CUT = MatFaulted(fault=MatFault.CUT)


def test_a_silent_device_is_the_technicians(tell: Tell) -> None:
    """Ten minutes of silence: one technical alarm; back, and steady: cancelled, and why."""
    story = tell()
    offline = story.at("22:00", DeviceOffline(reason="silent"), "motion")
    story.until("23:00")
    online = story.at("23:00", DeviceOnline(), "motion")
    story.until("23:30")
    assert story.said(*ALARM) == [
        "22:10:00 alarm.raised motion device_down technical",
        "23:05:00 alarm.cancelled motion recovered",
    ]
    raised, cancelled = story.decided(*ALARM)
    assert cancelled.data.alarm == raised.ref
    assert cancelled.because is not None
    assert cancelled.because.events == (offline.ref, online.ref)


def test_a_short_fault_is_nobodys(tell: Tell) -> None:
    """A driver that mends itself in time tells nobody; its next reading is proof enough."""
    story = tell()
    story.at("22:00", FAILED, "motion")
    story.at("22:02", MotionDetected(), "motion")
    story.until("23:00")
    assert story.said(*ALARM) == []


def test_a_cut_bed_mat_at_night_is_care_at_once(tell: Tell) -> None:
    """Nobody can see the bed: care staff hear of it in the same minute."""
    story = tell()
    story.at("23:00", CUT, "mat")
    assert story.said(*ALARM) == ["23:00:00 alarm.raised mat device_down care"]


def test_a_bed_mat_by_day_is_technical_and_care_when_the_night_begins(tell: Tell) -> None:
    """Broken at three in the afternoon: the technician; still broken at ten: care staff too."""
    story = tell()
    story.at("15:00", CUT, "mat")
    story.until("23:00")
    assert story.said(*ALARM) == [
        "15:10:00 alarm.raised mat device_down technical",
        "22:00:00 alarm.raised mat device_down care",
    ]
    story.at("23:10", MatReleased(), "mat")
    story.until("23:30")
    assert story.said(*ALARM)[2:] == ["23:15:00 alarm.cancelled mat recovered"] * 2


def test_a_driver_that_restarts_at_night_has_a_minute(tell: Tell) -> None:
    """A failed mat driver that is back in seconds wakes nobody; one that is not does."""
    story = tell()
    story.at("23:00", FAILED, "mat")
    story.at("23:00:02", MatPressed(), "mat")
    story.until("23:30")
    assert story.said(*ALARM) == []
    story.at("23:30", FAILED, "mat")
    story.until("23:40")
    assert story.said(*ALARM) == ["23:31:00 alarm.raised mat device_down care"]


def test_flapping_rings_once(tell: Tell) -> None:
    """A device that comes and goes every two minutes for two hours: one alarm, and one end."""
    story = tell()
    for minute in range(0, 120, 2):
        local = f"{22 + minute // 60}:{minute % 60:02}"
        story.at(local, DeviceOffline(reason="silent"), "motion")
        story.at(f"{local}:30", DeviceOnline(), "motion")
    story.until("02:00")
    assert [event.kind for event in story.decided(*ALARM)] == list(ALARM)


def test_heard_is_not_healed(tell: Tell) -> None:
    """A cut mat whose box is heard again is still cut; a stuck one needs a release."""
    story = tell()
    story.at("23:00", CUT, "mat")
    story.at("23:01", DeviceOnline(), "mat")
    story.until("23:30")
    assert story.said("alarm.cancelled") == []
    story.at("23:30", MatReleased(), "mat")
    story.until("23:40")
    assert story.said("alarm.cancelled") == ["23:35:00 alarm.cancelled mat recovered"]
    story.at("23:45", MatFaulted(fault=MatFault.STUCK), "mat")
    story.at("23:50", MatPressed(), "mat")
    story.until("00:30")
    assert len(story.decided("alarm.cancelled")) == 1


def test_what_a_person_closed_stays_closed(tell: Tell) -> None:
    """The same fault does not ring again after somebody closed its alarm; a new fault does."""
    story = tell()
    story.at("22:00", DeviceOffline(reason="silent"), "motion")
    story.until("22:30")
    (raised,) = story.decided("alarm.raised")
    resolved = AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.MENDED)
    story.staff("22:30", resolved, person="p3")
    story.at("22:40", DeviceOffline(reason="silent"), "motion")
    story.until("23:30")
    assert len(story.decided(*ALARM)) == 1
    story.at("23:30", MotionDetected(), "motion")
    story.until("23:40")
    story.at("23:40", DeviceOffline(reason="silent"), "motion")
    story.until("00:30")
    assert story.said(*ALARM)[1:] == ["23:50:00 alarm.raised motion device_down technical"]


def test_a_battery_is_told_once_until_it_is_in_order(tell: Tell) -> None:
    """Low, low, low: one technical alarm; changed: cancelled; low again: another."""
    story = tell()
    for local in ("22:00", "23:00", "00:00"):
        story.at(local, BatteryLow(level_pct=9), "door")
    story.at("01:00", BatteryOk(level_pct=98), "door")
    story.until("02:00")
    story.at("03:00", BatteryLow(), "door")
    assert story.said(*ALARM) == [
        "22:00:00 alarm.raised door battery_low technical",
        "01:05:00 alarm.cancelled door recovered",
        "03:00:00 alarm.raised door battery_low technical",
    ]


def test_the_lock_is_care_at_any_hour(tell: Tell) -> None:
    """Jammed: at once.  Bolt unknown: the lock is asked, and care is told when it stays so."""
    story = tell()
    story.at("13:00", LockJammed(), "door")
    story.at("13:10", LockLocked(), "door")
    story.until("13:30")
    story.at("14:00", LockUnknown(), "door", "p7")
    story.at("14:01", LockUnknown(), "door")
    story.until("14:30")
    story.at("14:30", LockLocked(), "door")
    story.until("15:00")
    assert story.said(*ALARM) == [
        "13:00:00 alarm.raised door lock_jammed care",
        "13:15:00 alarm.cancelled door recovered",
        "14:05:00 alarm.raised door lock_unknown care",
        "14:35:00 alarm.cancelled door recovered",
    ]
    assert story.commands == [AskStatus("door")]


def test_a_lock_that_was_only_asked_and_sleeps_worries_nobody(tell: Tell) -> None:
    """A battery lock sleeps and does not answer a self-test: its bolt is unknown, and no alarm."""
    story = tell()
    story.at("13:00", LockLocked(), "door")
    story.at("14:00", LockUnknown(), "door")
    story.until("20:00")
    assert story.said(*ALARM) == []
    assert story.commands == []


def test_a_pendant_that_cannot_be_proved_is_care(tell: Tell) -> None:
    """It must be paired again: care hears of it at once; a press that nobody can verify does not
    end it, one that can does."""
    story = tell("pendant")
    story.at("13:00", ContactFaulted(fault=ContactFault.UNPROVEN), "pendant")
    story.at("13:05", PendantPressed(verified=False), "pendant")
    story.until("13:20")
    story.at("13:30", PendantPressed(verified=True), "pendant")
    story.until("14:00")
    down = [line for line in story.said(*ALARM) if "device_down" in line or "recovered" in line]
    assert down == [
        "13:00:00 alarm.raised pendant device_down care",
        "13:35:00 alarm.cancelled pendant recovered",
    ]


def test_a_bed_whose_mats_all_fail_at_once_rings_once(tell: Tell) -> None:
    """Two mats of one bed are cut in the same instant: one alarm for care, about the bed; the
    technician hears of the other mat.  One that works again ends its alarm, and the bed that is
    lost anew rings anew."""
    story = tell("mat", "mat2")
    story.at("23:00", CUT, "mat")
    story.at("23:00", CUT, "mat2")
    story.until("23:30")
    assert story.said(*ALARM) == [
        "23:00:00 alarm.raised mat device_down care",
        "23:10:00 alarm.raised mat2 device_down technical",
    ]
    story.at("23:40", MatReleased(), "mat")
    story.until("23:50")
    story.at("23:55", CUT, "mat")
    story.until("00:30")
    assert [line for line in story.said(*ALARM)[2:] if "mat" in line] == [
        "23:45:00 alarm.cancelled mat recovered",
        "23:55:00 alarm.raised mat2 device_down care",
        "00:05:00 alarm.raised mat device_down technical",
    ]


def test_mats_that_were_down_by_day_ring_once_when_the_night_begins(tell: Tell) -> None:
    """Both broken in the afternoon, at different times: two for the technician, one for care."""
    story = tell("mat", "mat2")
    story.at("15:00", CUT, "mat")
    story.at("16:00", DeviceOffline(reason="silent"), "mat2")
    story.until("23:00")
    assert story.said(*ALARM) == [
        "15:10:00 alarm.raised mat device_down technical",
        "16:10:00 alarm.raised mat2 device_down technical",
        "22:00:00 alarm.raised mat device_down care",
    ]
