"""One operation of a lock of any make: give the command once, then find out what became of it.

    before the command   connecting and preparing may be tried again
    the command          given once; from the moment that it begins it may have arrived
    after the command    only listening and asking; nothing is ever sent that turns the lock

Not for: waking the lock, or keeping two operations apart (`radio_lock`); how a lock speaks
(clients).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable, ProtocolError
from gateway.events import LockOperationOutcome, LockOperationStep
from gateway.ports import Bolt, LockResult, LockStatus, OnStep

TRIES = 3
"""Connections before the command is given: a weak radio loses one now and then; a lock that loses
three in a row needs somebody at the door."""

TRY_PAUSE_S = 0.2
"""Seconds between two tries, so that the radio can tidy up the first."""

ASK_SHARE = 1 / 3
"""Part of the deadline that is kept for asking when no answer comes."""

ASK_PAUSE_S = 0.5
"""Seconds between two questions where the bolt is, while it moves."""

CONTRARY_S = 4.0
"""Seconds that the bolt may be reported unmoved after a command without answer, before we stop
asking: a command that arrived late has begun to turn by then."""


class LockAction(StrEnum):
    """What a lock is told to do."""

    UNLOCK = "unlock"
    UNLATCH = "unlatch"
    """Unlock, and pull the latch."""
    LOCK = "lock"

    @property
    def target(self) -> Bolt:
        """Where the bolt is to be afterwards."""
        return Bolt.LOCKED if self is LockAction.LOCK else Bolt.UNLOCKED


OnStatus = Callable[[LockStatus], None]


class LockSession(Protocol):
    """An open session with a lock.  Each method raises `DeviceRefused` (the lock said no),
    `DeviceUnavailable` (the link was lost), `ProtocolError` or `TimeoutError`."""

    async def prepare(self) -> None:
        """Have ready what the command needs, as a challenge.  Turns nothing."""

    async def operate(self, action: LockAction, on_status: OnStatus, until_s: float) -> None:
        """Give the command, once, and listen until the lock says that it is over, or
        `time.monotonic()` is `until_s`.  What the lock says of itself goes to
        `on_status`; of a lock that only took the command on, nothing does."""

    async def status(self) -> LockStatus:
        """What the lock says of itself now."""


Connect = Callable[[], AbstractAsyncContextManager[LockSession]]


class StatusSource(Protocol):
    """Where a lock can be asked; raises as `LockSession`."""

    async def status(self) -> LockStatus: ...


Listen = Callable[[], AbstractAsyncContextManager[StatusSource]]


@dataclass
class Progress:
    """How far an operation has come; what is known when the deadline cuts it off."""

    written: bool = False
    connected: bool = False
    bolt: Bolt = Bolt.UNKNOWN
    why: str = "unreachable"
    status: LockStatus | None = None

    def note(self, status: LockStatus) -> None:
        self.bolt, self.status = status.bolt, status

    def cut_off(self) -> LockResult:
        """How it ends when there is no more time."""
        if self.written:
            return LockResult(LockOperationOutcome.UNKNOWN, self.left(), self.why)
        return LockResult(LockOperationOutcome.FAILED, self.left(), self.why)

    def left(self) -> Bolt:
        """Where the bolt is when nothing more is heard: one that was moving has come to rest
        somewhere by the time that anybody reads it, and nobody knows where."""
        return Bolt.UNKNOWN if self.bolt is Bolt.MOVING else self.bolt


class LockOperation:
    """One run of `action`.  `deadline_s` is how long the caller lets `run` go on.

    `listen` is for a lock that does not say over its session where its bolt is: the session is
    left first, and then asked there.  `contrary_s`: see `CONTRARY_S`.
    """

    def __init__(
        self,
        *,
        action: LockAction,
        connect: Connect,
        on_step: OnStep,
        deadline_s: float,
        listen: Listen | None = None,
        contrary_s: float | None = None,
    ) -> None:
        self.progress = Progress()
        self.decided: asyncio.Future[LockResult] = asyncio.get_running_loop().create_future()
        """How it ended, as soon as that is known: the link is taken down behind it."""
        self._action = action
        self._connect = connect
        self._listen = listen
        self._on_step = on_step
        self._ask_at_s = time.monotonic() + deadline_s * (1 - ASK_SHARE)
        self._contrary_s = CONTRARY_S if contrary_s is None else contrary_s
        self._contrary_since_s: float | None = None
        self._accepted = False
        self._refused: DeviceRefused | None = None

    async def run(self) -> LockResult:
        """Operate the lock.  The caller holds the deadline, and takes `progress.cut_off()` when it
        cuts."""
        result = await self._give()
        while result is None:
            result = await self._ask_anew()
        self._decide(result)
        return result

    async def _give(self) -> LockResult | None:
        """Up to the command and its answer; None when the answer is not known."""
        progress = self.progress
        self._on_step(LockOperationStep.CONNECTING)
        for attempt in range(1, TRIES + 1):
            try:
                return await self._give_once()
            except DeviceRefused as error:
                outcome = (
                    LockOperationOutcome.UNKNOWN
                    if progress.written
                    else LockOperationOutcome.FAILED
                )
                return LockResult(outcome, progress.left(), error.why)
            except (DeviceUnavailable, ProtocolError, TimeoutError) as error:
                if not self._accepted:
                    progress.why = self._why(error)
                if progress.written:
                    return None
                if attempt < TRIES:
                    await asyncio.sleep(TRY_PAUSE_S)
        return LockResult(LockOperationOutcome.FAILED, progress.left(), progress.why)

    async def _give_once(self) -> LockResult | None:
        progress = self.progress
        progress.connected, progress.why = False, "unreachable"
        async with self._connect() as session:
            progress.connected, progress.why = True, "no_answer"
            return self._decide(await self._give_on(session))

    async def _give_on(self, session: LockSession) -> LockResult | None:
        progress = self.progress
        await session.prepare()
        self._on_step(LockOperationStep.TURNING)
        progress.written = True
        try:
            await session.operate(self._action, progress.note, self._ask_at_s)
            self._accepted = True
            if progress.bolt is self._action.target:
                return self._done()
            if progress.bolt is Bolt.JAMMED:
                return LockResult(LockOperationOutcome.FAILED, Bolt.JAMMED, "jammed")
        except DeviceRefused as error:
            self._refused = error
            return None if self._listen else await self._after_refusal(session, error)
        except (ProtocolError, TimeoutError) as error:
            progress.why = self._why(error)
        if self._listen:
            return None
        self._on_step(LockOperationStep.ASKING)
        return await self._ask(session)

    async def _after_refusal(self, session: StatusSource, error: DeviceRefused) -> LockResult:
        """The lock said no to the command: where is its bolt now?"""
        progress = self.progress
        try:
            progress.note(await session.status())
        except (DeviceError, TimeoutError):
            progress.bolt = Bolt.UNKNOWN
        if progress.bolt is self._action.target:
            return self._done()
        if error.why == "jammed":
            progress.bolt = Bolt.JAMMED
        return LockResult(LockOperationOutcome.FAILED, progress.bolt, error.why)

    async def _ask_anew(self) -> LockResult | None:
        """Ask outside the session that gave the command; None when that did not work either."""
        if self._refused is None and not (self._listen and self._accepted):
            self._on_step(LockOperationStep.ASKING)
        try:
            async with (self._listen or self._connect)() as session:
                if self._refused is not None:
                    return self._decide(await self._after_refusal(session, self._refused))
                return self._decide(await self._ask(session))
        except DeviceRefused as error:
            return LockResult(LockOperationOutcome.UNKNOWN, self.progress.left(), error.why)
        except (DeviceError, TimeoutError):
            await asyncio.sleep(ASK_PAUSE_S)
            return None

    async def _ask(self, session: StatusSource) -> LockResult:
        """Ask where the bolt is until it says something final.  Raises as `LockSession`."""
        progress = self.progress
        while True:
            try:
                progress.note(await session.status())
            except DeviceRefused as error:
                # Late news of the command, most likely; its own word for the end, not our guess.
                progress.why = error.why
                progress.note(await session.status())
            if progress.bolt is self._action.target:
                return self._done()
            if progress.bolt is Bolt.JAMMED:
                return LockResult(LockOperationOutcome.FAILED, Bolt.JAMMED, "jammed")
            if progress.bolt is not Bolt.MOVING and self._contrary_long():
                return LockResult(LockOperationOutcome.UNKNOWN, progress.bolt, progress.why)
            await asyncio.sleep(ASK_PAUSE_S)

    def _decide(self, result: LockResult | None) -> LockResult | None:
        if result is not None and not self.decided.done():
            self.decided.set_result(result)
        return result

    def _contrary_long(self) -> bool:
        now_s = time.monotonic()
        if self._contrary_since_s is None:
            self._contrary_since_s = now_s
        return now_s - self._contrary_since_s >= self._contrary_s

    def _done(self) -> LockResult:
        return LockResult(LockOperationOutcome.DONE, self._action.target)

    def _why(self, error: Exception) -> str:
        """In a word of `LockOperationEnded.why`, what an interrupted session means."""
        if isinstance(error, DeviceUnavailable):
            return "link_lost" if self.progress.connected else "unreachable"
        return "no_answer"  # silence, or nothing that can be believed
