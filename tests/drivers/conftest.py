"""Patient parts made brisk, and a home with one virtual Nuki."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from drivers.locks import operation, watch
from tests.drivers.locks import LockHome, lock_home, make_of

NUKI = make_of("lock_nuki")


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
