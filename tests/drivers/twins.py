"""Each driver's virtual twin, for the contract test: a configuration that works, and the context
for it.

Those of the locks are found by their names.  Not for: what a twin does (`drivers.virtual`)."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from drivers import _state_file, mat_adc, virtual
from drivers.radio.scanner import SharedScanner
from drivers.virtual import VirtualBthome, VirtualCells, VirtualPins, virtual_home_radio
from drivers.wired.mat_load import Cell, to_kept
from gateway.ports import DriverContext
from tests.drivers.cameras import CAMERA_TWINS
from tests.drivers.locks import LOCK_DRIVERS, lock_home, make_of
from tests.drivers.parts import MemorySecrets, driver_context

Made = AsyncIterator[tuple[dict[str, Any], DriverContext]]
Twin = Callable[[], AbstractAsyncContextManager[tuple[dict[str, Any], DriverContext]]]

KEY = bytes(range(16))
"""A bind key for tests."""


def keep_calibration(folder: Path, cells: int) -> None:
    """As `tryggve gateway calibrate` leaves it for a `VirtualCells`."""
    levels = float(VirtualCells.EMPTY), float(VirtualCells.LYING)
    _state_file.save(folder / mat_adc.KEPT, to_kept([Cell(n, *levels) for n in range(cells)]))


@asynccontextmanager
async def door_twin() -> Made:
    """A door that is closed."""
    board = VirtualPins()
    board.contact(22, closed=True)
    yield {"pin": 22}, driver_context("front", pin_factory=board.factory, role="front_door")
    board.close()


@asynccontextmanager
async def motion_twin() -> Made:
    """A detector that drives its output."""
    board = VirtualPins()
    board.contact(23, drives=True)
    yield {"pin": 23}, driver_context("bath", pin_factory=board.factory, role="motion")
    board.close()


@asynccontextmanager
async def button_twin() -> Made:
    """A button by the bed."""
    board = VirtualPins()
    board.contact(24)
    yield {"pin": 24}, driver_context("answer", pin_factory=board.factory, role="button")
    board.close()


@asynccontextmanager
async def indicator_twin() -> Made:
    """A lamp and a buzzer."""
    board = VirtualPins()
    board.lamp(25), board.lamp(26)
    parts = driver_context("lamp", pin_factory=board.factory)
    yield {"light_pin": 25, "tone_pin": 26}, parts
    board.close()


@asynccontextmanager
async def cells_twin() -> Made:
    """A mat of two calibrated cells."""
    with tempfile.TemporaryDirectory() as folder:
        board = VirtualPins()
        VirtualCells(board, 2)
        keep_calibration(Path(folder), 2)
        parts = driver_context("bed", pin_factory=board.factory, state_dir=Path(folder))
        yield {"channels": [0, 1], "every_s": 0.02}, parts
        board.close()


@asynccontextmanager
async def bthome_twin() -> Made:
    """A door over the radio that says again and again that it is open."""
    with tempfile.TemporaryDirectory() as folder:
        async with virtual_home_radio() as radio:
            device = VirtualBthome(radio, key=KEY, beacon_s=0.1)
            await device.start()
            await device.open()
            scanner = SharedScanner()
            await scanner.start()
            parts = driver_context(
                "front",
                state_dir=Path(folder),
                secrets=MemorySecrets(**{"bthome-front": KEY.hex()}),
                scanner=scanner,
            )
            yield {"address": device.address}, parts
            await scanner.stop()
            await device.stop()


@asynccontextmanager
async def mat_twin() -> Made:
    """A mat with a second lead that shows a cut cable."""
    board = VirtualPins()
    board.mat(17, loop_pin=27)
    yield {"pin": 17, "loop_pin": 27}, driver_context("mat", pin_factory=board.factory)
    board.close()


@asynccontextmanager
async def speakerphone_twin() -> Made:
    """A file in the place of a sound card."""
    with tempfile.TemporaryDirectory() as folder:
        played = str(Path(folder) / "played.raw")
        yield {"system": "files", "playback": played}, driver_context("speaker")


def lock_twin(driver: str) -> Twin:
    """A lock of the make that `driver` is for, paired and heard."""

    @asynccontextmanager
    async def twin() -> Made:
        async with lock_home(make_of(driver)) as home:
            yield {}, driver_context("door", secrets=home.secrets, scanner=home.scanner)

    return twin


@asynccontextmanager
async def ups_twin() -> Made:
    """A battery HAT with mains."""
    with tempfile.TemporaryDirectory() as folder:
        board = VirtualPins()
        board.wire(6, True)
        board.wire(16, True)
        parts = driver_context("ups", pin_factory=board.factory, state_dir=Path(folder))
        yield {"mains_pin": 6, "battery_low_pin": 16}, parts
        board.close()


def from_outside() -> dict[str, Twin]:
    """Those that other distributions bring for drivers of their own: the function `twin` of the
    module that they name (docs/drivers.md); a lock's are found with the locks."""
    points = entry_points(group=virtual.GROUP)
    return {one.name: one.load().twin for one in points if not one.name.startswith("lock_")}


TWINS: dict[str, Twin] = {
    "door_gpio": door_twin,
    "motion_gpio": motion_twin,
    "button_gpio": button_twin,
    "indicator": indicator_twin,
    "speakerphone": speakerphone_twin,
    "mat_gpio": mat_twin,
    "mat_adc": cells_twin,
    "bthome": bthome_twin,
    "ups_gpio": ups_twin,
    **CAMERA_TWINS,
    **from_outside(),
    **{driver: lock_twin(driver) for driver in LOCK_DRIVERS},
}
"""By the driver's name."""
