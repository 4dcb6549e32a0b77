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
    for _ in range(3):
        await asyncio.sleep(0)
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
