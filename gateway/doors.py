"""The door: an order to turn a lock, from its grant to the bolt's own word.

A grant is read and judged here, in the home; the request is on the disk before the lock is told, so
that a grant is used up even if the power goes now.  What the lock does not confirm is unknown, and
is asked for, never repeated.

Not for: who is given a grant (the server), or how a lock speaks (drivers).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway import access
from gateway.clock import Clock
from gateway.envelope import Draft, Event
from gateway.errors import GrantRefused, LogUnwritable
from gateway.events import (
    Data,
    LockJammed,
    LockLocked,
    LockUnknown,
    LockUnlocked,
    LockUnreachable,
    Ref,
    Refusal,
    TurnOutcome,
    UnlockEnded,
    UnlockProgressed,
    UnlockRefused,
    UnlockRequested,
    UnlockStep,
)
from gateway.ports import Bolt, Lock, Turn

log = logging.getLogger(__name__)

RECORD_S = 2.0
"""Seconds that the log may take to keep a request; then the order is refused (`not_recorded`)."""

DRIVER_GRACE_S = 60.0
"""Seconds beyond the waking time after which a driver that should have ended by its own deadline
(25 s) is given up.  A second fence, for drivers of others."""

ASK_S = 30.0
"""Seconds that a lock's status may take when nobody waits for it."""

BOLT_EVENTS: Mapping[Bolt, type[LockLocked | LockUnlocked | LockJammed | LockUnknown]] = {
    Bolt.LOCKED: LockLocked,
    Bolt.UNLOCKED: LockUnlocked,
    Bolt.JAMMED: LockJammed,
    Bolt.UNKNOWN: LockUnknown,
}
"""What is written when a lock tells where its bolt is; a moving bolt is not told."""


class Writer(Protocol):
    """What the door needs of the engine."""

    def submit(self, draft: Draft) -> None: ...

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event: ...


class Books(Protocol):
    """What the door needs to know of the past, from the home's own log (`gateway.view.View`)."""

    def used(self, grant: str) -> bool: ...

    def revoked(self, grant: str) -> bool: ...

    def alarm_open(self, ref: Ref) -> bool: ...


