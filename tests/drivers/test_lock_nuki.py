"""The Nuki driver over a real Bluetooth stack: in order, and in every way that it can go wrong.

In each: what the caller is told, and how often the motor ran.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from drivers import _ble, _lock_radio, lock_nuki
from drivers._ble import within
from drivers._nuki_client import Credentials
from drivers._nuki_protocol import Action, Command
from drivers.virtual import Faults, Moment, State
from gateway.errors import DeviceRefused, DeviceUnavailable, SecretError
from gateway.events import TurnOutcome, UnlockStep
from gateway.ports import Bolt, Turn
from tests.drivers.conftest import Home
from tests.drivers.parts import MemorySecrets, bench, until

DONE_OPEN = Turn(TurnOutcome.DONE, Bolt.UNLOCKED)
MakeHome = Callable[..., Any]


async def test_unlock_and_lock(home: Home) -> None:
    """Each turns the motor once, reports the bolt where it should be, and leaves no connection."""
    assert await home.unlock() == DONE_OPEN
    assert home.steps == [UnlockStep.CONNECTING, UnlockStep.TURNING]
    assert await home.lock() == Turn(TurnOutcome.DONE, Bolt.LOCKED)
    assert home.nuki.turns == [Action.UNLOCK, Action.LOCK]
    await home.idle()


@pytest.mark.parametrize("mtu", [23, 100, 247])
async def test_mtu(make_home: MakeHome, mtu: int) -> None:
    """Old locks answer in pieces of 20 bytes, and take ours as long writes."""
    async with make_home(mtu=mtu) as home:
        assert await home.unlock() == DONE_OPEN
        assert (await home.driver.status()).bolt is Bolt.UNLOCKED
        assert home.nuki.refused == []


async def test_a_slow_and_lossy_radio(make_home: MakeHome) -> None:
    """30 ms a PDU and one in twenty lost: it takes longer, and is done once."""
    config = {"deadline_s": 25.0, "sleep_after_s": 10.0}
    async with make_home(latency_s=0.03, loss=0.05, config=config) as home:
        assert await home.unlock() == DONE_OPEN
        assert home.nuki.turns == [Action.UNLOCK]


async def test_unlatch(make_home: MakeHome) -> None:
    """A door with a fixed knob has its latch pulled; that counts as open."""
    async with make_home(config={"unlatch": True}) as home:
        assert await home.unlock() == DONE_OPEN
        assert home.nuki.turns == [Action.UNLATCH]


async def test_asleep_then_woken(make_home: MakeHome) -> None:
    """A sleeping lock is waited for; the turn goes through at its first advertisement."""
    async with make_home(sleepy=True) as home:
        unlocking = asyncio.create_task(home.unlock(wake_s=10.0))
        await until(lambda: home.steps == [UnlockStep.WAKING])
        assert home.nuki.turns == []
        await home.nuki.take_handle()
        assert await unlocking == DONE_OPEN
        assert home.steps == [UnlockStep.WAKING, UnlockStep.CONNECTING, UnlockStep.TURNING]
        assert home.nuki.turns == [Action.UNLOCK]


async def test_asleep_and_nobody_comes(make_home: MakeHome) -> None:
    """After the waking time the turn has failed, and is not made up for when the lock wakes."""
    async with make_home(sleepy=True) as home:
        assert await home.unlock(wake_s=0.1) == Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "asleep")
        await home.nuki.take_handle()
        await until(lambda: home.scanner.last(home.nuki.address) is not None)
        assert (await home.driver.status()).bolt is Bolt.LOCKED
        assert home.nuki.turns == []


async def test_a_question_to_a_sleeping_lock(
    make_home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits a moment for the lock to be heard, as after a start; then nobody knows."""
    async with make_home(sleepy=True) as home:
        asking = asyncio.create_task(home.driver.status())
        await asyncio.sleep(0)
        await home.nuki.take_handle()
        assert (await asking).bolt is Bolt.LOCKED
        await home.nuki.sleep()
        monkeypatch.setattr(_lock_radio, "HEAR_S", 0.02)
        await until(lambda: home.driver._silent_s() > 1.0)
        assert (await home.driver.status()).bolt is Bolt.UNKNOWN
        assert not home.scanner.connecting().locked()


