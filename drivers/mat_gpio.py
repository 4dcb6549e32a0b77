"""A pressure mat on one or two pins (kind `mat_gpio`).

Plain wiring: the mat between `pin` and ground.  The pin's own pull-up keeps it high; a normally
open mat pulls it low when pressed, a normally closed one lets it rise.  A cut cable of a normally
open mat looks like an empty bed: use supervised wiring where that matters.

Supervised wiring: the mat's ground comes back.  Ground goes out on one lead, through the mat's own
plate (a four-lead safety mat has two leads on each plate), and back on another to `loop_pin`, which
is low for as long as the cable is whole.

    lead broken     normally open + loop     normally closed + loop
    ground          cut                      cut
    loop            cut                      cut
    signal          looks empty (!)          looks pressed for ever: the rules call it stuck
    whole cable     cut                      cut

So with `normally_closed` and `loop_pin` no broken lead looks like an empty bed.

gpiozero's `bounce_time` is not used: it drops the edges that follow one, and with them short
presses (`_mat_contact` does it).  The pin factory is the one that the configuration chose; there is
never a fallback.  What only real pins can show: docs/hardware.md.
Not for: what a press means.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers._mat_contact import Contact
from gateway.errors import DeviceUnavailable
from gateway.events import Data
from gateway.ports import Bench, Emit

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False

RECHECK_S = 5.0
"""Seconds between looks at the pins themselves, in case the kernel dropped an edge under load."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "mat_gpio"`.  Pins are BCM numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pin: int = Field(ge=0, le=27)
    """The mat's signal."""
    normally_closed: bool = False
    """The contact opens when pressed."""
    loop_pin: int | None = Field(None, ge=0, le=27)
    """Where the supervised ground comes back; left out for plain wiring."""

    @model_validator(mode="after")
    def _two_pins(self) -> Config:
        if self.pin == self.loop_pin:
            raise ValueError("pin and loop_pin are the same pin")
        return self


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    return (config.pin,) if config.loop_pin is None else (config.pin, config.loop_pin)


