"""Patient parts made brisk, and a home with one virtual Nuki."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from drivers.locks import operation, watch
from tests.drivers.locks import LockHome, lock_home, make_of
from tests.drivers.warp import warped

NUKI = make_of("lock_nuki")


WARPED = (
    "test_locks_contract",
    "test_locks_without_radio",
    "test_lock_danalock",
    "test_lock_nuki",
    "test_nuki_client",
    "test_virtual_locks",
    "test_virtual_nuki",
)
"""Where everything that waits waits in the loop: the virtual radio, and the locks' drivers.  Not
Yale's: with its library's clock at a jump an old state counts as a new one."""


@pytest.fixture(autouse=True)
async def warp(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Waiting costs nothing there (`tests/drivers/warp.py`)."""
    module = request.module.__name__.rpartition(".")[2]
    if module not in WARPED or "yale" in request.node.name:
        yield
        return
    with warped(asyncio.get_running_loop()):
        yield


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that only spare a real radio or a real person are short here."""
    monkeypatch.setattr(operation, "ASK_PAUSE_S", 0.05)
    monkeypatch.setattr(watch, "STILL_S", 0.1)
    monkeypatch.setattr(operation, "TRY_PAUSE_S", 0.02)


@pytest.fixture
async def home() -> AsyncIterator[LockHome]:
    """A home with a lock that is awake and in order."""
    async with lock_home(NUKI) as made:
        yield made


@pytest.fixture
def make_home() -> Callable[..., Any]:
    """`async with make_home(mtu=23) as home`: see `lock_home`."""
    return functools.partial(lock_home, NUKI)
