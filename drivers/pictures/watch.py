"""The gateway's half of a camera of any kind: is it there, and what stands before it.

No picture is ever in this process; a camera is opened by its module's `open_eye`, in the process of
a look.  The shutter is shut at the start, after each look and at the end; one that does not do as
told is an event, once (`camera.shutter_stuck`).  While nobody looks its switch is read again and
again: a flap that somebody pushed open is shut, or told.

Not for: what one kind of camera is found by (`there`), or when a shutter opens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.pictures.shutter import USB_NAME, Flap, NoFlap, Servo, UsbPower
from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable
from gateway.events import DeviceOnline, PictureKind, ShutterStuck, ShutterWanted, ShutterWell
from gateway.ports import SHUTTER_MAX_S, CameraPlace, DriverContext, Emit, Form, Shutter

LOOK_EVERY_S = 2.0
"""Seconds between looks at whether the camera is there, and its shutter shut."""

AGAIN_S = 60.0
"""Seconds until a shutter that would not shut is tried again."""


class CameraConfig(BaseModel):
    """`[devices.<id>]` of a camera of any kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    MODULE: ClassVar[str]
    """The driver's module, which has `open_eye`."""

    picture: Literal["edges", "normal", "thermal", "depth"] = "edges"
    """What is seen of the room. `edges`: outlines, computed in the home, that show where somebody
    lies and no face. `normal`: the picture as it is. `thermal`, `depth`: what such a sensor counts,
    as colours."""
    shutter_pin: int | None = Field(None, ge=0, le=27)
    """BCM number of the pin of a servo that moves a flap before the camera."""
    shutter_switch_pin: int | None = Field(None, ge=0, le=27)
    """BCM number of the pin of a switch to ground that is closed while the flap is shut. None:
    nobody knows whether it moved."""
    shutter_open_deg: float = Field(90.0, ge=-90.0, le=90.0)
    """The servo's angle while the flap is open."""
    shutter_shut_deg: float = Field(0.0, ge=-90.0, le=90.0)
    """The servo's angle while the flap is shut."""
    shutter_usb: str | None = Field(None, pattern=USB_NAME)
    """The camera's place on USB, as `1-1.2` (a folder of `/sys/bus/usb/devices`): it is switched
    off there while nobody looks."""

    @model_validator(mode="after")
    def _one_shutter(self) -> CameraConfig:
        if self.shutter_pin is not None and self.shutter_usb is not None:
            raise ValueError("shutter_pin and shutter_usb are both given")
        if self.shutter_switch_pin is not None and self.shutter_pin is None:
            raise ValueError("shutter_switch_pin is given without shutter_pin")
        if self.shutter_pin is not None and self.shutter_switch_pin == self.shutter_pin:
            raise ValueError("shutter_pin and shutter_switch_pin are the same pin")
        return self

    def kind(self) -> PictureKind:
        """What a look by it shows."""
        return PictureKind(self.picture)

    def place(self, *forms: Form) -> CameraPlace:
        """Where a look finds it; `forms` are what it gives, the best first."""
        return CameraPlace(self.MODULE, self.model_dump(mode="json"), forms, self.kind())


def pins(config: CameraConfig) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    numbers = config.shutter_pin, config.shutter_switch_pin
    return tuple(pin for pin in numbers if pin is not None)


def flap_of(config: CameraConfig, context: DriverContext, there: Callable[[], bool]) -> Flap:
    """The shutter that the configuration names.  Raises `DeviceUnavailable` without its pins."""
    if config.shutter_usb is not None:
        return UsbPower(config.shutter_usb, there)
    if config.shutter_pin is None:
        return NoFlap()
    if context.pin_factory is None:
        raise DeviceUnavailable("this home has no pins: no pin factory is configured")
    return Servo(
        context.pin_factory,
        pin=config.shutter_pin,
        switch=config.shutter_switch_pin,
        open_deg=config.shutter_open_deg,
        shut_deg=config.shutter_shut_deg,
    )


class WatchedCamera:
    """What the drivers of cameras share.  `there` says whether the camera can be had, without
    opening it; `missing` says in a sentence that it cannot."""

    def __init__(self, flap: Flap, there: Callable[[], bool], missing: str) -> None:
        self._flap, self._there, self._missing = flap, there, missing
        self._one = asyncio.Lock()
        self._looked_at = False
        self._stuck: ShutterWanted | None = None
        self._told: ShutterWanted | None = None
        self._tried_s = -AGAIN_S
        self._emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Camera`.  Raises `DeviceUnavailable` when it is not there."""
        self._emit = emit
        self._told = ShutterWanted.UNKNOWN  # what was told before this start, nobody here knows
        with suppress(DeviceRefused):  # told; a camera that stands open can still be looked by
            await self.shut()
        online = False
        while True:
            if not await asyncio.to_thread(self._there) and not await self._switched_off():
                raise DeviceUnavailable(self._missing)
            if not online:
                emit(DeviceOnline())
                online = True
            await asyncio.sleep(LOOK_EVERY_S)
            await self._keep_shut()

    async def open_shutter(self) -> None:
        """See `gateway.ports.Camera`."""
        self._looked_at = True
        try:
            await self._move(ShutterWanted.OPEN)
        except DeviceError:
            with suppress(DeviceError):  # wherever it stands now
                await self.shut()
            raise

    async def shut(self) -> None:
        """See `gateway.ports.Camera`."""
        self._looked_at = False
        await self._move(ShutterWanted.SHUT)

    async def shutter(self) -> Shutter:
        """See `gateway.ports.Camera`."""
        return await self._flap.read()

    async def close(self) -> None:
        """See `gateway.ports.Camera`."""
        with suppress(DeviceError):  # told, if anybody still hears
            await self.shut()
        self._flap.close()

    async def _move(self, wanted: ShutterWanted) -> None:
        """One move at a time, within `SHUTTER_MAX_S`.  Raises `DeviceError`."""
        try:
            async with asyncio.timeout(SHUTTER_MAX_S), self._one:
                self._tried_s = time.monotonic()
                await self._flap.move(wanted is ShutterWanted.OPEN)
        except TimeoutError as error:
            self._is_stuck(wanted)
            raise DeviceRefused(f"the shutter does not {wanted} in time", why="stuck") from error
        except DeviceError as error:
            # a camera that is gone cannot be opened, and that is told of it already
            if wanted is ShutterWanted.SHUT or isinstance(error, DeviceRefused):
                self._is_stuck(wanted)
            raise
        if self._stuck is wanted:
            self._stuck = None
        self._tell()

    def _is_stuck(self, wanted: ShutterWanted) -> None:
        if self._stuck is not ShutterWanted.SHUT:  # which is the graver
            self._stuck = wanted
        self._tell()

    def _tell(self) -> None:
        """Once what is stuck, once that it is not any more; and at a start what holds then."""
        if self._emit is None or self._told is self._stuck:
            return
        if not isinstance(self._flap, NoFlap):
            self._emit(ShutterWell() if self._stuck is None else ShutterStuck(wanted=self._stuck))
        self._told = self._stuck

    async def _switched_off(self) -> bool:
        """Whether it is not there because its power was taken away."""
        return await self._flap.read() is Shutter.SHUT

    async def _keep_shut(self) -> None:
        """Shut what stands open while nobody looks."""
        if self._looked_at or self._one.locked():
            return
        again = time.monotonic() - self._tried_s >= AGAIN_S
        stuck = self._stuck is ShutterWanted.SHUT
        stands_open = await self._flap.read() is Shutter.OPEN
        if (stuck and again) or (stands_open and not stuck):
            with suppress(DeviceError):
                await self.shut()
