"""A night check that a wrong clock rang too early, with the engine, the rules and the log as they
are: asked again when its time comes, and never twice in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.turns import Hooks
from gateway.envelope import Draft, Event
from gateway.events import (
    CheckAsked,
    CheckDue,
    CheckPlanned,
    Data,
    DeviceHeard,
    GatewayStarted,
    LogRecovered,
    PreviousRun,
)
from gateway.rules import HomeFacts, bind
from gateway.schedule import Plan, merged
from gateway.services.slot_ringer import SlotRinger
from gateway.state.home_view import HomeView

EVENING = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
SLOT = EVENING.replace(hour=23)
NIGHT = "night@2026-11-23T23:00Z"
AHEAD_S = 6 * 3600.0
PLANS = {"night": Plan(name="night", times=(time(23),))}
FACTS = HomeFacts("h1", "UTC")


class Gateway:
    """Engine, log, rules, view and ringer of one home; the log is all that outlasts a restart."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.folder, self.clock = folder, clock
        self.seen: list[Event] = []
        self.sure = True

    async def start(self, *, sure: bool = True) -> None:
        """As `gateway.app.home` does."""
        self.sure = sure
        self.view = HomeView()
        self.engine = Engine(
            eventlog=EventLog.open(self.folder / "events.sqlite", "home:h1"),
            reopen=no_log,
            rules=bind({}, FACTS),
            clock=self.clock,
            boot=f"b{len(self.seen)}",
            down_origin="staff:h1",
            hooks=Hooks(on_event=self._live, on_rebuild=self._anew),
        )
        self.engine.rebuild("synced" if sure else "unsynced")
        last = self.view.at
        self.ringer = SlotRinger(
            slots=lambda start, end: merged(PLANS, "UTC", start, end),
            clock=self.clock,
            submit=lambda data: self.engine.submit(Draft(data)),
            known=lambda: self.view.known_checks(),  # noqa: PLW0108 - the view of then
            report_by=lambda slot: slot + timedelta(minutes=10),
            sure=lambda: self.sure,
        )
        self._run = asyncio.create_task(self.engine.run())
        started = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)
        await self.engine.write(Draft(started), timeout_s=30)
        self.ringer.start(last)
        await self.settle()

    async def stop(self) -> None:
        self.ringer.stop()
        await self.engine.stop()
        self._run.cancel()
        await asyncio.gather(self._run, return_exceptions=True)
        await asyncio.to_thread(self.engine.log.close)

    def _live(self, event: Event) -> None:
        self.seen.append(event)
        self.view.apply(event)
        self.ringer.see(event)

    def _anew(self) -> Callable[[Event], None]:
        self.view = HomeView()
        return self.view.apply

    async def settle(self) -> None:
        """Until the ringer and the rules have said all that they have to."""
        for _ in range(2):
            self.ringer.ring_and_plan()
            await self.engine.write(Draft(DeviceHeard(), device="pendant"), timeout_s=30)

    async def set(self, step_s: float) -> None:
        """The clock, which counts as right, is set."""
        self.clock.step(step_s)
        await self.engine.clock_set(step_s)
        await self.settle()

    async def passes(self, hours: float) -> None:
        self.clock.advance(hours * 3600)
        await self.settle()

    def told(self, kind: type[Data]) -> list[str]:
        return [event.data.check for event in self.seen if isinstance(event.data, kind)]  # type: ignore[attr-defined]


def no_log(why: str) -> tuple[EventLog, LogRecovered]:
    raise AssertionError(why)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    made = Gateway(tmp_path, ManualClock(EVENING))
    await made.start()
    yield made
    await made.stop()


async def rung_too_early(gateway: Gateway) -> None:
    """The clock jumps ahead, and the slot is rung at six in the evening, an hour late by it."""
    await gateway.set(AHEAD_S)
    assert gateway.told(CheckDue) == [NIGHT]


async def test_what_a_clock_that_ran_ahead_rang_is_asked_again_in_its_night(
    gateway: Gateway,
) -> None:
    """Set back, the slot has a second ring by a name of its own; at its time a watcher is asked,
    once, and a restart after that asks nobody."""
    await gateway.set(AHEAD_S - 3600 + 60)  # a minute after the slot: not too late to ask
    assert gateway.told(CheckAsked) == [NIGHT]
    await gateway.set(-(AHEAD_S - 3600 + 60))
    assert gateway.told(CheckPlanned)[-1] == f"{NIGHT}~2"
    await gateway.passes(4.9)
    assert gateway.told(CheckAsked) == [NIGHT]
    await gateway.passes(0.1)
    assert gateway.clock.now() == SLOT
    assert gateway.told(CheckAsked) == [NIGHT, f"{NIGHT}~2"]
    await gateway.stop()
    await gateway.start()
    await gateway.passes(0.1)
    assert gateway.told(CheckAsked) == [NIGHT, f"{NIGHT}~2"]
    assert gateway.told(CheckDue) == [NIGHT, f"{NIGHT}~2"]


async def test_one_that_came_too_late_by_a_wrong_clock_is_no_reason_to_look_at_nobody(
    gateway: Gateway,
) -> None:
    """By the wrong clock the slot was an hour ago, and missed; at its time somebody is asked, also
    when the gateway was off while its clock was set right."""
    await rung_too_early(gateway)
    assert gateway.told(CheckAsked) == []
    await gateway.stop()
    gateway.clock.step(-AHEAD_S)
    await gateway.start()
    await gateway.passes(5)
    assert gateway.told(CheckAsked) == [f"{NIGHT}~2"]


async def test_a_clock_that_was_never_sure_is_corrected_and_the_slot_rung_at_its_time(
    gateway: Gateway,
) -> None:
    """A start with a wrong time, and the word of it later: the log is folded by the right times."""
    await gateway.stop()
    gateway.clock.step(AHEAD_S)
    await gateway.start(sure=False)
    assert gateway.told(CheckDue) == [NIGHT]
    gateway.clock.step(-AHEAD_S)
    gateway.sure = True
    gateway.ringer.ring_and_plan()  # as the home does at once
    await gateway.engine.clock_synced(-AHEAD_S)
    await gateway.passes(5)
    await gateway.passes(1)
    assert gateway.told(CheckDue) == [NIGHT, f"{NIGHT}~2"]
    assert gateway.told(CheckAsked) == [f"{NIGHT}~2"]


async def test_a_clock_that_is_behind_after_a_power_cut_asks_nobody_twice(
    gateway: Gateway,
) -> None:
    """Asked in time; the Pi comes back with the time of two hours before, and is set right."""
    await gateway.passes(5)
    assert gateway.told(CheckAsked) == [NIGHT]
    await gateway.stop()
    gateway.clock.step(-7200.0)
    await gateway.start(sure=False)
    await gateway.passes(0.1)
    gateway.clock.step(7200.0)
    gateway.sure = True
    await gateway.engine.clock_synced(7200.0)
    await gateway.passes(0.1)
    assert gateway.told(CheckDue) == gateway.told(CheckAsked) == [NIGHT]
