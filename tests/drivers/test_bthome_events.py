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


@pytest.mark.parametrize("role", ["pendant", "button", None])
@pytest.mark.parametrize("kind", ["01", "02", "03", "04", "80", "fe", "77"])
def test_any_kind_of_press_is_a_press(role: str | None, kind: str) -> None:
    """Once, twice, long, held, and kinds that nobody knows yet; by what the device is for."""
    words = Words(role)
    press = PendantPressed(verified=True) if role == "pendant" else ButtonPressed()
    assert say(words, "3a" + kind) == [press]
    assert say(words, "3a" + kind) == [press]
    assert say(words, "3a003a003a003a" + kind) == [press], "one of four buttons"
    assert say(words, "3a00") == []


def test_a_press_comes_before_anything_else() -> None:
    """Also when the same message tells of a battery and a temperature."""
    assert say(Words("pendant"), "010545df003a01")[0] == PendantPressed(verified=True)


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
