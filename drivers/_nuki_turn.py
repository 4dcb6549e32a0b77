"""One turn of a Nuki lock: give the command once, then find out what became of it.

    before the command   connecting and asking for a challenge may be tried again
    the command          written once; from the moment the write begins it may have arrived
    after the command    only listening and asking; nothing is ever sent that turns the lock

Not for: waking the lock, or keeping two turns apart (`lock_nuki`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from drivers import _nuki_protocol as nuki
from drivers._nuki_client import Session
from drivers._nuki_protocol import Action, Command, Status
from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable, ProtocolError
from gateway.events import TurnOutcome, UnlockStep
from gateway.ports import Bolt, LockStatus, OnStep, Turn

TRIES = 3
"""Connections before the command is given: a weak radio loses one now and then; a lock that loses
three in a row needs somebody at the door."""

TRY_PAUSE_S = 0.2
"""Seconds between two tries, so that the radio can tidy up the first."""

ACCEPT_S = 5.0
"""Seconds until the lock has said anything to its command; it accepts in well under one."""

TURN_S = 12.0
"""Seconds that a turn takes at the most, once accepted: users report 3 to 8."""

ASK_SHARE = 1 / 3
"""Part of the deadline that is kept for asking when no answer comes."""

ASK_PAUSE_S = 0.5
"""Seconds between two questions where the bolt is, while it moves."""

CONTRARY_S = 4.0
"""Seconds that the bolt may be reported unmoved after a command without answer, before we stop
asking: a command that arrived late has begun to turn by then."""

Connect = Callable[[], AbstractAsyncContextManager[Session]]


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

    def cut_off(self) -> Turn:
        """The turn's end when there is no more time."""
        if self.written:
            return Turn(TurnOutcome.UNKNOWN, self.bolt, self.why)
        return Turn(TurnOutcome.FAILED, self.bolt, self.why)


class TurnOnce:
    """One turn by `action`.  `deadline_s` is how long the caller lets `run` go on."""

    def __init__(
        self,
        *,
        action: Action,
        app_id: int,
        connect: Connect,
        on_step: OnStep,
        deadline_s: float,
    ) -> None:
        self.progress = Progress()
        self.decided: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        """The turn's end, as soon as it is known: the link is taken down behind it."""
        self._action = action
        self._target = Bolt.LOCKED if action is Action.LOCK else Bolt.UNLOCKED
        self._app_id = app_id
        self._connect = connect
        self._on_step = on_step
        self._ask_at_s = time.monotonic() + deadline_s * (1 - ASK_SHARE)
        self._contrary_since_s: float | None = None

    async def run(self) -> Turn:
        """Turn.  The caller holds the deadline, and takes `progress.cut_off()` when it cuts."""
        turn = await self._give()
        while turn is None:
            turn = await self._ask_anew()
        self._decide(turn)
        return turn

    async def _give(self) -> Turn | None:
        """Up to the command and its answer; None when the answer is not known."""
        done = self.progress
        self._on_step(UnlockStep.CONNECTING)
        for attempt in range(1, TRIES + 1):
            try:
                return await self._give_once()
            except DeviceRefused as error:
                outcome = TurnOutcome.UNKNOWN if done.written else TurnOutcome.FAILED
                return Turn(outcome, done.bolt, error.why)
            except (DeviceUnavailable, ProtocolError, TimeoutError) as error:
                done.why = self._why(error)
                if done.written:
                    return None
                if attempt < TRIES:
                    await asyncio.sleep(TRY_PAUSE_S)
        return Turn(TurnOutcome.FAILED, done.bolt, done.why)

    async def _give_once(self) -> Turn | None:
        done = self.progress
        done.connected, done.why = False, "unreachable"
        async with self._connect() as session:
            done.connected, done.why = True, "no_answer"
            return self._decide(await self._give_on(session))

    async def _give_on(self, session: Session) -> Turn | None:
        done = self.progress
        challenge = await session.challenge()
        self._on_step(UnlockStep.TURNING)
        done.written = True
        command = nuki.action_payload(self._action, self._app_id, challenge)
        try:
            await session.say(Command.ACTION, command)
            if (turn := await self._follow(session)) is not None:
                return turn
        except DeviceRefused as error:
            return await self._after_refusal(session, error)
        except (ProtocolError, TimeoutError) as error:
            done.why = self._why(error)
        self._on_step(UnlockStep.ASKING)
        return await self._ask(session)

    async def _follow(self, session: Session) -> Turn | None:
        """Listen until the lock says that it is done; None when it says so without saying where
        its bolt is.  Raises what `Session.hear` raises."""
        done = self.progress
        limit_s = ACCEPT_S
        until_s = min(self._ask_at_s, time.monotonic() + ACCEPT_S + TURN_S)
        while True:
            message = await session.hear(max(0.0, min(limit_s, until_s - time.monotonic())))
            limit_s = TURN_S
            if message.command == Command.STATES:
                done.note(nuki.states(message.payload))
                if done.bolt is Bolt.JAMMED:
                    return Turn(TurnOutcome.FAILED, Bolt.JAMMED, "jammed")
            if message.command == Command.STATUS and message.payload == bytes([Status.COMPLETE]):
                return self._done() if done.bolt is self._target else None

    async def _after_refusal(self, session: Session, error: DeviceRefused) -> Turn:
        """The lock said no to the command: where is its bolt now?"""
        done = self.progress
        try:
            done.note(await session.status())
        except (DeviceError, TimeoutError):
            done.bolt = Bolt.UNKNOWN
        if done.bolt is self._target:
            return self._done()
        if error.why == "jammed":
            done.bolt = Bolt.JAMMED
        return Turn(TurnOutcome.FAILED, done.bolt, error.why)

    async def _ask_anew(self) -> Turn | None:
        """Ask over a new connection; None when that did not work either."""
        self._on_step(UnlockStep.ASKING)
        try:
            async with self._connect() as session:
                return self._decide(await self._ask(session))
        except DeviceRefused as error:
            return Turn(TurnOutcome.UNKNOWN, self.progress.bolt, error.why)
        except (DeviceError, TimeoutError):
            await asyncio.sleep(ASK_PAUSE_S)
            return None

    async def _ask(self, session: Session) -> Turn:
        """Ask where the bolt is until it says something final.  Raises as `Session.hear`."""
        done = self.progress
        while True:
            try:
                done.note(await session.status())
            except DeviceRefused as error:
                # Late news of the command, most likely; its own word for the end, not our guess.
                done.why = error.why
                done.note(await session.status())
            if done.bolt is self._target:
                return self._done()
            if done.bolt is Bolt.JAMMED:
                return Turn(TurnOutcome.FAILED, Bolt.JAMMED, "jammed")
            if done.bolt is not Bolt.MOVING and self._contrary_long():
                return Turn(TurnOutcome.UNKNOWN, done.bolt, done.why)
            await asyncio.sleep(ASK_PAUSE_S)

    def _decide(self, turn: Turn | None) -> Turn | None:
        if turn is not None and not self.decided.done():
            self.decided.set_result(turn)
        return turn

    def _contrary_long(self) -> bool:
        now_s = time.monotonic()
        if self._contrary_since_s is None:
            self._contrary_since_s = now_s
        return now_s - self._contrary_since_s >= CONTRARY_S

    def _done(self) -> Turn:
        return Turn(TurnOutcome.DONE, self._target)

    def _why(self, error: Exception) -> str:
        """In a word of `UnlockEnded.why`, what an interrupted talk means."""
        if isinstance(error, DeviceUnavailable):
            return "link_lost" if self.progress.connected else "unreachable"
        return "no_answer"  # silence, or nothing that can be believed
