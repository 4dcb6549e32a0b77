"""What holds for every driver.  A new one is found by itself, and must bring its virtual twin."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from pathlib import Path

import pytest
from pydantic import ValidationError

import drivers
from gateway.errors import UnknownDriver, UserError
from gateway.ports import Camera, Indicator, Lock, Sensor, Speaker
from tests.drivers.parts import Heard, until
from tests.drivers.twins import TWINS

ROOMS = ("wired", "pictures", "radio", "locks")
"""Folders of what drivers share."""

PORTS = {
    "sensor": Sensor,
    "lock": Lock,
    "indicator": Indicator,
    "speaker": Speaker,
    "camera": Camera,
}


NAMES = drivers.names()
each_driver = pytest.mark.parametrize("name", NAMES)


def test_every_driver_has_a_twin() -> None:
    """A driver that cannot be run without its hardware is not tested."""
    assert set(TWINS) == set(NAMES)


@each_driver
def test_shape(name: str) -> None:
    """A docstring that says what it is not for; the constants; a documented, frozen Config."""
    loaded = drivers.load(name)
    module = importlib.import_module(loaded.Driver.__module__)
    assert "Not for:" in (module.__doc__ or "")
    assert loaded.name == name
    assert loaded.kind in PORTS
    assert isinstance(loaded.needs_pins, bool)
    assert isinstance(loaded.needs_radio, bool)
    assert loaded.Config.model_config["extra"] == "forbid"
    assert loaded.Config.model_config["frozen"] is True
    assert list(inspect.signature(loaded.Driver).parameters) == ["config", "context"]
    for guided in (loaded.pair, loaded.calibrate):
        assert guided is None or inspect.iscoroutinefunction(guided)


@each_driver
def test_imports(name: str) -> None:
    """Of the gateway a driver imports events, ports and errors; of the demo's parts nothing."""
    folder = Path(drivers.__file__).parent
    shared = [file for file in folder.rglob("*.py") if file.parent.name in ROOMS]
    assert shared
    own = Path(inspect.getfile(drivers.load(name).Driver))
    for file in [own, *folder.glob("_*.py"), *shared]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for imported in names:
                assert not imported.startswith(("drivers.virtual", "bumble", "web")), file
                if imported.startswith("gateway"):
                    assert imported in ("gateway.events", "gateway.ports", "gateway.errors"), file


@each_driver
async def test_config_refuses_what_it_does_not_know(name: str) -> None:
    """An unknown key is refused by name; the twin's configuration is taken, and names its pins."""
    loaded = drivers.load(name)
    async with TWINS[name]() as (settings, parts):
        config = loaded.Config(**settings)
        with pytest.raises(ValidationError, match="surprise"):
            loaded.Config(**settings, surprise=1)
        numbers = loaded.pins(config)
        assert all(isinstance(number, int) for number in numbers)
        assert numbers or not loaded.needs_pins
        assert loaded.needs_pins or parts.pin_factory is not None or not numbers


@each_driver
async def test_run_tells_the_present_state_and_ends_when_cancelled(name: str) -> None:
    """Started on its twin it speaks; cancelled it ends; started again it speaks again."""
    loaded = drivers.load(name)
    async with TWINS[name]() as (settings, parts):
        driver = loaded.Driver(loaded.Config(**settings), parts)
        assert isinstance(driver, PORTS[loaded.kind])
        for _ in range(2):
            heard = Heard()
            task = asyncio.create_task(driver.run(heard))
            await until(lambda heard=heard: bool(heard.data))
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
        await driver.close()


@each_driver
async def test_close_twice_and_without_run(name: str) -> None:
    """Closing is always allowed."""
    loaded = drivers.load(name)
    async with TWINS[name]() as (settings, parts):
        driver = loaded.Driver(loaded.Config(**settings), parts)
        await driver.close()
        await driver.close()


def test_an_unknown_driver_is_one_sentence() -> None:
    """It names what there is; helpers and the scanner are no drivers."""
    for name in ("lock_nukki", "_state_file", "radio", "virtual", "../events"):
        with pytest.raises(UnknownDriver) as caught:
            drivers.load(name)
        assert isinstance(caught.value, UserError)
        assert caught.value.known == NAMES
        assert all(known in caught.value.text for known in ("lock_nuki", "mat_gpio"))


def test_a_driver_of_another_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point group names modules; they are loaded like ours."""
    from importlib.metadata import EntryPoint

    point = EntryPoint("mat_other", "drivers.mat_gpio", drivers.GROUP)
    monkeypatch.setattr(drivers, "entry_points", lambda group: [point])
    assert "mat_other" in drivers.names()
    assert drivers.load("mat_other").kind == "sensor"
