"""The door: an order to turn a lock, from its grant to the bolt's own word.

A grant is read and judged here, in the home; the request is on the disk before the lock is told, so
that a grant is used up even if the power goes now.  A right that ends while the lock is still being
woken ends the order.  What the lock does not confirm is unknown, and is asked for, never repeated.

Not for: who is given a grant (the server), or how a lock speaks (drivers).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access import grants
from gateway.clock import Clock
from gateway.engine.edge import is_cancelled
from gateway.envelope import Draft, Event
from gateway.errors import GrantRefused, LogUnwritable
from gateway.events import (
    DOOR_OPEN,
    Data,
    LockJammed,
    LockLocked,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationProgressed,
    LockOperationRefused,
    LockOperationRequested,
    LockOperationStep,
    LockUnknown,
    LockUnlocked,
    LockUnreachable,
    Ref,
    Refusal,
)
from gateway.ports import Bolt, Lock, LockResult, LockStatus

log = logging.getLogger(__name__)

RECORD_S = 2.0
"""Seconds that the log may take to keep a request; then the order is refused (`not_recorded`)."""

DRIVER_GRACE_S = 60.0
"""Seconds beyond the waking time after which a driver that should have ended by its own deadline
(25 s) is given up.  A second fence, for drivers of others."""

ASK_S = 30.0
"""Seconds that a lock's status may take when nobody waits for it."""

RELOCK_WAKE_S = 60.0
"""Seconds that a sleeping lock is given to wake when the home shuts it by itself."""

BEFORE_COMMAND = (LockOperationStep.WAKING, LockOperationStep.CONNECTING)
"""Steps in which the lock has not been told to turn: only there can an order be withdrawn."""

WITHDRAWN = (
    *(Refusal.REVOKED, Refusal.ALARM_CLOSED, Refusal.CHECK_CLOSED, Refusal.NOT_APPROVED),
    DOOR_OPEN,
)
"""Why an order was withdrawn before the lock was told."""

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


