"""What the page that the Pi serves is told, by a home that really runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.virtual import VirtualPins
from gateway.app.home import Home
from gateway.app.local_page import LocalPage
from gateway.clock import SystemClock
from gateway.config import home_file
from tests.drivers.parts import until
from web.home.port import Answered, DoorState, Health, Part

TOML = b"""
[home]
id = "h9"
[web]
enabled = false
[gpio]
factory = "mock"
[devices.bed]
driver = "mat_gpio"
pin = 17
role = "bed"
[devices.lamp]
driver = "indicator"
light_pin = 25
"""


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    board = VirtualPins()
    board.mat(17)
    board.lamp(25)
    home = Home(
        home_file.parse(TOML, tmp_path / "home.toml"),
        state_dir=tmp_path,
        clock=SystemClock(),
        memory_dir=tmp_path,
        pin_factory=board.factory,
    )
    running = asyncio.create_task(home.run())
    await until(lambda: "bed" in home.view.devices and "lamp" in home.view.devices)
    yield home
    home.stop()
    await running


async def test_the_state_is_the_homes(home: Home) -> None:
    """Its id, its devices, no server, and a door at which nothing happens."""
    page = LocalPage(home)
    state = await asyncio.to_thread(page.state)
    assert (state.home, state.link.configured, state.log_problem) == ("h9", False, None)
    assert {device.id: device.health for device in state.devices}["bed"] is Health.OK
    assert page.door() == DoorState()
    assert await asyncio.to_thread(page.enter_code, "12") in (Answered.NO_CLOCK, Answered.MALFORMED)


async def test_a_self_test_tries_every_part(home: Home, tmp_path: Path) -> None:
    """The disk for real, and nothing is left on it; a device that was not heard is unknown; a
    folder that is gone is told."""
    page = LocalPage(home)
    results = await asyncio.to_thread(page.self_test)
    health = {(one.part, one.name): one.health for one in results}
    assert health[(Part.LOG, "")] is Health.OK
    assert health[(Part.LINK, "")] is Health.WARN, "it is not enrolled"
    assert health[(Part.DEVICE, "bed")] is Health.OK
    assert health[(Part.DEVICE, "lamp")] is Health.UNKNOWN
    assert not (tmp_path / ".self-test").exists()
    home.log_folder.path = tmp_path / "gone"
    results = await asyncio.to_thread(page.self_test)
    assert next(one.health for one in results if one.part is Part.LOG) is Health.BAD
