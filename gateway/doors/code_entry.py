"""A code typed at the door: judged here, without the server; few tries; then an order like any
other.

A wrong code is on the disk before it is answered, so that a restart gives no new tries; five of
them pause the entry, each pause twice as long as the one before.  A code is judged at the latest
time that this home was ever sure of: a clock turned back revives none.

Not for: the page (`web.home`), how a code is made (`gateway.access.codes`), or the order
(`gateway.doors.orders`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import codes
from gateway.access.grants import Action, Grant, Reason
from gateway.doors.orders import RECORD_S, LockOrders, Writer
from gateway.envelope import Draft
from gateway.errors import LogUnwritable
from gateway.events import CodesPaused, CodeTold, LockOperationRefused, Refusal
from gateway.state.rights import PAUSE_TRIES, KnownCode, Rights, Tries

FIRST_PAUSE_MIN = 15
"""Minutes of the first pause: long for a guesser, bearable for a caregiver with cold hands."""

LONGEST_PAUSE_H = 24
"""Hours of the longest."""

SALT_BYTES = 16


class EntryOutcome(StrEnum):
    """What became of a typed code."""

    ACCEPTED = "accepted"
    """The lock is being turned; follow the steps."""
    MALFORMED = "malformed"
    """Not eight digits: no try was counted."""
    WRONG = "wrong"
    REFUSED = "refused"
    """The code is right and does not open now; the log says why."""
    PAUSED = "paused"
    NO_CLOCK = "no_clock"
    """The home does not know what time it is."""
    NOT_RECORDED = "not_recorded"
    """The log cannot be written: nothing opens without its record."""


@dataclass(frozen=True, slots=True)
class EntryAnswer:
    """`grant` names the order that was begun (None: none); `until` the end of a pause."""

    what: EntryOutcome
    grant: str | None = None
    until: datetime | None = None


class CodeEntry:
    """The entry at the door; one code at a time."""

    def __init__(
        self,
        *,
        home: str,
        lock_orders: LockOrders,
        rights: Callable[[], Rights],
        writer: Writer,
        key: Callable[[], Ed25519PrivateKey | None],
        server_keys: Callable[[], Mapping[str, Ed25519PublicKey]],
        spawn: Callable[[Coroutine[Any, Any, None]], Any],
    ) -> None:
        """`key` is the home's own (None: not enrolled), `server_keys` those trusted now by `kid`;
        `spawn` keeps an order's task until it ends."""
        self._home = home
        self._lock_orders = lock_orders
        self._rights = rights
        self._writer = writer
        self._key = key
        self._server_keys = server_keys
        self._spawn = spawn
        self._one = asyncio.Lock()

    def now(self) -> datetime | None:
        """The time to judge a code by: never before any time that this home was sure of.  None: not
        known."""
        now, sure = self._lock_orders.now(), self._rights().sure_at
        return now if now is None or sure is None else max(now, sure)

    def paused_until(self) -> datetime | None:
        """When the entry takes codes again; None: it does now, or the time is not known."""
        now, until = self.now(), self._rights().tries.until
        return until if now is not None and until is not None and now < until else None

    async def enter(self, typed: str) -> EntryAnswer:
        """Judge a typed code, and begin to turn the lock if it is good."""
        async with self._one:
            now = self.now()
            if now is None:
                return EntryAnswer(EntryOutcome.NO_CLOCK)
            until = self.paused_until()
            if until is not None:
                return EntryAnswer(EntryOutcome.PAUSED, until=until)
            parts = codes.split(typed)
            if parts is None:
                return EntryAnswer(EntryOutcome.MALFORMED)
            known = await asyncio.to_thread(self._find, *parts)
            try:
                if known is None:
                    return await self._wrong(None, Refusal.WRONG_CODE)
                return await self._use(known, now)
            except LogUnwritable:
                return EntryAnswer(EntryOutcome.NOT_RECORDED)

    def _find(self, number: int, proof: str) -> KnownCode | None:
        """The code that these digits are.  As slow for a number that nobody has."""
        key, public = self._key(), self._server_keys()
        with_number = [k for k in self._rights().codes.values() if k.code.number == number]
        match = None
        for known in with_number:
            server = public.get(known.kid)
            if key is None or server is None:
                continue
            shared = codes.shared_key(key, server, self._home)
            if codes.fits(shared, self._home, known.person, known.code, proof):
                match = known
        if not with_number:
            codes.fits(bytes(32), self._home, "", _nobodys(), proof)
        return match

    async def _use(self, known: KnownCode, now: datetime) -> EntryAnswer:
        grant = Grant(
            id=known.code.id,
            home=self._home,
            device=known.code.device,
            action=Action.UNLOCK,
            person=known.person,
            reason=Reason.PLANNED_VISIT,
            ref=None,
            not_before=known.code.not_before,
            expires=known.code.expires,
        )
        if self._lock_orders.grant_record().used(grant.id):
            return await self._wrong(grant, Refusal.REPLAYED)
        if now >= grant.expires or grant.expires <= grant.not_before:
            return await self._wrong(grant, Refusal.EXPIRED)
        operation = self._lock_orders.admit(grant, now=now)
        if operation is None:
            return EntryAnswer(EntryOutcome.REFUSED)
        self._spawn(_finish(operation))
        return EntryAnswer(EntryOutcome.ACCEPTED, grant=grant.id)

    async def _wrong(self, grant: Grant | None, why: Refusal) -> EntryAnswer:
        """Write a wrong try, and a pause after the fifth.  Raises `LogUnwritable`."""
        refused = LockOperationRefused(grant=None if grant is None else grant.id, why=why)
        draft = Draft(
            refused,
            device=None if grant is None else grant.device,
            person=None if grant is None else grant.person,
        )
        await self._writer.write(draft, timeout_s=RECORD_S)
        tries, now = self._rights().tries, self.now()
        if tries.wrong >= PAUSE_TRIES and now is not None:
            until = now + pause_of(tries)
            paused = CodesPaused(tries=tries.wrong, until=until)
            await self._writer.write(Draft(paused), timeout_s=RECORD_S)
            return EntryAnswer(EntryOutcome.PAUSED, until=until)
        return EntryAnswer(EntryOutcome.WRONG)


def pause_of(tries: Tries) -> timedelta:
    """How long the next pause is."""
    doubled = timedelta(minutes=FIRST_PAUSE_MIN * (1 << min(tries.pauses, 10)))
    return min(doubled, timedelta(hours=LONGEST_PAUSE_H))


async def _finish(operation: Awaitable[None]) -> None:
    await operation


def _nobodys() -> CodeTold:
    """A code that nobody has, to take the same time."""
    long_ago = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
    salt = secrets.token_hex(SALT_BYTES)
    return CodeTold(
        id="", number=0, device="", not_before=long_ago, expires=long_ago, salt=salt, hash=""
    )