class GrantHistory(Protocol):
    """What the door needs to know of the past, from the home's own log
    (`gateway.state.home_view.HomeView`)."""

    def used(self, grant: str) -> bool: ...

    def revoked(self, grant: str) -> bool: ...

    def alarm_open(self, ref: Ref) -> bool: ...

    def check_open(self, check: str) -> bool: ...

    def approved(self, ref: Ref, person: str, device: str) -> bool: ...

    def not_before(self) -> datetime | None: ...

    def door_open(self, contact: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Order:
    """An order that may be carried out.  `grant` None: the home's own doing, which only shuts, and
    not while the door contact `contact` says open; `person` then None too."""

    id: str
    device: str
    action: grants.Action
    reason: str
    person: str | None
    expires: datetime | None
    grant: grants.Grant | None = None
    contact: str | None = None


def order_of(grant: grants.Grant) -> Order:
    """The order that a grant allows."""
    return Order(
        id=grant.id,
        device=grant.device,
        action=grant.action,
        reason=grant.reason.value,
        person=grant.person,
        expires=grant.expires,
        grant=grant,
    )


@dataclass(slots=True)
class _Running:
    """A driver at work: how far it is, and why it was withdrawn."""

    order: Order
    task: asyncio.Task[LockResult]
    step: LockOperationStep | None = None
    withdrawn: str | None = None


class OpenOrders:
    """A fold of the requests that have no end yet: grant to device and person."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[str | None, str | None]] = {}

    def apply(self, event: Event) -> None:
        """Fold one event."""
        match event.data:
            case LockOperationRequested(grant=grant):
                self.open[grant] = (event.device, event.person)
            case LockOperationEnded(grant=grant):  # a second, refused use says nothing of the first
                self.open.pop(grant, None)


class LockOrders:
    """All locks of one home."""

    def __init__(
        self,
        *,
        home: str,
        devices: Collection[str],
        lock: Callable[[str], Lock | None],
        keys: Callable[[], Mapping[str, Ed25519PublicKey]],
        history: Callable[[], GrantHistory],
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
        self._history = history
        self._writer = writer
        self._clock = clock
        self._best_now = best_now
        self._busy: set[str] = set()
        self._admitted: set[str] = set()
        self._bolts: dict[str, Bolt] = {}
        self._running: dict[str, _Running] = {}

    @property
    def turning(self) -> bool:
        """Whether a lock is being turned, or is about to be."""
        return bool(self._busy)

    def know(self, devices: Collection[str]) -> None:
        """From now on these are the locks."""
        self._devices = devices

    async def settle(self, left_open: OpenOrders) -> None:
        """After a start: end the orders that the last run left open, as unknown, and ask every lock
        where its bolt is.  Nothing is turned."""
        for grant, (device, person) in left_open.open.items():
            ended = LockOperationEnded(
                grant=grant, outcome=LockOperationOutcome.UNKNOWN, why="restarted"
            )
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
        try:  # an order that comes meanwhile goes first: the driver lets it
            async with asyncio.timeout(ASK_S):
                status = await lock.status()
        except TimeoutError:
            status = LockStatus(Bolt.UNKNOWN, answered=False)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            status = LockStatus(Bolt.UNKNOWN)  # a library's own
        except Exception:  # a driver broke its promise: what was said before holds no longer
            log.exception("lock driver broke", extra={"device": device})
            status = LockStatus(Bolt.UNKNOWN)
        bolt = status.bolt
        if device in self._busy:
            return  # the order tells where the bolt is
        if bolt is not self._bolts.get(device, Bolt.UNKNOWN):
            self._write_bolt(device, None, bolt, unanswered=not status.answered)

    def now(self) -> datetime | None:
        """The time to judge a grant by: what the home knows best, and never before the newest word
        of the server, so that a clock turned back makes nothing good again.  None: not known."""
        best, floor = self._best_now(), self._history().not_before()
        if best is None or floor is None:
            return best
        return max(best, floor)

    def grant_record(self) -> grants.GrantRecord:
        """What the home's own log says about a grant."""
        history = self._history()
        return grants.GrantRecord(
            used=lambda id_: id_ in self._admitted or history.used(id_),
            revoked=history.revoked,
            alarm_open=history.alarm_open,
            check_open=history.check_open,
            approved=history.approved,
        )

    async def order(self, token: str, understood: bool = True) -> None:
        """Turn a lock as the grant in `token` says, or write why not.  Not `understood`: the order
        says more than this version knows."""
        try:
            grant = grants.read(token, self._keys())
            if not understood:
                known = {"grant": grant.id, "person": grant.person}
                raise GrantRefused(Refusal.NOT_UNDERSTOOD, **known)
        except GrantRefused as error:
            self.refuse(Refusal(error.why), error.grant, None, error.person)
            return
        operation = self.admit(grant, now=self.now())
        if operation is not None:
            await operation

    def admit(self, grant: grants.Grant, *, now: datetime | None) -> Awaitable[None] | None:
        """Judge a grant at `now`, and reserve the lock for it: the operation, to be awaited.  None:
        it was refused, which is written."""
        try:
            grants.judge(
                grant, home=self._home, devices=self._devices, now=now, record=self.grant_record()
            )
        except GrantRefused as error:
            self.refuse(Refusal(error.why), error.grant, grant.device, error.person)
            return None
        if grant.device in self._busy:
            self.refuse(Refusal.BUSY, grant.id, grant.device, grant.person)
            return None
        self._busy.add(grant.device)
        self._admitted.add(grant.id)
        return self._perform(order_of(grant))

    async def relock(self, device: str, contact: str | None = None) -> None:
        """Shut a bolt that has been open for as long as it may.  Never opens, and never while
        somebody turns, or while the door's contact (None: it has none) says open."""
        if device not in self._devices or device in self._busy:
            return
        self._busy.add(device)
        id_ = f"relock-{device}-{round(self._clock.now().timestamp())}"
        shut = grants.Action.LOCK
        await self._perform(Order(id_, device, shut, "relock", None, None, contact=contact))

    async def _perform(self, order: Order) -> None:
        """Record, then turn; the lock is already ours."""
        try:
            requested = LockOperationRequested(
                grant=order.id, action=order.action.value, reason=order.reason
            )
            draft = Draft(requested, device=order.device, person=order.person)
            try:
                await self._writer.write(draft, timeout_s=RECORD_S)
            except LogUnwritable:
                self.refuse(Refusal.NOT_RECORDED, order.id, order.device, order.person)
                # the request waits for the disk and is written yet: there it has its end
                failed = LockOperationOutcome.FAILED
                ended = LockOperationEnded(grant=order.id, outcome=failed, why="not_recorded")
                self._submit(ended, order)
                return
            await self._carry_out(order)
        finally:
            self._busy.discard(order.device)

    async def _carry_out(self, order: Order) -> None:
        began_s = self._clock.mono_s()
        result = await self._drive(order)
        ended = LockOperationEnded(
            grant=order.id,
            outcome=result.outcome,
            why=result.why,
            took_s=round(self._clock.mono_s() - began_s, 3),
        )
        if result.why in ("unreachable", "asleep"):
            self._submit(LockUnreachable(), order)
        if result.why not in WITHDRAWN:  # else the lock was not told: its bolt is where it was
            # a lock that was never reached was not turned: nobody's doing made its bolt unknown
            who = None if result.outcome is LockOperationOutcome.FAILED else order.person
            self._write_bolt(order.device, who, result.bolt, unanswered=result.not_reached)
        self._submit(ended, order)

    async def _drive(self, order: Order) -> LockResult:
        """Let the driver turn the lock; whatever happens there is a `LockResult`."""
        lock = self._lock(order.device)
        if lock is None:
            return LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "unreachable")
        why = self._why_withdrawn(order)  # while the request was on its way to the disk
        if why is not None:
            return _withdrawn(why)
        wake_s = self._wake_s(order)

        def on_step(step: LockOperationStep) -> None:
            if self._withdraw(running) is not None:
                raise asyncio.CancelledError  # before the driver tells the lock
            running.step = step
            progressed = LockOperationProgressed(grant=order.id, step=step)
            self._writer.submit(Draft(progressed, device=order.device, person=order.person))

        turn_it = lock.unlock if order.action is grants.Action.UNLOCK else lock.lock
        task = asyncio.ensure_future(turn_it(on_step, wake_s))
        running = self._running[order.device] = _Running(order, task)
        try:
            async with asyncio.timeout(wake_s + DRIVER_GRACE_S):
                result = await task
            why = running.withdrawn  # a driver may have made an end of its own of it
            if why is None or result.outcome is not LockOperationOutcome.FAILED:
                return result
            return _withdrawn(why)
        except asyncio.CancelledError:
            if running.withdrawn is not None:
                return _withdrawn(running.withdrawn)
            if is_cancelled():
                raise  # the home is going down
            log.error("lock driver ended by itself", extra={"device": order.device})
        except TimeoutError:
            log.error("lock driver overran its deadline", extra={"device": order.device})
        except Exception:  # a driver broke its promise: nobody knows where the bolt is
            log.exception("lock driver broke", extra={"device": order.device})
        finally:
            del self._running[order.device]
        return LockResult(LockOperationOutcome.UNKNOWN, Bolt.UNKNOWN, "no_answer")

    def reconsider(self) -> None:
        """Something was decided: withdraw the orders whose right has ended, where the lock has not
        been told to turn.  In the event loop."""
        for running in self._running.values():
            goes_on = running.withdrawn is None and running.step in BEFORE_COMMAND
            if goes_on and self._withdraw(running) is not None:
                running.task.cancel()

    def _withdraw(self, running: _Running) -> str | None:
        """Why it is withdrawn: its right has ended, and the driver has not said that it tells the
        lock."""
        if running.withdrawn is None and (running.step is None or running.step in BEFORE_COMMAND):
            running.withdrawn = self._why_withdrawn(running.order)
        return running.withdrawn

    def _why_withdrawn(self, order: Order) -> str | None:
        if order.grant is not None:
            return grants.withdrawn(order.grant, self.grant_record())
        is_open = order.contact is not None and self._history().door_open(order.contact)
        return DOOR_OPEN if is_open else None

    def _wake_s(self, order: Order) -> float:
        """Real seconds that the order still lives."""
        if order.expires is None:
            return RELOCK_WAKE_S
        now = self.now()
        if now is None:
            return 0.0
        rate = self._clock.rate() or 1.0
        # a code lives for a shift; whoever typed it stands at the door
        left = min(order.expires - now, timedelta(seconds=grants.LIFE_S))
        return max(0.0, left.total_seconds() / rate)

    def _submit(self, data: Data, order: Order) -> None:
        self._writer.submit(Draft(data, device=order.device, person=order.person))

    def last_bolt(self, device: str) -> Bolt:
        """What the lock said when it was asked or turned last."""
        return self._bolts.get(device, Bolt.UNKNOWN)

    def _write_bolt(self, device: str, person: str | None, bolt: Bolt, *, unanswered: bool) -> None:
        self._bolts[device] = bolt
        cls = BOLT_EVENTS.get(bolt)
        if cls is not None:
            data = LockUnknown(unanswered=unanswered) if cls is LockUnknown else cls()
            self._writer.submit(Draft(data, device=device, person=person))

    def refuse(
        self, why: Refusal, grant: str | None, device: str | None, person: str | None
    ) -> None:
        """Write that something was refused."""
        known = device if device in self._devices else None
        refused = LockOperationRefused(grant=grant, why=why)
        self._writer.submit(Draft(refused, device=known, person=person))


def _withdrawn(why: str) -> LockResult:
    """The lock was not told to turn."""
    return LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, str(why))