async def test_jammed(home: Home) -> None:
    """A blocked motor is a failure with the bolt jammed; it ran once, and works when freed."""
    home.nuki.faults.jammed = True
    assert await home.unlock() == Turn(TurnOutcome.FAILED, Bolt.JAMMED, "jammed")
    assert home.nuki.turns == [Action.UNLOCK]
    home.nuki.faults.jammed = False
    assert await home.unlock() == DONE_OPEN


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (0x42, "jammed"),
        (0x44, "jammed"),
        (0x45, "busy"),
        (0x46, "refused_by_lock"),
        (0x47, "not_calibrated"),
        (0x49, "low_voltage"),
        (0x26, "refused_by_lock"),
        (0x27, "refused_by_lock"),
        (0xFD, "refused_by_lock"),
        (0xAB, "refused_by_lock"),
    ],
)
async def test_the_lock_refuses(home: Home, code: int, why: str) -> None:
    """Each error code is a failure with its own word, and the motor did not run."""
    home.nuki.faults.error = code
    bolt = Bolt.JAMMED if why == "jammed" else Bolt.LOCKED
    assert await home.unlock() == Turn(TurnOutcome.FAILED, bolt, why)
    assert home.nuki.turns == []
    assert home.nuki.refused == [code]


async def test_a_refusal_by_a_lock_that_is_open_already(home: Home) -> None:
    """The lock says no and reports its bolt where it should be: done, in its own words."""
    home.nuki.state = State.UNLOCKED
    home.nuki.faults.error = 0x46
    assert await home.unlock() == DONE_OPEN


async def test_bad_nonce(home: Home) -> None:
    """A challenge that the lock does not accept is a refusal; it is not tried again."""
    home.nuki.faults.stale_challenge = True
    assert await home.unlock() == Turn(TurnOutcome.FAILED, Bolt.LOCKED, "refused_by_lock")
    assert home.nuki.refused == [0x22]
    assert home.nuki.turns == []


async def test_wrong_credentials(home: Home) -> None:
    """A lock that was reset does not know us: not paired, and nothing is guessed of its bolt."""
    home.nuki.forget_everybody()
    assert await home.unlock() == Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "not_paired")
    assert (await home.driver.status()).bolt is Bolt.UNKNOWN
    assert home.nuki.turns == []


async def test_a_foreign_key(home: Home) -> None:
    """Somebody with our id and another key turns nothing: the lock's check of the box is real."""
    good = Credentials.from_json(home.secrets.read("nuki-door"))
    home.secrets.write("nuki-door", Credentials(good.address, good.auth_id, 7, bytes(32)).to_json())
    config = lock_nuki.Config(deadline_s=1.0)
    thief = lock_nuki.Driver(config, bench(secrets=home.secrets, scanner=home.scanner))
    turn = await thief.unlock(home.steps.append, 1.0)
    assert turn.outcome is TurnOutcome.FAILED
    assert turn.why == "no_answer"
    assert home.nuki.turns == []
    assert set(home.nuki.refused) == {0x20}


async def test_out_of_range(home: Home) -> None:
    """A lock that cannot be reached is a failure within the deadline; back in range it works."""
    home.nuki.go_away()
    turn = await home.unlock()
    assert turn == Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "unreachable")
    assert home.nuki.turns == []
    home.nuki.come_back()
    assert await home.unlock() == DONE_OPEN
    assert home.nuki.turns == [Action.UNLOCK]


async def test_out_of_range_while_turning(make_home: MakeHome) -> None:
    """The lock goes out of range while it turns: unknown, and asked once it is back."""
    async with make_home(turn_s=0.3) as home:
        unlocking = asyncio.create_task(home.unlock())
        await until(lambda: home.nuki.turns == [Action.UNLOCK])
        home.nuki.go_away()
        turn = await unlocking
        assert (turn.outcome, turn.why) == (TurnOutcome.UNKNOWN, "link_lost")
        assert home.steps[-1] is UnlockStep.ASKING
        home.nuki.come_back()
        assert (await home.driver.status()).bolt is Bolt.UNLOCKED
        assert home.nuki.turns == [Action.UNLOCK]


async def test_no_answer_but_the_state_can_be_read(home: Home) -> None:
    """The answer never comes: the lock is asked, and its own word decides.  One turn."""
    home.nuki.faults.silent_to = frozenset({Command.ACTION})
    assert await home.unlock() == DONE_OPEN
    assert home.steps[-1] is UnlockStep.ASKING
    assert home.nuki.turns == [Action.UNLOCK]


