"""Mains, battery and voltage from the Pi's own sources: real files in the form of `/sys`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gateway.app.home import Home
from gateway.clock import ManualClock, SystemClock
from gateway.config import home_file
from gateway.engine.log_reader import LogReader
from gateway.services import power_watch
from gateway.services.power_watch import MODEL, VOLTAGE_STEADY_S, Power, PowerWatch, Sources
from tests.conftest import START
from tests.drivers.parts import Heard, until


class Sys:
    """A folder like a Pi's `/sys`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.says(MODEL, "Raspberry Pi 4 Model B Rev 1.4\0")

    def says(self, path: Path | str, text: str) -> None:
        """A file's text, as the kernel writes it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(".part")
        part.write_text(text + "\n")
        part.replace(file)

    def supply(self, name: str, **files: str) -> None:
        for file, text in files.items():
            self.says(f"class/power_supply/{name}/{file}", text)

    def voltage(self, low: bool) -> None:
        """The firmware's sensor, among others."""
        self.says("class/hwmon/hwmon0/name", "cpu_thermal")
        self.says("class/hwmon/hwmon1/name", "rpi_volt")
        self.says("class/hwmon/hwmon1/in0_lcrit_alarm", str(int(low)))


@pytest.fixture
def pi(tmp_path: Path) -> Sys:
    return Sys(tmp_path / "sys")


class Watched:
    """A watch of a Pi, on a clock that moves only when told."""

    def __init__(self, pi: Sys, **known: bool) -> None:
        self.heard = Heard()
        self.clock = ManualClock(START)
        self.watch = PowerWatch(
            self.heard, sources=Sources(pi.root), real_s=self.clock.mono_s, **known
        )

    async def looks(self, times: int = 2, every_s: float = 5.0) -> list[str]:
        """So many looks; what was told since the last call."""
        before = len(self.heard.data)
        for _ in range(times):
            power = await self.watch.look(timeout_s=30)
            assert power is not None
            self.watch.see(power)
            self.clock.advance(every_s)
        return self.heard.kinds()[before:]


def test_a_pi_without_sources_says_nothing(pi: Sys) -> None:
    """Unknown is no power cut."""
    assert Sources(pi.root).read() == Power()


async def test_a_plug_that_is_pulled_and_put_back(pi: Sys) -> None:
    """Lost and restored are told once each, with the battery where it is known."""
    pi.supply("ac", type="Mains", online="1")
    pi.supply("battery", type="Battery", status="Full", capacity="97")
    watched = Watched(pi)
    assert await watched.looks() == []
    pi.supply("ac", type="Mains", online="0")
    pi.supply("battery", status="Discharging", capacity="96")
    assert await watched.looks(1) == [], "one look may fall into the change"
    assert await watched.looks(4) == ["power.lost"]
    pi.supply("battery", capacity="15")
    assert await watched.looks(3) == ["power.battery_low"]
    pi.supply("ac", online="1")
    assert await watched.looks(3) == ["power.restored"]
    told = [getattr(data, "battery_pct", None) for data in watched.heard.data]
    assert told == [96, 15, None]


async def test_a_battery_alone_tells(pi: Sys) -> None:
    """A HAT whose driver shows no mains: it discharges, so the mains is gone."""
    pi.supply("battery", type="Battery", status="Charging", capacity="50")
    watched = Watched(pi)
    assert await watched.looks() == []
    pi.supply("battery", status="Discharging")
    assert await watched.looks() == ["power.lost"]


@pytest.mark.parametrize(
    "files",
    [
        {"type": "USB", "online": "0"},
        {"type": "Battery", "scope": "Device", "status": "Discharging", "capacity": "3"},
        {"type": "Mains", "online": "perhaps\n1"},
        {"type": "Battery", "status": "Unknown", "capacity": "many"},
    ],
)
async def test_what_is_no_source_is_no_power_cut(pi: Sys, files: dict[str, str]) -> None:
    """Power over Ethernet that is not connected, a keyboard's battery, words that mean nothing."""
    pi.supply("one", **files)
    assert await Watched(pi).looks(3) == []


