"""A home that is installed, really running, on a virtual radio with virtual locks: what goes wrong
beside the lock is said in a word, and the next try works."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers import lock_nuki, mat_adc
from drivers.locks import radio_lock
from drivers.virtual import VirtualCells, VirtualPins, twin, virtual_home_radio
from gateway.app import install_room
from gateway.app.home import Home
from gateway.app.install_room import InstallRoom
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.wire import Guided, HeardSignal
from tests.drivers.parts import until

TOML = """
[home]
id = "h9"
[web]
enabled = false
[gpio]
factory = "mock"
"""

NUKI = '[devices.front]\ndriver = "lock_nuki"\nrole = "front_door"\n'
YALE = '[devices.front]\ndriver = "lock_yale"\nrole = "front_door"\n'
CELLS = '[devices.bed]\ndriver = "mat_adc"\nrole = "bed"\nchannels = [0, 1]\nevery_s = 0.02\n'


class Page:
    """A page that is told what the home hears, and says what it wants."""

    def __init__(self, room: InstallRoom, name: str) -> None:
        self.room, self.name = room, name
        self.told: list[HeardSignal] = []
        self.answered = 0
        room.begin(name, self._tell)

    async def _tell(self, signal: HeardSignal) -> None:
        self.told.append(signal)

    @property
    def state(self) -> str:
        """What was told last."""
        return self.told[-1].state if self.told else ""

    @property
    def guided(self) -> Guided | None:
        """How the pairing stands now."""
        signal = self.room.now(self.name)
        return None if signal is None else signal.guided

    def says(self, text: str) -> Callable[[], bool]:
        """Whether the driver has said this."""
        return lambda: any(text in one for one in (self.guided.said if self.guided else ()))

    async def pair(self, device: str = "front") -> None:
        """Begin to pair."""
        self.answered = 0
        self.room.guide(self.name, device, "pair")
        await until(lambda: self.guided is not None and not self.guided.outcome)

    async def answer(self, *answers: str) -> None:
        """Answer the questions that come."""
        for text in answers:
            await until(lambda: self._is_asked)
            assert self.guided is not None
            self.answered = self.guided.number
            self.room.answer(self.name, self.answered, text)

    @property
    def _is_asked(self) -> bool:
        guided = self.guided
        return guided is not None and bool(guided.question) and guided.number != self.answered

    async def ended(self) -> tuple[str, str]:
        """How it ended: `done`, or `failed` with its word."""
        await until(lambda: self.guided is not None and bool(self.guided.outcome))
        assert self.guided is not None
        return self.guided.outcome, self.guided.code


@asynccontextmanager
async def home_with(
    folder: Path, devices: str, pins: VirtualPins | None = None
) -> AsyncIterator[Home]:
    """A home that runs, with these devices."""
    board = VirtualPins() if pins is None else pins
    home = Home(
        home_file.parse((TOML + devices).encode(), folder / "home.toml"),
        state_dir=folder,
        clock=SystemClock(),
        memory_dir=folder,
        pin_factory=board.factory,
    )
    running = asyncio.create_task(home.run())
    await until(lambda: bool(home.view.devices))
    try:
        yield home
    finally:
        home.stop()
        await running


@asynccontextmanager
async def by_the_door(folder: Path, devices: str) -> AsyncIterator[tuple[Home, Any]]:
    """A home with a lock that is not paired, and the lock."""
    async with virtual_home_radio() as radio:
        driver = "lock_yale" if "lock_yale" in devices else "lock_nuki"
        lock = twin(driver)(radio)
        await lock.start()
        async with home_with(folder, devices) as home:
            yield home, lock
        await lock.stop()


async def test_a_lock_out_of_range_is_said_and_paired_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away before its button is held, and away in the middle of the pairing: each ends in a word
    and keeps nothing; once it is back it is paired, and nothing is left to be paired."""
    monkeypatch.setattr(lock_nuki, "PAIR_WAIT_S", 0.3)
    async with by_the_door(tmp_path, NUKI) as (home, lock):
        page = Page(home.installs.room, "a")
        await until(lambda: page.state == "hearing")
        lock.go_away()
        await page.pair()
        assert await page.ended() == ("failed", "DeviceUnavailable")
        monkeypatch.setattr(lock_nuki, "PAIR_WAIT_S", 20.0)
        monkeypatch.setattr(lock_nuki, "CONNECT_S", 0.5)  # it ends in a refusal anyway
        lock.come_back()
        await page.pair()
        await lock.hold_button()
        await until(page.says("Found"))
        lock.go_away()
        assert (await page.ended())[0] == "failed"
        assert home.configuration.unpaired == ("front",)
        monkeypatch.setattr(lock_nuki, "CONNECT_S", radio_lock.CONNECT_S)
        lock.come_back()
        await page.pair()
        await lock.hold_button()
        assert await page.ended() == ("done", "")
        await until(lambda: home.configuration.unpaired == ())


