"""From BTHome's readings to events: what of a message is news.  Pure.

Time comes in as seconds of a monotonic clock.  Objects without an event of ours (humidity, light,
energy) are signs of life.  Not for: whether a message is genuine (`bthome_replay_guard`).
"""

from __future__ import annotations

from drivers.radio.bthome_decode import Packet, Value
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

LOW_PCT, OK_PCT = 15, 25
"""Percent at which a coin cell should be changed, and from which it was."""


def pressed(packet: Packet) -> bool:
    """Whether a button was pressed: any value but 0 (none), known or not."""
    return any(value != 0 for value in packet.values("button"))


class Words:
    """What one device told, so that only news is told.  `role` is what the device is for."""

    def __init__(self, role: str | None) -> None:
        self._role = role
        self._flags: dict[str, bool] = {}
        self._motion_s = 0.0
        self._temperature: tuple[float, float] | None = None
        self._heard_s: float | None = None

    def press(self, *, verified: bool) -> Data:
        """A press, by what the device is for."""
        if self._role == PENDANT:
            return PendantPressed(verified=verified)
        return ButtonPressed(verified=verified)

    def say(self, packet: Packet, now_s: float) -> list[Data]:
        """The news of a fresh message; a press comes first."""
        told: list[Data] = [self.press(verified=True)] if pressed(packet) else []
        self._on_off(told, packet, DOORS, DoorOpened(), DoorClosed())
        self._motion(told, packet, now_s)
        self._on_off(told, packet, ("moisture",), MoistureDetected(), MoistureCleared())
        shakes = ContactChanged(on=True), ContactChanged(on=False)
        self._on_off(told, packet, ("vibration",), *shakes)
        self._measured(told, packet, now_s)
        self._battery(told, packet)
        self._tampered(told, packet)
        if told:
            self._heard_s = now_s
        elif self._heard_s is None or now_s - self._heard_s >= HEARD_EVERY_S:
            self._heard_s = now_s
            told.append(DeviceHeard())
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
        value = packet.first("temperature")
        if not isinstance(value, int | float):
            return
        before = self._temperature
        if (
            before is None
            or abs(value - before[0]) >= TEMPERATURE_STEP
            or now_s - before[1] >= TEMPERATURE_EVERY_S
        ):
            self._temperature = float(value), now_s
            told.append(TemperatureMeasured(celsius=round(float(value), 2)))

    def _battery(self, told: list[Data], packet: Packet) -> None:
        level, flag = packet.first("battery"), packet.first("battery_low")
        pct = level if isinstance(level, int) and 0 <= level <= 100 else None
        low: bool | None = None
        if isinstance(flag, bool):
            low = flag
        elif pct is not None and not LOW_PCT < pct < OK_PCT:
            low = pct <= LOW_PCT
        if low is not None and self._changed("battery_low", low):
            told.append(BatteryLow(level_pct=pct) if low else BatteryOk(level_pct=pct))

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
