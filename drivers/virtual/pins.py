"""Virtual pins: gpiozero's own mock factory, with something wired to it.

gpiozero's mock pin takes the level of its pull when a device is made, so that a mat which is
already pressed would be forgotten; here what is wired to a pin wins over its pull.

Not for: showing the timing of real pins (docs/hardware.md).
"""

from __future__ import annotations

from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

BOARD = "c03111"
"""Revision of a Raspberry Pi 4B, so that the environment's choice does not matter."""


class _WiredPin(MockPin):  # type: ignore[misc]
    """A mock pin with a wire: `wire` is None (open: the pull decides), True or False (a level)."""

    def __init__(self, factory: Any, info: Any, wire: bool | None = None) -> None:
        self._wire = wire
        super().__init__(factory, info)
        self._follow()

    def set_wire(self, wire: bool | None) -> None:
        """Connect the pin to a level, or leave it open."""
        self._wire = wire
        self._follow()

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        self._follow()

    def drive_high(self) -> None:
        if getattr(self, "_wire", None) is not False:
            super().drive_high()

    def drive_low(self) -> None:
        if getattr(self, "_wire", None) is not True:
            super().drive_low()

    def _follow(self) -> None:
        high = self._wire if self._wire is not None else self._pull == "up"
        if high:
            self.drive_high()
        else:
            self.drive_low()


class VirtualPins:
    """A board's pins.  `factory` goes into the bench of the drivers."""

    def __init__(self) -> None:
        self.factory: Any = MockFactory(revision=BOARD, pin_class=_WiredPin)

    def mat(
        self, pin: int, *, loop_pin: int | None = None, normally_closed: bool = False
    ) -> VirtualMat:
        """A mat on BCM `pin`; `loop_pin` is where its supervised ground comes back."""
        return VirtualMat(self, pin, loop_pin, normally_closed)

    def wire(self, pin: int, level: bool | None) -> None:
        """Connect BCM `pin` to a level (False: ground), or leave it open (None)."""
        self.factory.pin(f"GPIO{pin}").set_wire(level)

    def close(self) -> None:
        """Give every pin back."""
        self.factory.close()


class VirtualMat:
    """A mat and its cable.  Any thread may press it."""

    def __init__(
        self, pins: VirtualPins, pin: int, loop_pin: int | None, normally_closed: bool
    ) -> None:
        self._pins = pins
        self._pin = pin
        self._loop_pin = loop_pin
        self._normally_closed = normally_closed
        self._pressed = False
        self._cut = False
        self._set()

    def press(self) -> None:
        """Somebody lies down on it."""
        self._pressed = True
        self._set()

    def release(self) -> None:
        """Nobody is on it."""
        self._pressed = False
        self._set()

    def bounce(self, times: int) -> None:
        """The contact bounces: opens and closes `times` times, and is as before."""
        for _ in range(times):
            self._pressed = not self._pressed
            self._set()
            self._pressed = not self._pressed
            self._set()

    def cut(self) -> None:
        """The cable is cut or unplugged: every lead is open."""
        self._cut = True
        self._set()

    def mend(self) -> None:
        """The cable is whole again."""
        self._cut = False
        self._set()

    def _set(self) -> None:
        closed = self._pressed is not self._normally_closed and not self._cut
        if self._loop_pin is not None:
            self._pins.wire(self._loop_pin, None if self._cut else False)
        self._pins.wire(self._pin, False if closed else None)
