"""A battery HAT (UPS) that says by one or two pins whether the mains is there (kind `ups_gpio`).

One line says whether the mains is there, a second one, where the HAT has it, that the battery is
nearly empty.  Each is pulled towards what means trouble, so that a lead which came off looks like a
power cut and never like a good one.

Not for: what a power cut means (the rule `power`), or the Pi's own sources, which need no
configuration (`gateway.services.power_watch`).  What only a real HAT can show: docs/hardware.md.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers import _state_file
from drivers.wired.pin_contact import is_pin_error, pin_error
from gateway.errors import DeviceUnavailable
from gateway.events import Data, DeviceOnline, PowerBatteryLow, PowerLost, PowerRestored
from gateway.ports import DriverContext, Emit

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False

LOOK_S = 1.0
"""Seconds between looks: a HAT that shuts down on its own does so some ten seconds after it says
that its battery is low."""

STEADY_LOOKS = 2
"""Looks in a row that must say the same: a line swings while a HAT changes over (milliseconds)."""

Level = Literal["high", "low"]


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "ups_gpio"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mains_pin: int = Field(ge=0, le=27)
    """BCM number of the line that says whether the mains is there; never more than 3.3 V."""
    mains_when: Level = "high"
    """Its level while the mains is there."""
    battery_low_pin: int | None = Field(default=None, ge=0, le=27)
    """BCM number of the line that says that the battery is nearly empty; None: there is none."""
    battery_low_when: Level = "low"
    """Its level when the battery is nearly empty."""


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    low = config.battery_low_pin
    return (config.mains_pin,) if low is None else (config.mains_pin, low)


class Driver:
    """A battery HAT (`gateway.ports.Sensor`).  Raises `DeviceUnavailable` when the home has no
    pins."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        if context.pin_factory is None:
            raise DeviceUnavailable("this home has no pins: no pin factory is configured")
        self._config = config
        self._factory = context.pin_factory
        self._file = context.state_dir / "lost.json"
        self._keeper = _state_file.Keeper(context.device)
        self._lines: list[Any] = []

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Sensor`.  Raises `DeviceUnavailable` when the pins cannot be had."""
        await self.close()
        try:
            self._open()
            told = _Told(self._file, self._keeper)
            while True:
                # gpiozero calls a line active that is away from its pull, which is trouble's side
                for data in told.see(*(not line.is_active for line in self._lines)):
                    emit(data)
                await asyncio.sleep(LOOK_S)
        except Exception as error:
            if not is_pin_error(error):
                raise
            raise pin_error("the battery HAT", pins(self._config), error) from error
        finally:
            await self.close()
            self._keeper.settle()

    async def close(self) -> None:
        """See `gateway.ports.Sensor`."""
        lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    def _open(self) -> None:
        """The lines, each pulled to the level that means trouble."""
        config = self._config
        self._lines.append(self._line(config.mains_pin, trouble_high=config.mains_when == "low"))
        if config.battery_low_pin is not None:
            high = config.battery_low_when == "high"
            self._lines.append(self._line(config.battery_low_pin, trouble_high=high))

    def _line(self, pin: int, *, trouble_high: bool) -> Any:
        from gpiozero import DigitalInputDevice

        return DigitalInputDevice(pin, pull_up=trouble_high, pin_factory=self._factory)


class _Told:
    """What the lines said, and what of it is to be told.  `file` keeps that the mains was gone, so
    that its return is told also when it came back while the gateway was off; a card that refuses
    costs that, never the word that the mains is gone."""

    def __init__(self, file: Path, keeper: _state_file.Keeper) -> None:
        self._file = file
        self._keeper = keeper
        self._was_lost = _state_file.load(file) is not None
        self._lost: bool | None = None
        self._low = False
        self._looks = 0
        self._last: tuple[bool, bool] | None = None

    def see(self, lost: bool, low: bool = False) -> list[Data]:
        """One look at the lines; what is to be told after it."""
        self._looks = self._looks + 1 if (lost, low) == self._last else 1
        self._last = lost, low
        if self._looks < STEADY_LOOKS:
            return []
        told: list[Data] = []
        if lost is not self._lost:
            told.append(self._changed(lost))
        if lost and low and not self._low:  # while it is charged, a low battery is none's concern
            self._low = True
            told.append(PowerBatteryLow())
        return told

    def _changed(self, lost: bool) -> Data:
        began, self._lost = self._lost is None, lost
        if lost:
            self._keeper.put(lambda: _state_file.save(self._file, {"lost": True}))
            return PowerLost()
        self._low = False
        self._keeper.put(lambda: self._file.unlink(missing_ok=True))
        return DeviceOnline() if began and not self._was_lost else PowerRestored()
