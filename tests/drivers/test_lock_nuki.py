"""What is Nuki's own: its codes, its challenge, its pairing, and what one make need show alone.

What holds for every make is in `test_locks_contract.py`.  In each: what the caller is told, and how
often the motor ran.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from drivers import lock_nuki
from drivers.locks import nuki_protocol, operation
from drivers.locks.nuki_client import Credentials
from drivers.locks.operation import LockAction
from drivers.locks.radio_lock import RadioLock
from drivers.virtual import State
from drivers.virtual.lock_nuki import Naming, NukiFaults, VirtualNuki
from gateway.errors import DeviceRefused, DeviceUnavailable, SecretError
from gateway.events import LockOperationOutcome, LockOperationStep
from gateway.ports import Bolt, LockResult
from tests.drivers.locks import LockHome
from tests.drivers.parts import MemorySecrets, driver_context, until

DONE_OPEN = LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)
MakeHome = Callable[..., Any]


@pytest.mark.parametrize("mtu", [23, 100, 247])
async def test_mtu(make_home: MakeHome, mtu: int) -> None:
    """Old locks answer in pieces of 20 bytes, and take ours as long writes."""
    async with make_home(mtu=mtu) as home:
        assert await home.unlock() == DONE_OPEN
        assert (await home.driver.status()).bolt is Bolt.UNLOCKED
        assert home.virtual.refused == []


async def test_unlatch(make_home: MakeHome) -> None:
    """A door with a fixed knob has its latch pulled; that counts as open."""
    async with make_home(config={"unlatch": True}) as home:
        assert await home.unlock() == DONE_OPEN
        assert home.virtual.turns == [LockAction.UNLATCH]


async def test_a_question_to_a_sleeping_lock(
    make_home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits a moment for the lock to be heard, as after a start; then nobody knows."""
    async with make_home(sleepy=True) as home:
        asking = asyncio.create_task(home.driver.status())
        await asyncio.sleep(0)
        await home.virtual.take_handle()
        assert (await asking).bolt is Bolt.LOCKED
        await home.virtual.sleep()
        monkeypatch.setattr(RadioLock, "hear_s", 0.02)
        await until(lambda: home.driver._silent_s() > 1.0)
        assert (await home.driver.status()).bolt is Bolt.UNKNOWN
        assert not home.scanner.connecting().locked()


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
async def test_the_lock_refuses(home: LockHome, code: int, why: str) -> None:
    """Each error code is a failure with its own word, and the motor did not run."""
    home.virtual.faults.error = code
    bolt = Bolt.JAMMED if why == "jammed" else Bolt.LOCKED
    assert await home.unlock() == LockResult(LockOperationOutcome.FAILED, bolt, why)
    assert home.virtual.turns == []
    assert home.virtual.refused == [code]


async def test_a_refusal_by_a_lock_that_is_open_already(home: LockHome) -> None:
    """The lock says no and reports its bolt where it should be: done, in its own words."""
    home.virtual.state = State.UNLOCKED
    home.virtual.faults.error = 0x46
    assert await home.unlock() == DONE_OPEN


async def test_bad_nonce(home: LockHome) -> None:
    """A challenge that the lock does not accept is a refusal; it is not tried again."""
    home.virtual.faults.stale_challenge = True
    assert await home.unlock() == LockResult(
        LockOperationOutcome.FAILED, Bolt.LOCKED, "refused_by_lock"
    )
    assert home.virtual.refused == [0x22]
    assert home.virtual.turns == []


async def test_a_foreign_key(home: LockHome) -> None:
    """Somebody with our id and another key turns nothing: the lock's check of the box is real."""
    good = Credentials.from_json(home.secrets.read("nuki-door"))
    home.secrets.write("nuki-door", Credentials(good.address, good.auth_id, 7, bytes(32)).to_json())
    config = lock_nuki.Config(deadline_s=1.0)
    thief = lock_nuki.Driver(config, driver_context(secrets=home.secrets, scanner=home.scanner))
    turn = await thief.unlock(home.steps.append, 1.0)
    assert turn.outcome is LockOperationOutcome.FAILED
    assert turn.why == "no_answer"
    assert home.virtual.turns == []
    assert set(home.virtual.refused) == {0x20}


