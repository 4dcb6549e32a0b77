"""What holds for every make of lock, over a real Bluetooth stack with the libraries unmodified.

In each: what the caller is told, and how often the motor ran.  Never twice for one order.
"""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any

import pytest

from drivers.locks import operation, radio_lock
from drivers.radio import connection
from drivers.radio.connection import within
from drivers.virtual import Moment, State
from gateway.events import LockOperationOutcome, LockOperationStep
from gateway.ports import Bolt, LockResult, LockStatus
from tests.drivers.locks import MAKES, Make, lock_home, wake_to_open_s
from tests.drivers.parts import SOON_S, driver_context, until

DONE_OPEN = LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)
each_make = pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that only spare a real lock's mechanics are short here."""
    monkeypatch.setattr(operation, "CONTRARY_S", 0.5)
    for make in MAKES:
        driver: Any = make.driver.Driver
        monkeypatch.setattr(driver, "stale_s", min(driver.stale_s, 0.1))
        monkeypatch.setattr(driver, "contrary_s", 0.5)


@each_make
async def test_unlock_and_lock(make: Make) -> None:
    """Each turns the motor once, reports the bolt where it should be, and leaves no connection."""
    async with lock_home(make) as home:
        assert await home.unlock() == DONE_OPEN
        assert home.steps[-2:] == [LockOperationStep.CONNECTING, LockOperationStep.TURNING]
        await home.idle()
        assert await home.lock() == LockResult(LockOperationOutcome.DONE, Bolt.LOCKED)
        assert home.turns == ["unlock", "lock"]
        assert home.virtual.state is State.LOCKED
        await home.idle()


@each_make
async def test_a_slow_and_lossy_radio(make: Make) -> None:
    """30 ms a PDU and one in twenty lost: it takes longer, and is done once."""
    config = {"deadline_s": 25.0, "sleep_after_s": 10.0}
    async with lock_home(make, latency_s=0.03, loss=0.05, config=config) as home:
        assert await home.unlock() == DONE_OPEN
        assert home.turns == ["unlock"]
        await home.tidy()
        await home.idle()


@each_make
async def test_asleep_then_woken(make: Make) -> None:
    """A sleeping lock is waited for; the turn goes through at its first advertisement."""
    async with lock_home(make, sleepy=True) as home:
        assert await wake_to_open_s(home) < 5.0
        assert home.steps == [
            LockOperationStep.WAKING,
            LockOperationStep.CONNECTING,
            LockOperationStep.TURNING,
        ]
        assert home.turns == ["unlock"]


@each_make
async def test_asleep_and_nobody_comes(make: Make) -> None:
    """After the waking time the turn has failed, and is not made up for when the lock wakes."""
    async with lock_home(make, sleepy=True) as home:
        assert await home.unlock(wake_s=0.1) == LockResult(
            LockOperationOutcome.FAILED, Bolt.UNKNOWN, "asleep"
        )
        await home.virtual.take_handle()
        assert (await home.driver.status()).bolt is Bolt.LOCKED
        assert home.turns == []


@each_make
async def test_jammed(make: Make) -> None:
    """A blocked motor is a failure with the bolt jammed; it ran once, and works when freed."""
    async with lock_home(make) as home:
        home.virtual.faults.jammed = True
        assert await home.unlock() == LockResult(LockOperationOutcome.FAILED, Bolt.JAMMED, "jammed")
        assert home.turns == ["unlock"]
        home.virtual.faults.jammed = False
        await home.idle()
        assert await home.unlock() == DONE_OPEN
        assert home.turns == ["unlock", "unlock"]


@each_make
async def test_the_lock_refuses(make: Make) -> None:
    """It says no without running its motor: failed, and the bolt is where it was."""
    async with lock_home(make) as home:
        home.virtual.faults.error = make.virtual.REFUSAL
        assert await home.unlock() == LockResult(
            LockOperationOutcome.FAILED, Bolt.LOCKED, "refused_by_lock"
        )
        assert home.turns == []
        assert home.virtual.refused == [make.virtual.REFUSAL]


