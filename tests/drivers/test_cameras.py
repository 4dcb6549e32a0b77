"""What holds for every camera, beside what holds for every driver: a new one is found by itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

import drivers
from drivers.virtual import VirtualShutter
from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable
from gateway.events import PictureKind
from gateway.ports import JPEG_MAX_BYTES, Camera, CameraPlace, Form, Shutter
from tests.drivers.cameras import SERVO_PIN, light_of
from tests.drivers.parts import Heard, until
from tests.drivers.twins import TWINS

CAMERAS = [name for name in drivers.names() if drivers.load(name).kind == "camera"]
each_camera = pytest.mark.parametrize("name", CAMERAS)

BEGUN = ["camera.shutter_well", "device.online"]
"""What a camera with a shutter tells when it starts and all is well."""

HEAVY = ("av", "aiortc", "numpy", "PIL", "picamera2", "gpiozero")


def flap_of(parts: object) -> VirtualShutter:
    pin = parts.pin_factory.pin(f"GPIO{SERVO_PIN}")  # type: ignore[attr-defined]
    found: VirtualShutter = pin.shutter
    return found


def test_there_are_cameras() -> None:
    """Else nothing below holds anything."""
    assert {"camera_pi", "camera_v4l2", "camera_virtual"} <= set(CAMERAS)


@each_camera
async def test_covered_but_while_somebody_looks(name: str) -> None:
    """Found open, as after a crash, it is shut at the start; open for a look, shut after it, and
    shut when the gateway stops in the middle of one."""
    loaded = drivers.load(name)
    async with TWINS[name]() as (settings, parts):
        flap, heard = flap_of(parts), Heard()
        assert flap.is_open
        driver = loaded.Driver(loaded.Config(**settings), parts)
        task = asyncio.create_task(driver.run(heard))
        await until(lambda: heard.kinds() == BEGUN)
        assert not flap.is_open
        assert await driver.shutter() is Shutter.SHUT
        await driver.open_shutter()
        assert flap.is_open
        assert await driver.shutter() is Shutter.OPEN
        await driver.shut()
        assert not flap.is_open
        await driver.open_shutter()
        task.cancel()
        await asyncio.wait({task})
        await driver.close()
        assert not flap.is_open
    assert heard.kinds() == BEGUN


@each_camera
async def test_the_process_of_a_look_gets_what_it_is_told(name: str) -> None:
    """What is handed over goes as JSON; every form that is promised is given, in its size; JPEG is
    among them, and what leaves the home is by itself what shows no face."""
    loaded = drivers.load(name)
    async with TWINS[name]() as (settings, parts):
        driver = loaded.Driver(loaded.Config(**settings), parts)
        assert isinstance(driver, Camera)
        for picture in ("edges", "normal"):
            config = loaded.Config(**settings, picture=picture)
            place: CameraPlace = loaded.Driver(config, parts).place()
            assert place.module == f"drivers.{name}"
            assert place.picture is PictureKind(picture)
            assert Form.JPEG in place.forms
            handed = json.loads(json.dumps(dict(place.settings)))
            module = sys.modules[place.module]
            for form in place.forms:
                eye = await asyncio.to_thread(module.open_eye, handed, form)
                shot = await asyncio.to_thread(eye.read)
                eye.want_key()
                eye.close()
                eye.close()
                with pytest.raises(DeviceUnavailable):
                    await asyncio.to_thread(eye.read)
                assert shot.form is form
                if form is Form.PACKETS:
                    assert shot.key
                else:
                    light_of(shot)
                if form is Form.JPEG:
                    assert len(shot.data) <= JPEG_MAX_BYTES
        assert driver.place().picture is PictureKind.EDGES


@each_camera
async def test_a_shutter_that_does_not_open_is_told_once(name: str) -> None:
    """Each look is refused, and the home says once that it is stuck; when it works again, once that
    it does."""
    loaded = drivers.load(name)
    async with TWINS[name]() as (settings, parts):
        flap, heard = flap_of(parts), Heard()
        driver = loaded.Driver(loaded.Config(**settings), parts)
        task = asyncio.create_task(driver.run(heard))
        await until(lambda: heard.kinds() == BEGUN)
        flap.stuck = True
        for _ in range(2):
            with pytest.raises(DeviceError):
                await driver.open_shutter()
        assert heard.kinds() == [*BEGUN, "camera.shutter_stuck"]
        flap.stuck = False
        await driver.open_shutter()
        assert heard.kinds()[3:] == ["camera.shutter_well"]
        task.cancel()
        await asyncio.wait({task})
        await driver.close()


@each_camera
async def test_a_shutter_that_does_not_shut_is_told_once(name: str) -> None:
    """At once, and not at each try; it is told that it is well when it is shut again."""
    loaded = drivers.load(name)
    async with TWINS[name]() as (settings, parts):
        flap, heard = flap_of(parts), Heard()
        driver = loaded.Driver(loaded.Config(**settings), parts)
        task = asyncio.create_task(driver.run(heard))
        await until(lambda: heard.kinds() == BEGUN)
        await driver.open_shutter()
        flap.stuck = True
        for _ in range(2):
            with pytest.raises(DeviceRefused, match="does not shut"):
                await driver.shut()
        assert heard.kinds() == [*BEGUN, "camera.shutter_stuck"]
        assert heard.data[2].wanted == "shut"  # type: ignore[attr-defined]
        flap.stuck = False
        await driver.shut()
        assert heard.kinds()[3:] == ["camera.shutter_well"]
        task.cancel()
        await asyncio.wait({task})
        await driver.close()


def test_a_camera_costs_the_gateway_nothing() -> None:
    """Its module is imported there: neither PyAV nor any library of pictures is."""
    names = ", ".join(f"drivers.{name}" for name in CAMERAS)
    told = f"import sys, {names}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
