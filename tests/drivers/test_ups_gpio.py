"""A battery HAT that tells by its pins, on gpiozero's own mock pins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers import ups_gpio
from drivers._state_file import Keeper
from drivers.virtual import VirtualPins
from gateway.errors import DeviceUnavailable
from tests.drivers.parts import Heard, driver_context, until

MAINS, LOW = 6, 16


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look takes the pins' time, not a second."""
    monkeypatch.setattr(ups_gpio, "LOOK_S", 0.005)


@asynccontextmanager
async def hat(board: VirtualPins, folder: Path, **config: Any) -> AsyncIterator[Heard]:
    """The driver of a HAT, running."""
    heard = Heard()
    parts = driver_context("ups", pin_factory=board.factory, state_dir=folder)
    settings = ups_gpio.Config(mains_pin=MAINS, battery_low_pin=LOW, **config)
    task = asyncio.create_task(ups_gpio.Driver(settings, parts).run(heard))
    await until(lambda: bool(heard.data) or task.done())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize("card", ["refuses", "hangs"])
async def test_a_card_that_refuses_silences_no_power_cut(tmp_path: Path, card: str) -> None:
    """What cannot be kept is told all the same, at once: the mains is gone, and back."""
    folder = tmp_path / "ups"
    if card == "hangs":
        folder.mkdir()
        os.mkfifo(folder / "lost.part")  # whoever opens it to write waits for a reader
    board = VirtualPins()
    board.wire(MAINS, True)
    board.wire(LOW, True)
    async with hat(board, folder) as heard:
        board.wire(MAINS, False)
        await until(lambda: "power.lost" in heard.kinds())
        board.wire(MAINS, True)
        await until(lambda: "power.restored" in heard.kinds())
        if card == "hangs":  # somebody reads, at last
            os.close(os.open(folder / "lost.part", os.O_RDONLY | os.O_NONBLOCK))
    assert "device.failed" not in heard.kinds()
    board.close()


@pytest.mark.parametrize("good", [True, False])
async def test_an_outage_to_its_end(tmp_path: Path, good: bool) -> None:
    """Mains lost, its battery low, mains back: each told once, whichever level means what."""
    board = VirtualPins()
    board.wire(MAINS, good)
    board.wire(LOW, good)
    level = "high" if good else "low"
    other = "low" if good else "high"
    async with hat(board, tmp_path, mains_when=level, battery_low_when=other) as heard:
        assert heard.kinds() == ["device.online"]
        board.wire(MAINS, not good)
        await until(lambda: "power.lost" in heard.kinds())
        board.wire(LOW, not good)
        await until(lambda: "power.battery_low" in heard.kinds())
        board.wire(MAINS, good)
        await until(lambda: "power.restored" in heard.kinds())
        assert heard.kinds()[1:] == ["power.lost", "power.battery_low", "power.restored"]
    board.close()


async def test_a_battery_that_is_charged_is_not_told(tmp_path: Path) -> None:
    """With mains there, the line that says low concerns nobody; without, it does at once."""
    board = VirtualPins()
    board.wire(MAINS, True)
    board.wire(LOW, False)
    async with hat(board, tmp_path) as heard:
        board.wire(MAINS, False)
        await until(lambda: len(heard.data) == 3)
        assert heard.kinds() == ["device.online", "power.lost", "power.battery_low"]
    board.close()


@pytest.mark.parametrize("config", [{}, {"mains_when": "low", "battery_low_when": "high"}])
async def test_a_lead_that_came_off_is_trouble(tmp_path: Path, config: dict[str, Any]) -> None:
    """Both lines open: mains gone and battery low, never a calm that nobody measured."""
    board = VirtualPins()
    async with hat(board, tmp_path, **config) as heard:
        await until(lambda: len(heard.data) == 2)
        assert heard.kinds() == ["power.lost", "power.battery_low"]
    board.close()


async def test_mains_that_came_back_while_the_gateway_was_off(tmp_path: Path) -> None:
    """Its return is told at the next start, once."""
    board = VirtualPins()
    board.wire(LOW, True)
    board.wire(MAINS, False)
    async with hat(board, tmp_path) as heard:
        assert heard.kinds() == ["power.lost"]
    board.wire(MAINS, True)
    for told in ("power.restored", "device.online"):
        async with hat(board, tmp_path) as heard:
            assert heard.kinds() == [told]
    board.close()


def test_a_line_that_swings_is_one_word(tmp_path: Path) -> None:
    """While a HAT changes over, nothing is told; what two looks say alike is."""
    told = ups_gpio._Told(tmp_path / "lost.json", Keeper("ups"))
    looks = [(False, False)] * 2 + [(True, False), (False, False)] * 3 + [(True, False)] * 3
    said = [type(data).KIND for lost, low in looks for data in told.see(lost, low)]
    assert said == ["device.online", "power.lost"]


async def test_a_home_without_pins() -> None:
    """It cannot be made."""
    with pytest.raises(DeviceUnavailable, match="no pins"):
        ups_gpio.Driver(ups_gpio.Config(mains_pin=1), driver_context("ups"))


def test_its_pins() -> None:
    """For the configuration, which refuses one that is used twice."""
    assert ups_gpio.pins(ups_gpio.Config(mains_pin=5)) == (5,)
    assert ups_gpio.pins(ups_gpio.Config(mains_pin=5, battery_low_pin=7)) == (5, 7)
