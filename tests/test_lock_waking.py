"""How long a lock is given to wake: as long as the order lives, in real time.

Not for: what ends it meanwhile (`tests/test_lock_untold.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.access import grants
from gateway.doors.orders import RELOCK_WAKE_S
from gateway.envelope import Draft, Event
from gateway.events import LockOperationEnded
from tests.test_lock_asked import settled
from tests.test_lock_orders import GRANT, Home, home

__all__ = ["home"]


@pytest.mark.parametrize(("rate", "wake_s"), [(1.0, 20.0), (60.0, 20.0 / 60), (0.0, 20.0)])
async def test_a_lock_wakes_in_real_time(
    home: Home, monkeypatch: pytest.MonkeyPatch, rate: float, wake_s: float
) -> None:
    """A demo's minute may be a second; one that stands still (0) does not keep the lock waking for
    ever."""
    monkeypatch.setattr(home.clock, "rate", lambda: rate)
    await home.order(replace(GRANT, expires=home.clock.now() + timedelta(seconds=20)))
    assert home.lock.wake_s == pytest.approx(wake_s)


async def test_who_typed_a_code_that_lives_for_a_shift_stands_at_the_door(home: Home) -> None:
    """It gives a sleeping lock no more time than a grant does; and the home itself has its own."""
    shift = replace(GRANT, expires=home.clock.now() + timedelta(hours=8))
    operation = home.lock_orders.admit(shift, now=home.now)
    assert operation is not None
    await operation
    assert home.lock.wake_s == grants.LIFE_S
    await home.lock_orders.relock("door")
    assert home.lock.wake_s == RELOCK_WAKE_S


@pytest.mark.parametrize("left_s", [0.0, -1.0, None])
async def test_an_order_whose_time_is_over_wakes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, left_s: float | None
) -> None:
    """It ended while its request was on its way to the disk, or nobody knows any more what time it
    is: the lock has no time, and its driver says so."""
    write = home.write

    async def slow(draft: Draft, timeout_s: float | None = None) -> Event:
        event = await write(draft, timeout_s)
        home.now = None if left_s is None else GRANT.expires - timedelta(seconds=left_s)
        return event

    monkeypatch.setattr(home, "write", slow)
    await home.order(GRANT)
    assert home.lock.wake_s == 0.0


async def test_the_end_says_how_long_it_took(home: Home) -> None:
    """From the request's record to the lock's answer, waking and all."""
    home.lock.gate = asyncio.Event()
    home.clock.advance(1000)  # since the start
    home.clock.step(-1000)
    turn = asyncio.create_task(home.order(GRANT))
    await settled()
    home.clock.advance(3.5)
    home.lock.gate.set()
    await turn
    data = home.drafts[-1].data
    assert isinstance(data, LockOperationEnded)
    assert data.took_s == 3.5
