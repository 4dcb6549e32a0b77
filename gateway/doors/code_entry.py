"""A code at the door: judged here, without the server; few tries; then an order like any other.

It is typed, or signed by the phone that holds it (`gateway.access.given_codes`).  A wrong code is
on the disk before it is answered, so that a restart gives no new tries; how many there are says
`gateway.doors.tries`.  A code is judged at the latest time that this home was ever sure of: a clock
turned back revives none.

Not for: the page (`web.home`), how a code is made (`gateway.access`), or the order
(`gateway.doors.orders`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import codes, given_codes
from gateway.access.grants import Action, Grant, Reason
from gateway.doors.orders import RECORD_S, LockOrders, Writer
from gateway.doors.page_identity import PageIdentity
from gateway.doors.tries import NUMBER_TRIES, PLACE_S, PLACE_TRIES, Places
from gateway.envelope import Draft
from gateway.errors import LogUnwritable
from gateway.events import (
    CodeGiven,
    CodesMissed,
    CodesPaused,
    CodeTold,
    LockOperationRefused,
    PageOpened,
    Refusal,
)
from gateway.state.rights import KnownCode, Rights

SALT_BYTES = 16

WORD_S = 120.0
"""Seconds that a word lives which the phone is to sign: from the Pi's page to the phone's and back,
with a finger between; a proof that somebody caught is worth nothing after it."""


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
    """Wrong, and many wrong ones came from there.  A right one opens all the same."""
    GUESSED = "guessed"
    """This number was guessed at too often: it opens by the phone's proof only."""
    NO_CLOCK = "no_clock"
    """The home does not know what time it is."""
    NOT_RECORDED = "not_recorded"
    """The log cannot be written: nothing opens without its record."""


