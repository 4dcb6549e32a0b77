"""Whoever tells another thread something is held up just after it, so that the other comes first.

`pytest -n0 -p tests.held_up PATH` shows in one run what fails once in fifty on a busy machine: a
test that waits for one thing, and reads another that the same thread does next.  Another seed
(`HELD_UP_SEED`) holds up others.

Not for: a run of everything, which takes several times as long with it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

HELD_UP_S = 0.03
"""Seconds at the most: longer than what another thread does next."""

OFTEN, SELDOM = 0.7, 0.1
"""How many times of one a thread is held up, and the test's own, which mostly is the one that
waits."""

TOLD = (
    (threading.Event, "set"),
    (threading.Thread, "start"),
    (threading.Condition, "__exit__"),
    (asyncio.BaseEventLoop, "call_soon_threadsafe"),
)
"""By what a thread tells another."""


@contextmanager
def held_up(pause: Callable[[], object]) -> Iterator[None]:
    """Each of `TOLD` ends with a pause."""

    def late(tells: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(tells)
        def told(*given: Any, **more: Any) -> Any:
            try:
                return tells(*given, **more)
            finally:
                pause()

        return told

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in TOLD:
            patch.setattr(owner, name, late(getattr(owner, name)))
        yield


def by_chance(seed: int) -> Callable[[], None]:
    """A pause now and then."""
    # the test may patch what stands in these modules
    rng, sleep, me = random.Random(seed), time.sleep, threading.get_ident
    tests = me()

    def pause() -> None:
        if rng.random() < (SELDOM if me() == tests else OFTEN):
            sleep(HELD_UP_S * rng.random())

    return pause


_HELD = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """From now on."""
    held = config.stash[_HELD] = ExitStack()
    held.enter_context(held_up(by_chance(int(os.environ.get("HELD_UP_SEED", "1")))))


def pytest_unconfigure(config: pytest.Config) -> None:
    """No more."""
    config.stash[_HELD].close()
