"""An order whose lock is never told: its right ended on the way, or there is nothing to tell.

Not for: who may turn it (`tests/test_lock_orders.py`).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from gateway.envelope import Draft, Event
from gateway.events import (
    GrantRevoked,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationStep,
)
from gateway.ports import Bolt, LockResult, OnStep
from tests.test_lock_asked import settled
from tests.test_lock_orders import GRANT, FakeLock, Home, home

__all__ = ["home"]


def ended(home: Home) -> tuple[LockOperationOutcome, str | None]:
    """How the last order ended, and why."""
    data = home.drafts[-1].data
    assert isinstance(data, LockOperationEnded)
    return data.outcome, data.why


async def test_a_right_that_ends_while_the_request_is_recorded_turns_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes its time, and the grant is taken back meanwhile: the lock is not told, and its
    bolt is where it was."""
    write = home.write

    async def slow(draft: Draft, timeout_s: float | None = None) -> Event:
        event = await write(draft, timeout_s)
        home.decided(GrantRevoked(grant="g1"))
        return event

    monkeypatch.setattr(home, "write", slow)
    await home.order(GRANT)
    assert home.lock.turns == []
    assert home.told == ["unlock.requested", "unlock.ended"]
    assert ended(home) == (LockOperationOutcome.FAILED, "revoked")


class Deaf(FakeLock):
    """A driver whose library lets no cancelling through while the lock wakes."""

    async def _turn(self, action: str, on_step: OnStep, wake_s: float) -> LockResult:
        on_step(LockOperationStep.WAKING)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        on_step(LockOperationStep.TURNING)
        self.turns.append(action)
        return self.answer


async def test_a_driver_that_does_not_hear_of_it_does_not_tell_the_lock_either(home: Home) -> None:
    """Its next step is refused: before that it tells the lock nothing."""
    home.lock = Deaf()
    turn = asyncio.create_task(home.order(GRANT))
    await settled()
    home.decided(GrantRevoked(grant="g1"))
    await turn
    assert home.lock.turns == []
    assert home.told == ["unlock.requested", "unlock.progressed", "unlock.ended"]
    assert ended(home) == (LockOperationOutcome.FAILED, "revoked")


async def test_a_lock_that_has_no_driver_now_is_out_of_reach(home: Home) -> None:
    """Its key is not there, or its radio: the order has its end, and says so."""
    home.lock_orders._lock = lambda _device: None
    await home.order(GRANT)
    assert home.told[1:] == ["lock.unreachable", "lock.unknown", "unlock.ended"]
    assert ended(home) == (LockOperationOutcome.FAILED, "unreachable")


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "asleep"), None),
        (LockResult(LockOperationOutcome.UNKNOWN, Bolt.UNKNOWN, "no_answer"), "p7"),
    ],
)
async def test_nobody_made_a_bolt_unknown_that_was_never_reached(
    home: Home, answer: LockResult, who: str | None
) -> None:
    """Else the log would say that a caregiver left a door in a state that nobody knows."""
    home.lock.answer = answer
    await home.order(GRANT)
    (unknown,) = [draft for draft in home.drafts if draft.data.KIND == "lock.unknown"]
    assert (unknown.device, unknown.person) == ("door", who)


async def test_a_lock_that_wakes_is_left_to_it_whatever_else_happens(home: Home) -> None:
    """Events come while it wakes, also of another grant that ends: this one's right stands."""
    home.lock.wakes = asyncio.Event()
    turn = asyncio.create_task(home.order(GRANT))
    await settled()
    home.decided(GrantRevoked(grant="another"))
    await settled()
    home.lock.wakes.set()
    await turn
    assert home.lock.turns == ["unlock"]
    assert ended(home) == (LockOperationOutcome.DONE, None)


class Tidy(FakeLock):
    """A driver that takes leave of its lock when it is called back."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves, self.left = asyncio.Event(), False

    async def _turn(self, action: str, on_step: OnStep, wake_s: float) -> LockResult:
        on_step(LockOperationStep.WAKING)
        try:
            await asyncio.Event().wait()
        finally:
            await self.leaves.wait()
            self.left = True
        return self.answer


async def test_a_driver_that_was_called_back_is_not_called_back_again(home: Home) -> None:
    """It disconnects, and is not cut off in that by the next event."""
    home.lock = lock = Tidy()
    turn = asyncio.create_task(home.order(GRANT))
    await settled()
    for _ in range(2):
        home.decided(GrantRevoked(grant="g1"))
        await settled()
    lock.leaves.set()
    await turn
    assert lock.left
    assert ended(home) == (LockOperationOutcome.FAILED, "revoked")