@each_make
async def test_the_lock_does_not_know_us(make: Make) -> None:
    """Reset, or the key is another's: not paired, nothing turned, nothing guessed."""
    async with lock_home(make) as home:
        home.virtual.forget_everybody()
        assert await home.unlock() == LockResult(
            LockOperationOutcome.FAILED, Bolt.UNKNOWN, "not_paired"
        )
        assert home.turns == []
        await home.idle()


@each_make
async def test_link_dropped_before_the_command(make: Make) -> None:
    """Nothing was commanded yet: the driver connects again.  One turn."""
    async with lock_home(make) as home:
        home.virtual.faults.drop_at, home.virtual.faults.drops = Moment.BEFORE_COMMAND, 2
        assert await home.unlock() == DONE_OPEN
        assert home.turns == ["unlock"]


@each_make
async def test_link_always_dropped_before_the_command(make: Make) -> None:
    """After three connections it is a failure: the lock was certainly not turned."""
    async with lock_home(make) as home:
        home.virtual.faults.drop_at, home.virtual.faults.drops = Moment.BEFORE_COMMAND, 99
        turn = await home.unlock()
        assert (turn.outcome, turn.bolt) == (LockOperationOutcome.FAILED, Bolt.UNKNOWN)
        assert turn.why in ("link_lost", "unreachable")
        assert home.turns == []
        assert home.virtual.faults.drops == 96


@each_make
async def test_link_dropped_with_the_command(make: Make) -> None:
    """Whether the command arrived nobody knows: the bolt is asked for, the command not repeated."""
    async with lock_home(make) as home:
        home.virtual.faults.drop_at = Moment.COMMAND_LOST
        turn = await home.unlock()
        assert turn == LockResult(LockOperationOutcome.UNKNOWN, Bolt.LOCKED, "link_lost")
        assert home.steps[-1] is LockOperationStep.ASKING
        assert home.turns == []


@each_make
@pytest.mark.parametrize("moment", [Moment.COMMAND_TAKEN, Moment.TURNING])
async def test_link_dropped_after_the_command(make: Make, moment: Moment) -> None:
    """The lock turned without us: asked afterwards, it says so.  One turn."""
    async with lock_home(make) as home:
        home.virtual.faults.drop_at = moment
        assert await home.unlock() == DONE_OPEN
        assert home.steps[-1] is LockOperationStep.ASKING
        assert home.turns == ["unlock"]


@each_make
async def test_no_answer_but_the_state_can_be_had(make: Make) -> None:
    """The answer never comes: the lock is asked, and its own word decides.  One turn."""
    async with lock_home(make, config={"deadline_s": 1.5}) as home:
        home.virtual.faults.silent_command = True
        assert await home.unlock() == DONE_OPEN
        assert home.steps[-1] is LockOperationStep.ASKING
        assert home.turns == ["unlock"]


@each_make
async def test_no_answer_at_all(make: Make) -> None:
    """The command is taken and the lock never speaks again: unknown, nothing sent twice."""
    async with lock_home(make, config={"deadline_s": 1.0}, turn_s=0.1) as home:
        unlocking = asyncio.create_task(home.unlock())
        await until(lambda: bool(home.turns))
        home.virtual.faults.silent = True
        began_s = time.monotonic()
        turn = await unlocking
        assert time.monotonic() - began_s < SOON_S
        assert (turn.outcome, turn.why) == (LockOperationOutcome.UNKNOWN, "no_answer")
        assert home.steps[-1] is LockOperationStep.ASKING
        assert home.turns == ["unlock"]
        assert home.virtual.state is State.UNLOCKED
        home.virtual.faults.silent = False
        await home.virtual.take_handle()
        await home.told(Bolt.UNLOCKED)
        assert home.turns == ["unlock"]