async def test_no_answer_at_all(home: Home) -> None:
    """The command is taken and the lock never speaks again: unknown, nothing sent twice."""
    unlocking = asyncio.create_task(home.unlock())
    await until(lambda: home.steps[-1:] == [UnlockStep.TURNING])
    home.nuki.faults.silent_to = frozenset({Command.ACTION, Command.REQUEST, Command.ERROR})
    turn = await unlocking
    assert (turn.outcome, turn.why) == (TurnOutcome.UNKNOWN, "no_answer")
    assert home.steps[-1] is UnlockStep.ASKING
    assert home.nuki.turns == [Action.UNLOCK]
    home.nuki.faults.silent_to = frozenset()
    assert (await home.driver.status()).bolt is Bolt.UNLOCKED
    assert home.nuki.turns == [Action.UNLOCK]


async def test_a_lock_that_never_answers_a_question(home: Home) -> None:
    """No challenge, so no command: failed, and certainly not turned."""
    home.nuki.faults.silent_to = frozenset({Command.REQUEST})
    turn = await home.unlock()
    assert turn == Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "no_answer")
    assert home.nuki.turns == []


async def test_late_answer(home: Home) -> None:
    """The motor starts late, and the answer is waited for.  One turn."""
    home.nuki.faults.late_s = 0.4
    assert await home.unlock() == DONE_OPEN
    assert UnlockStep.ASKING not in home.steps
    assert home.nuki.turns == [Action.UNLOCK]


async def test_answer_later_than_we_wait(make_home: MakeHome) -> None:
    """An answer that comes while the lock is being asked decides all the same.  One turn."""
    async with make_home(config={"deadline_s": 1.8}) as home:
        home.nuki.faults.late_s = 1.25
        assert await home.unlock() == DONE_OPEN
        assert home.steps[-1] is UnlockStep.ASKING
        assert home.nuki.turns == [Action.UNLOCK]


async def test_a_late_jam(make_home: MakeHome) -> None:
    """A jam that is told while the lock is being asked is the end: failed, jammed."""
    async with make_home(config={"deadline_s": 1.8}) as home:
        home.nuki.faults = Faults(jammed=True, late_s=1.25)
        assert await home.unlock() == Turn(TurnOutcome.FAILED, Bolt.JAMMED, "jammed")
        assert home.nuki.turns == [Action.UNLOCK]


async def test_answer_after_the_deadline(make_home: MakeHome) -> None:
    """Unknown at the deadline, with the bolt as it was last reported, and never a second turn."""
    async with make_home(config={"deadline_s": 1.0}) as home:
        home.nuki.faults.late_s = 1.5
        turn = await home.unlock()
        assert turn == Turn(TurnOutcome.UNKNOWN, Bolt.LOCKED, "no_answer")
        await until(lambda: home.nuki.state is State.UNLOCKED)
        assert (await home.driver.status()).bolt is Bolt.UNLOCKED
        assert home.nuki.turns == [Action.UNLOCK]


async def test_link_dropped_before_the_command(home: Home) -> None:
    """Nothing was commanded yet: the driver connects again.  One turn."""
    home.nuki.faults = Faults(drop_at=Moment.BEFORE_COMMAND, drops=2)
    assert await home.unlock() == DONE_OPEN
    assert home.nuki.turns == [Action.UNLOCK]


async def test_link_always_dropped_before_the_command(home: Home) -> None:
    """After three connections it is a failure: the lock was certainly not turned."""
    home.nuki.faults = Faults(drop_at=Moment.BEFORE_COMMAND, drops=99)
    assert await home.unlock() == Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "link_lost")
    assert home.nuki.turns == []
    assert home.nuki.faults.drops == 96


async def test_link_dropped_with_the_command(home: Home) -> None:
    """Whether the command arrived nobody knows: the bolt is asked for, the command not repeated."""
    home.nuki.faults = Faults(drop_at=Moment.COMMAND_LOST)
    turn = await home.unlock()
    assert turn == Turn(TurnOutcome.UNKNOWN, Bolt.LOCKED, "link_lost")
    assert home.steps[-1] is UnlockStep.ASKING
    assert home.nuki.turns == []


@pytest.mark.parametrize("moment", [Moment.COMMAND_TAKEN, Moment.TURNING])
async def test_link_dropped_after_the_command(home: Home, moment: Moment) -> None:
    """The lock turned without us: asked over a new connection, it says so.  One turn."""
    home.nuki.faults = Faults(drop_at=moment)
    assert await home.unlock() == DONE_OPEN
    assert home.steps[-1] is UnlockStep.ASKING
    assert home.nuki.turns == [Action.UNLOCK]