@dataclass(frozen=True, slots=True)
class EntryAnswer:
    """`grant` names the order that was begun (None: none)."""

    what: EntryOutcome
    grant: str | None = None


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
        page: PageIdentity | None,
        mono_s: Callable[[], float],
    ) -> None:
        """`key` is the home's own (None: not enrolled), `server_keys` those trusted now by `kid`;
        `spawn` keeps an order's task until it ends; `page` None: codes are told in the first form
        only; `mono_s` real seconds that only rise."""
        self._home = home
        self._lock_orders = lock_orders
        self._rights = rights
        self._writer = writer
        self._key = key
        self._server_keys = server_keys
        self._spawn = spawn
        self._page = page
        self._mono_s = mono_s
        self._places = Places(mono_s)
        self._word_key = secrets.token_bytes(32)
        self._one = asyncio.Lock()

    def now(self) -> datetime | None:
        """The time to judge a code by: never before any time that this home was sure of.  None: not
        known."""
        now, sure = self._lock_orders.now(), self._rights().sure_at
        return now if now is None or sure is None else max(now, sure)

    def word(self) -> str:
        """A word for the phone to sign, good for `WORD_S`.  Nothing is kept of it, so that nobody
        can push others' words out."""
        bare = f"{self._mono_s():.0f}-{secrets.token_hex(8)}"
        return f"{bare}-{self._word_mac(bare)}"

    async def enter(self, typed: str, place: str) -> EntryAnswer:
        """Judge a code that was typed at the network address `place`, and begin to turn the lock if
        it is good."""
        return await self._judge_typed(typed, place, self._turn)

    async def look(self, typed: str, place: str) -> EntryAnswer:
        """The same for a code that is to open the page and no door; it is used up."""
        return await self._judge_typed(typed, place, self._show)

    async def prove(self, id_: str, word: str, signature: str, place: str) -> EntryAnswer:
        """Judge a phone's proof, and begin to turn the lock.  A false one counts as no try: none
        can be guessed."""
        async with self._one:
            now = self.now()
            if now is None:
                return EntryAnswer(EntryOutcome.NO_CLOCK)
            known = self._rights().codes.get(id_)
            if known is None or not self._is_proof(known, word, signature):
                return EntryAnswer(EntryOutcome.WRONG)
            return await self._recorded(self._use(known, now, place, self._turn))

    async def _judge_typed(self, typed: str, place: str, use: _Use) -> EntryAnswer:
        async with self._one:
            now = self.now()
            if now is None:
                return EntryAnswer(EntryOutcome.NO_CLOCK)
            parts = codes.split(typed)
            if parts is None:
                return EntryAnswer(EntryOutcome.MALFORMED)
            number, proof = parts
            if self._is_guessed(number, now, place):
                return EntryAnswer(EntryOutcome.GUESSED)
            known = await asyncio.to_thread(self._find, number, proof)
            if known is None:
                return await self._recorded(self._wrong(None, number, Refusal.WRONG_CODE, place))
            return await self._recorded(self._use(known, now, place, use))

    async def _recorded(self, judging: Awaitable[EntryAnswer]) -> EntryAnswer:
        try:
            return await judging
        except LogUnwritable:
            return EntryAnswer(EntryOutcome.NOT_RECORDED)

    def _find(self, number: int, proof: str) -> KnownCode | None:
        """The code that these digits are.  As slow for a number that nobody has."""
        with_number = [k for k in self._rights().codes.values() if k.code.number == number]
        match = None
        for known in with_number:
            if self._fits(known, proof):
                match = known
        if not with_number:
            codes.fits(bytes(32), self._home, "", _nobodys(), proof)
        return match

    def _fits(self, known: KnownCode, proof: str) -> bool:
        key, server = self._key(), self._server_keys().get(known.kid)
        if key is None or server is None:
            return False
        if isinstance(known.code, CodeTold):
            shared = codes.shared_key(key, server, self._home)
            return codes.fits(shared, self._home, known.person, known.code, proof)
        if self._page is None or not self._is_sealed(known, known.code):
            return False
        return given_codes.fits(
            self._page.run_key, server, self._home, known.person, known.code, proof
        )

    def _is_sealed(self, known: KnownCode, code: CodeGiven) -> bool:
        server = self._server_keys().get(known.kid)
        return server is not None and given_codes.is_sealed(server, self._home, known.person, code)

    def _is_proof(self, known: KnownCode, word: str, signature: str) -> bool:
        code = known.code
        if self._page is None or not isinstance(code, CodeGiven) or not self._is_word(word):
            return False
        text = given_codes.proof_text(self._home, code, self._page.fingerprint, word)
        return self._is_sealed(known, code) and given_codes.is_proof(code, text, signature)

    def _is_word(self, word: str) -> bool:
        bare, _, mac = word.rpartition("-")
        if not hmac.compare_digest(mac.encode(), self._word_mac(bare).encode()):
            return False
        return self._mono_s() - float(bare.partition("-")[0]) <= WORD_S

    def _word_mac(self, bare: str) -> str:
        return hmac.new(self._word_key, bare.encode(), hashlib.sha256).hexdigest()[:32]

    async def _use(self, known: KnownCode, now: datetime, place: str, use: _Use) -> EntryAnswer:
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
        over = self._is_over(grant, now)
        if over is not None and self._is_guessed(known.code.number, now, place):
            return EntryAnswer(EntryOutcome.WRONG)  # a proof caught and sent a thousand times
        if over is not None:
            return await self._wrong(grant, known.code.number, over, place)
        self._places.right(place)
        return await use(grant, now)

    def _is_over(self, grant: Grant, now: datetime) -> Refusal | None:
        if self._lock_orders.grant_record().used(grant.id):
            return Refusal.REPLAYED
        over = now >= grant.expires or grant.expires <= grant.not_before
        return Refusal.EXPIRED if over else None

    def _is_guessed(self, number: int, now: datetime, place: str) -> bool:
        """Whether this number has had all its wrong tries, from places like this one."""
        since, slowed = now - timedelta(hours=codes.LIFE_H), self._places.is_slowed(place)
        return self._rights().misses.count(number, since, slowed=slowed) >= NUMBER_TRIES

    async def _turn(self, grant: Grant, now: datetime) -> EntryAnswer:
        operation = self._lock_orders.admit(grant, now=now)
        if operation is None:
            return EntryAnswer(EntryOutcome.REFUSED)
        self._spawn(_finish(operation))
        return EntryAnswer(EntryOutcome.ACCEPTED, grant=grant.id)

    async def _show(self, grant: Grant, now: datetime) -> EntryAnswer:
        if now < grant.not_before or self._rights().revoked(grant.id):
            return EntryAnswer(EntryOutcome.REFUSED)
        opened = Draft(PageOpened(grant=grant.id), person=grant.person)
        await self._writer.write(opened, timeout_s=RECORD_S)
        return EntryAnswer(EntryOutcome.ACCEPTED)

    async def _wrong(
        self, grant: Grant | None, number: int, why: Refusal, place: str
    ) -> EntryAnswer:
        """Write a wrong try, and tell the staff at the fifth from one place.  Raises
        `LogUnwritable`."""
        slowed = self._places.is_slowed(place)
        refused = LockOperationRefused(grant=None if grant is None else grant.id, why=why)
        draft = Draft(
            refused,
            device=None if grant is None else grant.device,
            person=None if grant is None else grant.person,
        )
        self._writer.submit(Draft(CodesMissed(number=number, slowed=slowed)))
        await self._writer.write(draft, timeout_s=RECORD_S)
        tries, now, told = self._places.wrong(place), self.now(), self._rights().misses.told_until
        if tries < PLACE_TRIES or now is None:
            return EntryAnswer(EntryOutcome.WRONG)
        if told is None or now >= told:
            paused = CodesPaused(tries=tries, until=now + timedelta(seconds=PLACE_S))
            await self._writer.write(Draft(paused), timeout_s=RECORD_S)
        return EntryAnswer(EntryOutcome.PAUSED)


_Use = Callable[[Grant, datetime], Awaitable[EntryAnswer]]
"""What a good code does."""


async def _finish(operation: Awaitable[None]) -> None:
    await operation


def _nobodys() -> CodeTold:
    """A code that nobody has, to take the same time."""
    long_ago = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
    salt = secrets.token_hex(SALT_BYTES)
    return CodeTold(
        id="", number=0, device="", not_before=long_ago, expires=long_ago, salt=salt, hash=""
    )