@each_make
async def test_answer_after_the_deadline(make: Make) -> None:
    """Unknown at the deadline, with the bolt as it was reported; never a second turn."""
    async with lock_home(make, config={"deadline_s": 1.0}) as home:
        home.virtual.faults.late_s = 1.3
        turn = await home.unlock()
        assert turn.outcome is LockOperationOutcome.UNKNOWN
        assert turn.bolt in (Bolt.LOCKED, Bolt.UNKNOWN)
        await until(lambda: home.virtual.state is State.UNLOCKED)
        await home.tidy()
        await home.told(Bolt.UNLOCKED)
        assert home.turns == ["unlock"]


@each_make
async def test_late_answer(make: Make) -> None:
    """The motor starts late, and the answer is waited for.  One turn."""
    async with lock_home(make) as home:
        home.virtual.faults.late_s = 0.4
        assert await home.unlock() == DONE_OPEN
        assert LockOperationStep.ASKING not in home.steps
        assert home.turns == ["unlock"]


@each_make
async def test_out_of_range(make: Make) -> None:
    """A lock that cannot be reached is a failure within the deadline; back in range it works."""
    async with lock_home(make, config={"deadline_s": 1.0}) as home, home.watched() as heard:
        await until(lambda: "lock.locked" in heard.kinds())
        await home.idle()
        home.virtual.go_away()
        turn = await home.unlock(wake_s=0.2)
        assert turn.outcome is LockOperationOutcome.FAILED
        assert turn.why in ("unreachable", "asleep")
        assert home.turns == []
        home.virtual.come_back()
        await home.tidy()
        assert await home.unlock() == DONE_OPEN
        assert home.turns == ["unlock"]


@each_make
async def test_two_at_once(make: Make) -> None:
    """The second of two turns is refused as busy; the motor runs once."""
    async with lock_home(make, turn_s=0.2) as home:
        turns = await asyncio.gather(home.unlock(), home.unlock(), home.lock())
        busy = LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "busy")
        assert list(turns) == [DONE_OPEN, busy, busy]
        assert home.turns == ["unlock"]


@each_make
async def test_cancelled_at_any_moment_then_works_again(make: Make) -> None:
    """Killed mid-connect, or later, nothing stays connected and the next turn works."""
    async with lock_home(make, latency_s=0.004) as home:
        for delay_s in (0.0, 0.01, 0.03, 0.08, 0.15, 0.25):
            unlocking = asyncio.create_task(home.unlock())
            await asyncio.sleep(delay_s)
            unlocking.cancel()
            await asyncio.wait({unlocking})
            await home.idle()
        turned = len(home.turns)
        assert turned <= 6
        await home.virtual.turn_by_hand(State.LOCKED)
        await home.tidy()
        assert (await home.unlock()).outcome is LockOperationOutcome.DONE
        assert len(home.turns) == turned + 1