class OpenTurns:
    """A fold of the requests that have no end yet: grant to device and person."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[str | None, str | None]] = {}

    def apply(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event.data, UnlockRequested):
            self.open[event.data.grant] = (event.device, event.person)
        elif isinstance(event.data, UnlockEnded | UnlockRefused) and event.data.grant:
            self.open.pop(event.data.grant, None)


class Doors:
    """All locks of one home."""

    def __init__(
        self,
        *,
        home: str,
        devices: Collection[str],
        lock: Callable[[str], Lock | None],
        keys: Callable[[], Mapping[str, Ed25519PublicKey]],
        books: Callable[[], Books],
        writer: Writer,
        clock: Clock,
        best_now: Callable[[], datetime | None],
    ) -> None:
        """`devices` are the locks of the configuration, `lock` gives each one's driver (None while
        it could not be made); `keys` are the server's pinned keys by id; `best_now` the time as
        well as the home knows it, None when it does not."""
        self._home = home
        self._devices = devices
        self._lock = lock
        self._keys = keys
        self._books = books
        self._writer = writer
        self._clock = clock
        self._best_now = best_now
        self._busy: set[str] = set()
        self._taken: set[str] = set()
        self._bolts: dict[str, Bolt] = {}

    async def settle(self, left_open: OpenTurns) -> None:
        """After a start: end the turns that the last run left open, as unknown, and ask every lock
        where its bolt is.  Nothing is turned."""
        for grant, (device, person) in left_open.open.items():
            ended = UnlockEnded(grant=grant, outcome=TurnOutcome.UNKNOWN, why="restarted")
            self._writer.submit(Draft(ended, device=device, person=person))
        for device in self._devices:
            await self.ask(device)

    async def ask(self, device: str) -> None:
        """Ask a lock for its state and write what is new; nothing while it is being turned.

        Before it has said anything its bolt is unknown, to everybody, without an event.
        """
        lock = self._lock(device)
        if device not in self._devices or device in self._busy:
            return
        if lock is None:
            return
        try:  # a turn that comes meanwhile goes first: the driver lets it
            async with asyncio.timeout(ASK_S):
                bolt = (await lock.status()).bolt
        except TimeoutError:
            bolt = Bolt.UNKNOWN
        if device in self._busy:
            return  # the turn tells where the bolt is
        if bolt is not self._bolts.get(device, Bolt.UNKNOWN):
            self._tell_bolt(device, None, bolt)

    async def order(self, token: str) -> None:
        """Turn a lock as the grant in `token` says, or write why not."""
        device: str | None = None
        books = self._books()
        try:
            grant = access.read(token, self._keys())
            device = grant.device
            access.judge(
                grant,
                home=self._home,
                devices=self._devices,
                now=self._best_now(),
                used=lambda id_: id_ in self._taken or books.used(id_),
                revoked=books.revoked,
                alarm_open=books.alarm_open,
            )
        except GrantRefused as error:
            self._refuse(Refusal(error.why), error.grant, device, error.person)
            return
        if device in self._busy:
            self._refuse(Refusal.BUSY, grant.id, device, grant.person)
            return
        self._busy.add(device)
        self._taken.add(grant.id)
        try:
            requested = UnlockRequested(
                grant=grant.id, action=grant.action.value, reason=grant.reason.value
            )
            draft = Draft(requested, device=device, person=grant.person)
            try:
                await self._writer.write(draft, timeout_s=RECORD_S)
            except LogUnwritable:
                self._refuse(Refusal.NOT_RECORDED, grant.id, device, grant.person)
                return
            await self._turn(grant)
        finally:
            self._busy.discard(device)

    async def _turn(self, grant: access.Grant) -> None:
        began_s = self._clock.mono_s()
        turn = await self._drive(grant)
        ended = UnlockEnded(
            grant=grant.id,
            outcome=turn.outcome,
            why=turn.why,
            took_s=round(self._clock.mono_s() - began_s, 3),
        )
        if turn.why in ("unreachable", "asleep"):
            self._submit(LockUnreachable(), grant)
        # a lock that was never reached was not turned: nobody's doing made its bolt unknown
        who = None if turn.outcome is TurnOutcome.FAILED else grant.person
        self._tell_bolt(grant.device, who, turn.bolt)
        self._submit(ended, grant)

    async def _drive(self, grant: access.Grant) -> Turn:
        """Let the driver turn the lock; whatever happens there is a `Turn`."""
        lock = self._lock(grant.device)
        if lock is None:
            return Turn(TurnOutcome.FAILED, Bolt.UNKNOWN, "unreachable")
        wake_s = self._wake_s(grant)

        def on_step(step: UnlockStep) -> None:
            progressed = UnlockProgressed(grant=grant.id, step=step)
            self._writer.submit(Draft(progressed, device=grant.device, person=grant.person))

        turn_it = lock.unlock if grant.action is access.Action.UNLOCK else lock.lock
        try:
            async with asyncio.timeout(wake_s + DRIVER_GRACE_S):
                return await turn_it(on_step, wake_s)
        except TimeoutError:
            log.error("lock driver overran its deadline", extra={"device": grant.device})
        except Exception:  # a driver broke its promise: nobody knows where the bolt is
            log.exception("lock driver broke", extra={"device": grant.device})
        return Turn(TurnOutcome.UNKNOWN, Bolt.UNKNOWN, "no_answer")

    def _wake_s(self, grant: access.Grant) -> float:
        """Real seconds that the grant still lives."""
        now = self._best_now()
        if now is None:
            return 0.0
        rate = self._clock.rate() or 1.0
        return max(0.0, (grant.expires - now).total_seconds() / rate)

    def _submit(self, data: Data, grant: access.Grant) -> None:
        self._writer.submit(Draft(data, device=grant.device, person=grant.person))

    def last_bolt(self, device: str) -> Bolt:
        """What the lock said when it was asked or turned last."""
        return self._bolts.get(device, Bolt.UNKNOWN)

    def _tell_bolt(self, device: str, person: str | None, bolt: Bolt) -> None:
        self._bolts[device] = bolt
        cls = BOLT_EVENTS.get(bolt)
        if cls is not None:
            self._writer.submit(Draft(cls(), device=device, person=person))

    def _refuse(
        self, why: Refusal, grant: str | None, device: str | None, person: str | None
    ) -> None:
        known = device if device in self._devices else None
        refused = UnlockRefused(grant=grant, why=why)
        self._writer.submit(Draft(refused, device=known, person=person))