async def test_out_of_range_while_turning(make_home: MakeHome) -> None:
    """The lock goes out of range while it turns: unknown, and asked once it is back."""
    async with make_home(turn_s=0.3) as home:
        unlocking = asyncio.create_task(home.unlock())
        await until(lambda: home.virtual.turns == [LockAction.UNLOCK])
        home.virtual.go_away()
        turn = await unlocking
        assert turn == LockResult(LockOperationOutcome.UNKNOWN, Bolt.UNKNOWN, "link_lost")
        assert home.steps[-1] is LockOperationStep.ASKING
        home.virtual.come_back()
        assert (await home.driver.status()).bolt is Bolt.UNLOCKED
        assert home.virtual.turns == [LockAction.UNLOCK]


async def test_a_lock_that_never_answers_a_question(home: LockHome) -> None:
    """No challenge, so no command: failed, and certainly not turned."""
    home.virtual.faults.silent_questions = True
    turn = await home.unlock()
    assert turn == LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "no_answer")
    assert home.virtual.turns == []


async def test_answer_later_than_we_wait(
    make_home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that comes while the lock is being asked decides all the same.  One turn."""
    monkeypatch.setattr(operation, "ASK_SHARE", 0.6)
    async with make_home(config={"deadline_s": 3.0}) as home:
        home.virtual.faults.late_s = 1.25
        assert await home.unlock() == DONE_OPEN
        assert home.steps[-1] is LockOperationStep.ASKING
        assert home.virtual.turns == [LockAction.UNLOCK]


async def test_a_late_jam(make_home: MakeHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """A jam that is told while the lock is being asked is the end: failed, jammed."""
    monkeypatch.setattr(operation, "ASK_SHARE", 0.6)
    async with make_home(config={"deadline_s": 3.0}) as home:
        home.virtual.faults = NukiFaults(jammed=True, late_s=1.25)
        assert await home.unlock() == LockResult(LockOperationOutcome.FAILED, Bolt.JAMMED, "jammed")
        assert home.virtual.turns == [LockAction.UNLOCK]


async def test_damaged_answer_before_the_command(home: LockHome) -> None:
    """A challenge with a wrong CRC is not used; a new connection gets a good one.  One turn."""
    home.virtual.faults.damage = 1
    assert await home.unlock() == DONE_OPEN
    assert home.virtual.turns == [LockAction.UNLOCK]


async def test_damaged_answer_after_the_command(home: LockHome) -> None:
    """An answer with a wrong CRC is not believed: the lock is asked.  One turn."""
    home.steps.clear()
    unlocking = asyncio.create_task(home.unlock())
    await until(lambda: home.steps[-1:] == [LockOperationStep.TURNING])
    home.virtual.faults.damage = 1
    assert await unlocking == DONE_OPEN
    assert home.steps[-1] is LockOperationStep.ASKING
    assert home.virtual.turns == [LockAction.UNLOCK]


async def test_a_turn_goes_before_a_question(make_home: MakeHome) -> None:
    """A question that stands in the way is put off, and answered after the turn."""
    async with make_home(latency_s=0.005) as home:
        asking = asyncio.create_task(home.driver.status())
        await until(lambda: home.virtual.connected)
        assert await home.unlock() == DONE_OPEN
        assert (await asking).bolt is Bolt.UNLOCKED


async def test_without_an_adapter(home: LockHome) -> None:
    """No radio: a turn fails at once, `run` gives up with our error, and both mend themselves."""
    home.radio.present = False
    await home.scanner.stop()
    await home.scanner.start()
    turn = await home.unlock()
    assert turn == LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "radio")
    with pytest.raises(DeviceUnavailable, match="Bluetooth is off or missing"):
        await home.driver.run(home.heard)
    home.radio.present = True
    await until(lambda: home.scanner.problem() is None)
    assert await home.unlock() == DONE_OPEN


async def test_not_paired_yet() -> None:
    """Without credentials the driver does not start, and says how to get them."""
    with pytest.raises(SecretError, match=r"pair the lock with `tryggve gateway pair door`"):
        lock_nuki.Driver(lock_nuki.Config(), driver_context())
    for text in ("", "{}", '{"address": "A", "auth_id": 1, "app_id": 2, "key": "00"}'):
        with pytest.raises(SecretError, match="pair the lock"):
            secrets = MemorySecrets(**{"nuki-door": text})
            lock_nuki.Driver(lock_nuki.Config(), driver_context(secrets=secrets))


@pytest.mark.parametrize("mtu", [23, 247])
async def test_pairing(make_home: MakeHome, mtu: int) -> None:
    """The technician holds the button; the key that pairing keeps opens the door."""
    async with make_home(mtu=mtu) as home:
        home.virtual.forget_everybody()
        home.secrets.kept.clear()
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        said: list[str] = []
        pairing = asyncio.create_task(lock_nuki.pair(lock_nuki.Config(), parts, said.append))
        await until(lambda: len(said) == 1)
        await home.virtual.hold_button()
        await pairing
        assert said[-1] == "Paired."
        driver = lock_nuki.Driver(lock_nuki.Config(), parts)
        assert await driver.unlock(home.steps.append, 5.0) == DONE_OPEN
        await driver.close()


@pytest.mark.parametrize("naming", list(Naming))
async def test_pairing_wherever_the_lock_names_the_service(
    make_home: MakeHome, naming: Naming
) -> None:
    """Among its services, in service data or as the iBeacon: the lock is found."""
    async with make_home() as home:
        home.virtual.forget_everybody()
        home.secrets.kept.clear()
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        said: list[str] = []
        pairing = asyncio.create_task(lock_nuki.pair(lock_nuki.Config(), parts, said.append))
        await until(lambda: len(said) == 1)
        await home.virtual.hold_button(naming)
        await pairing
        assert said[-1] == "Paired."


@pytest.mark.parametrize("naming", list(Naming))
async def test_the_fifth_generation_is_told_that_it_is_not_supported(
    home: LockHome, naming: Naming
) -> None:
    """Ultra, Go and Pro advertise another pairing service: said at once, and nothing is kept."""
    parts = driver_context(secrets=home.secrets, scanner=home.scanner)
    before = dict(home.secrets.kept)
    pairing = asyncio.create_task(lock_nuki.pair(lock_nuki.Config(), parts, lambda _text: None))
    await home.virtual.hold_button(naming, service=nuki_protocol.PAIRING_SERVICE_5)
    with pytest.raises(DeviceRefused, match="fifth generation") as refused:
        await pairing
    assert refused.value.why == "not_supported"
    assert home.secrets.kept == before


async def test_pairing_with_a_lock_that_would_not(
    home: LockHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds the button: no lock is found.  Somebody lets it go: the lock refuses."""
    monkeypatch.setattr(lock_nuki, "PAIR_WAIT_S", 0.1)
    parts = driver_context(secrets=home.secrets, scanner=home.scanner)
    before = dict(home.secrets.kept)
    with pytest.raises(DeviceUnavailable, match="no lock in pairing mode"):
        await lock_nuki.pair(lock_nuki.Config(), parts, lambda _text: None)
    await home.virtual.hold_button()
    monkeypatch.setattr(lock_nuki, "PAIR_WAIT_S", 60.0)

    def let_go(text: str) -> None:
        if text.startswith("Found"):
            home.virtual.release_button()

    with pytest.raises(DeviceRefused) as refused:
        await lock_nuki.pair(lock_nuki.Config(), parts, let_go)
    assert (refused.value.why, refused.value.code) == ("not_paired", 0x10)
    assert home.secrets.kept == before


async def test_the_watch_leaves_turns_to_their_caller(home: LockHome) -> None:
    """What `unlock` returned is not told again by `run`."""
    async with home.watched() as heard:
        await until(lambda: len(heard.data) == 3)
        await home.unlock()
        await home.virtual.turn_by_hand(State.LOCKED)
        await until(lambda: heard.kinds()[3:] == ["lock.locked"])


async def test_a_second_scanner_connection_is_never_open_at_once(make_home: MakeHome) -> None:
    """Many operations on several locks: one connection attempt at a time on the adapter."""
    async with make_home() as home:
        locks = [VirtualNuki(home.radio, address=f"D4:54:D2:72:00:{n:02X}") for n in range(2, 8)]
        drivers = []
        for n, lock in enumerate(locks):
            await lock.start()
            home.secrets.write(f"nuki-d{n}", lock.trust())
            parts = driver_context(f"d{n}", secrets=home.secrets, scanner=home.scanner)
            drivers.append(lock_nuki.Driver(lock_nuki.Config(), parts))
        turns = await asyncio.gather(*(d.unlock(home.steps.append, 5.0) for d in drivers))
        assert turns == [DONE_OPEN] * len(locks)
        assert all(lock.turns == [LockAction.UNLOCK] for lock in locks)
        for driver, lock in zip(drivers, locks, strict=True):
            await driver.close()
            await lock.stop()
