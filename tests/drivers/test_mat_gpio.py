"""The mat driver over gpiozero's own mock factory."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from drivers import mat_gpio
from drivers.mat_gpio import Config, Driver, pins
from drivers.virtual import VirtualMat, VirtualPins
from drivers.wired import contact
from gateway.errors import DeviceUnavailable
from gateway.events import MatFault, MatFaulted, MatPressed, MatReleased
from tests.drivers.parts import Heard, driver_context, until

WIRINGS = [
    {"pin": 17},
    {"pin": 17, "normally_closed": True},
    {"pin": 17, "loop_pin": 27},
    {"pin": 17, "loop_pin": 27, "normally_closed": True},
]


@asynccontextmanager
async def running(
    pressed: bool = False, **config: Any
) -> AsyncIterator[tuple[VirtualMat, Heard, Driver]]:
    """A mat and its driver, running."""
    board = VirtualPins()
    mat = board.mat(**config)
    if pressed:
        mat.press()
    heard = Heard()
    driver = Driver(Config(**config), driver_context("mat", pin_factory=board.factory))
    task = asyncio.create_task(driver.run(heard))
    await until(lambda: bool(heard.data) or task.done())
    try:
        yield mat, heard, driver
    finally:
        task.cancel()
        await asyncio.wait({task})
        await driver.close()
        board.close()


@pytest.mark.parametrize("config", WIRINGS, ids=str)
@pytest.mark.parametrize("pressed", [False, True])
async def test_start_state_press_and_release(config: dict[str, Any], pressed: bool) -> None:
    """In each wiring: the state at the start is told once, then each change."""
    async with running(pressed, **config) as (mat, heard, _):
        first = MatPressed() if pressed else MatReleased()
        assert heard.data == [first]
        mat.release()
        await until(lambda: heard.data[-1] == MatReleased())
        mat.press()
        assert heard.data[-1] == MatPressed(), "a press is told in the callback itself"
        mat.release()
        await until(lambda: heard.data[-1] == MatReleased())


async def test_bounces_are_one_press() -> None:
    """A contact that bounces thirty times is pressed once and released once."""
    async with running(pin=17) as (mat, heard, _):
        mat.press()
        mat.bounce(15)
        mat.release()
        mat.bounce(15)
        await until(lambda: heard.data[-1] == MatReleased())
        assert heard.data == [MatReleased(), MatPressed(), MatReleased()]


async def test_a_pulse_shorter_than_its_callback() -> None:
    """The edge counts, not the level that is left when its callback runs."""
    async with running(pin=17) as (mat, heard, _):
        for _ in range(3):
            mat.press()
            mat.release()
            await until(lambda: heard.data[-1] == MatReleased())
        assert heard.data == [MatReleased()] + [MatPressed(), MatReleased()] * 3


@pytest.mark.parametrize("normally_closed", [False, True])
@pytest.mark.parametrize("pressed", [False, True])
async def test_cut_cable(
    normally_closed: bool, pressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut cable is a fault, never an empty bed; mended, the present state is told."""
    monkeypatch.setattr(contact, "MEND_S", 0.05)
    config = {"pin": 17, "loop_pin": 27, "normally_closed": normally_closed}
    async with running(pressed, **config) as (mat, heard, _):
        mat.cut()
        await until(lambda: len(heard.data) == 2)
        assert heard.data[1] == MatFaulted(fault=MatFault.CUT)
        mat.mend()
        await until(lambda: len(heard.data) == 3)
        assert heard.data[2] == heard.data[0]


async def test_cut_before_the_start() -> None:
    """A cable that is cut when the gateway starts is told at once."""
    board = VirtualPins()
    mat = board.mat(17, loop_pin=27)
    mat.cut()
    driver = Driver(Config(pin=17, loop_pin=27), driver_context("mat", pin_factory=board.factory))
    heard = Heard()
    task = asyncio.create_task(driver.run(heard))
    await until(lambda: heard.data == [MatFaulted(fault=MatFault.CUT)])
    task.cancel()
    await asyncio.wait({task})


async def test_flapping_from_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loose contact in the factory's own thread is one fault, and heals."""
    # a thread may stand still meanwhile
    monkeypatch.setattr(contact, "FLAP_EDGES_S", 60.0)
    monkeypatch.setattr(contact, "FLAP_QUIET_S", 3.0)
    monkeypatch.setattr(contact, "SETTLE_S", 3.0)
    async with running(pin=17) as (mat, heard, _):
        thread = threading.Thread(target=mat.bounce, args=(500,))
        thread.start()
        await asyncio.to_thread(thread.join)
        await until(lambda: heard.data[-1] == MatReleased() and len(heard.data) > 1)
        faults = [data for data in heard.data if isinstance(data, MatFaulted)]
        assert faults == [MatFaulted(fault=MatFault.FLAPPING, count=100)]
        assert len(heard.data) == 4


async def test_edges_in_many_threads_keep_their_order() -> None:
    """Presses and releases alternate in what is told, whoever saw them."""
    async with running(pin=17) as (mat, heard, _):

        def person() -> None:
            for _ in range(10):
                mat.press()
                mat.release()

        threads = [threading.Thread(target=person) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        mat.release()
        await until(lambda: heard.data[-1] == MatReleased())
        told = [type(data) for data in heard.data]
        assert all(a is not b for a, b in itertools.pairwise(told))


async def test_restart_after_close() -> None:
    """Closed twice, also while it runs; run again, the state is told anew and pins are free."""
    async with running(pin=17) as (mat, heard, driver):
        await driver.close()
        await driver.close()
        mat.press()
        assert heard.data == [MatReleased()]
        again = asyncio.create_task(driver.run(heard))
        await until(lambda: heard.data[-1] == MatPressed())
        again.cancel()
        await asyncio.wait({again})


async def test_a_pin_that_is_taken() -> None:
    """A pin that another device holds is our error, with the pin's number; nothing is left open."""
    async with running(pin=17) as (_, heard, first):
        factory = first._factory
        second = Driver(Config(pin=5, loop_pin=17), driver_context("mat2", pin_factory=factory))
        with pytest.raises(DeviceUnavailable, match=r"pins \(5, 17\) cannot be had"):
            await second.run(heard)
        third = Driver(Config(pin=5), driver_context("mat3", pin_factory=factory))
        task = asyncio.create_task(third.run(heard))
        await until(lambda: len(heard.data) == 2)
        task.cancel()
        await asyncio.wait({task})


def test_no_pins_no_fallback() -> None:
    """Without a factory the driver refuses; it does not look for one by itself."""
    with pytest.raises(DeviceUnavailable, match="no pins"):
        Driver(Config(pin=17), driver_context("mat"))


def test_config() -> None:
    """The pins are named so that one used twice can be refused, also within one mat."""
    assert pins(Config(pin=17)) == (17,)
    assert pins(Config(pin=17, loop_pin=27)) == (17, 27)
    for wrong in ({"pin": 28}, {"pin": -1}, {}, {"pin": 4, "loop_pin": 4}, {"pin": 4, "bounce": 1}):
        with pytest.raises(ValidationError):
            mat_gpio.Config(**wrong)
