"""A pressure mat of one to eight cells on an MCP3008 (kind `mat_adc`).

Each cell is a resistor that load makes smaller, between 3.3 V and a channel, with a fixed resistor
from the channel to ground; 100 kΩ across the cell lets a cut lead be told from an empty bed.  One
converter is one mat; the two chip selects (BCM 8 and 7) make two mats.  The bus takes BCM 9, 10 and
11 too.  The pin factory is the one that the configuration chose; there is never a fallback.

A mat must be calibrated, `tryggve gateway calibrate <id>`: the thresholds are facts about this mat
in this bed, so they are kept in the device's state folder and not in the configuration.  Without
them it does not run: nothing is guessed.

Not for: hysteresis and drift (`mat_load`), or what a press means.  What only real cells can show:
docs/hardware.md.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from drivers import _state_file
from drivers.wired.contact import MAT
from drivers.wired.mat_load import LIVE_EMPTY, Cell, MatLoad, calibrated, from_kept, to_kept
from drivers.wired.pin_contact import is_pin_error, pin_error
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.ports import DriverContext, Emit, Guide

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False

SELECT_PINS = (8, 7)
"""BCM numbers of the bus's two chip selects."""

KEPT = "calibration.json"
"""The file of the state folder that holds the thresholds."""

EMPTY_S, LIE_DOWN_S, LYING_S = 10.0, 5.0, 20.0
"""Seconds of calibration: of the empty bed, until somebody lies well, and of somebody in it, who
should turn once meanwhile."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "mat_adc"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[int, ...] = Field(min_length=1, max_length=8)
    """The converter's channels that have a cell, 0 to 7."""
    chip_select: Literal[0, 1] = 0
    """Which chip select the converter hangs on: 0 is BCM 8, 1 is BCM 7."""
    every_s: float = Field(0.1, ge=0.02, le=1.0)
    """Seconds between samples."""

    @field_validator("channels")
    @classmethod
    def _real(cls, channels: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 <= channel <= 7 for channel in channels):
            raise ValueError("channels are numbers from 0 to 7")
        if len(set(channels)) != len(channels):
            raise ValueError("a channel is named twice")
        return channels


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes for itself; those of the bus it shares."""
    return (SELECT_PINS[config.chip_select],)


class Driver:
    """A mat (`gateway.ports.Sensor`).  Raises `DeviceUnavailable` when the home has no pins, or the
    mat no calibration."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        if context.pin_factory is None:
            raise DeviceUnavailable("this home has no pins: no pin factory is configured")
        cells = from_kept(_state_file.load(context.state_dir / KEPT))
        if cells is None or not {cell.channel for cell in cells} <= set(config.channels):
            raise DeviceUnavailable(
                f"{context.device} is not calibrated: run `tryggve gateway calibrate "
                f"{context.device}`"
            )
        self._config = config
        self._cells = cells
        self._adc = Converter(config, context.pin_factory)

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Sensor`.  Raises `DeviceUnavailable` when the bus cannot be had."""
        mat = MatLoad(self._cells, MAT)
        channels = [cell.channel for cell in self._cells]
        try:
            self._adc.open()
            while True:
                for data in mat.sample(time.monotonic(), self._adc.read(channels)):
                    emit(data)
                await asyncio.sleep(self._config.every_s)
        finally:
            await self.close()

    async def close(self) -> None:
        """See `gateway.ports.Sensor`."""
        self._adc.close()


class Converter:
    """The MCP3008, through gpiozero.  Each call raises `DeviceUnavailable` without it."""

    def __init__(self, config: Config, factory: Any) -> None:
        self._config = config
        self._factory = factory
        self._channels: dict[int, Any] = {}

    def open(self) -> None:
        """Take the bus; anew when it was open.  gpiozero would clock the bits by itself where the
        Pi's bus is switched off, over pins of the default factory: that is refused."""
        # a home without such a mat does not pay for it
        from gpiozero import MCP3008, SPISoftwareFallback

        self.close()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", SPISoftwareFallback)
                self._open(MCP3008)
        except SPISoftwareFallback as error:
            self.close()
            raise DeviceUnavailable(
                f"the Pi's SPI bus cannot be had; switch it on with dtparam=spi=on ({error})"
            ) from error
        except Exception as error:
            raise self._ours(error) from error

    def _open(self, chip: Any) -> None:
        for channel in self._config.channels:
            self._channels[channel] = chip(
                channel=channel,
                port=0,
                device=self._config.chip_select,
                pin_factory=self._factory,
            )

    def read(self, channels: Sequence[int]) -> list[int]:
        """One reading of each channel, in counts.  Some 30 µs each on the Pi's own bus."""
        try:
            return [int(self._channels[channel].raw_value) for channel in channels]
        except Exception as error:
            raise self._ours(error) from error

    def close(self) -> None:
        """Give the bus back.  May be called twice."""
        channels, self._channels = self._channels, {}
        for device in channels.values():
            device.close()

    def _ours(self, error: Exception) -> Exception:
        if not is_pin_error(error):
            return error
        self.close()
        return pin_error("the converter", pins(self._config), error)


async def calibrate(config: Config, context: DriverContext, guide: Guide) -> None:
    """Measure the empty bed, then somebody in it, and keep the thresholds.

    Raises `DeviceUnavailable` when the converter cannot be had, `DeviceRefused` when no cell can be
    used.
    """
    if context.pin_factory is None:
        raise DeviceUnavailable("this home has no pins: no pin factory is configured")
    adc = Converter(config, context.pin_factory)
    adc.open()
    try:
        await guide.ask("Make the bed as usual, let nobody touch it, and press Enter.")
        empty = await _measure(config, adc, EMPTY_S)
        guide("Now somebody lies down on it, and turns over once: the lighter the better.")
        await guide.ask("Press Enter when somebody lies there.")
        await asyncio.sleep(LIE_DOWN_S)
        lying = await _measure(config, adc, LYING_S)
    finally:
        adc.close()
    cells = _judge(config, empty, lying, guide)
    if not cells:
        raise DeviceRefused("no cell can be used; nothing was changed", why="not_calibrated")
    _state_file.save(context.state_dir / KEPT, to_kept(cells))
    guide(f"{len(cells)} of {len(config.channels)} cells are calibrated.")


async def _measure(config: Config, adc: Converter, for_s: float) -> list[list[int]]:
    rows: list[list[int]] = []
    for _ in range(max(2, round(for_s / config.every_s))):
        rows.append(adc.read(config.channels))
        await asyncio.sleep(config.every_s)
    return rows


def _judge(
    config: Config, empty: list[list[int]], lying: list[list[int]], guide: Guide
) -> list[Cell]:
    cells: list[Cell] = []
    for n, channel in enumerate(config.channels):
        found = calibrated(channel, [row[n] for row in empty], [row[n] for row in lying])
        if isinstance(found, str):
            guide(f"Channel {channel} is left out: {found}.")
            continue
        cells.append(found)
        guide(f"Channel {channel}: empty {found.empty:g}, lying {found.lying:g} of 1023.")
        if found.empty <= LIVE_EMPTY:
            guide(f"  A cut lead of channel {channel} would look like an empty bed.")
    return cells
