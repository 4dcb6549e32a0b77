"""Pressure cells: hysteresis, drift and faults, on numbers, on recordings, and on a virtual
converter that gpiozero clocks bit by bit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers import _state_file, mat_adc
from drivers.virtual import VirtualCells, VirtualPins
from drivers.wired import mat_load
from drivers.wired.mat_load import Cell, calibrated, from_kept, to_kept
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.events import MatFault, MatFaulted, MatLoaded, MatPressed, MatReleased
from tests.drivers.mat_bed import Bed, counts, needs_pmat, persons
from tests.drivers.parts import Heard, driver_context, until
from tests.drivers.twins import keep_calibration

CUT = MatFaulted(fault=MatFault.CUT)


def test_hysteresis() -> None:
    """Pressed well above empty, released well below that, and nothing in between."""
    bed = Bed()
    assert bed.read(40, for_s=1) == [MatReleased()]
    assert bed.read(170, for_s=5) == []
    assert bed.read(190, for_s=1) == [MatPressed()]
    assert bed.read(130, for_s=60) == []
    assert bed.read(100, for_s=3) == [MatReleased()]


def test_a_spike_is_no_person_and_a_turn_is_no_exit() -> None:
    """One sample of load, and half a second without, are nothing."""
    bed = Bed()
    bed.read(40, for_s=1)
    assert bed.read(900) + bed.read(40, for_s=1) == []
    assert bed.read(400, for_s=1) == [MatPressed()]
    assert bed.read(40, for_s=0.5) + bed.read(400, for_s=1) == []


def test_load_may_lower_the_reading() -> None:
    """A cell on the other side of its divider."""
    bed = Bed(Cell(0, 800, 300))
    assert bed.read(800, for_s=1) == [MatReleased()]
    assert bed.read(400, for_s=1) == [MatPressed()]


def test_any_cell_holds_the_mat_and_their_number_is_told() -> None:
    """Who rolls from one cell to another stays in bed; the count is told, not too often."""
    bed = Bed(Cell(0, 40, 500), Cell(1, 40, 500))
    assert bed.read(40, 40, for_s=1) == [MatReleased(), MatLoaded(cells=0, of=2)]
    told = bed.read(500, 40, for_s=20)
    assert told == [MatPressed(), MatLoaded(cells=1, of=2)]
    assert bed.read(500, 500, for_s=20) == [MatLoaded(cells=2, of=2)]
    assert bed.read(40, 500, for_s=20) == [MatLoaded(cells=1, of=2)]
    for n in range(60):
        bed.read(500, 500 if n % 2 else 40, for_s=2)
    counts = [data for data in bed.told if isinstance(data, MatLoaded)]
    assert len(counts) <= 4 + 120 / mat_load.LOADED_EVERY_S + 1


def test_slow_drift_is_followed() -> None:
    """A warm night lifts the empty level by 9 %: still empty, and a light person still counts."""
    bed = Bed()
    for raw in range(40, 81):
        bed.read(raw, for_s=600, every_s=1.0)
    assert bed.told == [MatReleased()]
    assert bed.mat.levels[0].drift == pytest.approx(40, abs=8)
    assert bed.read(260, for_s=1) == [MatPressed()]
    assert bed.read(80, for_s=3) == [MatReleased()]


@pytest.mark.parametrize("hours", [1, 8, 24, 72])
def test_somebody_who_lies_there_is_never_learned_as_empty(hours: int) -> None:
    """However slowly the load grows to half of what was calibrated, it is pressed in the end, and
    stays so for three days; the empty level moves by a tenth of the span at the most."""
    bed = Bed()
    for minute in range(hours * 60):
        bed.read(40 + minute * 240 // (hours * 60), for_s=60, every_s=5)
    for n in range(26_000):
        bed.read(280 + n % 3, for_s=10, every_s=10)
    assert bed.told == [MatReleased(), MatPressed()]
    assert bed.mat.levels[0].drift <= mat_load.DRIFT_PART * 460


@given(st.lists(st.tuples(st.integers(3, 1019), st.floats(0.05, 4000.0)), min_size=1, max_size=80))
def test_whatever_was_read_before_loadcounts(history: list[tuple[int, float]]) -> None:
    """After any readings at any times the drift is bounded, so that half of the calibrated load is
    pressed within two samples, and the calibrated empty level is released."""
    bed = Bed()
    for raw, pause_s in history:
        bed.read(raw)
        bed.now_s += pause_s
    assert abs(bed.mat.levels[0].drift) <= mat_load.DRIFT_PART * 460 + 1e-9
    bed.read(40 + 230, for_s=0.3)
    assert bed.mat.levels[0].loaded
    bed.read(40, for_s=mat_load.OFF_S + 0.3)
    assert not bed.mat.levels[0].loaded


@pytest.mark.parametrize("rail", [0, 1, 1022, 1023])
def test_a_cut_lead_or_a_dead_converter(rail: int) -> None:
    """A reading that no cell gives is a fault, never an empty bed and never a person."""
    bed = Bed()
    bed.read(500, for_s=2)
    assert bed.read(rail, for_s=4) == []
    assert bed.read(rail, for_s=600) == [CUT]
    assert bed.read(500, for_s=2) == [MatPressed()]


def test_an_empty_cell_at_ground_is_no_cut_lead() -> None:
    """Without the resistor across the cell the two look the same; calibration says so."""
    bed = Bed(Cell(0, 2, 500))
    assert bed.read(0, for_s=60) == [MatReleased()]


def test_a_converter_that_is_stuck() -> None:
    """The same count under load for half an hour is no living person; one count ends it."""
    bed = Bed()
    bed.read(40, for_s=7200, every_s=5)
    assert bed.told == [MatReleased()], "an empty bed may be as still as it likes"
    told = bed.read(400, for_s=mat_load.STUCK_S + 120, every_s=1)
    assert told == [MatPressed(), MatFaulted(fault=MatFault.STUCK)]
    assert bed.read(401, for_s=1) == [MatPressed()]


def test_a_cell_that_flaps_does_not_flood() -> None:
    """The contact's own detector folds what the cell's time constants let through."""
    bed = Bed()
    for n in range(6000):
        bed.read(500 if n % 2 else 40)
    assert len(bed.told) < 10


def test_calibration_of_a_cell() -> None:
    """The medians; a cell that feels nothing, or reads full scale, is left out with a reason."""
    quiet = [40, 41, 39, 40]
    assert calibrated(3, quiet, [500, 510, 490, 900]) == Cell(3, 40.0, 505.0)
    assert "hardly feels" in str(calibrated(3, quiet, [50, 51, 52, 50]))
    assert "hardly feels" in str(calibrated(3, [10, 90, 50, 40], [200, 210, 220, 200]))
    assert "full scale" in str(calibrated(3, quiet, [1023, 1023, 1020, 1023]))


@pytest.mark.parametrize(
    "kept",
    [
        *(None, {}, {"cells": []}, {"cells": 3}, {"cells": [[0, 40, 41]]}),
        *({"cells": [[9, 40, 500]]}, {"cells": [[0, "x", 500]]}, {"cells": [[0, 40]]}),
        {"cells": [[0, 40, 5000]]},
    ],
)
def test_a_calibration_that_is_none(kept: Any) -> None:
    """What cannot be a calibration is none; nothing is guessed."""
    assert from_kept(kept) is None
    assert from_kept(to_kept([Cell(1, 40, 500)])) == (Cell(1, 40.0, 500.0),)


@needs_pmat
@pytest.mark.recordings
def test_recorded_load_of_whoever_calibrated_holds_for_the_others() -> None:
    """Calibrated on each of six persons in turn, all of them in every posture are pressed from the
    third second on and to the end, and none of it is learned as empty."""
    everybody = persons()
    assert len(everybody) == 6
    assert all(len(postures) == 17 for postures in everybody.values())
    # The first frames are the start of the recorder: the first is empty, the second overflows.
    everything = [load for postures in everybody.values() for p in postures for load in p[2:]]
    scale = 900 / max(everything)
    for postures in everybody.values():
        own = counts([load for posture in postures for load in posture[2:]], scale)
        cell = calibrated(0, [40, 41, 40], own)
        assert isinstance(cell, Cell)
        for others in everybody.values():
            bed = Bed(cell)
            bed.read(40, for_s=10, every_s=1)
            for posture in others:
                for raw in counts(posture[2:], scale):
                    bed.read(raw, for_s=1, every_s=1)
            assert bed.told == [MatReleased(), MatPressed()]
            assert bed.mat.levels[0].drift <= mat_load.DRIFT_PART * (cell.lying - cell.empty)
            assert bed.read(40, for_s=5, every_s=1) == [MatReleased()]


@asynccontextmanager
async def running(
    folder: Path, cells: int = 2
) -> AsyncIterator[tuple[VirtualCells, Heard, asyncio.Task[None]]]:
    """A calibrated mat, its converter, and the driver, running."""
    board = VirtualPins()
    twin = VirtualCells(board, cells)
    keep_calibration(folder, cells)
    config = mat_adc.Config(channels=tuple(range(cells)), every_s=0.02)
    parts = driver_context("bed", pin_factory=board.factory, state_dir=folder)
    heard = Heard()
    driver = mat_adc.Driver(config, parts)
    task = asyncio.create_task(driver.run(heard))
    await until(lambda: bool(heard.data) or task.done())
    try:
        yield twin, heard, task
    finally:
        task.cancel()
        await asyncio.wait({task})
        board.close()


async def test_the_driver_on_a_converter(tmp_path: Path) -> None:
    """Each channel is read as itself: one cell pressed is one cell loaded, and a press."""
    async with running(tmp_path) as (cells, heard, _):
        assert heard.data == [MatReleased(), MatLoaded(cells=0, of=2)]
        cells.press(1)
        await until(lambda: MatPressed() in heard.data)
        cells.release()
        await until(lambda: heard.data[-1] == MatReleased())


@pytest.mark.parametrize("how", ["cut", "gone"])
async def test_the_driver_without_its_cells(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut lead and a converter without power are faults, and heal."""
    monkeypatch.setattr(mat_load, "RAIL_S", 0.2)
    async with running(tmp_path) as (cells, heard, _):
        if how == "cut":
            cells.cut(0)
        else:
            cells.gone = True
        await until(lambda: heard.data[-1] == CUT)
        cells.gone = False
        cells.release()
        await until(lambda: MatReleased() in heard.data[3:])


