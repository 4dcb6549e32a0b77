"""The home's radio is away: one alarm for the technician however many devices need it, one for care
where a pendant or a lock does, and both over when it is back."""

from __future__ import annotations

from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    DeviceOffline,
    DeviceOnline,
    GatewayStarted,
    Offline,
    PreviousRun,
)
from tests.rules.conftest import Story, Tell

AWAY = DeviceOffline(reason=Offline.RADIO)
STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)
ALARMS = ("alarm.raised", "alarm.cancelled")


def radio_goes(story: Story, *devices: str) -> None:
    for device in devices:
        story.at("22:00", AWAY, device)


def test_one_alarm_however_many_devices(tell: Tell) -> None:
    """Four devices, one fault: no alarm of their own, and none a second time."""
    story = tell("motion", "toilet", "wet", "seat")
    radio_goes(story, "motion", "toilet", "wet", "seat")
    story.until("23:30")
    assert story.said(*ALARMS) == ["22:00:30 alarm.raised radio_down technical"]
    for device in ("motion", "toilet", "wet"):
        story.at("23:31", DeviceOnline(), device)
    assert len(story.said(*ALARMS)) == 1
    story.at("23:32", DeviceOnline(), "seat")
    assert story.said("alarm.cancelled") == ["23:32:00 alarm.cancelled recovered"]


def test_care_is_told_where_a_pendant_or_a_lock_needs_it(tell: Tell) -> None:
    """Once for both of them, within the minute that a dead pendant is given."""
    story = tell("motion", "pendant", "door")
    radio_goes(story, "motion", "pendant", "door")
    story.until("22:30")
    assert story.said(*ALARMS) == [
        "22:00:30 alarm.raised radio_down technical",
        "22:01:00 alarm.raised radio_missed care",
    ]
    story.at("22:31", DeviceOnline(), "motion")
    story.at("22:31", DeviceOnline(), "pendant")
    story.at("22:31", DeviceOnline(), "door")
    assert len(story.said("alarm.cancelled")) == 2


def test_a_restart_of_the_service_rings_nobody(tell: Tell) -> None:
    """Away for twenty seconds, which bluetoothd and the drivers need for a restart."""
    story = tell("pendant", "door")
    radio_goes(story, "pendant", "door")
    story.at("22:00:20", DeviceOnline(), "pendant")
    story.at("22:00:20", DeviceOnline(), "door")
    story.until("23:00")
    assert story.said(*ALARMS) == []


def test_closed_by_a_person_it_does_not_come_back_for_the_same_fault(tell: Tell) -> None:
    """Only when the radio was back and went away again."""
    story = tell("motion")
    radio_goes(story, "motion")
    story.until("22:05")
    (raised,) = story.decided("alarm.raised")
    story.staff("22:06", AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.HELPED), "p1")
    story.at("22:30", AWAY, "motion")
    story.until("23:00")
    assert len(story.said(*ALARMS)) == 1
    story.at("23:00", DeviceOnline(), "motion")
    story.at("23:10", AWAY, "motion")
    story.until("23:20")
    assert story.said("alarm.raised")[1:] == ["23:10:30 alarm.raised radio_down technical"]


def test_a_restart_of_the_home_mends_or_tells_again(tell: Tell) -> None:
    """A device that works from the start says nothing of it: what is not told again is over.  A
    radio that is still away keeps its alarm, and gets no second one."""
    story = tell("motion")
    radio_goes(story, "motion")
    story.until("22:05")
    story.at("22:10", STARTED)
    story.at("22:10:05", AWAY, "motion")
    story.until("22:30")
    assert story.said(*ALARMS) == ["22:00:30 alarm.raised radio_down technical"]
    story.at("22:40", STARTED)
    story.until("22:50")
    assert story.said("alarm.cancelled") == ["22:41:00 alarm.cancelled recovered"]
