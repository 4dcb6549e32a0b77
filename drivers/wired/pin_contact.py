"""A contact on one pin, or two with a supervised loop: from the edges to what is told.

What `mat_gpio`, `door_gpio`, `motion_gpio` and `button_gpio` share.  An edge is told in the thread
that saw it: the moment of the call is the event's time.  The pin factory is the one that the
configuration chose; there is never a fallback.

Not for: what the edges mean (`contact`), or which words are told (each driver's own).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Any

from drivers.wired.contact import Contact, Words
from gateway.errors import DeviceUnavailable
from gateway.events import Data
from gateway.ports import DriverContext, Emit

RECHECK_S = 5.0
"""Seconds between looks at the pins themselves, in case the kernel dropped an edge under load."""


def pin_error(name: str, pins: tuple[int, ...], error: Exception) -> DeviceUnavailable:
    """Our error for a library's: `name` as in "the mat", and the BCM numbers."""
    numbers = ", ".join(str(pin) for pin in pins)
    return DeviceUnavailable(f"{name}'s pins ({numbers}) cannot be had: {error}")


def is_pin_error(error: Exception) -> bool:
    """Whether `error` is what gpiozero or lgpio raises for pins that cannot be had.  lgpio's own
    error shares no base with gpiozero's."""
    from gpiozero import GPIOZeroError  # a home without pins does not pay for gpiozero

    return isinstance(error, GPIOZeroError | OSError) or type(error).__module__ == "lgpio"


class PinContact:
    """A sensor of one contact (`gateway.ports.Sensor`).

    `on_when_low`: the contact is "on" while its pin is at ground.  With `pull_up` False the pin is
    pulled down, for a device that drives it high.  Raises `DeviceUnavailable` when the home has no
    pins.
    """

    def __init__(
        self,
        context: DriverContext,
        words: Words,
        *,
        name: str,
        pin: int,
        on_when_low: bool,
        pull_up: bool = True,
        loop_pin: int | None = None,
    ) -> None:
        if context.pin_factory is None:
            raise DeviceUnavailable("this home has no pins: no pin factory is configured")
        self._factory = context.pin_factory
        self._words = words
        self._name = name
        self._numbers = (pin,) if loop_pin is None else (pin, loop_pin)
        self._on_when_low = on_when_low
        self._pull_up = pull_up
        self._pin: Any = None
        self._loop: Any = None

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Sensor`.  Raises `DeviceUnavailable` when the pins cannot be had."""
        await self.close()
        # gpiozero calls a pin active that is low under a pull-up, or high under a pull-down.
        on_when_active = self._on_when_low is self._pull_up
        reader = _Reader(emit, asyncio.get_running_loop(), self._words, on_when_active)
        try:
            self._open()
            reader.begin(self._pin, self._loop)
            while True:
                await reader.wait()
        except Exception as error:
            if not is_pin_error(error):
                raise
            raise pin_error(self._name, self._numbers, error) from error
        finally:
            reader.end()
            await self.close()

    async def close(self) -> None:
        """See `gateway.ports.Sensor`."""
        pin, self._pin = self._pin, None
        loop, self._loop = self._loop, None
        for device in (pin, loop):
            if device is not None:
                device.close()

    def _open(self) -> None:
        from gpiozero import DigitalInputDevice

        pin, *loop = self._numbers
        self._pin = DigitalInputDevice(pin, pull_up=self._pull_up, pin_factory=self._factory)
        for number in loop:
            self._loop = DigitalInputDevice(number, pull_up=True, pin_factory=self._factory)


class _Reader:
    """Carries edges from the factory's thread into the contact, and what it says to `emit`."""

    def __init__(
        self, emit: Emit, loop: asyncio.AbstractEventLoop, words: Words, on_when_active: bool
    ) -> None:
        self._emit = emit
        self._loop = loop
        self._on_when_active = on_when_active
        self._contact = Contact(words)
        self._guard = threading.Lock()
        self._waking = asyncio.Event()
        self._sleeps_until_s: float | None = None
        self._pin: Any = None
        self._plate: Any = None
        self._ended = False

    def begin(self, pin: Any, plate: Any) -> None:
        """Tell the present state, then follow the edges."""
        with self._guard:
            self._pin, self._plate = pin, plate
            pin.when_activated, pin.when_deactivated = self._active, self._inactive
            if plate is not None:
                plate.when_activated, plate.when_deactivated = self._loop_low, self._loop_high
            now_s = time.monotonic()
            whole = plate is None or bool(plate.is_active)
            self._tell(self._contact.start(now_s, on=self._is_on(), loop_closed=whole))

    def end(self) -> None:
        """No edge is told any more."""
        with self._guard:
            self._ended = True
            for device in (self._pin, self._plate):
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
            self._tell(self._contact.edge(now_s, on=self._is_on()))
            self._tell(self._contact.tick(now_s))

    # What the edge itself said counts, not the pin's level now: a short press is over by the time
    # that its callback runs.

    def _active(self) -> None:
        self._edge(active=True)

    def _inactive(self) -> None:
        self._edge(active=False)

    def _loop_low(self) -> None:
        self._edge(loop_low=True)

    def _loop_high(self) -> None:
        self._edge(loop_low=False)

    def _edge(self, *, active: bool | None = None, loop_low: bool | None = None) -> None:
        """An edge, in the factory's own thread."""
        now_s = time.monotonic()
        with self._guard:
            if self._ended:
                return
            if loop_low is not None:
                self._tell(self._contact.loop(now_s, closed=loop_low))
            if active is not None:
                # No pin is read here: an error would end the factory's thread, and with it every
                # other contact.  A cut may so look like "on" for a moment, never like "off".
                self._tell(self._contact.edge(now_s, on=active is self._on_when_active))
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

    def _is_on(self) -> bool:
        return bool(self._pin.is_active) is self._on_when_active

    def _tell(self, told: list[Data]) -> None:
        for data in told:
            self._emit(data)
