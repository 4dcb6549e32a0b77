"""A lock of any make while the home's radio is away, and when it is back: nobody is sent to the
handle of a lock that is awake, and nothing is said of a lock that nobody can hear."""

from __future__ import annotations

import asyncio
import time

import pytest

from drivers.locks import radio_lock
from drivers.virtual import State
from gateway.errors import RadioAway
from gateway.events import LockOperationOutcome, LockOperationStep
from gateway.ports import Bolt, LockResult
from tests.drivers.locks import MAKES, LockHome, Make, lock_home
from tests.drivers.parts import until

each_make = pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)

DONE_OPEN = LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)
NO_RADIO = LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "radio")


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio_lock, "RADIO_BACK_S", 0.4)
    monkeypatch.setattr(radio_lock, "RADIO_CHECK_S", 0.1)
    monkeypatch.setattr(radio_lock, "RADIO_LOOK_S", 0.02)
    monkeypatch.setattr(radio_lock.RadioLock, "hear_s", 0.5)


async def restarted(home: LockHome, after_s: float) -> None:
    await home.scanner.stop()
    await asyncio.sleep(after_s)
    await home.scanner.start()


@each_make
async def test_an_order_without_a_radio_says_so(make: Make) -> None:
    """Neither asleep nor unreachable: nobody is told to take the handle, and the motor rests."""
    async with lock_home(make) as home:
        await home.scanner.stop()
        assert await home.unlock(wake_s=5.0) == NO_RADIO
        assert home.steps == []
        assert home.turns == []
        await home.scanner.start()
        assert await home.unlock() == DONE_OPEN
        assert home.turns == ["unlock"]


@each_make
async def test_an_order_waits_for_a_radio_that_is_being_restarted(make: Make) -> None:
    """It goes through when the radio is back, and the lock, which is awake, is not called asleep
    for not having been heard yet."""
    async with lock_home(make) as home:
        _, turn = await asyncio.gather(restarted(home, 0.15), home.unlock(wake_s=60.0))
        assert turn == DONE_OPEN
        assert LockOperationStep.WAKING not in home.steps
        assert home.turns == ["unlock"]


@each_make
async def test_the_radio_goes_away_while_one_waits_for_the_handle(make: Make) -> None:
    """Whoever takes the handle in vain learns that it is the radio."""
    async with lock_home(make, config={"sleep_after_s": 0.2}) as home:
        await home.virtual.sleep()
        await asyncio.sleep(0.4)
        turn = asyncio.create_task(home.unlock(wake_s=30.0))
        await until(lambda: LockOperationStep.WAKING in home.steps)
        await home.scanner.stop()
        stopped_s = time.monotonic()
        assert await turn == NO_RADIO
        assert time.monotonic() - stopped_s < 25.0
        assert home.turns == []


@each_make
async def test_what_was_heard_before_a_break_says_nothing_of_now(make: Make) -> None:
    """A lock that was heard a moment before, and sleeps since, is woken and not connected to."""
    async with lock_home(make, config={"sleep_after_s": 60.0}) as home:
        await home.scanner.stop()
        await home.virtual.sleep()
        await home.scanner.start()
        turn = asyncio.create_task(home.unlock(wake_s=30.0))
        await until(lambda: bool(home.steps))
        assert home.steps == [LockOperationStep.WAKING]
        await home.virtual.take_handle()
        assert await turn == DONE_OPEN
        assert home.turns == ["unlock"]


@each_make
async def test_a_watch_without_a_radio_ends_and_calls_nothing_asleep(make: Make) -> None:
    """It ends as `RadioAway`, by which the home knows that this is no fault of the lock's."""
    async with lock_home(make, config={"sleep_after_s": 0.3}) as home:
        watching = asyncio.create_task(home.driver.run(home.heard))
        await until(lambda: "lock.locked" in home.heard.kinds())
        await home.scanner.stop()
        with pytest.raises(RadioAway):
            await watching
        assert "lock.asleep" not in home.heard.kinds()
        await home.scanner.start()
        async with home.watched() as heard:
            await home.virtual.turn_by_hand(State.UNLOCKED)
            await until(lambda: "lock.unlocked" in heard.kinds())
