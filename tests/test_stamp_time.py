"""The time that events are stamped with while the clock may still be set, and what that time was.

Not for: what the rules make of it (`tests/test_engine.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.engine.stamp_time import JUMP_S, STEP_OVER_S, STEP_S, StampTime, corrected
from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType, MatPressed, MatReleased
from tests.conftest import START
from tests.test_engine import Home, running


class Stamps:
    """A machine that has run for an hour, and what is stamped on it, in seconds from `START`."""

    def __init__(self) -> None:
        self.clock = ManualClock(START, mono_s=3600.0)
        self.time = StampTime(self.clock)
        assert self.stamp() == 0.0

    def stamp(self, *, is_sure: bool = False) -> float:
        return (self.time.now(is_sure=is_sure) - START).total_seconds()


def test_a_clock_that_may_be_wrong_runs_on() -> None:
    """Nothing is set by time passing, however long nobody calls it right."""
    stamps = Stamps()
    for passed_s in (30.0, 3600.0, 86_400.0):
        before_s = stamps.stamp()
        stamps.clock.advance(passed_s)
        assert stamps.stamp() == before_s + passed_s


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_clock_that_was_set_goes_on_by_its_old_time_for_a_minute(jump_s: float) -> None:
    """Whether forward or back; a second jump in that minute makes it no longer, and one that comes
    later has a minute of its own."""
    stamps = Stamps()
    stamps.clock.step(jump_s)
    assert stamps.stamp() == 0.0
    stamps.clock.advance(JUMP_S - 1)
    stamps.clock.step(jump_s)
    assert stamps.stamp() == JUMP_S - 1
    stamps.clock.advance(1)
    assert stamps.stamp() == JUMP_S + 2 * jump_s
    stamps.clock.step(jump_s)
    assert stamps.stamp() == JUMP_S + 2 * jump_s
    stamps.clock.advance(JUMP_S - 1)
    assert stamps.stamp() == 2 * JUMP_S - 1 + 2 * jump_s
    stamps.clock.advance(1)
    assert stamps.stamp() == 2 * JUMP_S + 3 * jump_s


def test_what_is_called_right_counts_at_once() -> None:
    """And the old time is forgotten."""
    stamps = Stamps()
    stamps.clock.step(7200)
    assert stamps.stamp() == 0.0
    stamps.time.take()
    assert stamps.stamp(is_sure=True) == 7200.0
    assert stamps.stamp() == 7200.0


def test_a_right_clock_that_is_set_goes_on_by_its_old_time_until_that_is_told() -> None:
    """For some seconds at the most: it is looked for each second.  What moves no deadline that
    matters is taken as it is."""
    stamps = Stamps()
    stamps.clock.step(STEP_OVER_S)
    assert stamps.stamp(is_sure=True) == STEP_OVER_S
    stamps.clock.step(-7200)
    assert stamps.stamp(is_sure=True) == STEP_OVER_S
    stamps.clock.advance(STEP_S - 1)
    assert stamps.stamp(is_sure=True) == STEP_OVER_S + STEP_S - 1
    stamps.clock.advance(1)
    assert stamps.stamp(is_sure=True) == STEP_OVER_S + STEP_S - 7200


def test_a_clock_that_is_moved_a_little_is_taken_as_it_is() -> None:
    """Less than what the log would be folded again for; stamps are whole milliseconds."""
    stamps = Stamps()
    stamps.clock.step(0.9)
    assert stamps.stamp() == 0.9
    stamps.clock.step(-0.9)
    assert stamps.stamp() == 0.0
    stamps.clock.at += timedelta(microseconds=1999)
    assert stamps.stamp() == 0.001


async def test_what_came_by_the_wrong_time_is_corrected_and_nothing_else(tmp_path: Path) -> None:
    """Neither what the same boot said once it knew the time, nor what another boot said that never
    was told it."""
    hour = timedelta(hours=1)
    for boot, behind in (("never told", 0), ("told", 2)):
        home = Home(tmp_path, rules=[], clock=ManualClock(START - behind * hour))
        home.engine._boot = boot
        home.engine.rebuild("unsynced")
        async with running(home):
            await home.engine.write(Draft(MatReleased(), device="bed"))
            if behind:
                home.clock.step((behind * hour).total_seconds())
                await home.engine.clock_synced((behind * hour).total_seconds())
                home.clock.advance(60)
                await home.engine.write(Draft(MatPressed(), device="bed"))
    log = Home(tmp_path).logs[0]
    found = [(event.data.KIND, event.at, got) for event, got in corrected(log, START - 24 * hour)]
    log.close()
    minute = timedelta(minutes=1)
    times = [("mat.released", START), ("mat.released", START), ("clock.synced", START)]
    times.append(("mat.pressed", START + minute))
    assert found == [(kind, at, at) for kind, at in times]


@pytest.mark.parametrize("again_s", [0.0, 500.0])
async def test_a_gateway_that_starts_once_more_corrects_only_what_came_since(
    tmp_path: Path, again_s: float
) -> None:
    """It says anew in the same boot that its clock is right, or that it was off: what was corrected
    before stays so."""
    behind_s, minute = 7200.0, timedelta(minutes=1)
    home = Home(tmp_path, rules=[], clock=ManualClock(START - timedelta(seconds=behind_s)))
    home.engine.rebuild("unsynced")
    async with running(home):
        await home.engine.write(Draft(MatReleased(), device="bed"))
        home.clock.step(behind_s)
        await home.engine.clock_synced(behind_s)
    clock = home.clock
    clock.advance(60)
    clock.step(-again_s)
    home = Home(tmp_path, rules=[], clock=clock)
    home.engine.rebuild("unsynced")
    async with running(home):
        await home.engine.write(Draft(MatPressed(), device="bed"))
        clock.step(again_s)
        await home.engine.clock_synced(again_s)
    log = Home(tmp_path).logs[0]
    found = [(event.data.KIND, event.at) for event, _ in corrected(log, START - 24 * 60 * minute)]
    log.close()
    kinds = ("mat.released", "clock.synced", "mat.pressed", "clock.synced")
    times = (START, START, START + minute, START + minute)
    assert found == list(zip(kinds, times, strict=True))


async def test_what_is_older_than_a_rebuild_reads_is_corrected_too(tmp_path: Path) -> None:
    """An alarm of a boot in 1970, that is open for weeks: left there, the rules would be woken for
    each minute of all the years between at every start."""
    wrong = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    behind_s = (START - wrong).total_seconds()
    home = Home(tmp_path, rules=[], clock=ManualClock(wrong))
    home.engine.rebuild("unsynced")
    async with running(home):
        for _ in range(2):
            await home.engine.write(Draft(MatReleased(), device="bed"))
            await home.engine.write(Draft(AlarmRaised.usual(AlarmType.PENDANT, wrong)))
        home.clock.step(behind_s)
        await home.engine.clock_synced(behind_s)
        home.clock.advance(60)
        await home.engine.write(Draft(MatPressed(), device="bed"))
    log = Home(tmp_path).logs[0]
    found = [(event.data.KIND, event.at) for event, _ in corrected(log, START + timedelta(days=30))]
    log.close()
    assert found == [("alarm.raised", START)] * 2


async def test_a_boot_in_1970_that_nobody_told_the_time_stands_after_what_was_before(
    tmp_path: Path,
) -> None:
    """Its power was cut first.  An alarm of a minute ago is none of half a century ago, which the
    home would tell nobody itself; and the rules are not woken for all the years between.  The boot
    that runs may be told yet: by how much its clock was off is measured from what it wrote."""
    wrong, hour = datetime(1970, 1, 1, 0, 1, tzinfo=UTC), timedelta(hours=1)
    for boot, at in (("before", START), ("cut", wrong), ("after", START + hour)):
        home = Home(tmp_path, rules=[], clock=ManualClock(at))
        home.engine._boot = boot
        home.engine.rebuild("unsynced" if at == wrong else "synced")
        async with running(home):
            await home.engine.write(Draft(AlarmRaised.usual(AlarmType.PENDANT, at)))
    log = Home(tmp_path).logs[0]
    for boot, stands in (("after", START), ("cut", wrong)):
        for since in (START - hour, START + timedelta(days=30)):
            found = [(event.at, got) for event, got in corrected(log, since, boot)]
            assert found == [(at, at) for at in (START, stands, START + hour)]
    log.close()
