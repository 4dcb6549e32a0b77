"""A flap before a camera: a servo on a virtual pin, and the switch that tells where the flap is.

Not for: how long a real servo takes, or what it pulls (docs/hardware.md).
"""

from __future__ import annotations

from typing import Any

from gpiozero.pins.mock import MockPWMPin

from drivers.virtual.pins import VirtualPins

OPEN_FROM_DEG = 45.0
"""The flap counts as open from this angle on."""


class _ServoPin(MockPWMPin):  # type: ignore[misc]
    """A pin that a servo hangs on: a pulse of 1 to 2 ms is -90 to 90 degrees."""

    shutter: VirtualShutter | None = None

    def _change_state(self, value: Any) -> Any:
        changed = super()._change_state(value)
        if self.shutter is not None and value and self.frequency:
            self.shutter.turn((value / self.frequency - 0.0015) * 180_000)
        return changed


class VirtualShutter:
    """A flap on BCM `pin`; its switch on `switch_pin` is closed while it is shut.  It begins open,
    as after a crash.  While `stuck` it does not move."""

    def __init__(self, pins: VirtualPins, pin: int, switch_pin: int | None = None) -> None:
        self._pins, self._switch_pin = pins, switch_pin
        self.stuck = False
        self.moves: list[bool] = []
        self.is_open = True
        servo = pins.factory.pin(f"GPIO{pin}", pin_class=_ServoPin)
        servo.shutter = self
        self.push(to_open=True)

    def turn(self, degrees: float) -> None:
        """The servo pulls."""
        to_open = degrees >= OPEN_FROM_DEG
        if not self.stuck and to_open is not self.is_open:
            self.moves.append(to_open)
            self.push(to_open=to_open)

    def push(self, *, to_open: bool) -> None:
        """Somebody, or something, moves it by hand."""
        self.is_open = to_open
        if self._switch_pin is not None:
            self._pins.wire(self._switch_pin, None if to_open else False)
