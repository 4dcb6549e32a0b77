"""Time that costs nothing: when a test's loop has nothing to do but wait, the wait is over at once.

`time.monotonic` (which asyncio's loops read as well) stands still while the test computes and jumps
to the next thing that was asked for, so that a dead lock's ten seconds take none, and no deadline
passes because the machine is slow.  Work in asyncio's threads is waited for before any jump.

Not for: tests with threads or sockets of their own, which live in the real time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

THREAD_LOOK_S = 0.01
"""Seconds between looks (in real time) whether work in a thread is done."""

CREEP_S = 1e-6
"""What a look at the clock takes: who compares two looks finds the second one later."""


class Warp:
    """A clock that stands still, and the loop's waiting, which moves it on."""

    def __init__(self, loop: Any) -> None:
        self.now_s = time.monotonic()
        self._select: Callable[[float | None], Any] = loop._selector.select
        self._in_thread: Callable[..., Any] = loop.run_in_executor
        self._threads: set[asyncio.Future[Any]] = set()

    def monotonic(self) -> float:
        """Instead of `time.monotonic`: no two moments are the same."""
        self.now_s += CREEP_S
        return self.now_s

    def select(self, timeout: float | None = None) -> Any:
        """Instead of the selector's: what is there already, or a jump to the next timer."""
        ready = self._select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            return self._select(None)
        if self._threads:
            return self._select(THREAD_LOOK_S)
        self.now_s += timeout
        return ready

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> asyncio.Future[Any]:
        """Instead of the loop's: remembers what is under way."""
        future: asyncio.Future[Any] = self._in_thread(executor, function, *args)
        self._threads.add(future)
        future.add_done_callback(self._threads.discard)
        return future


@contextmanager
def warped(loop: Any) -> Iterator[Warp]:
    """Time is warped for this loop until the block ends."""
    warp = Warp(loop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", warp.monotonic)
        patch.setattr(loop._selector, "select", warp.select)
        patch.setattr(loop, "run_in_executor", warp.run_in_executor)
        yield warp