async def test_a_wrong_key_of_the_lock_is_said_and_the_right_one_pairs(tmp_path: Path) -> None:
    """What is no key, another lock's key, and then its own; none of them is told or kept but the
    right one."""
    async with by_the_door(tmp_path, YALE) as (home, lock):
        own = json.loads(lock.trust())
        page = Page(home.installs.room, "a")
        await until(lambda: page.state == "hearing")
        for key in ("4711", "0f" * 16):
            await page.pair()
            await page.answer(key, str(own["slot"]), own["address"])
            assert await page.ended() == ("failed", "not_paired")
            assert not home.secrets.has("yale-front")
            assert key not in page.told[-1].model_dump_json()
        await page.pair()
        await page.answer(own["key"], str(own["slot"]), own["address"])
        assert await page.ended() == ("done", "")
        assert home.secrets.has("yale-front")


async def test_the_last_page_has_it(tmp_path: Path) -> None:
    """A second installer begins: the first page is told that it ended, and what it asks is passed
    over; what the second began goes on when it is asked for anew."""
    async with by_the_door(tmp_path, NUKI) as (home, _lock):
        first = Page(home.installs.room, "a")
        await until(lambda: first.state == "hearing")
        second = Page(home.installs.room, "b")
        await until(lambda: (first.state, second.state) == ("ended", "hearing"))
        home.installs.room.guide("a", "front", "pair")
        assert (first.guided, second.guided) == (None, None)
        await second.pair()
        home.installs.room.begin("b", second._tell)  # the server was silent, and asks anew
        home.installs.room.end("a")
        assert second.guided is not None
        assert second.guided.outcome == ""
        third, fourth = Page(home.installs.room, "c"), Page(home.installs.room, "d")
        await until(lambda: (second.state, fourth.state) == ("ended", "hearing"))
        assert (third.told, home.installs.room.is_coming("c")) == ([], False)
        home.installs.room.end("d")
        await until(lambda: fourth.state == "ended")
        assert home.installs.room.now("d") is None


async def test_a_page_that_is_gone_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its network went in the middle of a pairing: the home hears no more, and the lock's driver
    has its lock back."""
    monkeypatch.setattr(install_room, "TELL_S", 0.05)
    async with by_the_door(tmp_path, NUKI) as (home, _lock):
        page = Page(home.installs.room, "a")
        await until(lambda: page.state == "hearing")
        await page.pair()
        monkeypatch.setattr(install_room, "OPEN_S", 0.2)
        assert home.installs.room.go_on("a")
        await until(lambda: page.state == "ended")
        assert not home.installs.room.go_on("a")
        await until(lambda: "front" in home.supervisor._tasks)


async def test_a_mat_is_calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is asked twice, and what the cells read then holds: a bed that is as empty as when
    it was measured is empty."""
    for name in ("EMPTY_S", "LYING_S", "LIE_DOWN_S"):
        monkeypatch.setattr(mat_adc, name, 0.2)
    pins = VirtualPins()
    cells = VirtualCells(pins, 2)
    async with home_with(tmp_path, CELLS, pins) as home:
        page = Page(home.installs.room, "a")
        await until(lambda: page.state == "hearing")
        home.installs.room.guide("a", "bed", "calibrate")
        await page.answer("")
        await until(page.says("Now somebody lies down"))
        cells.press()
        await page.answer("")
        assert await page.ended() == ("done", "")
        assert page.says("2 of 2 cells are calibrated")()
