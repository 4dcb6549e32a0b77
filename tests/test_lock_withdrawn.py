"""A right that ends before the lock is told ends the turn, whatever the driver is doing then.

Not for: who may turn a lock, and what is written of it (`tests/test_lock_orders.py`).
"""

from __future__ import annotations

import asyncio

import pytest

from gateway.envelope import Draft
from gateway.events import (
    DOOR_OPEN,
    ContactChanged,
    Data,
    DeviceOffline,
    DoorClosed,
    DoorOpened,
    GrantRevoked,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationProgressed,
    LockOperationStep,
    MotionCleared,
    MotionDetected,
)
from gateway.ports import Bolt, LockResult, OnStep
from tests.drivers.locks import MAKES, Make, lock_home
from tests.drivers.parts import until
from tests.test_lock_orders import GRANT, FakeLock, Home


class SlowLock(FakeLock):
    """Waits for its radio before it says any step, and tells the lock after the last."""

    def __init__(self) -> None:
        super().__init__()
        self.radio = asyncio.Event()

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        await self.radio.wait()
        on_step(LockOperationStep.TURNING)
        self.turns.append("unlock")
        return LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)


def ended(home: Home) -> LockOperationEnded:
    data = home.drafts[-1].data
    assert isinstance(data, LockOperationEnded)
    return data


async def test_a_right_that_ends_before_the_first_step_ends_the_turn() -> None:
    """A driver may wait seconds for its radio without a word."""
    home = Home()
    home.lock = lock = SlowLock()
    turn = asyncio.create_task(home.order(GRANT))
    for _ in range(3):
        await asyncio.sleep(0)
    home.decided(GrantRevoked(grant="g1"))
    lock.radio.set()
    await turn
    assert (ended(home).outcome, ended(home).why) == (LockOperationOutcome.FAILED, "revoked")
    assert lock.turns == []
    assert not any(kind.startswith("lock.") for kind in home.told)


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
async def test_a_right_that_ends_while_it_connects_is_seen_before_the_lock_is_told(
    make: Make,
) -> None:
    """Also where nobody came to look again: the last look is just before the command, and what the
    driver makes of it is told as what it is."""
    async with lock_home(make, latency_s=0.01) as parts:
        home = Home()
        home.lock = parts.driver
        turn = asyncio.create_task(home.order(GRANT))
        connecting = LockOperationProgressed(grant="g1", step=LockOperationStep.CONNECTING)
        await until(lambda: any(draft.data == connecting for draft in home.drafts))
        home.lock_orders.reconsider = lambda: None  # type: ignore[method-assign]
        home.decided(GrantRevoked(grant="g1"))
        await turn
        assert (ended(home).outcome, ended(home).why) == (LockOperationOutcome.FAILED, "revoked")
        assert parts.turns == []


@pytest.mark.parametrize("when", ["before", "while it wakes", "of another door"])
async def test_the_home_shuts_no_door_that_stands_open(when: str) -> None:
    """Whoever opens it wakes the lock; a door that is closed again, or another one that stands
    open, keeps nothing from being shut."""
    home = Home()
    home.lock.answer = LockResult(LockOperationOutcome.DONE, Bolt.LOCKED)
    home.lock.wakes = asyncio.Event()
    home.submit(Draft(DoorOpened(), device="back" if when == "of another door" else "front"))
    if when == "while it wakes":
        home.submit(Draft(DoorClosed(), device="front"))
    shutting = asyncio.create_task(home.lock_orders.relock("door", "front"))
    for _ in range(3):
        await asyncio.sleep(0)
    if when == "while it wakes":
        home.submit(Draft(DoorOpened(), device="front"))
    home.lock.wakes.set()
    await shutting
    if when == "of another door":
        assert (ended(home).why, home.lock.turns) == (None, ["lock"])
    else:
        assert (ended(home).outcome, ended(home).why) == (LockOperationOutcome.FAILED, DOOR_OPEN)
        assert home.lock.turns == []
        assert not any(kind.startswith("lock.") for kind in home.told)


@pytest.mark.parametrize(
    ("said", "is_open"),
    [
        ((DoorOpened(), ContactChanged(on=True), ContactChanged(on=False)), True),
        ((DoorOpened(), MotionDetected(), MotionCleared()), True),
        ((DoorOpened(), DeviceOffline(reason="silent")), True),
        ((DoorOpened(), DoorClosed(), ContactChanged(on=True)), False),
        ((DoorClosed(), MotionDetected()), False),
    ],
)
async def test_what_else_a_contact_feels_is_no_door(said: tuple[Data, ...], is_open: bool) -> None:
    """One that feels the door shake, or somebody pass: a bolt is not shot beside the frame when it
    calms down, nor left open because somebody knocks."""
    home = Home()
    home.lock.answer = LockResult(LockOperationOutcome.DONE, Bolt.LOCKED)
    for data in said:
        home.submit(Draft(data, device="front"))
    await home.lock_orders.relock("door", "front")
    assert ended(home).why == (DOOR_OPEN if is_open else None)
    assert home.lock.turns == ([] if is_open else ["lock"])
