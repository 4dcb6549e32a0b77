"""The rule `seat`: who sits is a sign of life, and what a seat's mat says by itself is none."""

from __future__ import annotations

import pytest

from gateway.events import (
    ContactChanged,
    Data,
    DoorClosed,
    DoorOpened,
    MatPressed,
    MatReleased,
    MotionDetected,
)
from tests.rules.conftest import Story, Tell

SEAT = ("seat.taken", "seat.left")
WORDS = {
    "contact": (ContactChanged(on=True), ContactChanged(on=False)),
    "mat": (MatPressed(), MatReleased()),
}
each = pytest.mark.parametrize("on, off", WORDS.values(), ids=WORDS)


def pulses(story: Story, hour: int, on: Data, off: Data, length_s: int = 2) -> None:
    """A pulse every ten minutes of an hour."""
    for minute in range(0, 60, 10):
        story.at(f"{hour:02}:{minute:02}:00", on, "seat")
        story.at(f"{hour:02}:{minute:02}:{length_s:02}", off, "seat")


@each
def test_who_sits_for_three_seconds_sits(tell: Tell, on: Data, off: Data) -> None:
    """Taken after three seconds of pressure, since it began, and left with the release; a second
    word of the same changes nothing; two seconds are nobody."""
    story = tell("seat")
    pressed = story.at("21:30", on, "seat")
    story.at("21:30:01", on, "seat")
    released = story.at("21:40", off, "seat")
    story.at("21:41", off, "seat")
    story.at("21:50", on, "seat")
    story.at("21:50:02", off, "seat")
    story.until("22:00")
    assert story.said(*SEAT) == ["21:30:03 seat.taken seat", "21:40:00 seat.left seat"]
    taken, left = story.decided(*SEAT)
    assert taken.data.since == pressed.at
    assert taken.because is not None and taken.because.events == (pressed.ref,)
    assert left.because is not None and left.because.events == (taken.ref, released.ref)


@each
def test_pulses_do_not_hide_a_day_without_life(tell: Tell, on: Data, off: Data) -> None:
    """A seat that pulses all day, and a resident who does not stir: asked after seven hours."""
    story = tell("seat", "motion", "toilet", "lamp")
    story.until("08:00")
    story.at("08:10", MotionDetected(), "motion")
    for hour in range(9, 16):
        pulses(story, hour, on, off)
    story.until("15:59")
    assert story.said("activity.prewarned") == ["15:10:00 activity.prewarned"]
    assert story.said("activity.answered") == []


@each
def test_pulses_do_not_bring_anybody_home(tell: Tell, on: Data, off: Data) -> None:
    """Out of the door and the home is empty, whatever the seat pulses; who sits down is home."""
    story = tell("seat", "motion", "front")
    story.at("21:30", DoorOpened(), "front")
    story.at("21:31", DoorClosed(), "front")
    pulses(story, 22, on, off)
    story.until("23:00")
    assert [words.split()[1] for words in story.said("home.emptied", "home.occupied")] == [
        "home.emptied"
    ]
    story.at("23:10", on, "seat")
    story.until("23:11")
    assert story.said("home.occupied") == ["23:10:03 home.occupied"]


def test_pulses_do_not_put_a_look_off(tell: Tell) -> None:
    """Out of bed at two, and the seat in the other room pulses: nobody is up."""
    story = tell("mat", "seat", "motion")
    story.learned("mat")
    story.at("22:30", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    for minute in (3, 6, 9, 12):
        story.at(f"02:{minute:02}:00", ContactChanged(on=True), "seat")
        story.at(f"02:{minute:02}:02", ContactChanged(on=False), "seat")
    story.until("02:20")
    assert story.said("alarm.raised") == ["02:15:00 alarm.raised bed_exit care"]


def test_pulses_out_in_the_night_are_nobody_inside(tell: Tell) -> None:
    """From bed and out of the front door: a pulse of the seat does not bring the resident back."""
    story = tell("mat", "seat", "motion", "front")
    story.at("21:10", DoorClosed(), "front")
    story.at("22:30", MatPressed(), "mat")
    story.at("02:00", MatReleased(), "mat")
    story.at("02:01", DoorOpened(), "front")
    story.at("02:02", DoorClosed(), "front")
    story.at("02:03", ContactChanged(on=True), "seat")
    story.at("02:03:02", ContactChanged(on=False), "seat")
    story.until("02:10")
    assert "02:07:00 alarm.raised wandering care" in story.said("alarm.raised")


def test_a_pulse_does_not_end_a_stay_in_the_bathroom(tell: Tell) -> None:
    """The last sign was in the bathroom, an hour ago; the seat pulsed since."""
    story = tell("seat", "washroom", "motion")
    story.until("10:00")
    story.at("10:10", MotionDetected(), "washroom")
    story.at("10:20", ContactChanged(on=True), "seat")
    story.at("10:20:02", ContactChanged(on=False), "seat")
    story.until("11:30")
    assert story.said("alarm.raised") == ["11:10:00 alarm.raised bathroom_long care"]
