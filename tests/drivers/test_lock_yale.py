"""What is Yale's own: its answers, its key, its advertisements, pairing, the library's errors.

What holds for every make is in `test_locks_contract.py`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from typing import Any

import pytest
import yalexs_ble
from hypothesis import given
from hypothesis import strategies as st
from yalexs_ble import session as library_errors
from yalexs_ble.const import DoorStatus, LockStatus, OperationError

from drivers import lock_yale
from drivers.locks import yale_client as client
from drivers.locks.operation import LockAction
from drivers.locks.yale_client import Credentials
from drivers.virtual import Moment, State
from gateway.errors import (
    DeviceError,
    DeviceRefused,
    DeviceUnavailable,
    ProtocolError,
    SecretError,
)
from gateway.events import LockOperationOutcome, LockOperationStep
from gateway.ports import Bolt, LockResult
from tests.drivers.locks import LockHome, lock_home, make_of
from tests.drivers.parts import MemorySecrets, Technician, driver_context, until

YALE = make_of("lock_yale")
DONE_OPEN = LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)
GOOD = {"address": "D8:28:C9:00:00:01", "key": "00" * 16, "slot": 1}


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that only spare a real lock's mechanics are short here."""
    monkeypatch.setattr(lock_yale.Driver, "stale_s", 0.1)
    monkeypatch.setattr(lock_yale.Driver, "contrary_s", 0.5)


# --- the lock's words -----------------------------------------------------------------------------


def test_every_state_of_the_library_has_a_meaning() -> None:
    """Bolt and door: a new library that knows more is noticed."""
    assert set(client.BOLTS) == {status.name for status in LockStatus}
    assert set(client.DOORS) == {status.name for status in DoorStatus}
    assert client.BOLTS["UNKNOWN"] is Bolt.UNKNOWN
    assert {client.BOLTS[name] for name in ("LOCKING", "UNLOCKING")} == {Bolt.MOVING}


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OperationError.MECH_TIMEOUT, "jammed"),
        (OperationError.MECH_HANDLE_NOT_LIFTED, "jammed"),
        (OperationError.MECH_TIMEOUT_CAL, "not_calibrated"),
        (OperationError.VBAT_LOW, "low_voltage"),
        (OperationError.BUSY, "busy"),
        (OperationError.NOT_AUTHORIZED, "not_paired"),
        (OperationError.OVERTEMP, "refused_by_lock"),
    ],
)
async def test_what_the_lock_answers(error: OperationError, why: str) -> None:
    """Each result is a failure with its own word, and its number is kept."""
    with pytest.raises(DeviceRefused) as caught, client.ours("turning"):
        raise yalexs_ble.OperationFailedError("unlock", error)
    assert (caught.value.why, caught.value.code) == (why, error.value)


def test_every_result_has_a_word() -> None:
    """All of them are words of `LockOperationEnded.why`."""
    words = {"jammed", "refused_by_lock", "low_voltage", "not_calibrated", "not_paired", "busy"}
    assert {client.why(error.name) for error in OperationError} <= words


def errors_of_the_library() -> list[Exception]:
    """One of each that `yalexs_ble` has."""
    found: list[Exception] = []
    for cls in vars(library_errors).values():
        if inspect.isclass(cls) and issubclass(cls, library_errors.YaleXSBLEError):
            two = cls in (library_errors.OperationFailedError, library_errors.KeycodeError)
            found.append(cls("unlock", 0x99) if two else cls("text"))
    from yalexs_ble.lock import ActivityLogOverrunError

    return [*found, ActivityLogOverrunError("text")]


@pytest.mark.parametrize("error", errors_of_the_library(), ids=lambda e: type(e).__name__)
def test_every_library_error_becomes_ours(error: Exception) -> None:
    """None of them leaves the driver as itself."""
    with pytest.raises((DeviceError, TimeoutError)) as caught, client.ours("testing"):
        raise error
    assert not isinstance(caught.value, library_errors.YaleXSBLEError)
    assert caught.value.__cause__ is error


