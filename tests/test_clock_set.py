"""A clock that counted as right is set: what waits ten minutes waits ten minutes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import DeviceHeard, MatReleased
from gateway.services.clock_watch import ClockWatch
from tests.conftest import START
from tests.test_engine import Home, running


def watched(home: Home) -> ClockWatch:
    """As `gateway.app.home` puts it together."""
    tasks: list[asyncio.Task[None]] = []

    def was_set(step_s: float) -> None:
        tasks.append(asyncio.create_task(home.engine.clock_set(step_s)))

    watch = ClockWatch(
        clock=home.clock,
        on_synced=lambda _offset_s: None,
        on_step=lambda _step_s: home.engine.nudge(),
        on_set=was_set,
        evidence=lambda: True,
        real_s=home.clock.mono_s,
    )
    watch.look()
    return watch


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
@pytest.mark.parametrize("restart", [False, True], ids=["it runs on", "it is started anew"])
async def test_a_deadline_comes_when_its_time_has_passed(
    tmp_path: Path, step_s: float, restart: bool
) -> None:
    """Two hours back, or ahead: by hand, or by a server of the time that was wrong.  The alarm
    comes ten minutes after the bed was left, not two hours later and not at once."""
    home = Home(tmp_path)
    async with running(home):
        watch = watched(home)
        await home.engine.write(Draft(MatReleased(), device="bed"))
        home.clock.advance(120)
        await home.engine.write(Draft(DeviceHeard(), device="bed"))
        home.clock.step(step_s)
        await home.engine.write(Draft(DeviceHeard(), device="bed"))  # before anybody knows of it
        home.clock.advance(1)
        watch.look()
        await home.until(lambda: any(row.event.kind == "clock.stepped" for row in home.durable))
        await home.engine.write(Draft(DeviceHeard(), device="bed"))
        await home.pass_time(minutes=7)
        await home.engine.write(Draft(DeviceHeard(), device="bed"))
        assert home.urgent == []
        now = home.clock.now()
        if not restart:
            await home.pass_time(minutes=1)
            await home.until(lambda: bool(home.urgent))
    if restart:
        home = Home(tmp_path, clock=ManualClock(now))
        home.engine.rebuild()
        async with running(home):
            await home.engine.write(Draft(DeviceHeard(), device="bed"))
            assert home.urgent == []
            await home.pass_time(minutes=1)
            await home.until(lambda: bool(home.urgent))
    assert home.urgent[0].at == START + timedelta(seconds=step_s, minutes=10)


async def test_a_clock_that_is_set_a_little_folds_nothing_anew(tmp_path: Path) -> None:
    """As NTP does now and then."""
    async with running(Home(tmp_path)) as home:
        watch = watched(home)
        await home.engine.write(Draft(MatReleased(), device="bed"))
        home.clock.step(-5)
        home.clock.advance(1)
        watch.look()
        await home.engine.write(Draft(DeviceHeard(), device="bed"))
        assert [row.event.kind for row in home.durable] == ["mat.released", "device.heard"]
