"""A light, a tone, or both, on pins (kind `indicator`): how the home speaks to the resident.

While it is set, the light is on and the tone sounds in short beeps.  It is dark and silent at the
start, after `close`, and when the gateway stops; the rules set it again from their own state.

Not for: when to speak (rules).  What only real pins can show: docs/hardware.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.wired.pin_contact import is_pin_error, pin_error
from gateway.errors import DeviceUnavailable
from gateway.events import DeviceOnline
from gateway.ports import DriverContext, Emit

KIND = "indicator"
NEEDS_PINS = True
NEEDS_RADIO = False

NAME = "the indicator"


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "indicator"`.  Pins are BCM numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    light_pin: int | None = Field(None, ge=0, le=27)
    """Drives a lamp (through a transistor or a relay)."""
    tone_pin: int | None = Field(None, ge=0, le=27)
    """Drives a buzzer that sounds by itself when it has power."""
    active_low: bool = False
    """The pins are low while light and tone are on."""
    beep_s: float = Field(0.3, ge=0.05, le=10.0)
    """Seconds that each beep sounds."""
    beep_every_s: float = Field(4.0, ge=0.1, le=600.0)
    """Seconds from one beep to the next; not longer than a beep: it sounds without a pause."""

    @model_validator(mode="after")
    def _something(self) -> Config:
        if self.light_pin is None and self.tone_pin is None:
            raise ValueError("neither light_pin nor tone_pin is given")
        if self.light_pin == self.tone_pin:
            raise ValueError("light_pin and tone_pin are the same pin")
        return self


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    return tuple(pin for pin in (config.light_pin, config.tone_pin) if pin is not None)


class Driver:
    """A light and a tone (`gateway.ports.Indicator`).  Raises `DeviceUnavailable` when the home has
    no pins."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        if context.pin_factory is None:
            raise DeviceUnavailable("this home has no pins: no pin factory is configured")
        self._config = config
        self._factory = context.pin_factory
        self._light: Any = None
        self._tone: Any = None
        self._on = False
        self._changed = asyncio.Event()

    async def set(self, on: bool) -> None:
        """See `gateway.ports.Indicator`.  Raises `DeviceUnavailable` while it does not run."""
        if on != self._on:  # a word that is said again breaks no beep
            self._on = on
            self._changed.set()
        if self._light is None and self._tone is None:
            raise DeviceUnavailable(f"{NAME} does not run; it is set as soon as it does")
        self._show(on)

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Indicator`.  Raises `DeviceUnavailable` without its pins."""
        await self.close()
        try:
            self._open()
            emit(DeviceOnline())
            while True:
                self._changed.clear()
                self._show(self._on)
                await self._beep_once()
        except Exception as error:
            if not is_pin_error(error):
                raise
            raise pin_error(NAME, pins(self._config), error) from error
        finally:
            await self.close()

    async def close(self) -> None:
        """See `gateway.ports.Indicator`."""
        light, self._light = self._light, None
        tone, self._tone = self._tone, None
        for device in (light, tone):
            if device is not None:
                device.close()  # gpiozero leaves a closed output dark: the pin is an input again

    def _open(self) -> None:
        from gpiozero import DigitalOutputDevice

        high = not self._config.active_low
        made = {"active_high": high, "initial_value": False, "pin_factory": self._factory}
        if self._config.light_pin is not None:
            self._light = DigitalOutputDevice(self._config.light_pin, **made)
        if self._config.tone_pin is not None:
            self._tone = DigitalOutputDevice(self._config.tone_pin, **made)

    def _show(self, on: bool) -> None:
        for device in (self._light, self._tone):
            if device is not None:
                device.value = on

    async def _beep_once(self) -> None:
        """One beep and its pause, or until the word changes."""
        config = self._config
        beeping = self._on and self._tone is not None and config.beep_every_s > config.beep_s
        await self._wait(config.beep_s if beeping else None)
        if beeping and self._on and not self._changed.is_set():
            self._tone.off()
            await self._wait(config.beep_every_s - config.beep_s)

    async def _wait(self, limit_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._changed.wait()