@each_make
async def test_a_library_that_ignores_its_cancellation(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline holds though `connect` swallows it; when it ends at last, it is disconnected."""
    import bleak

    release, connected = asyncio.Event(), asyncio.Event()
    real = bleak.BleakClient.connect

    async def stubborn(self: Any, **kwargs: Any) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        await real(self, **kwargs)
        connected.set()

    async with lock_home(make, config={"deadline_s": 1.0}) as home:
        monkeypatch.setattr(bleak.BleakClient, "connect", stubborn)
        monkeypatch.setattr(connection, "within", functools.partial(within, grace_s=0.01))
        monkeypatch.setattr(connection, "GRACE_S", 0.01)
        turn = await asyncio.wait_for(home.unlock(1.0), timeout=SOON_S)
        assert turn == LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "unreachable")
        await home.tidy()
        release.set()
        await until(connected.is_set)
        await home.driver.close()
        await until(lambda: not home.virtual.connected and not home.radio.connecting.locked())
        monkeypatch.undo()
        assert await home.unlock() == DONE_OPEN
        assert home.turns == ["unlock"]


@each_make
async def test_between_operations_it_only_listens(make: Make) -> None:
    """After the first look, a lock that stands still is not connected to."""
    async with lock_home(make) as home, home.watched() as heard:
        await until(lambda: "lock.locked" in heard.kinds())
        await home.idle()
        quiet = time.monotonic() + 0.5
        while time.monotonic() < quiet:
            assert not home.virtual.connected
            await asyncio.sleep(0.005)
        assert heard.kinds() == ["lock.awake", "lock.locked", "device.battery_ok"]


@each_make
async def test_the_watch_tells_what_happens_by_hand(make: Make) -> None:
    """A turn by hand, and a battery that gets low, are told once; nothing is turned."""
    async with lock_home(make) as home, home.watched() as heard:
        await until(lambda: len(heard.data) == 3)
        await home.virtual.turn_by_hand(State.UNLOCKED)
        await until(lambda: heard.kinds()[3:] == ["lock.unlocked"])
        await home.idle()
        home.virtual.battery_pct = 4
        home.virtual.battery_low = True
        await home.virtual.turn_by_hand(State.LOCKED)
        await until(lambda: heard.kinds()[4:] == ["lock.locked", "device.battery_low"])
        assert home.turns == []


@each_make
async def test_asleep_and_awake_are_told(make: Make) -> None:
    """A lock that falls silent is asleep; its next advertisement says awake."""
    async with lock_home(make, config={"sleep_after_s": 0.4}) as home, home.watched() as heard:
        await until(lambda: "lock.locked" in heard.kinds())
        await home.idle()
        await home.virtual.sleep()
        await until(lambda: "lock.asleep" in heard.kinds())
        await home.virtual.take_handle()
        await until(lambda: heard.kinds()[-1] == "lock.awake")


@each_make
async def test_a_question_that_is_not_answered(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bolt is unknown then, never what it was before; and told again once it answers."""
    async with lock_home(make) as home:
        assert (await home.driver.status()).bolt is Bolt.LOCKED
        await home.idle()
        home.virtual.go_away()
        with monkeypatch.context() as brief:
            brief.setattr(radio_lock, "STATUS_S", 0.3)
            brief.setattr(radio_lock.RadioLock, "hear_s", 0.3)
            assert (await home.driver.status()).bolt is Bolt.UNKNOWN
        home.virtual.come_back()
        assert (await home.driver.status()).bolt is Bolt.LOCKED


async def test_all_makes_side_by_side() -> None:
    """One radio, one scanner, every make: each opens, one connection attempt at a time."""
    from contextlib import AsyncExitStack

    from drivers.radio.scanner import SharedScanner
    from drivers.virtual import virtual_home_radio
    from tests.drivers.parts import MemorySecrets

    async with AsyncExitStack() as stack:
        radio = await stack.enter_async_context(virtual_home_radio())
        scanner = SharedScanner()
        await scanner.start()
        stack.push_async_callback(scanner.stop)
        virtuals, unlocking = [], []
        for make in MAKES:
            virtual = make.virtual(radio)
            await virtual.start()
            stack.push_async_callback(virtual.stop)
            secrets = MemorySecrets(**{make.secret: virtual.trust()})
            driver = make.driver.Driver(
                make.driver.Config(), driver_context(secrets=secrets, scanner=scanner)
            )
            stack.push_async_callback(driver.close)
            virtuals.append(virtual)
            unlocking.append(driver.unlock(lambda _step: None, 5.0))
        assert await asyncio.gather(*unlocking) == [DONE_OPEN] * len(MAKES)
        assert [len(virtual.turns) for virtual in virtuals] == [1] * len(MAKES)


@each_make
async def test_who_asks_as_a_driver_is_closed_does_not_ask_anew(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock may be paired just then: a question of before would take its one connection."""
    async with lock_home(make, sleepy=True) as home:
        asked, begun = home.driver._ask, asyncio.Event()
        count = 0

        async def ask() -> LockStatus:
            nonlocal count
            count += 1
            begun.set()
            status: LockStatus = await asked()
            return status

        monkeypatch.setattr(home.driver, "_ask", ask)
        question = asyncio.create_task(home.driver.status())
        await begun.wait()
        await home.driver.close()
        assert await question == LockStatus(Bolt.UNKNOWN, answered=False)
        assert count == 1
