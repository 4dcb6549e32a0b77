"""The rules of day and night beside the bed: each with what it must say and what it must not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.commands import SetIndicator
from gateway.events import (
    AbsenceStarted,
    AlarmOutcome,
    AlarmResolved,
    ButtonPressed,
    ContactChanged,
    Data,
    DeviceFailed,
    DeviceHeard,
    DeviceOnline,
    DoorClosed,
    DoorOpened,
    MatLoaded,
    MatPressed,
    MatReleased,
    MoistureCleared,
    MoistureDetected,
    MotionDetected,
    PendantPressed,
    PowerBatteryLow,
    PowerLost,
    PowerRestored,
    PowerSteadied,
    PowerUndervolted,
    PressHow,
    TemperatureMeasured,
)
from tests.rules.conftest import Story, Tell


def alarms(story: Story) -> list[str]:
    return story.said("alarm.raised")


# --- pendant --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verified", [True, False])
def test_a_pendant_is_an_alarm_in_the_same_turn(tell: Tell, verified: bool) -> None:
    """Proved genuine or not, also while registered as away; a repeat of the radio is the same
    press, a later one adds to the alarm, and is another when that is an hour old or closed."""
    story = tell("mat", "pendant")
    story.staff("21:10", AbsenceStarted(), person="p9")
    pressed = story.at("03:00", PendantPressed(verified=verified), "pendant")
    assert alarms(story) == ["03:00:00 alarm.raised pendant pendant care"]
    because = story.decided("alarm.raised")[0].because
    assert because is not None and because.events == (pressed.ref,)
    story.at("03:00:02", PendantPressed(verified=verified), "pendant")
    assert len(alarms(story)) == 1
    story.at("03:00:30", PendantPressed(verified=verified), "pendant")
    assert story.said("alarm.repeated") == ["03:00:30 alarm.repeated pendant"]
    story.at("03:00:33", PendantPressed(verified=verified), "pendant")
    assert (len(alarms(story)), len(story.said("alarm.repeated"))) == (1, 1)
    alarm = story.decided("alarm.raised")[0].ref
    story.staff("03:10", AlarmResolved(alarm=alarm, outcome=AlarmOutcome.HELPED), person="p9")
    story.at("03:11", PendantPressed(verified=verified), "pendant")
    assert len(alarms(story)) == 2
    story.at("04:12", PendantPressed(verified=verified), "pendant")
    assert len(alarms(story)) == 3


@pytest.mark.parametrize("verified", [True, False])
def test_who_took_a_press_back_and_presses_again_is_heard(tell: Tell, verified: bool) -> None:
    """Once an alarm is closed, in the home or by staff, the next press is an alarm of its own, also
    within the seconds in which it would have been the same press."""
    story = tell("button", "pendant")
    story.at("03:00", PendantPressed(verified=verified), "pendant")
    story.at("03:00:02", ButtonPressed(how=PressHow.HELD), "button")
    assert story.said("alarm.cancelled") == ["03:00:02 alarm.cancelled pendant wearer"]
    story.at("03:00:04", PendantPressed(verified=verified), "pendant")
    assert len(alarms(story)) == 2
    story.staff(
        "03:00:05",
        AlarmResolved(alarm=story.decided("alarm.raised")[1].ref, outcome=AlarmOutcome.HELPED),
        person="p9",
    )
    story.at("03:00:07", PendantPressed(verified=verified), "pendant")
    assert len(alarms(story)) == 3
    assert story.said("alarm.repeated") == []
    story.check_rebuilt()


def test_the_answering_button_held_takes_a_press_back(tell: Tell) -> None:
    """Proved genuine, and soon after; a short press, a forged one, and the pendant itself do not,
    unless the home says so of the pendant."""
    story = tell("button", "pendant")
    story.at("03:00", PendantPressed(verified=True), "pendant")
    story.at("03:01", ButtonPressed(), "button")
    story.at("03:01:10", ButtonPressed(how=PressHow.HELD, verified=False), "button")
    story.at("03:01:20", PendantPressed(verified=True, how=PressHow.HELD), "pendant")
    assert story.said("alarm.cancelled") == []
    assert len(story.said("alarm.repeated")) == 1
    story.at("03:02", ButtonPressed(how=PressHow.HELD), "button")
    assert story.said("alarm.cancelled") == ["03:02:00 alarm.cancelled pendant wearer"]
    story.at("03:03", PendantPressed(verified=True), "pendant")
    assert len(alarms(story)) == 2
    story.at("03:40", ButtonPressed(how=PressHow.LONG), "button")
    assert len(story.said("alarm.cancelled")) == 1


# --- floor ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hour", ["02", "14"])
def test_lying_on_the_floor_mat_is_an_alarm_within_ninety_seconds(tell: Tell, hour: str) -> None:
    """By night and by day, chatter bridged; one alarm until the mat has been free."""
    story = tell("floor")
    story.at(f"{hour}:00", MatPressed(), "floor")
    story.at(f"{hour}:00:20", MatReleased(), "floor")
    story.at(f"{hour}:00:25", MatPressed(), "floor")
    story.until(f"{hour}:20")
    assert alarms(story) == [f"{hour}:01:00 alarm.raised floor on_floor care"]
    story.at(f"{hour}:21", MatReleased(), "floor")
    story.at(f"{hour}:25", MatPressed(), "floor")
    story.until(f"{hour}:28")
    assert (len(alarms(story)), len(story.said("alarm.repeated"))) == (1, 1)
    story.at(f"{hour}:29", MatReleased(), "floor")
    later = f"{int(hour) + 1:02}"
    story.at(f"{later}:01", MatPressed(), "floor")
    story.until(f"{later}:03")
    assert (len(alarms(story)), len(story.said("alarm.repeated"))) == (2, 1)


def test_walking_over_the_floor_mat_is_nothing(tell: Tell) -> None:
    """Steps, half a minute of standing, steps again."""
    story = tell("floor")
    for second in (0, 20, 40):
        story.at(f"02:00:{second:02}", MatPressed(), "floor")
        story.at(f"02:00:{second + 3:02}", MatReleased(), "floor")
    story.at("02:02", MatPressed(), "floor")
    story.at("02:02:35", MatReleased(), "floor")
    story.until("02:30")
    assert alarms(story) == []


def test_several_cells_are_a_body_and_take_less_time(tell: Tell) -> None:
    """Three cells of a mat for twenty seconds; one cell is a foot."""
    story = tell("floor")
    story.at("02:00", MatLoaded(cells=1, of=6), "floor")
    story.at("02:00:05", MatLoaded(cells=3, of=6), "floor")
    story.until("02:10")
    assert alarms(story) == ["02:00:25 alarm.raised floor on_floor care"]


# --- doors ----------------------------------------------------------------------------------------


def test_out_of_bed_and_out_of_the_door_at_night(tell: Tell) -> None:
    """Five minutes without a sign inside: an alarm that names bed and door."""
    story = tell("mat", "motion", "front")
    story.at("22:30", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    opened = story.at("02:03", DoorOpened(), "front")
    story.at("02:03:10", DoorClosed(), "front")
    story.until("02:10")
    assert alarms(story) == ["02:08:10 alarm.raised wandering care"]
    because = story.decided("alarm.raised")[0].because
    assert because is not None and opened.ref in because.events


def test_the_front_door_without_a_nights_rest_or_with_a_return_is_nothing(tell: Tell) -> None:
    """Out in the evening without having been in bed; and out, and in again at once."""
    story = tell("mat", "motion", "front")
    story.at("23:30", DoorOpened(), "front")
    story.at("23:30:20", DoorClosed(), "front")
    story.until("00:30")
    story.at("00:31", MatPressed(), "mat")
    story.at("03:00", MatReleased(), "mat")
    story.at("03:02", DoorOpened(), "front")
    story.at("03:02:20", DoorClosed(), "front")
    story.at("03:04", MotionDetected(), "motion")
    story.until("03:10")
    assert alarms(story) == []


def test_a_front_door_that_stands_open(tell: Tell) -> None:
    """Fifteen minutes: for care by night, without haste by day; shut, it is taken back."""
    story = tell("front")
    story.at("22:00", DoorClosed(), "front")
    story.at("02:00", DoorOpened(), "front")
    story.until("02:20")
    assert alarms(story) == ["02:15:00 alarm.raised front door_left_open care"]
    story.at("02:21", DoorClosed(), "front")
    assert story.said("alarm.cancelled") == ["02:21:00 alarm.cancelled front closed"]
    story.at("14:00", DoorOpened(), "front")
    story.until("14:20")
    assert alarms(story)[1:] == ["14:15:00 alarm.raised front door_left_open routine"]


# --- bathroom -------------------------------------------------------------------------------------


def test_still_in_the_bathroom_for_an_hour_by_day(tell: Tell) -> None:
    """The last sign was in the bathroom: an alarm; a sign elsewhere is the end of it."""
    story = tell("motion", "toilet", "washroom")
    story.at("10:00", MotionDetected(), "washroom")
    story.at("10:01", MotionDetected(), "motion")
    story.until("12:00")
    assert alarms(story) == []
    story.at("12:00", MotionDetected(), "washroom")
    story.at("12:05", ContactChanged(on=True), "toilet")
    story.until("14:00")
    assert alarms(story) == ["13:05:00 alarm.raised bathroom_long care"]


# --- no activity ----------------------------------------------------------------------------------


def quiet(tell: Tell) -> Story:
    story = tell("motion", "front", "button", "lamp", "seat")
    story.at("09:00", MotionDetected(), "motion")
    return story


def test_a_quiet_day_is_asked_about_in_the_home_and_then_an_alarm(tell: Tell) -> None:
    """Seven hours: the lamp; a quarter of an hour later the alarm, and the lamp goes out."""
    story = quiet(tell)
    story.until("16:10")
    assert [w[:25] for w in story.said("activity.prewarned")] == ["16:00:00 activity.prewarn"]
    assert story.commands == [SetIndicator("lamp", True)]
    story.until("18:00")
    assert alarms(story) == ["16:15:00 alarm.raised inactivity care"]
    assert story.commands[1:] == [SetIndicator("lamp", False)]


@pytest.mark.parametrize(
    ("data", "device", "by"),
    [(ButtonPressed(), "button", "button"), (MotionDetected(), "motion", "activity")],
)
def test_the_resident_answers(tell: Tell, data: Data, device: str, by: str) -> None:
    """By the button, or by being alive: no alarm, and the silence begins anew."""
    story = quiet(tell)
    story.until("16:05")
    story.at("16:06", data, device)
    story.until("21:00")
    assert story.said("activity.answered") == [f"16:06:00 activity.answered {by}"]
    assert alarms(story) == []
    assert story.commands[-1] == SetIndicator("lamp", False)


def test_a_lamp_that_comes_back_asks_on(tell: Tell) -> None:
    """Restarted while the question is open: lit again, it alone and no sign of life; not once it
    was answered."""
    story = quiet(tell)
    story.until("16:05")
    story.at("16:06", DeviceOnline(), "lamp")
    story.at("16:06:01", DeviceOnline(), "motion")
    assert story.commands == [SetIndicator("lamp", True)] * 2
    story.at("16:10", ButtonPressed(), "button")
    story.at("16:11", DeviceOnline(), "lamp")
    assert story.commands[2:] == [SetIndicator("lamp", False)]


def test_an_empty_home_is_not_asked(tell: Tell) -> None:
    """The front door, then silence: empty; one ghost of a detector does not fill it again, the
    front door does."""
    story = quiet(tell)
    story.at("09:30", DoorOpened(), "front")
    story.at("09:30:10", DoorClosed(), "front")
    story.at("13:00", MotionDetected(), "motion")
    story.until("19:00")
    assert story.said("home.emptied", "activity.prewarned") == ["10:00:10 home.emptied"]
    story.at("19:00", DoorOpened(), "front")
    assert story.said("home.occupied") == ["19:00:00 home.occupied"]


def test_coming_home_is_not_leaving(tell: Tell) -> None:
    """Signs inside later than the coats and bags: somebody is in."""
    story = quiet(tell)
    story.at("10:00", DoorOpened(), "front")
    story.at("10:00:10", DoorClosed(), "front")
    story.at("10:06", MotionDetected(), "motion")
    story.until("12:00")
    assert story.said("home.emptied") == []


def test_sitting_for_long_is_no_silence(tell: Tell) -> None:
    """A pressed seat is somebody, for ten hours."""
    story = quiet(tell)
    story.at("09:10", ContactChanged(on=True), "seat")
    story.until("19:00")
    assert story.said("activity.prewarned") == []


# --- moisture, temperature, mains, silence, recurrence --------------------------------------------


def test_moisture_is_told_once_and_without_haste(tell: Tell) -> None:
    """Routine, once until it is dry."""
    story = tell("wet")
    story.at("03:00", MoistureDetected(), "wet")
    story.at("03:05", MoistureDetected(), "wet")
    story.until("04:00")
    assert alarms(story) == ["03:02:00 alarm.raised wet moisture routine"]
    story.at("04:00", MoistureCleared(), "wet")
    assert story.said("alarm.cancelled") == ["04:00:00 alarm.cancelled wet dry"]


def test_heat_for_hours_and_extreme_heat(tell: Tell) -> None:
    """29° for four hours is told without haste; 34° within the hour, for care."""
    story = tell("air")
    story.at("10:00", TemperatureMeasured(celsius=29.0), "air")
    story.at("12:00", TemperatureMeasured(celsius=27.9), "air")  # not half a degree below: goes on
    story.until("15:00")
    assert alarms(story) == ["14:00:00 alarm.raised air too_hot routine"]
    story.at("15:00", TemperatureMeasured(celsius=24.0), "air")
    assert story.said("alarm.cancelled") == ["15:00:00 alarm.cancelled air normal"]
    story.at("16:00", TemperatureMeasured(celsius=34.0), "air")
    story.until("18:00")
    assert alarms(story)[1:] == ["17:00:00 alarm.raised air too_hot care"]


def test_cold(tell: Tell) -> None:
    """16° for three hours; a warm hour in between begins it anew."""
    story = tell("air")
    story.at("10:00", TemperatureMeasured(celsius=16.0), "air")
    story.at("12:00", TemperatureMeasured(celsius=19.0), "air")
    story.at("13:00", TemperatureMeasured(celsius=16.0), "air")
    story.until("20:00")
    assert alarms(story) == ["16:00:00 alarm.raised air too_cold routine"]


def test_the_mains(tell: Tell) -> None:
    """A minute without: the technician; four: care staff; both taken back when it returns.  A blink
    is no alarm."""
    story = tell("mat")
    story.at("22:00", PowerLost())
    story.at("22:00:30", PowerRestored())
    story.at("23:00", PowerLost())
    story.until("23:30")
    assert alarms(story) == [
        "23:01:00 alarm.raised power_lost technical",
        "23:04:00 alarm.raised power_failing care",
    ]
    story.at("23:30", PowerRestored())
    assert story.said("alarm.cancelled") == ["23:30:00 alarm.cancelled power_restored"] * 2


def test_a_low_battery_does_not_wait(tell: Tell) -> None:
    """The home falls silent soon: care staff hear of it at once, and once."""
    story = tell("mat")
    story.at("23:00", PowerLost())
    story.at("23:03", PowerBatteryLow(battery_pct=14))
    story.at("23:04", PowerBatteryLow())
    story.until("23:59")
    assert alarms(story) == [
        "23:01:00 alarm.raised power_lost technical",
        "23:03:00 alarm.raised power_failing care",
    ]
    assert story.said("alarm.cancelled") == []


def test_a_weak_supply(tell: Tell) -> None:
    """One dip is no alarm; one that does not end is the technician's, until it is right again."""
    story = tell("mat")
    story.at("10:00", PowerUndervolted())
    story.at("10:01", PowerSteadied())
    story.at("11:00", PowerUndervolted())
    story.until("12:00")
    assert alarms(story) == ["11:02:00 alarm.raised power_weak technical"]
    story.at("12:00", PowerSteadied())
    assert story.said("alarm.cancelled") == ["12:00:00 alarm.cancelled recovered"]


