"""What stands before a camera, where it is pushed, hangs, or is the power on USB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers import camera_virtual
from drivers.pictures import shutter, watch
from drivers.pictures.shutter import UsbPower
from drivers.virtual import VirtualPins, VirtualShutter
from gateway.config import home_file
from gateway.errors import ConfigError, DeviceError, DeviceRefused, DeviceUnavailable
from gateway.ports import Shutter
from tests.drivers.cameras import FLAP, SERVO_PIN, flap_board
from tests.drivers.parts import Heard, driver_context, until


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shutter is looked at all the time."""
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.005)


@asynccontextmanager
async def running(
    board: VirtualPins, **config: Any
) -> AsyncIterator[tuple[camera_virtual.Driver, Heard]]:
    heard = Heard()
    context = driver_context("eye", pin_factory=board.factory)
    driver = camera_virtual.Driver(camera_virtual.Config(**config), context)
    task = asyncio.create_task(driver.run(heard))
    await until(lambda: "device.online" in heard.kinds() or task.done())
    try:
        yield driver, heard
    finally:
        task.cancel()
        await asyncio.wait({task})
        await driver.close()


async def test_pushed_open_while_nobody_looks() -> None:
    """It is shut again by itself, and nobody is woken; one that cannot be is told, once."""
    with flap_board() as (board, flap):
        async with running(board, **FLAP) as (_, heard):
            flap.push(to_open=True)
            await until(lambda: not flap.is_open)
            flap.stuck = True
            flap.push(to_open=True)
            await until(lambda: "camera.shutter_stuck" in heard.kinds())
            await asyncio.sleep(0.05)
            assert heard.kinds().count("camera.shutter_stuck") == 1


async def test_open_while_somebody_looks_it_is_left_alone() -> None:
    """The look is not cut short by whoever keeps it shut otherwise."""
    with flap_board() as (board, flap):
        async with running(board, **FLAP) as (driver, _):
            await driver.open_shutter()
            before = list(flap.moves)
            await asyncio.sleep(0.1)
            assert flap.is_open
            assert flap.moves == before


async def test_stuck_open_at_the_start_it_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway that finds it open says so at once; when it moves again it is shut, and well."""
    monkeypatch.setattr(watch, "AGAIN_S", 0.02)
    with flap_board() as (board, flap):
        flap.stuck = True
        async with running(board, **FLAP) as (_, heard):
            assert heard.kinds() == ["camera.shutter_stuck", "device.online"]
            flap.stuck = False
            await until(lambda: heard.kinds()[2:] == ["camera.shutter_well"])
            assert not flap.is_open


async def test_without_a_switch_it_is_moved_and_unknown() -> None:
    """Nobody says where a flap is that cannot be read back."""
    with flap_board() as (board, flap):
        async with running(board, shutter_pin=SERVO_PIN) as (driver, _):
            assert await driver.shutter() is Shutter.UNKNOWN
            await driver.open_shutter()
            assert flap.is_open
            await driver.shut()
            assert not flap.is_open
            assert await driver.shutter() is Shutter.UNKNOWN


async def test_a_camera_without_a_shutter_has_none() -> None:
    """It says so, and tells nothing of a shutter."""
    async with running(VirtualPins()) as (driver, heard):
        await driver.open_shutter()
        assert await driver.shutter() is Shutter.NONE
        await driver.shut()
        assert heard.kinds() == ["device.online"]


async def test_one_that_takes_too_long_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """A move ends in time, whatever holds it."""
    monkeypatch.setattr(watch, "SHUTTER_MAX_S", 0.05)
    with flap_board() as (board, _):
        async with running(board, **FLAP) as (driver, heard):
            monkeypatch.setattr(shutter, "MOVE_S", 10.0)
            with pytest.raises(DeviceRefused, match="in time"):
                await driver.open_shutter()
            assert "camera.shutter_stuck" in heard.kinds()


def test_the_servo_is_silent_once_it_has_moved() -> None:
    """It gets pulses only while it moves: one that holds hums all night."""

    async def pulses() -> object:
        with flap_board() as (board, _):
            async with running(board, **FLAP) as (driver, _):
                await driver.open_shutter()
                return board.factory.pin(f"GPIO{SERVO_PIN}").state

    assert asyncio.run(pulses()) in (0, 0.0, None)


# --- power on USB


def usb(folder: Path, name: str, *, port: Path | None = None) -> tuple[UsbPower, Path]:
    """A camera on USB: what the kernel has of it; its device is there while it has power."""
    device = folder / name / "authorized"
    device.parent.mkdir(parents=True)
    device.write_text("1\n")
    files = {device: "1"}
    if port is not None:
        port.parent.mkdir(parents=True)
        port.write_text("0\n")
        files[port] = "0"

    def there() -> bool:
        return all(file.read_text().strip() == word for file, word in files.items())

    return UsbPower(name, there, folder), device


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("1-1.2", "1-1:1.0/1-1-port2/disable"),
        ("1-1.4.3", "1-1.4:1.0/1-1.4-port3/disable"),
        ("2-1", "2-0:1.0/usb2-port1/disable"),
    ],
)
async def test_power_is_taken_from_the_port_where_the_hub_can(
    tmp_path: Path, name: str, port: str
) -> None:
    """By the kernel's own file; read back by what it says, and by the camera that is there."""
    power, device = usb(tmp_path, name, port=tmp_path / port)
    await power.move(False)
    assert (tmp_path / port).read_text() == "1"
    assert device.read_text() == "1\n"
    assert await power.read() is Shutter.SHUT
    await power.move(True)
    assert await power.read() is Shutter.OPEN


