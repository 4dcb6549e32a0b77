"""One turn of a lock of any make: give the command once, then find out what became of it.

    before the command   connecting and preparing may be tried again
    the command          given once; from the moment that it begins it may have arrived
    after the command    only listening and asking; nothing is ever sent that turns the lock

Not for: waking the lock, or keeping two turns apart (`radio_lock`); how a lock speaks (clients).
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
from gateway.events import TurnOutcome, UnlockStep
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


Note = Callable[[LockStatus], None]


class LockSession(Protocol):
    """An open session with a lock.  Each method raises `DeviceRefused` (the lock said no),
    `DeviceUnavailable` (the link was lost), `ProtocolError` or `TimeoutError`."""

    async def prepare(self) -> None:
        """Have ready what the command needs, as a challenge.  Turns nothing."""

    async def give(self, order: LockAction, note: Note, until_s: float) -> None:
        """Give the command, once, and listen until the lock says that it is over, or
        `time.monotonic()` is `until_s`.  What the lock says of itself goes to `note`; a lock that
        only took the command on notes nothing."""

    async def status(self) -> LockStatus:
        """What the lock says of itself now."""


Connect = Callable[[], AbstractAsyncContextManager[LockSession]]


class StatusSource(Protocol):
    """Where a lock can be asked; raises as `LockSession`."""

    async def status(self) -> LockStatus: ...


Listen = Callable[[], AbstractAsyncContextManager[StatusSource]]


@dataclass
class Progress:
    """How far a turn has come; what is known when the deadline cuts it off."""

    written: bool = False
    connected: bool = False
    bolt: Bolt = Bolt.UNKNOWN
    why: str = "unreachable"
    status: LockStatus | None = None

    def note(self, status: LockStatus) -> None:
        self.bolt, self.status = status.bolt, status

    def cut_off(self) -> LockResult:
        """The turn's end when there is no more time."""
        if self.written:
            return LockResult(TurnOutcome.UNKNOWN, self.bolt, self.why)
        return LockResult(TurnOutcome.FAILED, self.bolt, self.why)