def test_a_radio_device_silent_for_a_day(tell: Tell) -> None:
    """24 h without a word is offline; a word of life brings it back; a wired one is not waited
    for."""
    story = tell("motion", "front")
    story.at("22:00", MotionDetected(), "motion")
    story.at("22:00", DoorClosed(), "front")
    story.until("21:59")
    story.until("22:05")
    assert story.said("device.offline") == ["22:00:00 device.offline motion silent"]
    story.at("23:00", DeviceHeard(), "motion")
    assert story.said("device.online") == ["23:00:00 device.online motion"]


def test_the_same_fault_three_times_in_thirty_days(tell: Tell) -> None:
    """Counted in events that are written again within the week; the third is flagged."""
    story = tell("motion", "front")
    for _ in range(3):
        story.at("10:00", DeviceFailed(error="x", text="x", retry_s=1.0), "front")
        story.at("11:00", DoorClosed(), "front")
        story.until("12:00")
        for _ in range(7):
            story.until("09:00")
    flagged = [words for words in alarms(story) if "recurring" in words]
    assert len(flagged) == 1 and flagged[0].endswith("front fault_recurring technical")
    counted = story.decided("fault.counted")
    assert len(counted[-1].data.times) == 3
    spans = [b.at - a.at for a, b in pairwise(counted)]
    assert max(span.days for span in spans) <= 6


def test_mat_released_alone_says_nothing(tell: Tell) -> None:
    """A floor mat that is released, and was never pressed."""
    story = tell("floor")
    story.at("02:00", MatReleased(), "floor")
    story.until("03:00")
    assert alarms(story) == []
