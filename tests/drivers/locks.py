"""Every make of lock over Bluetooth that there is, each with its virtual twin, behind one way to
spoil and to look at them.  Both are found by the driver's name: no list here knows the makes.

Not for: what is one make's own; that is in its own tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

import pytest

import drivers
import drivers.virtual
from drivers import Loaded
from drivers.radio.scanner import SharedScanner
from drivers.virtual import State, VirtualLock, VirtualRadio, virtual_home_radio
from gateway.events import LockOperationOutcome, LockOperationStep
from gateway.ports import Bolt, LockResult
from tests.drivers.parts import SOON_S, Heard, MemorySecrets, driver_context, until

DEADLINE_S = 2.0
"""Seconds for an operation in these tests: short, and long for a radio without latency."""


@dataclass(frozen=True)
class Make:
    """One make of lock: its driver and its virtual twin."""

    driver: Loaded
    virtual: type[VirtualLock[Any]]

    @property
    def name(self) -> str:
        return self.driver.name.removeprefix("lock_")

    @property
    def secret(self) -> str:
        """The secret of a lock that is called `door`."""
        assert self.driver.secret_name is not None
        name = self.driver.secret_name(self.driver.Config(), "door")
        assert name is not None
        return name


def make_of(driver: str) -> Make:
    """The make whose driver is called `driver`."""
    return Make(drivers.load(driver), drivers.virtual.twin(driver))


@contextmanager
def another_distribution() -> Iterator[None]:
    """The example is installed: its package names its driver and its twin as entry points."""
    points = {
        drivers.GROUP: "tests.drivers.example_lock.driver",
        drivers.virtual.GROUP: "tests.drivers.example_lock.twin",
    }

    def entry_points(group: str) -> list[EntryPoint]:
        return [EntryPoint("lock_example", points[group], group)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drivers, "entry_points", entry_points)
        patch.setattr(drivers.virtual, "entry_points", entry_points)
        yield


def over_bluetooth() -> tuple[str, ...]:
    """The drivers of makes of locks, by their names.  A lock that is turned otherwise is called
    otherwise, and brings its twin as a sensor does (docs/drivers.md)."""
    return tuple(name for name in drivers.names() if name.startswith("lock_"))


LOCK_DRIVERS = over_bluetooth()

with another_distribution():
    EXAMPLE = make_of("lock_example")

OURS = tuple(make_of(name) for name in LOCK_DRIVERS)
MAKES = (*OURS, EXAMPLE)


@dataclass
class LockHome:
    """A virtual lock of any make, and the real driver for it."""

    make: Make
    radio: VirtualRadio
    scanner: SharedScanner
    virtual: Any
    secrets: MemorySecrets
    driver: Any
    steps: list[LockOperationStep] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)

    async def unlock(self, wake_s: float = 5.0) -> LockResult:
        result: LockResult = await self.driver.unlock(self.steps.append, wake_s)
        return result

    async def lock(self, wake_s: float = 5.0) -> LockResult:
        result: LockResult = await self.driver.lock(self.steps.append, wake_s)
        return result

    @property
    def turns(self) -> list[str]:
        """Each run of the motor."""
        return [order.name.lower() for order in self.virtual.turns]

    async def idle(self) -> None:
        """Wait until nothing is connected any more."""
        await until(lambda: not self.virtual.connected)

    async def tidy(self) -> None:
        """Wait until the last turn has taken its link down."""
        await until(lambda: not self.driver._tidying)

    async def told(self, bolt: Bolt) -> None:
        """Ask until the lock says so; what it said last before may still be in the air."""
        async with asyncio.timeout(SOON_S):
            while (await self.driver.status()).bolt is not bolt:
                await asyncio.sleep(0.005)

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
async def lock_home(
    make: Make,
    *,
    latency_s: float = 0.0,
    loss: float = 0.0,
    config: Any = None,
    **lock: Any,
) -> AsyncIterator[LockHome]:
    """A home whose lock was paired before and, unless it sleeps, was heard."""
    settings = {"deadline_s": DEADLINE_S, "sleep_after_s": 1.0} | (config or {})
    async with AsyncExitStack() as stack:
        radio = await stack.enter_async_context(virtual_home_radio(latency_s=latency_s, loss=loss))
        virtual = make.virtual(radio, **({"interval_s": 0.02, "turn_s": 0.02} | lock))
        await virtual.start()
        stack.push_async_callback(virtual.stop)
        scanner = SharedScanner(first_pause_s=0.05)
        await scanner.start()
        stack.push_async_callback(scanner.stop)
        secrets = MemorySecrets(**{make.secret: virtual.trust()})
        parts = driver_context(secrets=secrets, scanner=scanner)
        driver = make.driver.Driver(make.driver.Config(**settings), parts)
        stack.push_async_callback(driver.close)
        if not lock.get("sleepy"):
            await until(lambda: scanner.last(virtual.address) is not None)
        yield LockHome(make, radio, scanner, virtual, secrets, driver)


async def unlock_warm_s(home: LockHome) -> float:
    """Seconds from the order to the bolt reported open, of a lock that is awake (the bench's
    number).  The lock is locked before, and its last connection gone."""
    await home.virtual.turn_by_hand(State.LOCKED)
    await home.tidy()
    await home.idle()
    began_s = time.monotonic()
    result = await home.unlock()
    took_s = time.monotonic() - began_s
    assert result == LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED), result
    return took_s


async def wake_to_open_s(home: LockHome) -> float:
    """Seconds from a sleeping lock's handle to its bolt reported open (the benchmark's number)."""
    home.steps.clear()
    unlocking = asyncio.create_task(home.unlock(wake_s=10.0))
    await until(lambda: LockOperationStep.WAKING in home.steps)
    began_s = time.monotonic()
    await home.virtual.take_handle()
    result = await unlocking
    assert result == LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED), result
    return time.monotonic() - began_s
