"""A lock is asked where its bolt is, beside the orders that turn it.

Not for: who may turn it (`tests/test_lock_orders.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.doors import orders
from gateway.events import LockUnknown, Refusal
from gateway.ports import Bolt
from tests.test_lock_orders import GRANT, Home, home

__all__ = ["home"]


async def settled() -> None:
    """Everybody has come as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("before", [Bolt.LOCKED, Bolt.UNLOCKED])
@pytest.mark.parametrize("how", ["silent", "breaks", "cancels"])
async def test_a_lock_that_does_not_answer_is_unknown_when_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch, before: Bolt, how: str
) -> None:
    """Whatever it said last: nobody knows where its bolt is now, and that is what is written."""
    home.lock.answer = replace(home.lock.answer, bolt=before)
    await home.lock_orders.ask("door")
    assert home.told == [f"lock.{before.value}"]
    monkeypatch.setattr(orders, "ASK_S", 0.01)
    setattr(home.lock, how, True)
    await home.lock_orders.ask("door")
    assert home.told == [f"lock.{before.value}", "lock.unknown"]
    assert home.lock_orders.last_bolt("door") is Bolt.UNKNOWN
    assert home.view.devices["door"].bolt is Bolt.UNKNOWN
    last = home.drafts[-1].data
    assert isinstance(last, LockUnknown)
    assert last.unanswered is (how == "silent"), "a driver that broke is no lock out of reach"


async def test_a_lock_that_breaks_does_not_end_the_start(home: Home) -> None:
    """The locks after it are asked all the same; it was unknown before it said anything."""
    home.lock.breaks = True
    await home.lock_orders.settle(home.open_orders)
    assert home.told == []


async def test_a_lock_is_not_asked_while_it_is_turned(home: Home) -> None:
    """The order tells where the bolt is, also one that came while the lock was being asked; another
    home's lock and one without a driver are not asked."""
    home.lock.gate, home.lock.asked = asyncio.Event(), asyncio.Event()
    asking = asyncio.create_task(home.lock_orders.ask("door"))
    await settled()
    assert not home.lock_orders.turning
    turn = asyncio.create_task(home.order(GRANT))
    await settled()
    assert home.lock_orders.turning
    home.lock.asked.set()
    await asking
    home.lock.asked.clear()
    async with asyncio.timeout(60):  # it would not answer: it is not asked
        await home.lock_orders.ask("door")
    assert home.told == ["unlock.requested", "unlock.progressed"]
    home.lock.gate.set()
    home.lock.asked.set()
    await turn
    assert not home.lock_orders.turning
    assert home.told == ["unlock.requested", "unlock.progressed", "lock.unlocked", "unlock.ended"]
    home.lock.answer = replace(home.lock.answer, bolt=Bolt.LOCKED)
    await home.lock_orders.ask("garage")
    home.lock_orders._lock = lambda _device: None
    await home.lock_orders.ask("door")
    assert len(home.told) == 4


@pytest.mark.parametrize("what", ["ask", "order"])
async def test_a_home_that_ends_does_not_wait_for_a_lock(home: Home, what: str) -> None:
    """Its end goes through: it is no library's cancelling, which would be an answer."""
    home.lock.gate = home.lock.asked = asyncio.Event()
    at_the_lock = home.lock_orders.ask("door") if what == "ask" else home.order(GRANT)
    task = asyncio.create_task(at_the_lock)
    await settled()
    before = home.told
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert home.told == before


async def test_locks_come_and_go_with_the_configuration(home: Home) -> None:
    """One that is the home's no more is refused, and is not named in what says so."""
    home.lock_orders.know(["back"])
    await home.order(GRANT)
    await home.order(replace(GRANT, id="g2", device="back"))
    await home.order(replace(GRANT, id="g2", device="back"))
    assert home.refusals() == [Refusal.OTHER_DEVICE, Refusal.REPLAYED]
    assert home.lock.turns == ["unlock"]
    assert [draft.device for draft in home.drafts] == [None, *["back"] * 5]


async def test_a_bolt_that_moves_is_told_when_it_is_there(home: Home) -> None:
    """Somebody turns the key: where it was is not where it is, and where it will be nobody says."""
    home.lock.answer = replace(home.lock.answer, bolt=Bolt.MOVING)
    await home.lock_orders.ask("door")
    assert (home.told, home.lock_orders.last_bolt("door")) == ([], Bolt.MOVING)
