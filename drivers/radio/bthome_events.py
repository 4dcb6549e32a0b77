"""From BTHome's readings to events: what of a message is news.  Pure.

Time comes in as seconds of a monotonic clock.  A button that is held says so again and again, and
ends with a press: all that is one press.  Objects without an event of ours (humidity, light,
energy) are signs of life.  Not for: whether a message is genuine (`bthome_replay_guard`).
"""

from __future__ import annotations

from drivers.radio.bthome_decode import Packet, Value
from gateway.events import (
    BatteryLow,
    BatteryOk,
    BatteryTold,
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

PENDANT = "pendant"
"""The role in which a press asks for help."""

DOORS = ("door", "window", "opening", "garage_door")
MOTIONS = ("motion", "occupancy", "presence", "moving")

HEARD_EVERY_S = 6 * 3600.0
"""Seconds between signs of life that carry nothing else (`device.heard`)."""

MOTION_AGAIN_S = 30.0
"""Seconds after which motion that goes on is told again: the message that it ended may be lost."""

TEMPERATURE_STEP = 0.5
"""Degrees that are news; thermometers of this kind are right to 0.2."""

TEMPERATURE_EVERY_S = 3600.0
"""Seconds after which a temperature is told though it did not change."""

COLDEST_C, HOTTEST_C = -40.0, 125.0
"""What the sensors in such devices can measure (SHT4x; Sensirion's data sheet).  What lies outside
is no temperature: 0x8000 and 0x7FFF stand for "no value"."""

HOW = {
    1: PressHow.ONCE,
    2: PressHow.TWICE,
    3: PressHow.THRICE,
    4: PressHow.LONG,
    5: PressHow.LONG,  # long, twice
    6: PressHow.LONG,  # long, three times
    0x80: PressHow.HELD,
    0xFE: PressHow.HELD,  # Shelly's own
}
"""Values of BTHome's object 0x3A (bthome.io/format); 0 is no press."""

HOLD_ENDS = (1, 4)
"""How a hold may end: as the press, or the long press, that it was."""

HOLD_S = 5.0
"""Seconds after a word that a button is held within which the next such word, or the press that
ends it, is the same press.  Longer than the pause between two; a second press that is lost in it
follows an event that is seconds old."""

LEVEL_EVERY_S = 24 * 3600.0
"""Seconds between two words about a battery that is neither low nor changed: it lasts for months,
and a point a day is more than a forecast needs."""

LOW_PCT, OK_PCT = 15, 25
"""Percent at which a coin cell should be changed, and from which it was."""


def presses(packet: Packet) -> list[tuple[int, int]]:
    """Each button that was pressed, from 1, and how: any value but 0 (none), known or not."""
    return [
        (number, int(value))
        for number, value in enumerate(packet.values("button"), 1)
        if isinstance(value, int) and value != 0
    ]


class Words:
    """What one device told, so that only news is told.  `role` is what the device is for."""

    def __init__(self, role: str | None) -> None:
        self._role = role
        self._flags: dict[str, bool] = {}
        self._motion_s = 0.0
        self._temperature: tuple[float, float] | None = None
        self._heard_s: float | None = None
        self._level: tuple[int, float] | None = None
        self._held: dict[int, float] = {}

    def doubtful(self, packet: Packet | None) -> list[Data]:
        """The presses of a message that cannot be proved; None: it cannot be read, and may be
        one."""
        if packet is None:
            return [self._press(None, None, verified=False)]
        return [self._press(number, value, verified=False) for number, value in presses(packet)]

    def say(self, packet: Packet, now_s: float) -> list[Data]:
        """The news of a fresh message; a press comes first."""
        told: list[Data] = self._presses(packet, now_s)
        self._on_off(told, packet, DOORS, DoorOpened(), DoorClosed())
        self._motion(told, packet, now_s)
        self._on_off(told, packet, ("moisture",), MoistureDetected(), MoistureCleared())
        shakes = ContactChanged(on=True), ContactChanged(on=False)
        self._on_off(told, packet, ("vibration",), *shakes)
        self._measured(told, packet, now_s)
        self._battery(told, packet, now_s)
        self._tampered(told, packet)
        if told:
            self._heard_s = now_s
        elif self._heard_s is None or now_s - self._heard_s >= HEARD_EVERY_S:
            self._heard_s = now_s
            told.append(DeviceHeard())
        return told

    def _press(self, button: int | None, value: int | None, *, verified: bool) -> Data:
        """A press, by what the device is for."""
        how = None if value is None else HOW.get(value, PressHow.OTHER)
        if self._role == PENDANT:
            return PendantPressed(verified=verified, button=button, how=how)
        return ButtonPressed(verified=verified, button=button, how=how)

    def _presses(self, packet: Packet, now_s: float) -> list[Data]:
        """The new presses; a hold is told when it begins."""
        told: list[Data] = []
        for number, value in enumerate(packet.values("button"), 1):
            held_s = self._held.pop(number, None)
            held = HOW.get(int(value)) is PressHow.HELD
            if held:
                self._held[number] = now_s
            goes_on = held_s is not None and now_s - held_s < HOLD_S
            if value != 0 and not (goes_on and (held or value in HOLD_ENDS)):
                told.append(self._press(number, int(value), verified=True))
        return told

    def _changed(self, name: str, on: bool) -> bool:
        before = self._flags.get(name)
        self._flags[name] = on
        return before is not on

    def _on_off(
        self, told: list[Data], packet: Packet, names: tuple[str, ...], on: Data, off: Data
    ) -> None:
        flags = _flags(packet, names)
        if flags and self._changed(names[0], any(flags)):
            told.append(on if any(flags) else off)

    def _motion(self, told: list[Data], packet: Packet, now_s: float) -> None:
        flags = _flags(packet, MOTIONS)
        if not flags:
            return
        on = any(flags)
        changed = self._changed(MOTIONS[0], on)
        if on and (changed or now_s - self._motion_s >= MOTION_AGAIN_S):
            self._motion_s = now_s
            told.append(MotionDetected())
        elif changed:
            told.append(MotionCleared())

    def _measured(self, told: list[Data], packet: Packet, now_s: float) -> None:
        measured = (v for v in packet.values("temperature") if isinstance(v, int | float))
        value = next((v for v in measured if COLDEST_C <= v <= HOTTEST_C), None)
        if value is None:
            return
        before = self._temperature
        if (
            before is None
            or abs(value - before[0]) >= TEMPERATURE_STEP
            or now_s - before[1] >= TEMPERATURE_EVERY_S
        ):
            self._temperature = float(value), now_s
            told.append(TemperatureMeasured(celsius=round(float(value), 2)))

    def _battery(self, told: list[Data], packet: Packet, now_s: float) -> None:
        level, flag = packet.first("battery"), packet.first("battery_low")
        pct = level if isinstance(level, int) and 0 <= level <= 100 else None
        low: bool | None = None
        if isinstance(flag, bool):
            low = flag
        elif pct is not None and not LOW_PCT < pct < OK_PCT:
            low = pct <= LOW_PCT
        if low is not None and self._changed("battery_low", low):
            told.append(BatteryLow(level_pct=pct) if low else BatteryOk(level_pct=pct))
            self._level = None if pct is None else (pct, now_s)
        elif pct is not None:
            before, at_s = self._level = self._level or (pct, now_s)
            if pct != before and now_s - at_s >= LEVEL_EVERY_S:
                self._level = pct, now_s
                told.append(BatteryTold(level_pct=pct))

    def _tampered(self, told: list[Data], packet: Packet) -> None:
        flags = _flags(packet, ("tamper",))
        if not flags:
            return
        before = self._flags.get("tamper", False)
        if self._changed("tamper", any(flags)):
            if any(flags):
                told.append(ContactFaulted(fault=ContactFault.TAMPERED))
            elif before:
                told.append(DeviceOnline())


def _flags(packet: Packet, names: tuple[str, ...]) -> list[Value]:
    return [r.value for r in packet.readings if r.name in names and isinstance(r.value, bool)]