async def test_damaged_answer_before_the_command(home: Home) -> None:
    """A challenge with a wrong CRC is not used; a new connection gets a good one.  One turn."""
    home.nuki.faults.damage = 1
    assert await home.unlock() == DONE_OPEN
    assert home.nuki.turns == [Action.UNLOCK]


async def test_damaged_answer_after_the_command(home: Home) -> None:
    """An answer with a wrong CRC is not believed: the lock is asked.  One turn."""
    home.steps.clear()
    unlocking = asyncio.create_task(home.unlock())
    await until(lambda: home.steps[-1:] == [UnlockStep.TURNING])
    home.nuki.faults.damage = 1
    assert await unlocking == DONE_OPEN
    assert home.steps[-1] is UnlockStep.ASKING
    assert home.nuki.turns == [Action.UNLOCK]


async def test_two_at_once(make_home: MakeHome) -> None:
    """The second of two turns is refused as busy; the motor runs once."""
    async with make_home(turn_s=0.3) as home:
        turns = await asyncio.gather(home.unlock(), home.unlock(), home.lock())
        busy = Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "busy")
        assert list(turns) == [DONE_OPEN, busy, busy]
        assert home.nuki.turns == [Action.UNLOCK]


async def test_a_turn_goes_before_a_question(make_home: MakeHome) -> None:
    """A question that stands in the way is put off, and answered after the turn."""
    async with make_home(latency_s=0.005) as home:
        asking = asyncio.create_task(home.driver.status())
        await until(lambda: home.nuki.connected)
        assert await home.unlock() == DONE_OPEN
        assert (await asking).bolt is Bolt.UNLOCKED


async def test_cancelled_at_any_moment_then_works_again(make_home: MakeHome) -> None:
    """Killed mid-connect, or later, nothing stays connected and the next turn works."""
    async with make_home(latency_s=0.004, mtu=23) as home:
        for delay_s in (0.0, 0.01, 0.03, 0.08, 0.15):
            unlocking = asyncio.create_task(home.unlock())
            await asyncio.sleep(delay_s)
            unlocking.cancel()
            await asyncio.wait({unlocking})
            await home.idle()
        turned = len(home.nuki.turns)
        home.nuki.state = State.LOCKED
        assert (await home.unlock()).outcome is TurnOutcome.DONE
        assert len(home.nuki.turns) == turned + 1


async def test_a_library_that_ignores_its_cancellation(
    home: Home, monkeypatch: pytest.MonkeyPatch
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

    monkeypatch.setattr(bleak.BleakClient, "connect", stubborn)
    monkeypatch.setattr(_ble, "within", functools.partial(within, grace_s=0.01))
    config = lock_nuki.Config(deadline_s=1.0)
    driver = lock_nuki.Driver(config, bench(secrets=home.secrets, scanner=home.scanner))
    turn = await asyncio.wait_for(driver.unlock(home.steps.append, 1.0), timeout=2.0)
    assert turn == Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "unreachable")
    await until(lambda: not driver._tidying)
    release.set()
    await until(connected.is_set)
    await driver.close()
    await until(lambda: not home.nuki.connected and not home.radio.connecting.locked())
    monkeypatch.undo()
    assert await home.unlock() == DONE_OPEN


async def test_without_an_adapter(home: Home) -> None:
    """No radio: a turn fails at once, `run` gives up with our error, and both mend themselves."""
    home.radio.present = False
    await home.scanner.stop()
    await home.scanner.start()
    turn = await home.unlock()
    assert turn == Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "unreachable")
    with pytest.raises(DeviceUnavailable, match="Bluetooth is off or missing"):
        await home.driver.run(home.heard)
    home.radio.present = True
    await until(lambda: home.scanner.problem() is None)
    assert await home.unlock() == DONE_OPEN


async def test_not_paired_yet() -> None:
    """Without credentials the driver does not start, and says how to get them."""
    with pytest.raises(SecretError, match=r"pair the lock with `tryggve gateway pair door`"):
        lock_nuki.Driver(lock_nuki.Config(), bench())
    for text in ("", "{}", '{"address": "A", "auth_id": 1, "app_id": 2, "key": "00"}'):
        with pytest.raises(SecretError, match="pair the lock"):
            secrets = MemorySecrets(**{"nuki-door": text})
            lock_nuki.Driver(lock_nuki.Config(), bench(secrets=secrets))