class LockOperation:
    """One turn by `order`.  `deadline_s` is how long the caller lets `run` go on.

    `listen` is for a lock that does not say over its session where its bolt is: the session is
    left first, and then asked there.  `contrary_s`: see `CONTRARY_S`.
    """

    def __init__(
        self,
        *,
        order: LockAction,
        connect: Connect,
        on_step: OnStep,
        deadline_s: float,
        listen: Listen | None = None,
        contrary_s: float | None = None,
    ) -> None:
        self.progress = Progress()
        self.decided: asyncio.Future[LockResult] = asyncio.get_running_loop().create_future()
        """The turn's end, as soon as it is known: the link is taken down behind it."""
        self._order = order
        self._connect = connect
        self._listen = listen
        self._on_step = on_step
        self._ask_at_s = time.monotonic() + deadline_s * (1 - ASK_SHARE)
        self._contrary_s = CONTRARY_S if contrary_s is None else contrary_s
        self._contrary_since_s: float | None = None
        self._taken = False
        self._refused: DeviceRefused | None = None

    async def run(self) -> LockResult:
        """Turn.  The caller holds the deadline, and takes `progress.cut_off()` when it cuts."""
        turn = await self._give()
        while turn is None:
            turn = await self._ask_anew()
        self._decide(turn)
        return turn

    async def _give(self) -> LockResult | None:
        """Up to the command and its answer; None when the answer is not known."""
        done = self.progress
        self._on_step(UnlockStep.CONNECTING)
        for attempt in range(1, TRIES + 1):
            try:
                return await self._give_once()
            except DeviceRefused as error:
                outcome = TurnOutcome.UNKNOWN if done.written else TurnOutcome.FAILED
                return LockResult(outcome, done.bolt, error.why)
            except (DeviceUnavailable, ProtocolError, TimeoutError) as error:
                if not self._taken:
                    done.why = self._why(error)
                if done.written:
                    return None
                if attempt < TRIES:
                    await asyncio.sleep(TRY_PAUSE_S)
        return LockResult(TurnOutcome.FAILED, done.bolt, done.why)

    async def _give_once(self) -> LockResult | None:
        done = self.progress
        done.connected, done.why = False, "unreachable"
        async with self._connect() as talk:
            done.connected, done.why = True, "no_answer"
            return self._decide(await self._give_on(talk))

    async def _give_on(self, talk: LockSession) -> LockResult | None:
        done = self.progress
        await talk.prepare()
        self._on_step(UnlockStep.TURNING)
        done.written = True
        try:
            await talk.give(self._order, done.note, self._ask_at_s)
            self._taken = True
            if done.bolt is self._order.target:
                return self._done()
            if done.bolt is Bolt.JAMMED:
                return LockResult(TurnOutcome.FAILED, Bolt.JAMMED, "jammed")
        except DeviceRefused as error:
            self._refused = error
            return None if self._listen else await self._after_refusal(talk, error)
        except (ProtocolError, TimeoutError) as error:
            done.why = self._why(error)
        if self._listen:
            return None
        self._on_step(UnlockStep.ASKING)
        return await self._ask(talk)

    async def _after_refusal(self, talk: StatusSource, error: DeviceRefused) -> LockResult:
        """The lock said no to the command: where is its bolt now?"""
        done = self.progress
        try:
            done.note(await talk.status())
        except (DeviceError, TimeoutError):
            done.bolt = Bolt.UNKNOWN
        if done.bolt is self._order.target:
            return self._done()
        if error.why == "jammed":
            done.bolt = Bolt.JAMMED
        return LockResult(TurnOutcome.FAILED, done.bolt, error.why)

    async def _ask_anew(self) -> LockResult | None:
        """Ask outside the session that gave the command; None when that did not work either."""
        if self._refused is None and not (self._listen and self._taken):
            self._on_step(UnlockStep.ASKING)
        try:
            async with (self._listen or self._connect)() as talk:
                if self._refused is not None:
                    return self._decide(await self._after_refusal(talk, self._refused))
                return self._decide(await self._ask(talk))
        except DeviceRefused as error:
            return LockResult(TurnOutcome.UNKNOWN, self.progress.bolt, error.why)
        except (DeviceError, TimeoutError):
            await asyncio.sleep(ASK_PAUSE_S)
            return None

    async def _ask(self, talk: StatusSource) -> LockResult:
        """Ask where the bolt is until it says something final.  Raises as `LockSession`."""
        done = self.progress
        while True:
            try:
                done.note(await talk.status())
            except DeviceRefused as error:
                # Late news of the command, most likely; its own word for the end, not our guess.
                done.why = error.why
                done.note(await talk.status())
            if done.bolt is self._order.target:
                return self._done()
            if done.bolt is Bolt.JAMMED:
                return LockResult(TurnOutcome.FAILED, Bolt.JAMMED, "jammed")
            if done.bolt is not Bolt.MOVING and self._contrary_long():
                return LockResult(TurnOutcome.UNKNOWN, done.bolt, done.why)
            await asyncio.sleep(ASK_PAUSE_S)

    def _decide(self, turn: LockResult | None) -> LockResult | None:
        if turn is not None and not self.decided.done():
            self.decided.set_result(turn)
        return turn

    def _contrary_long(self) -> bool:
        now_s = time.monotonic()
        if self._contrary_since_s is None:
            self._contrary_since_s = now_s
        return now_s - self._contrary_since_s >= self._contrary_s

    def _done(self) -> LockResult:
        return LockResult(TurnOutcome.DONE, self._order.target)

    def _why(self, error: Exception) -> str:
        """In a word of `UnlockEnded.why`, what an interrupted talk means."""
        if isinstance(error, DeviceUnavailable):
            return "link_lost" if self.progress.connected else "unreachable"
        return "no_answer"  # silence, or nothing that can be believed
