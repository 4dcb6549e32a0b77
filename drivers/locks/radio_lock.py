"""A battery lock on the shared radio, of any make: one operation at a time, waking, deadlines.

The lock's battery decides how it is used: it is connected to for an operation, and for a question
when it advertises that its state changed; between them it is only listened to.

An operation ends as done, failed or unknown.  After *unknown* the lock is asked where its bolt is;
a command that may have arrived is never given again (`operation`).  What was turned through
`unlock` and `lock` is in the `LockResult` and not told by `run`; `run` tells what happened by hand.

Not for: how a make speaks (its client), or who may turn the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Generic, TypeVar

from drivers.locks.config import LockConfig, UnlatchOption
from drivers.locks.credentials import Credentials, read
from drivers.locks.operation import Listen, LockAction, LockOperation, LockSession
from drivers.locks.watch import Watch
from drivers.radio.connection import GRACE_S, drop_stale, within
from drivers.radio.listening import scanner_of
from gateway.errors import DeviceError, DeviceUnavailable, RadioAway
from gateway.events import Data, LockOperationOutcome, LockOperationStep
from gateway.ports import Advert, Bolt, DriverContext, Emit, LockResult, LockStatus, OnStep

log = logging.getLogger(__name__)

CONNECT_S = 10.0
"""Seconds for one attempt to connect, so that a deadline of 25 s has room for two."""

STATUS_S = 15.0
"""Seconds to ask the lock where its bolt is, connecting included."""

CLOSE_S = 2.0
"""Seconds that `close` gives a connection to end by itself, and then when cut off."""

RADIO_CHECK_S = 2.0
"""Seconds between looks at whether the radio still listens."""

RADIO_BACK_S = 8.0
"""Seconds that an order waits for a radio that is away: bluetoothd is back 2 to 5 s after it was
restarted, and whoever stands at the door would try again anyway."""

RADIO_LOOK_S = 0.1
"""Seconds between looks while an order waits for the radio."""

LEAST_WAIT_S = 0.1
"""Seconds that the watch rests at the least: a question that is due waits for a turn."""


C = TypeVar("C", bound=Credentials)


class RadioLock(ABC, Generic[C]):
    """What the makes share of `gateway.ports.Lock`.

    A make opens a session and reads what its lock's advertisements say.  Where the address changes
    (its credentials have none) it also says which advertisements are its lock's, and it may
    `_listen` for answers where its sessions give none (see `LockOperation`).

    Raises `SecretError` when the lock is not paired, `DeviceUnavailable` without a scanner.
    """

    contrary_s: float | None = None
    """How long the make's lock may report its bolt unmoved; None: `operation.CONTRARY_S`."""

    stale_s: float = 0.0
    """Seconds after a turn for which the make's lock is known to report what was before."""

    hear_s: float = 5.0
    """Seconds that a question waits for a lock that is not heard, as just after a start; a
    connection to one that sleeps would only keep the adapter from others."""

    _listen: Listen | None = None

    def __init__(self, config: LockConfig, context: DriverContext, credentials: type[C]) -> None:
        self._config = config
        self._context = context
        self._credentials = read(config, context, credentials)
        self._scanner = scanner_of(context)
        self._advert: Advert | None = None
        self._heard = asyncio.Event()
        self._spoke_s = float("-inf")  # when the lock last answered over a connection
        self._operated_s = float("-inf")
        self._operating = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._radio = asyncio.Lock()  # one connection to this lock at a time
        self._tidying: set[asyncio.Task[LockResult]] = set()
        self._asking: asyncio.Task[LockStatus] | None = None
        self._closed = False
        self._watch = Watch(config.sleep_after_s, config.ask_every_s, stale_s=self.stale_s)

    # --- what a make adds -------------------------------------------------------------------------

    @abstractmethod
    def _advertised(self, advert: Advert) -> bool:
        """This lock advertised.  True when the watch should look at once."""

    @abstractmethod
    def _session(self, advert: Advert) -> AbstractAsyncContextManager[LockSession]:
        """A session with the lock that sent `advert`.  However it is left, also by a cancellation
        while connecting, nothing stays connected.  Raises `DeviceError`."""

    def _is_ours(self, advert: Advert) -> bool:
        """Whether this lock sent it.  Never raises: any stranger's radio may send anything."""
        return advert.address == self._credentials.address

    def _upkeep(self) -> list[Data]:
        """Now and then while `run` listens; what it returns is told."""
        return []

    # --- gateway.ports.Lock -----------------------------------------------------------------------

    async def status(self) -> LockStatus:
        """See `gateway.ports.Lock`.  A turn goes first: its answer is newer than the question."""
        try:
            status = await self._ask_when_idle()
        except (DeviceError, TimeoutError):
            return LockStatus(Bolt.UNKNOWN, answered=False)
        self._watch.asked_elsewhere(status)
        return status

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        """See `gateway.ports.Lock`."""
        unlatches = isinstance(self._config, UnlatchOption) and self._config.unlatch
        action = LockAction.UNLATCH if unlatches else LockAction.UNLOCK
        return await self._operate(action, on_step, wake_s)

    async def lock(self, on_step: OnStep, wake_s: float) -> LockResult:
        """See `gateway.ports.Lock`."""
        return await self._operate(LockAction.LOCK, on_step, wake_s)

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Lock`.  Raises `RadioAway` while the radio does not listen."""
        self._closed = False
        if self._credentials.address is not None:
            await drop_stale(self._credentials.address)
        stop = self._scanner.watch(self._on_advert)
        self._watch.begin()
        try:
            while True:
                if (problem := self._scanner.problem()) is not None:
                    raise RadioAway(problem)
                for data in self._watch.hearing(self._silent_s()):
                    emit(data)
                if self._watch.ask_is_due() and not self._operating:
                    try:
                        self._watch.answered(await self._ask_when_idle())
                    except (DeviceError, TimeoutError):
                        self._watch.no_answer()
                for data in [*self._watch.news(), *self._upkeep()]:
                    emit(data)
                look_s = min(RADIO_CHECK_S, self._config.sleep_after_s)
                await self._wait(min(look_s, max(LEAST_WAIT_S, self._watch.due_in_s())))
        finally:
            stop()

    async def close(self) -> None:
        """See `gateway.ports.Lock`.  A turn that goes on is given a moment, then cut off; who asked
        has no answer, for the lock may be another's now, who pairs it."""
        self._closed = True
        if self._asking is not None:
            self._asking.cancel()
        tasks: set[asyncio.Task[Any]] = {*self._tidying}
        tasks |= {self._asking} if self._asking is not None else set()
        if tasks:
            _, still = await asyncio.wait(tasks, timeout=CLOSE_S)
            for task in still:
                task.cancel()
            if still:
                await asyncio.wait(still, timeout=CLOSE_S)

    # --- operating --------------------------------------------------------------------------------

    async def _operate(self, action: LockAction, on_step: OnStep, wake_s: float) -> LockResult:
        if self._operating:
            return LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "busy")
        self._operating = True
        self._idle.clear()
        try:
            if not await self._radio_listens():
                return self._not_operated("radio")
            if not await self._awake(on_step, wake_s):
                return self._not_operated("asleep" if self._scanner.problem() is None else "radio")
            return await self._operate_awake(action, on_step)
        finally:
            self._operating = False
            self._idle.set()
            self._heard.set()

    async def _operate_awake(self, action: LockAction, on_step: OnStep) -> LockResult:
        operation = LockOperation(
            action=action,
            connect=self._connected,
            on_step=on_step,
            deadline_s=self._config.deadline_s,
            listen=self._listen,
            contrary_s=self.contrary_s,
        )

        async def alone() -> LockResult:
            if self._asking is not None:
                self._asking.cancel()  # a person at the door goes before a question
            async with self._radio:
                return await operation.run()

        task = asyncio.create_task(alone())
        self._tidying.add(task)
        task.add_done_callback(self._tidied)
        try:
            # BlueZ takes two seconds to disconnect: the answer does not wait for that.
            await asyncio.wait(
                {task, operation.decided},
                timeout=self._config.deadline_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_S)
            raise
        if operation.decided.done():
            result = operation.decided.result()
        elif task.done() and not task.cancelled():
            result = task.result()
        else:
            task.cancel()
            result = operation.progress.cut_off()
        if operation.progress.written:
            self._operated_s = time.monotonic()
        elif result.not_reached and self._scanner.problem() is not None:
            result = replace(result, why="radio")
        self._watch.operated(result, operation.progress.status)
        return result

    def _not_operated(self, why: str) -> LockResult:
        result = LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, why)
        self._watch.operated(result, None)
        return result

    def _tidied(self, task: asyncio.Task[LockResult]) -> None:
        self._tidying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a turn failed behind its answer", exc_info=error)

    async def _radio_listens(self) -> bool:
        """Whether the radio listens, or does soon."""
        until_s = time.monotonic() + RADIO_BACK_S
        while self._scanner.problem() is not None:
            if time.monotonic() >= until_s:
                return False
            await asyncio.sleep(RADIO_LOOK_S)
        return True

    async def _awake(self, on_step: OnStep, wake_s: float) -> bool:
        """Whether the lock is heard now, or is within `wake_s`.  A radio that only just came back
        has heard nobody yet: nobody is sent to the handle for that."""
        if self._is_heard():
            return True
        fresh_s = self._scanner.since_s() + self.hear_s - time.monotonic()
        if fresh_s > 0 and await self._hear(min(fresh_s, self.hear_s)):
            return True
        if self._scanner.problem() is not None:
            return False
        on_step(LockOperationStep.WAKING)
        return await self._hear(wake_s)

    async def _hear(self, limit_s: float) -> bool:
        """Whether the lock advertises within `limit_s`; not longer than the radio is there."""
        heard = asyncio.Event()

        def on_advert(advert: Advert) -> None:
            if self._is_ours(advert):
                self._advert = advert
                heard.set()

        stop = self._scanner.watch(on_advert)
        until_s = time.monotonic() + limit_s
        try:
            while (left_s := until_s - time.monotonic()) > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, RADIO_CHECK_S)):
                        await heard.wait()
                        return True
                if not await self._radio_listens():
                    return False
            return False
        finally:
            stop()

    # --- asking -----------------------------------------------------------------------------------

    async def _ask_when_idle(self) -> LockStatus:
        """The lock's answer; a turn that comes meanwhile goes first.

        Raises `DeviceError` or `TimeoutError`.
        """
        while not self._closed:
            await self._idle.wait()
            async with self._radio:
                if self._operating:
                    continue
                self._asking = asyncio.create_task(self._ask())
                try:
                    await asyncio.wait({self._asking})
                finally:
                    asked, self._asking = self._asking, None
                    if not asked.done():
                        asked.cancel()
                        await asyncio.wait({asked}, timeout=GRACE_S)
                if not asked.cancelled():
                    return asked.result()
        raise DeviceUnavailable("the lock is looked after no more")

    async def _ask(self) -> LockStatus:
        async def ask() -> LockStatus:
            await asyncio.sleep(max(0.0, self._operated_s + self.stale_s - time.monotonic()))
            if not self._is_heard() and not await self._hear(self.hear_s):
                raise DeviceUnavailable("the lock is not heard")
            async with self._connected() as session:
                return await session.status()

        return await within(STATUS_S, ask())

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[LockSession]:
        advert = self._last_advert()
        if advert is None:
            raise DeviceUnavailable("the lock was never heard")
        async with self._session(advert) as session:
            self._spoke_s = time.monotonic()
            yield session
            self._spoke_s = time.monotonic()

    # --- hearing ----------------------------------------------------------------------------------

    def _last_advert(self) -> Advert | None:
        """The newest advertisement of this lock; None when it was never heard."""
        address = self._credentials.address
        return (self._scanner.last(address) if address else None) or self._advert

    def _is_heard(self) -> bool:
        """Whether the lock was heard so lately that it is awake, and by the radio as it is now:
        what was heard before a break cannot be connected to."""
        advert = self._last_advert()
        if advert is None or advert.heard_s < self._scanner.since_s():
            return False
        return self._silent_s() <= self._config.sleep_after_s

    def _silent_s(self) -> float:
        """Seconds since the lock was heard, by advertisement or connection."""
        advert = self._last_advert()
        heard_s = float("-inf") if advert is None else advert.heard_s
        return time.monotonic() - max(heard_s, self._spoke_s)

    def _on_advert(self, advert: Advert) -> None:
        if not self._is_ours(advert):
            return
        self._advert = advert
        if self._advertised(advert):
            self._heard.set()

    async def _wait(self, limit_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._heard.wait()
        self._heard.clear()