def test_errors_by_what_they_mean() -> None:
    """A wrong key is a refusal, a lost link is unavailable, silence is silence."""
    for error, ours in (
        (library_errors.AuthError("x"), DeviceRefused),
        (library_errors.DisconnectedError("x"), DeviceUnavailable),
        (library_errors.ResponseError("x"), ProtocolError),
        (library_errors.OperationIncompleteError("x"), TimeoutError),
        (TimeoutError(), TimeoutError),
        (OSError("bus"), DeviceUnavailable),
    ):
        with pytest.raises(ours), client.ours("testing"):
            raise error


@given(st.dictionaries(st.sampled_from([465, 302, 76]), st.binary(max_size=20)))
def test_any_strangers_bytes_are_read(data: dict[int, bytes]) -> None:
    """The changing bit is read from one byte of 0 or 1, and from nothing else."""
    bit = lock_yale.changes(data)
    assert bit in (None, 0, 1)
    assert (bit is not None) is any(data.get(n) in (b"\0", b"\1") for n in (465, 302))


# --- turning --------------------------------------------------------------------------------------


async def test_unlatch() -> None:
    """A door with a fixed knob has its latch pulled; that counts as open."""
    async with lock_home(YALE, config={"unlatch": True}) as home:
        assert await home.unlock() == DONE_OPEN
        assert home.virtual.turns == [LockAction.UNLATCH]
        assert home.virtual.state is State.UNLATCHED


async def test_an_old_lock_with_a_small_mtu() -> None:
    """18 bytes fit into 23."""
    async with lock_home(YALE, mtu=23) as home:
        assert await home.unlock() == DONE_OPEN


async def test_another_key_in_our_slot() -> None:
    """Somebody with our slot and another key turns nothing: the lock's check is real."""
    async with lock_home(YALE) as home:
        good = Credentials.from_json(home.secrets.read("yale-door"))
        home.secrets.write("yale-door", Credentials(good.address, bytes(16), good.slot).to_json())
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        thief = lock_yale.Driver(lock_yale.Config(), parts)
        turn = await thief.unlock(home.steps.append, 1.0)
        assert turn == LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "not_paired")
        assert home.virtual.turns == []
        assert set(home.virtual.refused) == {0x0E}
        await home.idle()


async def test_a_damaged_answer_after_the_command() -> None:
    """An acknowledgement with a wrong sum is not believed; the result decides.  One turn."""
    async with lock_home(YALE) as home:
        unlocking = asyncio.create_task(home.unlock())
        await until(lambda: home.steps[-1:] == [LockOperationStep.TURNING])
        home.virtual.faults.damage = 1
        assert await unlocking == DONE_OPEN
        assert home.turns == ["unlock"]


async def test_the_old_state_after_a_turn_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a while the lock tells what was before: nobody hears that the open door is locked."""
    monkeypatch.setattr(lock_yale.Driver, "stale_s", 0.6)
    async with lock_home(YALE) as home, home.watched() as heard:
        await until(lambda: "lock.locked" in heard.kinds())
        home.virtual.faults.stale_s = 0.5
        assert await home.unlock() == DONE_OPEN
        assert (await home.driver.status()).bolt is Bolt.UNLOCKED
        assert heard.kinds()[2:] in ([], ["device.battery_ok"])


async def test_a_lost_answer_and_an_old_state() -> None:
    """Asked after a lost answer the lock tells its old state first: waited out.  One turn."""
    async with lock_home(YALE) as home:
        home.virtual.faults.drop_at = Moment.TURNING
        home.virtual.faults.stale_s = 0.4
        assert await home.unlock() == DONE_OPEN
        assert home.turns == ["unlock"]


async def test_door_and_battery() -> None:
    """Told where the lock has them, and where the configuration says that it does."""
    async with lock_home(YALE, config={"door_sensor": True}, battery_pct=100) as home:
        home.virtual.door_open = True
        status = await home.driver.status()
        assert (status.bolt, status.door_open, status.battery_low) == (Bolt.LOCKED, True, False)
        assert status.battery_pct is not None and status.battery_pct > 90
        await home.idle()
        home.virtual.door_open, home.virtual.battery_pct = False, 3
        status = await home.driver.status()
        assert (status.door_open, status.battery_low) == (False, True)
    async with lock_home(YALE) as home:
        assert (await home.driver.status()).door_open is None


async def test_a_model_that_does_not_tell_its_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once and then left in peace; its bolt is told all the same."""
    monkeypatch.setattr(client, "ANSWER_S", 3.0)  # of what is answered too
    async with lock_home(YALE) as home:
        home.virtual.faults.no_battery = True
        status = await home.driver.status()
        assert (status.bolt, status.battery_pct, status.battery_low) == (Bolt.LOCKED, None, None)
        assert not home.driver._unanswered.worth_asking("battery")
        await home.idle()
        home.virtual.faults.no_battery = False
        assert (await home.driver.status()).battery_pct is None