class Driver:
    """A mat (`gateway.ports.Sensor`).  Raises `DeviceUnavailable` when the home has no pins."""

    def __init__(self, config: Config, bench: Bench) -> None:
        if bench.pin_factory is None:
            raise DeviceUnavailable("this home has no pins: no pin factory is configured")
        self._config = config
        self._factory = bench.pin_factory
        self._mat: Any = None
        self._loop: Any = None

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Sensor`.  Raises `DeviceUnavailable` when the pins cannot be had."""
        from gpiozero import GPIOZeroError

        await self.close()
        reader = _Reader(emit, asyncio.get_running_loop(), self._config.normally_closed)
        self._open()
        reader.begin(self._mat, self._loop)
        try:
            while True:
                await reader.wait()
        except (GPIOZeroError, OSError) as error:
            raise self._no_pins(error) from error
        finally:
            reader.end()
            await self.close()

    async def close(self) -> None:
        """See `gateway.ports.Sensor`."""
        mat, self._mat = self._mat, None
        loop, self._loop = self._loop, None
        for device in (mat, loop):
            if device is not None:
                device.close()

    def _open(self) -> None:
        # Imported here: a home without mats does not pay for gpiozero.
        from gpiozero import DigitalInputDevice, GPIOZeroError

        try:
            # Low is active: with the pull-up, a pin at ground.
            self._mat = DigitalInputDevice(
                self._config.pin, pull_up=True, pin_factory=self._factory
            )
            if self._config.loop_pin is not None:
                self._loop = DigitalInputDevice(
                    self._config.loop_pin, pull_up=True, pin_factory=self._factory
                )
        except (GPIOZeroError, OSError) as error:
            raise self._no_pins(error) from error
        except Exception as error:
            # lgpio's own error shares no base with gpiozero's.
            if type(error).__module__ != "lgpio":
                raise
            raise self._no_pins(error) from error

    def _no_pins(self, error: Exception) -> DeviceUnavailable:
        for device in (self._mat, self._loop):
            if device is not None:
                device.close()
        self._mat = self._loop = None
        numbers = ", ".join(str(pin) for pin in pins(self._config))
        return DeviceUnavailable(f"the mat's pins ({numbers}) cannot be had: {error}")


class _Reader:
    """Carries edges from the factory's thread into the contact, and what it says to `emit`.

    An edge is told in the thread that saw it: the moment of the call is the event's time.
    """

    def __init__(self, emit: Emit, loop: asyncio.AbstractEventLoop, normally_closed: bool) -> None:
        self._emit = emit
        self._loop = loop
        self._normally_closed = normally_closed
        self._contact = Contact()
        self._guard = threading.Lock()
        self._waking = asyncio.Event()
        self._sleeps_until_s: float | None = None
        self._mat: Any = None
        self._plate: Any = None
        self._ended = False

    def begin(self, mat: Any, plate: Any) -> None:
        """Tell the present state, then follow the edges."""
        with self._guard:
            self._mat, self._plate = mat, plate
            mat.when_activated, mat.when_deactivated = self._mat_low, self._mat_high
            if plate is not None:
                plate.when_activated, plate.when_deactivated = self._loop_low, self._loop_high
            now_s = time.monotonic()
            whole = plate is None or bool(plate.is_active)
            self._tell(self._contact.start(now_s, pressed=self._is_pressed(), loop_closed=whole))

    def end(self) -> None:
        """No edge is told any more."""
        with self._guard:
            self._ended = True
            for device in (self._mat, self._plate):
                if device is not None:
                    with contextlib.suppress(AttributeError):
                        device.when_activated = device.when_deactivated = None

    async def wait(self) -> None:
        """Sleep until the contact wants its tick, at most `RECHECK_S`; then look and tick."""
        with self._guard:
            self._waking.clear()
            now_s = time.monotonic()
            until_s = min(now_s + RECHECK_S, self._contact.due or float("inf"))
            self._sleeps_until_s = until_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until_s - now_s)):
                await self._waking.wait()
        with self._guard:
            now_s = time.monotonic()
            self._look_at_loop(now_s)
            self._tell(self._contact.edge(now_s, pressed=self._is_pressed()))
            self._tell(self._contact.tick(now_s))

    # What the edge itself said counts, not the pin's level now: a short press is over by the time
    # that its callback runs.

    def _mat_low(self) -> None:
        self._edge(mat_low=True)

    def _mat_high(self) -> None:
        self._edge(mat_low=False)

    def _loop_low(self) -> None:
        self._edge(loop_low=True)

    def _loop_high(self) -> None:
        self._edge(loop_low=False)

    def _edge(self, *, mat_low: bool | None = None, loop_low: bool | None = None) -> None:
        """An edge, in the factory's own thread."""
        now_s = time.monotonic()
        with self._guard:
            if self._ended:
                return
            if loop_low is not None:
                self._tell(self._contact.loop(now_s, closed=loop_low))
            if mat_low is not None:
                # No pin is read here: an error would end the factory's thread, and with it every
                # other mat.  A cut may so look like a press for a moment, never like a release.
                pressed = mat_low is not self._normally_closed
                self._tell(self._contact.edge(now_s, pressed=pressed))
            self._hurry()

    def _hurry(self) -> None:
        """Wake `wait` when the contact wants its tick sooner than `wait` sleeps."""
        due_s, until_s = self._contact.due, self._sleeps_until_s
        if due_s is not None and until_s is not None and due_s < until_s:
            self._sleeps_until_s = due_s
            # The event loop is closed only after `end`.
            self._loop.call_soon_threadsafe(self._waking.set)

    def _look_at_loop(self, now_s: float) -> None:
        """Read the loop, in case the kernel dropped an edge."""
        if self._plate is not None:
            self._tell(self._contact.loop(now_s, closed=bool(self._plate.is_active)))

    def _is_pressed(self) -> bool:
        return bool(self._mat.is_active) is not self._normally_closed

    def _tell(self, told: list[Data]) -> None:
        for data in told:
            self._emit(data)
