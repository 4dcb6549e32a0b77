"""A rule's word to an indicator reaches the lamp, through the home as it is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.virtual import VirtualPins
from gateway.app.home import Home
from gateway.clock import SystemClock
from gateway.commands import SetIndicator
from gateway.config import home_file
from gateway.envelope import Draft
from gateway.events import ActivityPrewarned, DeviceOnline
from tests.drivers.parts import until

TOML = b"""
[home]
id = "h9"
[web]
enabled = false
[gpio]
factory = "mock"
[devices.lamp]
driver = "indicator"
light_pin = 25
[devices.bed]
driver = "mat_gpio"
pin = 17
"""


def _home(folder: Path, board: VirtualPins, toml: bytes = TOML) -> Home:
    return Home(
        home_file.parse(toml, folder / "home.toml"),
        state_dir=folder,
        clock=SystemClock(),
        memory_dir=folder,
        pin_factory=board.factory,
    )


async def test_a_command_lights_the_lamp(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Lit and dark as said; a name that is no indicator is told in the journal and harms nothing;
    dark when the home has stopped."""
    board = VirtualPins()
    board.mat(17)
    lamp = board.lamp(25)
    home = _home(tmp_path, board)
    running = asyncio.create_task(home.run())
    await until(lambda: "lamp" in home.view.devices and "bed" in home.view.devices)
    for on in (True, False, True):
        home._command(SetIndicator("lamp", on))
        await until(lambda on=on: lamp.lit is on)
    for nobody in ("bed", "chair"):
        home._command(SetIndicator(nobody, True))
    await until(lambda: caplog.text.count("no such indicator runs") == 2)
    assert lamp.lit
    home.stop()
    await running
    assert not lamp.lit


async def test_a_lamp_that_failed_is_known_to_be_dark(tmp_path: Path) -> None:
    """Whoever asks it to shine on is told that it does not, whatever its driver raises: what goes
    on under it must end."""
    board = VirtualPins()
    board.mat(17)
    lamp = board.lamp(25)
    home = _home(tmp_path, board, TOML.replace(b"= 25", b'= 25\nrole = "looking"'))
    running = asyncio.create_task(home.run())
    await until(lambda: "lamp" in home.view.devices)
    assert await home.indicators.set_role("looking", True)
    assert await home.indicators.set_role("looking", True)
    assert lamp.lit
    home.supervisor.devices["lamp"]._light.close()
    assert not await home.indicators.set_role("looking", True)
    home.stop()
    await running


async def test_the_lamp_asks_on_after_a_restart(tmp_path: Path) -> None:
    """The gateway stops while a question is open: the lamp goes dark with it, and is lit again by
    the next run without anybody saying so."""
    board = VirtualPins()
    board.mat(17)
    lamp = board.lamp(25)
    now = datetime.now(UTC)
    asked = ActivityPrewarned(quiet_since=now, answer_by=now + timedelta(hours=1))
    for run in range(2):
        home = _home(tmp_path, board)
        running = asyncio.create_task(home.run())
        await until(lambda home=home: "lamp" in home.view.devices and "bed" in home.view.devices)
        if run == 0:
            home.record(asked)
            home.engine.submit(Draft(DeviceOnline(), device="lamp"))
        await until(lambda: lamp.lit)
        home.stop()
        await running
        assert not lamp.lit
