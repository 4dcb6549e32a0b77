"""The three makes of lock, each with its virtual twin, behind one way to spoil and to look at them.

Not for: what is one make's own; that is in its own tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from drivers import lock_danalock, lock_nuki, lock_yale
from drivers.locks.nuki_protocol import Command
from drivers.radio.scanner import SharedScanner
from drivers.virtual import (
    DanalockState,
    State,
    VirtualDanalock,
    VirtualNuki,
    VirtualRadio,
    VirtualYale,
    YaleState,
    virtual_home_radio,
)
from gateway.events import TurnOutcome, UnlockStep
from gateway.ports import Bolt, LockResult
from tests.drivers.parts import Heard, MemorySecrets, driver_context, until

DEADLINE_S = 2.0
"""Seconds for an operation in these tests: short, and long for a radio without latency."""

NUKI_SILENT = frozenset({Command.ACTION, Command.REQUEST, Command.ERROR})


@dataclass(frozen=True)
class Make:
    """One make of lock.  `mute` makes it obey commands and answer nothing to them, `hush` answer
    nothing at all."""

    name: str
    module: ModuleType
    virtual: Callable[..., Any]
    unlocked: Any
    locked: Any
    mute: Callable[[Any], None]
    hush: Callable[[Any], None]
    refusal: int
    """A code with which it refuses a command without running its motor."""

    @property
    def secret(self) -> str:
        return f"{self.name}-door"


def _nuki_mute(lock: Any) -> None:
    lock.faults.silent_to = frozenset({Command.ACTION})


def _nuki_hush(lock: Any) -> None:
    lock.faults.silent_to = NUKI_SILENT


def _mute(lock: Any) -> None:
    lock.faults.silent_command = True


def _hush(lock: Any) -> None:
    lock.faults.silent = True


NUKI = Make(
    "nuki", lock_nuki, VirtualNuki, State.UNLOCKED, State.LOCKED, _nuki_mute, _nuki_hush, 0x46
)
YALE = Make(
    "yale", lock_yale, VirtualYale, YaleState.UNLOCKED, YaleState.LOCKED, _mute, _hush, 0x37
)
DANALOCK = Make(
    "danalock",
    lock_danalock,
    VirtualDanalock,
    DanalockState.UNLOCKED,
    DanalockState.LOCKED,
    _mute,
    _hush,
    0x40,
)
MAKES = (NUKI, YALE, DANALOCK)


@dataclass
class LockHome:
    """A virtual lock of any make, and the real driver for it."""

    make: Make
    radio: VirtualRadio
    scanner: SharedScanner
    virtual: Any
    secrets: MemorySecrets
    driver: Any
    steps: list[UnlockStep] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)

    async def unlock(self, wake_s: float = 5.0) -> LockResult:
        turn: LockResult = await self.driver.unlock(self.steps.append, wake_s)
        return turn

    async def lock(self, wake_s: float = 5.0) -> LockResult:
        turn: LockResult = await self.driver.lock(self.steps.append, wake_s)
        return turn

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
        driver = make.module.Driver(make.module.Config(**settings), parts)
        stack.push_async_callback(driver.close)
        if not lock.get("sleepy"):
            await until(lambda: scanner.last(virtual.address) is not None)
        yield LockHome(make, radio, scanner, virtual, secrets, driver)


async def unlock_warm_s(home: LockHome) -> float:
    """Seconds from the order to the bolt reported open, of a lock that is awake (the bench's
    number).  The lock is locked before, and its last connection gone."""
    await home.virtual.turn_by_hand(home.make.locked)
    await home.tidy()
    await home.idle()
    began_s = time.monotonic()
    turn = await home.unlock()
    took_s = time.monotonic() - began_s
    assert turn == LockResult(TurnOutcome.DONE, Bolt.UNLOCKED), turn
    return took_s


async def wake_to_open_s(home: LockHome) -> float:
    """Seconds from a sleeping lock's handle to its bolt reported open (the benchmark's number)."""
    home.steps.clear()
    unlocking = asyncio.create_task(home.unlock(wake_s=10.0))
    await until(lambda: UnlockStep.WAKING in home.steps)
    began_s = time.monotonic()
    await home.virtual.take_handle()
    turn = await unlocking
    assert turn == LockResult(TurnOutcome.DONE, Bolt.UNLOCKED), turn
    return time.monotonic() - began_s