async def test_else_the_device_is_without_its_driver(tmp_path: Path) -> None:
    """On a hub that cannot switch its ports."""
    power, device = usb(tmp_path, "1-1.2")
    await power.move(False)
    assert device.read_text() == "0"
    assert await power.read() is Shutter.SHUT
    await power.move(True)
    assert await power.read() is Shutter.OPEN


async def test_a_camera_that_is_not_plugged_in(tmp_path: Path) -> None:
    """It sees nothing: to shut it is no fault; to open it is one."""
    power = UsbPower("1-1.2", lambda: False, tmp_path)
    await power.move(False)
    assert await power.read() is Shutter.UNKNOWN
    with pytest.raises(DeviceUnavailable, match="no camera at the USB port"):
        await power.move(True)


async def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """As where the udev rule is missing; here the file is a folder."""
    (tmp_path / "1-1.2" / "authorized").mkdir(parents=True)
    power = UsbPower("1-1.2", lambda: True, tmp_path)
    with pytest.raises(DeviceError, match="cannot be switched"):
        await power.move(False)


# --- configuration


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"shutter_pin": 12, "shutter_usb": "1-1.2"}, "both given"),
        ({"shutter_switch_pin": 13}, "without shutter_pin"),
        ({"shutter_pin": 12, "shutter_switch_pin": 12}, "the same pin"),
        ({"shutter_usb": "../../etc"}, "pattern"),
        ({"picture": "face"}, "picture"),
    ],
)
def test_what_cannot_be_is_refused(config: dict[str, Any], words: str) -> None:
    """Before anything runs."""
    with pytest.raises(ValidationError, match=words):
        camera_virtual.Config(**config)


def test_a_camera_needs_pins_only_where_it_takes_some() -> None:
    """A camera with a flap wants `[gpio]` in the home's file, one without does not."""
    plain = '[home]\nid = "h1"\n[devices.eye]\ndriver = "camera_virtual"\n'
    assert not home_file.parse(plain.encode(), Path("home.toml")).needs_pins()
    with pytest.raises(ConfigError, match="gpio"):
        home_file.parse(f"{plain}shutter_pin = 12\n".encode(), Path("home.toml"))
    whole = f'{plain}shutter_pin = 12\n[gpio]\nfactory = "mock"\n'
    assert home_file.parse(whole.encode(), Path("home.toml")).needs_pins()


def test_a_virtual_flap_begins_open() -> None:
    """As after a crash, so that a test that forgets to shut it fails."""
    board = VirtualPins()
    assert VirtualShutter(board, SERVO_PIN).is_open
    board.close()