async def test_a_lock_that_must_be_set_up() -> None:
    """While it calibrates nobody knows where its bolt is."""
    async with lock_home(YALE) as home:
        await home.virtual.turn_by_hand(State.UNCALIBRATED)
        assert (await home.driver.status()).bolt is Bolt.UNKNOWN


# --- key and pairing ------------------------------------------------------------------------------


def test_credentials() -> None:
    """They are kept whole, and what is no key is refused."""
    made = Credentials("D8:28:C9:00:00:01", bytes(range(16)), 7)
    assert Credentials.from_json(made.to_json()) == made
    for wrong in (
        {"key": "00"},
        {"key": "x" * 32},
        {"slot": 256},
        {"slot": "x"},
        {"address": None},
    ):
        fields = GOOD | wrong
        if wrong.get("address", "") is None:
            del fields["address"]
        with pytest.raises(SecretError):
            Credentials.from_json(json.dumps(fields))


async def test_not_paired_yet() -> None:
    """Without a key the driver does not start, and says how to get one."""
    for secrets in (MemorySecrets(), MemorySecrets(**{"yale-door": "{}"})):
        with pytest.raises(SecretError, match=r"pair the lock with `tryggve gateway pair door`"):
            lock_yale.Driver(lock_yale.Config(), driver_context(secrets=secrets))
    secrets = MemorySecrets(**{"yale-door": json.dumps(GOOD)})
    with pytest.raises(DeviceUnavailable, match="no Bluetooth radio"):
        lock_yale.Driver(lock_yale.Config(), driver_context(secrets=secrets))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that names the extra."""
    monkeypatch.setitem(sys.modules, "yalexs_ble", None)
    secrets = MemorySecrets(**{"yale-door": json.dumps(GOOD)})
    with pytest.raises(DeviceUnavailable, match=r"pip install 'tryggve\[yale\]'"):
        lock_yale.Driver(lock_yale.Config(), driver_context(secrets=secrets))


def paired_by(home: LockHome, **answers: str) -> tuple[Technician, Any]:
    parts = driver_context(secrets=home.secrets, scanner=home.scanner)
    technician = Technician(**answers)
    return technician, lock_yale.pair(lock_yale.Config(), parts, technician)


@pytest.mark.parametrize("which", ["M1TST000001", "d8:28:c9:00:00:01"])
async def test_pairing(which: str) -> None:
    """The technician types the key; it is tried on the lock, kept, and opens the door."""
    async with lock_home(YALE) as home:
        key = json.loads(home.secrets.kept.pop("yale-door"))
        answers = {"offline": key["key"], "slot": str(key["slot"]), "serial": which}
        technician, pairing = paired_by(home, **answers)
        await pairing
        assert technician.said[-1] == "Paired.  The bolt is locked."
        assert len(technician.hidden) == 1
        assert not any(key["key"] in line for line in technician.said)
        await home.idle()
        parts = driver_context(secrets=home.secrets, scanner=home.scanner)
        driver = lock_yale.Driver(lock_yale.Config(), parts)
        assert await driver.unlock(home.steps.append, 5.0) == DONE_OPEN
        await driver.close()


async def test_pairing_that_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key, half a key, no such lock: refused, and the old key is kept."""
    async with lock_home(YALE) as home:
        before = dict(home.secrets.kept)
        for key, text in (("00" * 16, "does not know the key"), ("00", "that is no key")):
            _, pairing = paired_by(home, offline=key, slot="1", serial="M1TST000001")
            with pytest.raises(DeviceRefused, match=text):
                await pairing
        monkeypatch.setattr(lock_yale, "PAIR_WAIT_S", 0.1)
        _, pairing = paired_by(home, offline="00" * 16, slot="1", serial="M1OTHER00002")
        with pytest.raises(DeviceUnavailable, match="no lock M100002 was heard"):
            await pairing
        assert home.secrets.kept == before
