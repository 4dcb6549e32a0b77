"""A home with a virtual radio and one virtual Nuki."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from drivers import _lock_turn, _lock_watch, lock_nuki
from drivers.scanner import SharedScanner
from drivers.virtual import VirtualNuki, VirtualRadio, virtual_home_radio
from gateway.events import UnlockStep
from gateway.ports import Turn
from tests.drivers.parts import Heard, MemorySecrets, bench, until
from tests.drivers.warp import warped

DEADLINE_S = 1.2
"""Seconds for an operation in these tests: short, and long for a radio without latency."""


@dataclass
class Home:
    """A virtual Nuki, and the real driver for it."""

    radio: VirtualRadio
    scanner: SharedScanner
    nuki: VirtualNuki
    secrets: MemorySecrets
    driver: lock_nuki.Driver
    steps: list[UnlockStep] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)

    async def unlock(self, wake_s: float = 5.0) -> Turn:
        return await self.driver.unlock(self.steps.append, wake_s)

    async def lock(self, wake_s: float = 5.0) -> Turn:
        return await self.driver.lock(self.steps.append, wake_s)

    async def idle(self) -> None:
        """Wait until nothing is connected any more."""
        await until(lambda: not self.nuki.connected)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Heard]:
        """The driver's `run` runs meanwhile."""
        task = asyncio.create_task(self.driver.run(self.heard))
        try:
            yield self.heard
        finally:
            task.cancel()
            await asyncio.wait({task})


@asynccontextmanager
async def nuki_home(
    *, latency_s: float = 0.0, loss: float = 0.0, config: Any = None, **lock: Any
) -> AsyncIterator[Home]:
    """A home whose lock was paired before and, unless it sleeps, was heard."""
    settings = {"deadline_s": DEADLINE_S, "sleep_after_s": 1.0} | (config or {})
    async with AsyncExitStack() as stack:
        radio = await stack.enter_async_context(virtual_home_radio(latency_s=latency_s, loss=loss))
        nuki = VirtualNuki(radio, **({"interval_s": 0.02, "turn_s": 0.02} | lock))
        await nuki.start()
        stack.push_async_callback(nuki.stop)
        scanner = SharedScanner(first_pause_s=0.05)
        await scanner.start()
        stack.push_async_callback(scanner.stop)
        secrets = MemorySecrets(**{"nuki-door": nuki.trust()})
        parts = bench(secrets=secrets, scanner=scanner)
        driver = lock_nuki.Driver(lock_nuki.Config(**settings), parts)
        stack.push_async_callback(driver.close)
        if not lock.get("sleepy"):
            await until(lambda: scanner.last(nuki.address) is not None)
        yield Home(radio, scanner, nuki, secrets, driver)


WARPED = (
    "test_locks_contract",
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
    monkeypatch.setattr(_lock_turn, "ASK_PAUSE_S", 0.05)
    monkeypatch.setattr(_lock_watch, "STILL_S", 0.1)
    monkeypatch.setattr(_lock_turn, "TRY_PAUSE_S", 0.02)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    """A home with a lock that is awake and in order."""
    async with nuki_home() as made:
        yield made


@pytest.fixture
def make_home() -> Callable[..., Any]:
    """`async with make_home(mtu=23) as home`: see `nuki_home`."""
    return nuki_home
