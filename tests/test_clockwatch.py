"""The clock watch: when is the clock right, and what counts as a jump."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import FileClock, ManualClock
from gateway.services.clock_watch import ClockWatch, kernel_synced

BOOT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class Told:
    """A watch on a clock that moves only when told, and what it said."""

    def __init__(self, *, ntp: bool = False) -> None:
        self.clock = ManualClock(BOOT)
        self.ntp = ntp
        self.synced: list[float] = []
        self.steps: list[float] = []
        self.watch = ClockWatch(
            clock=self.clock,
            on_synced=self.synced.append,
            on_step=self.steps.append,
            evidence=lambda: self.ntp,
            real_s=self.clock.mono_s,
        )


def test_a_clock_that_was_right_all_along_has_no_offset() -> None:
    """Synced at the first look: told once, with 0."""
    told = Told(ntp=True)
    told.watch.look()
    told.clock.advance(1)
    told.watch.look()
    assert (told.synced, told.steps, told.watch.synced) == ([0.0], [], True)
    assert told.watch.best_now() == told.clock.now()


def test_a_clock_set_by_ntp_tells_how_far_it_was_off() -> None:
    """Booted three days behind, NTP sets it: the offset and the jump are told."""
    told = Told()
    told.watch.look()
    assert not told.watch.synced
    assert told.watch.best_now() is None
    told.clock.advance(20)
    told.clock.step(3 * 86_400)
    told.ntp = True
    told.watch.look()
    assert told.synced == [pytest.approx(3 * 86_400)]
    assert told.steps == [pytest.approx(3 * 86_400)]


async def test_who_breaks_at_a_jump_does_not_end_the_watch() -> None:
    """Without it the home would never be sure of the time, and no door would open."""
    told = Told()
    looked = asyncio.Event()

    def breaks(_step_s: float) -> None:
        told.ntp = True
        raise RuntimeError("nobody thought of this")

    told.watch._on_step = breaks
    told.watch._on_synced = lambda _offset_s: looked.set()
    told.clock.step(60)
    watching = asyncio.create_task(told.watch.run())
    async with asyncio.timeout(20):
        await looked.wait()
    watching.cancel()
    assert told.watch.synced


def test_a_jump_seen_before_the_sync_is_part_of_the_offset() -> None:
    """The clock is set first and called right a look later: the offset is the same."""
    told = Told()
    told.watch.look()
    told.clock.step(100)
    told.watch.look()
    told.clock.advance(1)
    told.ntp = True
    told.watch.look()
    assert told.synced == [pytest.approx(100)]
    assert told.steps == [pytest.approx(100)]


def test_agreeing_with_the_server_is_evidence() -> None:
    """No NTP in this network: within five seconds of the server the clock is right."""
    told = Told()
    told.watch.server_time(-3.0)
    told.watch.look()
    assert told.synced == [0.0]


def test_a_clock_that_only_the_server_called_right_is_not_trusted_for_ever() -> None:
    """No NTP in this network: it drifts by two seconds a day, for two months, and a grant that
    lives for two minutes is judged by the server's time."""
    told = Told()
    told.watch.server_time(0.0)
    told.watch.look()
    for _ in range(60):
        told.clock.advance(86_400)
        told.clock.step(2.0)
        told.watch.look()
    told.watch.server_time(-120.0)
    assert told.watch.synced
    assert told.watch.best_now() == told.clock.now() - timedelta(seconds=120)
    told.ntp = True
    told.watch.look()
    assert told.watch.best_now() == told.clock.now()


def test_disagreeing_with_the_server_is_not_and_the_server_knows_best() -> None:
    """An hour behind the server: not sure of the time, and grants are judged by the server's."""
    told = Told()
    told.watch.server_time(3600.0)
    told.clock.advance(10)
    told.watch.look()
    assert not told.watch.synced
    best = told.watch.best_now()
    assert best is not None
    assert (best - told.clock.now()).total_seconds() == pytest.approx(3600)
    told.clock.step(3600)  # somebody sets it
    told.watch.look()
    assert told.synced == [pytest.approx(3600)]


def test_small_drift_is_no_jump() -> None:
    """Slewing by NTP, and rounding, are no steps."""
    told = Told(ntp=True)
    for _ in range(100):
        told.clock.advance(1)
        told.clock.step(0.4)
        told.watch.look()
    assert told.steps == []


def test_a_step_back_is_told_with_its_sign() -> None:
    """A clock set back is a step too."""
    told = Told(ntp=True)
    told.watch.look()
    told.clock.step(-7200)
    told.watch.look()
    assert told.steps == [pytest.approx(-7200)]


def test_the_demo_clock_is_always_right_and_a_change_of_pace_is_told(tmp_path: Path) -> None:
    """Pace and jumps of the demo's clock set the alarms anew; nothing is corrected by them."""
    clock = FileClock.create(tmp_path / "clock", BOOT, 60.0)
    synced: list[float] = []
    steps: list[float] = []
    watch = ClockWatch(clock=clock, on_synced=synced.append, on_step=steps.append)
    watch.server_time(-86_400.0)  # the real world's: it means nothing here
    watch.look()
    assert (synced, steps) == ([0.0], [])
    clock.set(rate=3600.0)
    watch.look()
    assert steps == [0.0]
    clock.set(at=datetime(2026, 12, 1, tzinfo=UTC))
    watch.look()
    assert len(steps) == 2
    assert steps[1] > 9 * 86_400


def test_the_kernel_can_be_asked() -> None:
    """adjtimex answers without being root; what it says depends on the machine."""
    assert kernel_synced() in (True, False)
