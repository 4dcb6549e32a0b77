"""From BTHome's readings to events, with time that arrives as numbers."""

from __future__ import annotations

import pytest

from drivers.radio.bthome_decode import Packet, decode
from drivers.radio.bthome_events import Words
from gateway.events import (
    BatteryLow,
    BatteryOk,
    ButtonPressed,
    ContactChanged,
    ContactFault,
    ContactFaulted,
    Data,
    DeviceHeard,
    DeviceOnline,
    DoorClosed,
    DoorOpened,
    MoistureCleared,
    MoistureDetected,
    MotionCleared,
    MotionDetected,
    PendantPressed,
    PressHow,
    TemperatureMeasured,
)

ADDRESS = "E8:E0:7E:00:00:01"


def say(words: Words, objects: str, now_s: float = 0.0) -> list[Data]:
    """What is told of a message with these objects."""
    packet = decode(b"\x44" + bytes.fromhex(objects), ADDRESS, None)
    assert isinstance(packet, Packet)
    assert packet.whole
    return words.say(packet, now_s)


@pytest.mark.parametrize(
    ("on", "off", "told"),
    [
        ("1a01", "1a00", (DoorOpened(), DoorClosed())),
        ("2d01", "2d00", (DoorOpened(), DoorClosed())),
        ("1101", "1100", (DoorOpened(), DoorClosed())),
        ("2101", "2100", (MotionDetected(), MotionCleared())),
        ("2301", "2300", (MotionDetected(), MotionCleared())),
        ("2501", "2500", (MotionDetected(), MotionCleared())),
        ("2001", "2000", (MoistureDetected(), MoistureCleared())),
        ("2c01", "2c00", (ContactChanged(on=True), ContactChanged(on=False))),
        ("1501", "1500", (BatteryLow(), BatteryOk())),
        ("010f", "0164", (BatteryLow(level_pct=15), BatteryOk(level_pct=100))),
        ("2b01", "2b00", (ContactFaulted(fault=ContactFault.TAMPERED), DeviceOnline())),
    ],
)
def test_on_and_off(on: str, off: str, told: tuple[Data, Data]) -> None:
    """Each change is told once, whatever is repeated."""
    words = Words(None)
    assert say(words, on) == [told[0]]
    assert say(words, on) == []
    assert say(words, off) == [told[1]]
    assert say(words, off) == []
    assert say(words, on) == [told[0]]


def pressed(role: str | None, how: PressHow, button: int = 1) -> Data:
    kind = PendantPressed if role == "pendant" else ButtonPressed
    return kind(verified=True, button=button, how=how)


@pytest.mark.parametrize("role", ["pendant", "button", None])
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("01", PressHow.ONCE),
        ("02", PressHow.TWICE),
        ("03", PressHow.THRICE),
        ("04", PressHow.LONG),
        ("05", PressHow.LONG),
        ("80", PressHow.HELD),
        ("fe", PressHow.HELD),
        ("77", PressHow.OTHER),
    ],
)
def test_any_kind_of_press_is_a_press(role: str | None, kind: str, how: PressHow) -> None:
    """Once, twice, long, held, and kinds that nobody knows yet; by what the device is for."""
    words = Words(role)
    assert say(words, "3a" + kind) == [pressed(role, how)]
    assert say(words, "3a" + kind, 10.0) == [pressed(role, how)]
    assert say(words, "3a003a003a003a" + kind, 20.0) == [pressed(role, how, 4)]
    assert say(words, "3a00", 30.0) == []


def test_two_buttons_in_one_message_are_two_presses() -> None:
    """Each says which it was and how; also when it cannot be proved."""
    objects = "3a013a003a043a02"
    told = [
        pressed("button", PressHow.ONCE, 1),
        pressed("button", PressHow.LONG, 3),
        pressed("button", PressHow.TWICE, 4),
    ]
    assert say(Words("button"), objects) == told
    packet = decode(b"\x44" + bytes.fromhex(objects), ADDRESS, None)
    assert isinstance(packet, Packet)
    assert Words("pendant").doubtful(packet) == [
        PendantPressed(verified=False, button=1, how=PressHow.ONCE),
        PendantPressed(verified=False, button=3, how=PressHow.LONG),
        PendantPressed(verified=False, button=4, how=PressHow.TWICE),
    ]