async def test_a_weak_supply(pi: Sys) -> None:
    """Told at the first dip; right again a minute after the last one."""
    pi.voltage(low=False)
    watched = Watched(pi)
    assert await watched.looks() == []
    pi.voltage(low=True)
    assert await watched.looks(5) == ["power.undervolted"]
    pi.voltage(low=False)
    assert await watched.looks(1, VOLTAGE_STEADY_S - 1) == []
    pi.voltage(low=True)
    assert await watched.looks(1) == []
    pi.voltage(low=False)
    assert await watched.looks(2, VOLTAGE_STEADY_S) == ["power.steadied"]


async def test_what_is_known_is_not_told_again(pi: Sys) -> None:
    """After a restart in mid-outage: nothing anew; what ended meanwhile is told."""
    pi.supply("ac", type="Mains", online="0")
    pi.supply("battery", type="Battery", status="Discharging", capacity="9")
    pi.voltage(low=True)
    watched = Watched(pi, lost=True, low=True, undervolted=True)
    assert await watched.looks(5) == []
    pi.supply("ac", online="1")
    pi.voltage(low=False)
    assert await Watched(pi, lost=True, undervolted=True).looks(2, 99) == [
        "power.restored",
        "power.steadied",
    ]


async def test_a_source_that_hangs_is_waited_for_by_one_thread(pi: Sys) -> None:
    """A bus that hangs holds up no look for longer than its time-out; when it answers, so do we.
    A FIFO that nobody writes to hangs for real."""
    pi.supply("battery", type="Battery", status="Discharging")
    fifo = pi.root / "class/power_supply/battery/capacity"
    os.mkfifo(fifo)
    watch = PowerWatch(Heard(), sources=Sources(pi.root))
    for _ in range(3):
        assert await watch.look(timeout_s=0.05) is None
    descriptor = os.open(fifo, os.O_WRONLY)  # the one reader there is
    os.write(descriptor, b"40\n")
    os.close(descriptor)
    assert await watch.look(timeout_s=30) == Power(mains=False, battery_pct=40)


TOML = b"""
[home]
id = "h9"
[web]
enabled = false
[rules.power]
grace_s = 0
"""


async def home_on(folder: Path, pi: Sys, then: Callable[[], None], kind: str) -> None:
    """A home that really runs on `pi`: `then` is done once it does, and it stops when it told
    `kind`."""
    home = Home(
        home_file.parse(TOML, folder / "home.toml"),
        state_dir=folder,
        clock=SystemClock(),
        memory_dir=folder,
        sys_dir=pi.root,
    )
    seen: list[str] = []
    home.watchers.append(lambda event: seen.append(event.kind))
    running = asyncio.create_task(home.run())
    await until(lambda: "home.described" in seen)
    then()
    await until(lambda: kind in seen)
    home.stop()
    await running


async def test_a_running_home_tells(
    tmp_path: Path, pi: Sys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the plug to the technician's alarm, on the disk; over a restart the outage is one."""
    monkeypatch.setattr(power_watch, "LOOK_S", 0.01)
    state = tmp_path / "state"
    state.mkdir()
    pi.supply("battery", type="Battery", status="Full", capacity="99")
    pi.voltage(low=False)
    discharge = partial(pi.supply, "battery", status="Discharging")
    await home_on(state, pi, discharge, "alarm.raised")
    pi.supply("battery", status="Charging")
    await home_on(state, pi, lambda: None, "alarm.cancelled")
    written = [obj["kind"] for obj in LogReader(state / "events.sqlite").events()]
    assert [kind for kind in written if kind.startswith(("power.", "alarm."))] == [
        "power.lost",
        "alarm.raised",
        "power.restored",
        "alarm.cancelled",
    ]


async def test_only_on_a_pi(pi: Sys) -> None:
    """A laptop that shows the demo on its battery is no home in a power cut."""
    pi.says(MODEL, "Some laptop")
    pi.supply("battery", type="Battery", status="Discharging", capacity="5")
    heard = Heard()
    await asyncio.wait_for(PowerWatch(heard, sources=Sources(pi.root)).run(), 60)
    assert heard.data == []
