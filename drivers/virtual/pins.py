"""Virtual pins: gpiozero's own mock factory, with something wired to it.

gpiozero's mock pin takes the level of its pull when a device is made, so that a mat which is
already pressed would be forgotten; here what is wired to a pin wins over its pull.

Not for: showing the timing of real pins (docs/hardware.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpiozero import SPIBadArgs
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


class _Board(MockFactory):  # type: ignore[misc]
    """A mock factory on whose bus converters hang: chip select to how one is opened."""

    def __init__(self) -> None:
        super().__init__(revision=BOARD, pin_class=_WiredPin)
        self.converters: dict[int, Callable[[], Any]] = {}

    def pin(self, name: Any, pin_class: Any = None, **more: Any) -> Any:
        """As every factory; a pin that was made as something of its own stays that."""
        for _, info in self.board_info.find_pin(name):
            if pin_class is None and info in self.pins:
                return self.pins[info]
        return super().pin(name, pin_class, **more)

    def spi(self, *, device: int = 0, **_: Any) -> Any:
        """Open the bus, as gpiozero's devices do."""
        if device not in self.converters:
            raise SPIBadArgs(f"nothing hangs on chip select {device}")
        return self.converters[device]()


class VirtualPins:
    """A board's pins.  `factory` goes into the drivers' context."""

    def __init__(self) -> None:
        self.factory: Any = _Board()

    def mat(
        self, pin: int, *, loop_pin: int | None = None, normally_closed: bool = False
    ) -> VirtualMat:
        """A mat on BCM `pin`; `loop_pin` is where its supervised ground comes back."""
        return VirtualMat(self, pin, loop_pin, normally_closed)

    def contact(self, pin: int, *, closed: bool = False, drives: bool = False) -> VirtualContact:
        """A contact between BCM `pin` and ground; with `drives` an output that is high while on, as
        a motion detector's."""
        return VirtualContact(self, pin, closed, drives)

    def lamp(self, pin: int, *, active_low: bool = False) -> VirtualLamp:
        """What hangs on BCM `pin` and is driven by it: a lamp or a buzzer."""
        return VirtualLamp(self, pin, active_low)

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


class VirtualContact:
    """A door's contact, a button or a detector's output.  Any thread may move it."""

    def __init__(self, pins: VirtualPins, pin: int, closed: bool, drives: bool) -> None:
        self._pins = pins
        self._pin = pin
        self._drives = drives
        self._closed = closed
        self._set(closed)

    def close(self) -> None:
        """The contact closes; a detector sees something."""
        self._set(True)

    def open(self) -> None:
        """The contact opens; a detector sees nothing."""
        self._set(False)

    def flap(self, times: int) -> None:
        """Changes `times` times there and back, as fast as it can."""
        closed = self._closed
        for _ in range(times):
            self._set(not closed)
            self._set(closed)

    def _set(self, closed: bool) -> None:
        self._closed = closed
        if self._drives:
            self._pins.wire(self._pin, closed)
        else:
            self._pins.wire(self._pin, False if closed else None)


class VirtualLamp:
    """What an indicator drives."""

    def __init__(self, pins: VirtualPins, pin: int, active_low: bool) -> None:
        self._pins = pins
        self._pin = pin
        self._active_low = active_low

    @property
    def lit(self) -> bool:
        """Whether it shines or sounds now: only a pin that drives does that."""
        pin = self._pins.factory.pin(f"GPIO{self._pin}")
        return bool(pin.function == "output" and bool(pin.state) is not self._active_low)