@pytest.mark.parametrize("held", ["80", "fe"])
@pytest.mark.parametrize("end", ["01", "04"])
def test_a_hold_and_the_press_that_ends_it_are_one_press(held: str, end: str) -> None:
    """However long it is held; the next press is another."""
    words = Words("pendant")
    assert say(words, "3a" + held, 0.0) == [pressed("pendant", PressHow.HELD)]
    assert [say(words, "3a" + held, float(now_s)) for now_s in range(1, 20)] == [[]] * 19
    assert say(words, "3a" + end, 20.0) == []
    assert say(words, "3a01", 20.5) == [pressed("pendant", PressHow.ONCE)]


def test_a_hold_swallows_nothing_else() -> None:
    """Another button, another gesture, a press after it was let go, or one some time later."""
    words = Words("button")
    held = pressed("button", PressHow.HELD)
    assert say(words, "3a80", 0.0) == [held]
    assert say(words, "3a803a01", 1.0) == [pressed("button", PressHow.ONCE, 2)]
    assert say(words, "3a02", 2.0) == [pressed("button", PressHow.TWICE)]
    assert say(words, "3a80", 10.0) == [held]
    assert say(words, "3a00", 11.0) == []
    assert say(words, "3a01", 12.0) == [pressed("button", PressHow.ONCE)]
    assert say(words, "3a80", 20.0) == [held]
    assert say(words, "3a01", 25.0) == [pressed("button", PressHow.ONCE)], "its end was lost"


def test_a_press_comes_before_anything_else() -> None:
    """Also when the same message tells of a battery and a temperature."""
    told = say(Words("pendant"), "010545df003a01")
    assert told[0] == pressed("pendant", PressHow.ONCE)


@pytest.mark.parametrize("objects", ["020080", "450080", "02ff7f", "45ff7f", "5780", "5880"])
def test_no_value_is_no_temperature(objects: str) -> None:
    """The ends of a number's range stand for "no value"; a second sensor that measures counts."""
    assert say(Words(None), objects) == [DeviceHeard()]
    assert say(Words(None), objects + "45dc00") == [TemperatureMeasured(celsius=22.0)]


def test_battery_has_hysteresis() -> None:
    """Between low and well nothing is told, in either direction."""
    words = Words(None)
    told = [say(words, f"01{pct:02x}") for pct in (60, 20, 15, 16, 20, 24, 25, 15)]
    assert [data for one in told for data in one if not isinstance(data, DeviceHeard)] == [
        BatteryOk(level_pct=60),
        BatteryLow(level_pct=15),
        BatteryOk(level_pct=25),
        BatteryLow(level_pct=15),
    ]


def test_temperature_is_told_by_half_degrees_and_each_hour() -> None:
    """In between a message says nothing."""
    words = Words(None)
    assert say(words, "45dc00", 0) == [TemperatureMeasured(celsius=22.0)]
    assert say(words, "45e000", 60) == []
    assert say(words, "45e100", 120) == [TemperatureMeasured(celsius=22.5)]
    assert say(words, "45e100", 119 + 3600) == []
    assert say(words, "45e100", 120 + 3600) == [TemperatureMeasured(celsius=22.5)]
    assert say(words, "026af6", 4000) == [TemperatureMeasured(celsius=-24.54)]


def test_motion_that_goes_on_is_told_again() -> None:
    """The message that it ended may be lost: the next one counts, not more than two a minute."""
    words = Words(None)
    told = [data for now_s in range(0, 121, 5) for data in say(words, "2101", now_s)]
    assert told == [MotionDetected()] * 5


def test_signs_of_life() -> None:
    """A device that has nothing to say is heard once in six hours; one that speaks is not."""
    words = Words(None)
    told = [(now_s, data) for now_s in range(0, 86_401, 600) for data in say(words, "2e32", now_s)]
    assert told == [(n * 21_600, DeviceHeard()) for n in range(5)]