@pytest.mark.parametrize("mtu", [23, 247])
async def test_pairing(make_home: MakeHome, mtu: int) -> None:
    """The technician holds the button; the key that pairing keeps opens the door."""
    async with make_home(mtu=mtu) as home:
        home.nuki.forget_everybody()
        home.secrets.kept.clear()
        parts = bench(secrets=home.secrets, scanner=home.scanner)
        said: list[str] = []
        pairing = asyncio.create_task(lock_nuki.pair(lock_nuki.Config(), parts, said.append))
        await until(lambda: len(said) == 1)
        await home.nuki.hold_button()
        await pairing
        assert said[-1] == "Paired."
        driver = lock_nuki.Driver(lock_nuki.Config(), parts)
        assert await driver.unlock(home.steps.append, 5.0) == DONE_OPEN
        await driver.close()


async def test_pairing_with_a_lock_that_would_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds the button: no lock is found.  Somebody lets it go: the lock refuses."""
    monkeypatch.setattr(lock_nuki, "PAIR_WAIT_S", 0.1)
    parts = bench(secrets=home.secrets, scanner=home.scanner)
    before = dict(home.secrets.kept)
    with pytest.raises(DeviceUnavailable, match="no lock in pairing mode"):
        await lock_nuki.pair(lock_nuki.Config(), parts, lambda _text: None)
    await home.nuki.hold_button()
    monkeypatch.setattr(lock_nuki, "PAIR_WAIT_S", 5.0)

    def let_go(text: str) -> None:
        if text.startswith("Found"):
            home.nuki.release_button()

    with pytest.raises(DeviceRefused) as refused:
        await lock_nuki.pair(lock_nuki.Config(), parts, let_go)
    assert (refused.value.why, refused.value.code) == ("not_paired", 0x10)
    assert home.secrets.kept == before


async def test_the_watch_tells_what_happens_by_hand(home: Home) -> None:
    """Awake, the bolt and the battery are told once; a turn by hand when it happens."""
    async with home.watched() as heard:
        await until(lambda: len(heard.data) == 3)
        assert heard.kinds() == ["lock.awake", "lock.locked", "device.battery_ok"]
        await home.nuki.turn_by_hand(State.UNLOCKED)
        await until(lambda: heard.kinds()[3:] == ["lock.unlocked"])
        home.nuki.battery_low = True
        await home.nuki.turn_by_hand(State.LOCKED)
        await until(lambda: heard.kinds()[4:] == ["lock.locked", "device.battery_low"])
        assert home.nuki.turns == []


async def test_the_watch_leaves_turns_to_their_caller(home: Home) -> None:
    """What `unlock` returned is not told again by `run`."""
    async with home.watched() as heard:
        await until(lambda: len(heard.data) == 3)
        await home.unlock()
        await home.nuki.turn_by_hand(State.LOCKED)
        await until(lambda: heard.kinds()[3:] == ["lock.locked"])


async def test_the_watch_tells_asleep_and_awake(make_home: MakeHome) -> None:
    """A lock that falls silent is asleep; its next advertisement says awake."""
    async with make_home(config={"sleep_after_s": 0.3}) as home, home.watched() as heard:
        await until(lambda: len(heard.data) == 3)
        await home.nuki.sleep()
        await until(lambda: heard.kinds()[3:] == ["lock.asleep"])
        await home.nuki.take_handle()
        await until(lambda: heard.kinds()[4:] == ["lock.awake"])


async def test_a_second_scanner_connection_is_never_open_at_once(make_home: MakeHome) -> None:
    """Many operations on several locks: one connection attempt at a time on the adapter."""
    from drivers.virtual import VirtualNuki

    async with make_home() as home:
        locks = [VirtualNuki(home.radio, address=f"D4:54:D2:72:00:{n:02X}") for n in range(2, 8)]
        drivers = []
        for n, lock in enumerate(locks):
            await lock.start()
            home.secrets.write(f"nuki-d{n}", lock.trust())
            parts = bench(f"d{n}", secrets=home.secrets, scanner=home.scanner)
            drivers.append(lock_nuki.Driver(lock_nuki.Config(), parts))
        turns = await asyncio.gather(*(d.unlock(home.steps.append, 5.0) for d in drivers))
        assert turns == [DONE_OPEN] * len(locks)
        assert all(lock.turns == [Action.UNLOCK] for lock in locks)
        for driver, lock in zip(drivers, locks, strict=True):
            await driver.close()
            await lock.stop()