async def test_a_bus_that_fails_is_our_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the bus while reading ends the run with `DeviceUnavailable`; a taken pin too."""
    async with running(tmp_path) as (cells, _, task):

        def broken(_channel: int) -> int:
            raise OSError("no bus")

        monkeypatch.setattr(cells, "reading", broken)
        await until(task.done)
        with pytest.raises(DeviceUnavailable, match=r"converter's pins \(8\) cannot be had"):
            task.result()


async def test_a_bus_that_is_switched_off(tmp_path: Path) -> None:
    """gpiozero's own fall back to clocking bits over other pins is refused, with what to do; a chip
    select on which nothing hangs is our error too."""

    class Off(MockFactory):
        def _get_spi_class(self, shared: bool, hardware: bool) -> Any:
            raise OSError("no /dev/spidev0.0")

    keep_calibration(tmp_path, 1)
    config = mat_adc.Config(channels=(0,))
    for factory, why in ((Off("c03111"), "dtparam=spi=on"), (VirtualPins().factory, "cannot be")):
        parts = driver_context("bed", pin_factory=factory, state_dir=tmp_path)
        with pytest.raises(DeviceUnavailable, match=why):
            await mat_adc.Driver(config, parts).run(Heard())


async def test_without_a_calibration_it_does_not_run(tmp_path: Path) -> None:
    """Nothing is guessed: the sentence says what to run; other channels than calibrated, too."""
    board = VirtualPins()
    parts = driver_context("bed", pin_factory=board.factory, state_dir=tmp_path)
    config = mat_adc.Config(channels=(0, 1))
    with pytest.raises(DeviceUnavailable, match="tryggve gateway calibrate bed"):
        mat_adc.Driver(config, parts)
    keep_calibration(tmp_path, 4)
    with pytest.raises(DeviceUnavailable, match="tryggve gateway calibrate bed"):
        mat_adc.Driver(config, parts)
    with pytest.raises(DeviceUnavailable, match="no pins"):
        mat_adc.Driver(config, driver_context("bed", state_dir=tmp_path))
    board.close()


class Technician:
    """A `Guide` that does what it is told, by turns."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.said: list[str] = []

    def __call__(self, text: str, /) -> None:
        self.said.append(text)

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        self.said.append(question)
        return str(self.steps.pop(0)() or "")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibration measures for a moment only."""
    for name in ("EMPTY_S", "LIE_DOWN_S", "LYING_S"):
        monkeypatch.setattr(mat_adc, name, 0.1)


@pytest.mark.usefixtures("hasty")
async def test_calibration(tmp_path: Path) -> None:
    """Empty, then somebody lies on three of four cells: three are kept, and the driver runs."""
    board = VirtualPins()
    cells = VirtualCells(board, 4)
    config = mat_adc.Config(channels=(0, 1, 2, 3), every_s=0.02)
    parts = driver_context("bed", pin_factory=board.factory, state_dir=tmp_path)

    def lie_down() -> None:
        for cell in range(3):
            cells.press(cell, 400)

    guide = Technician(cells.release, lie_down)
    await mat_adc.calibrate(config, parts, guide)
    kept = from_kept(_state_file.load(tmp_path / mat_adc.KEPT))
    assert kept is not None
    assert [cell.channel for cell in kept] == [0, 1, 2]
    assert kept[0].empty == pytest.approx(40, abs=3)
    assert kept[0].lying == pytest.approx(400, abs=3)
    assert any("Channel 3 is left out" in said for said in guide.said)
    mat_adc.Driver(config, parts)
    board.close()


@pytest.mark.usefixtures("hasty")
async def test_a_calibration_that_felt_nobody(tmp_path: Path) -> None:
    """It is refused, and what was kept before stays."""
    board = VirtualPins()
    cells = VirtualCells(board, 2)
    keep_calibration(tmp_path, 2)
    before = (tmp_path / mat_adc.KEPT).read_bytes()
    parts = driver_context("bed", pin_factory=board.factory, state_dir=tmp_path)
    config = mat_adc.Config(channels=(0, 1), every_s=0.02)
    with pytest.raises(DeviceRefused, match="no cell"):
        await mat_adc.calibrate(config, parts, Technician(cells.release, cells.release))
    assert (tmp_path / mat_adc.KEPT).read_bytes() == before
    board.close()


def test_config() -> None:
    """Channels are 0 to 7, each once; the chip select is the pin that it takes."""
    assert mat_adc.pins(mat_adc.Config(channels=(0,))) == (8,)
    assert mat_adc.pins(mat_adc.Config(channels=(0,), chip_select=1)) == (7,)
    for wrong in ((), (8,), (-1,), (1, 1), tuple(range(9))):
        with pytest.raises(ValidationError):
            mat_adc.Config(channels=wrong)
