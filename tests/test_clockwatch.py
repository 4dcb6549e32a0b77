"""The clock watch: when is the clock right, and what counts as a jump."""

from __future__ import annotations

import asyncio
import ctypes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.clock import FileClock, ManualClock, SystemClock
from gateway.services import clock_watch
from gateway.services.clock_watch import ClockWatch, kernel_synced

BOOT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class Told:
    """A watch on a clock that moves only when told, and what it said."""

    def __init__(self, *, ntp: bool = False) -> None:
        self.clock = ManualClock(BOOT)
        self.ntp = ntp
        self.synced: list[float] = []
        self.steps: list[float] = []
        self.set: list[float] = []
        self.watch = ClockWatch(
            clock=self.clock,
            on_synced=self.synced.append,
            on_step=self.steps.append,
            on_set=self.set.append,
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
    async with asyncio.timeout(60):
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


def test_a_clock_that_nobody_calls_right_any_more_is_the_best_there_is() -> None:
    """NTP went away, and so did the server: a door opens by the clock that was right."""
    told = Told(ntp=True)
    told.watch.look()
    told.ntp = False
    told.clock.advance(3600)
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


@pytest.mark.parametrize("rate", [1.0, 60.0])
def test_a_jump_is_what_the_clock_did_beyond_its_pace(
    monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    """More than a second of real time: at a minute a second as well, where a look that comes late
    is none."""
    told = Told(ntp=True)
    monkeypatch.setattr(told.clock, "rate", lambda: rate)
    told.watch._rate = rate
    for real_s, beyond_s in ((1.0, 0.0), (2.0, 0.9 * rate), (2.0, -0.9 * rate), (1.0, 1.5 * rate)):
        assert told.steps == []
        told.clock.advance(real_s)
        told.clock.step(real_s * (rate - 1) + beyond_s)
        told.watch.look()
    assert told.steps == [pytest.approx(1.5 * rate)]


@pytest.mark.parametrize("by_s", [9.0, 11.0, -9.0, -11.0])
def test_a_clock_that_is_set_by_more_than_ten_seconds_is_told(by_s: float) -> None:
    """Once it counted as right (docs/architecture.md); what is less moves no deadline."""
    told = Told(ntp=True)
    told.watch.look()
    told.clock.step(by_s)
    told.watch.look()
    assert told.set == ([pytest.approx(by_s)] if abs(by_s) > 10 else [])


def test_what_a_clock_drifted_before_it_was_called_right_is_no_offset() -> None:
    """Less than a second: no event is corrected by it."""
    told = Told()
    told.clock.step(0.4)
    told.ntp = True
    told.watch.look()
    assert told.synced == [0.0]


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
    assert watch.best_now() is None
    watch.look()
    assert (synced, steps) == ([0.0], [])
    clock.set(rate=3600.0)
    watch.look()
    assert steps == [0.0]
    clock.set(at=datetime(2026, 12, 1, tzinfo=UTC))
    watch.look()
    assert len(steps) == 2
    assert steps[1] > 9 * 86_400


@pytest.mark.parametrize(
    ("state", "is_right"), [(0, True), (4, True), (5, False), (-1, False), (None, False)]
)
def test_the_kernel_says_whether_its_clock_is_right(
    monkeypatch: pytest.MonkeyPatch, state: int | None, is_right: bool
) -> None:
    """It is asked and never told (adjtimex(2): modes 0); TIME_ERROR is 5, and where it cannot be
    asked (None: there is no such call) nothing is right."""
    told: list[int] = []

    def adjtimex(timex: object) -> int:
        told.append(timex._obj.modes)  # type: ignore[attr-defined]
        assert state is not None
        return state

    libc = SimpleNamespace() if state is None else SimpleNamespace(adjtimex=adjtimex)
    monkeypatch.setattr("ctypes.CDLL", lambda _name: libc)
    assert kernel_synced() is is_right
    assert told == ([] if state is None else [0])


def test_this_machines_kernel_can_be_asked() -> None:
    """Also without being root; what it says depends on the machine."""
    timex = clock_watch._Timex(modes=0)
    assert 0 <= ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) <= 5


@pytest.mark.parametrize("by", ["timesyncd", "kernel", None])
def test_a_machines_own_clock_is_right_when_one_of_its_parts_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str | None
) -> None:
    """systemd-timesyncd by its file, or whoever else told the kernel; else the home is not sure,
    and grants wait for the server's time."""
    (tmp_path / "synchronized").touch()
    touched = "synchronized" if by == "timesyncd" else "not yet"
    monkeypatch.setattr(clock_watch, "TIMESYNCD", tmp_path / touched)
    monkeypatch.setattr(clock_watch, "kernel_synced", lambda: by == "kernel")
    synced: list[float] = []
    watch = ClockWatch(clock=SystemClock(), on_synced=synced.append, on_step=lambda _step_s: None)
    watch.look()
    assert watch.synced is (by is not None)
    assert len(synced) == (by is not None)
    assert (watch.best_now() is None) is (by is None)
