"""What stands before a camera while nobody looks: a servo's flap, or power that is taken away.

A flap on a servo (`shutter_pin`), with a switch that is closed while it is shut, where one is
fitted (`shutter_switch_pin`); or a USB camera that the kernel switches off (`shutter_usb`): its
port without power where the hub can (`disable`), else the device without its driver (`authorized`).
Both are files of the kernel; uhubctl, which does the same, is not needed.

Not for: when it opens (`gateway.media`), or whom a stuck one is told to (the rule `shutter`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.ports import Shutter

MOVE_S = 0.6
"""Seconds that a small servo takes for a quarter turn under load (data sheets: 0.1 to 0.15 s for 60
degrees without).  Then it gets no more pulses: one that holds hums all night."""

SWITCH_S = 1.2
"""Seconds after that in which the switch must say so too; both are within `SHUTTER_MAX_S`."""

LOOK_S = 0.05
"""Seconds between looks at a switch, or for a device that comes back."""

USB_FOLDER = Path("/sys/bus/usb/devices")

USB_NAME = r"^[0-9]+-[0-9]+(\.[0-9]+)*$"
"""How the kernel names a device by the ports that it hangs on, as `1-1.2`."""


class Flap(Protocol):
    """How one kind of shutter is moved and read; none of it holds the loop up."""

    async def move(self, to_open: bool) -> None:
        """Move it and, where that can be seen, see that it has moved.  Raises `DeviceError`; it may
        wait for ever."""

    async def read(self) -> Shutter:
        """What it is now."""

    def close(self) -> None:
        """Give everything back, as it stands.  May be called twice."""


class NoFlap:
    """A camera without a shutter."""

    async def move(self, to_open: bool) -> None:
        """See `Flap`."""

    async def read(self) -> Shutter:
        """See `Flap`."""
        return Shutter.NONE

    def close(self) -> None:
        """See `Flap`."""


class Servo:
    """A flap on a servo; `switch` None: it cannot be read back."""

    def __init__(
        self, factory: Any, *, pin: int, switch: int | None, open_deg: float, shut_deg: float
    ) -> None:
        self._factory, self._pin, self._switch_pin = factory, pin, switch
        self._degrees = {True: open_deg, False: shut_deg}
        self._servo: Any = None
        self._switch: Any = None

    async def move(self, to_open: bool) -> None:
        """See `Flap`."""
        from drivers.wired.pin_contact import is_pin_error, pin_error

        try:
            self._have()
            self._servo.angle = self._degrees[to_open]
            await asyncio.sleep(MOVE_S)
            moved = await self._seen(to_open)
            self._servo.detach()
        except Exception as error:
            if not is_pin_error(error):
                raise
            self.close()
            pins = [pin for pin in (self._pin, self._switch_pin) if pin is not None]
            raise pin_error("the shutter", tuple(pins), error) from error
        if not moved:
            word = "open" if to_open else "shut"
            raise DeviceRefused(f"the shutter does not {word}", why="stuck")

    async def read(self) -> Shutter:
        """See `Flap`."""
        if self._switch is None:
            return Shutter.UNKNOWN
        return Shutter.SHUT if self._switch.is_active else Shutter.OPEN

    def close(self) -> None:
        """See `Flap`."""
        for part in (self._servo, self._switch):
            if part is not None:
                part.close()
        self._servo = self._switch = None

    def _have(self) -> None:
        from gpiozero import AngularServo, DigitalInputDevice

        if self._switch is None and self._switch_pin is not None:
            self._switch = DigitalInputDevice(
                self._switch_pin, pull_up=True, pin_factory=self._factory
            )
        if self._servo is None:
            self._servo = AngularServo(self._pin, initial_angle=None, pin_factory=self._factory)

    async def _seen(self, to_open: bool) -> bool:
        """Whether the switch says so too, in time; without one nobody knows better."""
        if self._switch is None:
            return True
        wanted = Shutter.OPEN if to_open else Shutter.SHUT
        with suppress(TimeoutError):
            async with asyncio.timeout(SWITCH_S):
                while await self.read() is not wanted:  # noqa: ASYNC110 - a switch has only a level
                    await asyncio.sleep(LOOK_S)
        return await self.read() is wanted


class UsbPower:
    """A USB camera that is switched off: nothing can read it, whatever runs in the home.  `there`
    says whether the camera can be had.  One that is not plugged in sees nothing, and is shut."""

    def __init__(self, name: str, there: Callable[[], bool], folder: Path = USB_FOLDER) -> None:
        self._name, self._there = name, there
        if "." in name:
            hub, _, port = name.rpartition(".")
            interface = f"{hub}:1.0"
        else:
            bus, _, port = name.rpartition("-")
            hub, interface = f"usb{bus}", f"{bus}-0:1.0"
        self._port = folder / interface / f"{hub}-port{port}" / "disable"
        self._device = folder / name / "authorized"

    async def move(self, to_open: bool) -> None:
        """See `Flap`."""
        if os.access(self._port, os.W_OK):
            file, word = self._port, "0" if to_open else "1"
        elif self._device.exists():
            file, word = self._device, "1" if to_open else "0"
        elif to_open:
            raise DeviceUnavailable(f"there is no camera at the USB port {self._name}")
        else:
            return
        try:
            await asyncio.to_thread(file.write_text, word)
        except OSError as error:
            text = f"the camera's USB port cannot be switched: {error.strerror} ({file})"
            raise DeviceUnavailable(text) from error
        wanted = Shutter.OPEN if to_open else Shutter.SHUT
        while await self.read() is not wanted:  # noqa: ASYNC110 - whoever moves it has a time-out
            await asyncio.sleep(LOOK_S)

    async def read(self) -> Shutter:
        """See `Flap`."""
        if _says(self._port, "1") or _says(self._device, "0"):
            return Shutter.SHUT
        return Shutter.OPEN if self._there() else Shutter.UNKNOWN

    def close(self) -> None:
        """See `Flap`."""


def _says(file: Path, word: str) -> bool:
    try:
        return file.read_text().strip() == word
    except OSError:
        return False
