"""What calls and looks have in common, in the gateway: one at a time, from permit to end.

In this order, and no step without the one before it: the permit is judged and used up in the log;
whoever is at home is told; only then may the child open what it hears or sees by.  The child is
killed when the time is out, whatever it does itself; its own two layers come first
(`gateway.media.child`).

Not for: what the resident is told by, and what the child opens (`calls`, `looks`); signing permits
(the server).
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.envelope import Draft, Event
from gateway.errors import LogUnwritable, PermitRefused
from gateway.events import Data
from gateway.media import description
from gateway.media.process import START_S, MediaProcess, Stuck
from gateway.media.record import MediaRecord
from gateway.state.home_view import HomeView
from gateway.wire import CallSignal, LookSignal

log = logging.getLogger(__name__)

RECORD_S = 2.0
"""Seconds that the log may take to keep that a permit is used up; then nobody hears or sees."""

CONNECT_S = 20.0
"""Seconds from the child's start of work until something must flow, at the most: its own timers (15
s for a way, twice at the worst) and some."""


class Writer(Protocol):
    """What is needed of the engine."""

    def submit(self, draft: Draft) -> None: ...

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event: ...


class AnyPermit(Protocol):
    """What a call's permit and a look's have in common."""

    @property
    def id(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def limit_s(self) -> int: ...
    @property
    def extends(self) -> bool: ...


class AnyOrder(Protocol):
    """What an order about a call and one about a look have in common."""

    @property
    def what(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def permit(self) -> str: ...
    @property
    def sdp(self) -> str: ...
    @property
    def candidates(self) -> tuple[str, ...]: ...


P = TypeVar("P", bound=AnyPermit)
Q = TypeVar("Q", bound=AnyOrder)
AnySignal = CallSignal | LookSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class Around(Generic[P]):
    """What is taken of the home.  `light` sets the lamp that says that somebody hears or sees, and
    tells whether it did; `signal` tells the server, and may take its time; `taken` says whether
    somebody else has what it needs (an alarm centre the microphone)."""

    home: str
    keys: Callable[[], Mapping[str, Ed25519PublicKey]]
    view: Callable[[], HomeView]
    record: Callable[[], MediaRecord]
    writer: Writer
    now: Callable[[], datetime | None]
    light: Callable[[bool], Awaitable[bool]]
    signal: Callable[[AnySignal], Coroutine[Any, Any, None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    start: Callable[[], Awaitable[MediaProcess]] = MediaProcess.start
    taken: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Running(Generic[P]):
    """What goes on.  Reasons are words of `VoiceEnd` and `VoiceRefusal`, `LookEnd` and
    `LookRefusal`."""

    permit: P
    process: MediaProcess | None = None
    began_s: float | None = None
    ends_s: float | None = None
    extended: bool = False
    ending: str | None = None
    """Why it was told to end from here."""
    refused: str | None = None
    over_s: float | None = None
    """When its process was gone."""
    pictures: int = 0
    way: str = "none"


class Sessions(ABC, Generic[P, Q]):
    """The calls, or the looks, of one home.  In the event loop."""

    kill_after_s: float
    """Seconds past the limit after which the parent kills the child: the third layer."""

    connect_s = CONNECT_S

    def __init__(self, around: Around[P]) -> None:
        self.around = around
        self._running: Running[P] | None = None
        self._admitted: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether one goes on, or is being begun."""
        return self._running is not None

    async def order(self, order: Q, understood: bool = True) -> None:
        """Do as the server's page asks, or say why not.  Not `understood`: it says more than this
        version knows."""
        running = self._running
        if order.what == "begin":
            await self._begin(order, understood=understood)
        elif order.what == "extend":
            await self._extend(order)
        elif running is None or running.permit.session != order.session:
            return
        elif order.what == "candidates" and running.process is not None:
            ways = description.candidates(order.candidates)
            running.process.tell({"do": "candidates", "candidates": ways})
        elif order.what == "end":
            self._end(running, self.hung_up)

    def reconsider(self) -> None:
        """Something happened: what goes on ends with its ground."""
        running = self._running
        why = None if running is None else self._ground_gone(running.permit)
        if running is not None and why is not None:
            self._end(running, why)

    async def close(self) -> None:
        """The gateway stops: nobody hears or sees from here on."""
        if self._running is not None:
            await self._hang_up(self._running, "stopped")

    # --- what differs

    hung_up: str
    """Why it ends when the other end ends it."""

    @abstractmethod
    def _judged(self, token: str) -> P:
        """The permit, if it holds here and now.  Raises `PermitRefused`."""

    @abstractmethod
    def _ground_gone(self, permit: P) -> str | None:
        """Why what goes on must end; None: its ground stands."""

    @abstractmethod
    def _unable(self, permit: P, order: Q) -> str | None:
        """Why it cannot be, before anything is written; None: it can."""

    @abstractmethod
    async def _carry(self, running: Running[P], order: Q) -> str:
        """Tell the resident, have the child do it; why it ended.  Its process is gone then."""

    @abstractmethod
    async def _after(self, running: Running[P]) -> None:
        """The resident is told that it is over."""

    @abstractmethod
    async def _heard(self, running: Running[P], word: dict[str, Any]) -> None:
        """A word of the child that only this one knows."""

    @abstractmethod
    def _event(self, what: str, running: Running[P], why: str = "", permit: str = "") -> Data:
        """What is written that it was `admitted`, has `begun`, was `extended`, has `ended`."""

    @abstractmethod
    def _refusal(self, session: str | None, why: str) -> Data:
        """What is written when one is refused."""

    @abstractmethod
    def _signal(self, session: str, state: str, **more: Any) -> AnySignal:
        """What the server is told."""

    def _draft(self, permit: P | None, data: Data, person: str | None = None) -> Draft:
        return Draft(data, person=person if permit is None else permit.person)

    # --- from permit to child

    async def _begin(self, order: Q, *, understood: bool) -> None:
        try:
            permit = self._judged(order.permit)
            if not understood:
                raise PermitRefused("not_understood", call=permit.session, person=permit.person)
            if permit.session != order.session or permit.extends:
                raise PermitRefused("forged", call=permit.session, person=permit.person)
            if self._running is not None and self._running.permit.person == permit.person:
                await self._hang_up(self._running, self.hung_up)  # their page was loaded anew
            if self._running is not None or self.around.taken():
                raise PermitRefused("busy", call=permit.session, person=permit.person)
        except PermitRefused as error:
            refused = self._refusal(error.call, error.why)
            self.around.writer.submit(self._draft(None, refused, error.person))
            self._tell(order.session, "refused", why=error.why)
            return
        self._admitted.add(permit.id)
        running = self._running = Running(permit)
        try:
            await self._admit(running, order)
        finally:
            if self._running is running:
                self._running = None

    async def _admit(self, running: Running[P], order: Q) -> None:
        permit = running.permit
        why = self._unable(permit, order)
        if why is not None:
            self._refuse(running, why)
            return
        try:
            admitted = self._event("admitted", running, permit=permit.id)
            await self.around.writer.write(self._draft(permit, admitted), timeout_s=RECORD_S)
        except LogUnwritable:
            self._refuse(running, "not_recorded")
            return
        why = "refused"
        try:
            why = await self._carry(running, order)
        finally:
            self._write(running, self._event("ended", running, why=why))
            if running.refused is None:
                self._tell(permit.session, "ended", why=why)
            await self.around.light(False)
            self._running = None  # who presses again need not wait for the rest
            await self._after(running)

    async def _hear(self, running: Running[P], begin: Mapping[str, Any]) -> str:
        """What the child says, until its end or ours."""
        assert running.process is not None  # noqa: S101 - it was started
        running.ends_s = time.monotonic() + START_S + self.connect_s
        killer = asyncio.create_task(self._kill_in_time(running))
        ended: str | None = None
        try:
            async for word in running.process.said(START_S):
                running.pictures = max(running.pictures, int(word.get("pictures", 0)))
                running.way = str(word.get("way", running.way))
                match word.get("say"):
                    case "ready":
                        self._ready(running)
                        running.process.begin(dict(begin))
                    case "answered":
                        self._tell(running.permit.session, "answered", sdp=str(word.get("sdp", "")))
                    case "refused":
                        return self._not(running, str(word["why"]))
                    case "ended":
                        ended = str(word["why"])
                    case _:
                        await self._heard(running, word)
        except Stuck:
            return running.ending or "media_stuck"
        finally:
            killer.cancel()
        if running.refused is not None:
            return "refused"
        if running.began_s is None and ended is None and running.ending is None:
            return self._not(running, "no_media")
        return running.ending or ended or self._died(running)

    def _died(self, running: Running[P]) -> str:
        """Why a child is gone that said nothing: at its limit it is killed, here or by itself."""
        limit_s = (running.ends_s or 0.0) - self.kill_after_s
        return "limit_reached" if time.monotonic() >= limit_s else "media_died"

    def _ready(self, running: Running[P]) -> None:
        """The child is there; what it opens it may not have opened yet."""

    def _count_from_now(self, running: Running[P]) -> None:
        """From here on the limit counts."""
        running.ends_s = time.monotonic() + running.permit.limit_s + self.kill_after_s

    async def _kill_in_time(self, running: Running[P]) -> None:
        """The third layer: whatever the child does, it is gone then."""
        assert running.process is not None  # noqa: S101 - it was started
        while running.ends_s is not None:
            left_s = running.ends_s - time.monotonic()
            if left_s <= 0:
                running.process.kill()
                return
            await asyncio.sleep(min(left_s, 0.5))

    # --- while it goes on

    async def _extend(self, order: Q) -> None:
        running = self._running
        try:
            permit = self._judged(order.permit)
            if running is None or not self._may_extend(running, permit):
                raise PermitRefused("replayed", call=permit.session, person=permit.person)
            self._admitted.add(permit.id)
            running.extended = True
            extended = self._draft(permit, self._event("extended", running, permit=permit.id))
            await self.around.writer.write(extended, timeout_s=RECORD_S)
        except (PermitRefused, LogUnwritable) as error:
            log.info("it is not made longer", extra={"why": error.text})
            return
        if running.ending is not None:
            return  # it was told to end while the log kept this
        if running is self._running and running.ends_s is not None and running.process is not None:
            running.ends_s += permit.limit_s
            running.process.tell({"do": "extend", "limit_s": permit.limit_s})
            self._extended(running)

    def _may_extend(self, running: Running[P], permit: P) -> bool:
        return (
            running.process is not None
            and running.ends_s is not None
            and running.ending is None
            and not running.extended
            and permit.extends
            and permit.session == running.permit.session
            and permit.person == running.permit.person
        )

    def _extended(self, running: Running[P]) -> None:
        """It was made longer."""

    def _end(self, running: Running[P], why: str) -> None:
        if running.ending is None:
            running.ending = why
            if running.process is not None:
                running.process.tell({"do": "end", "why": why})
            if running.ends_s is not None:  # one that does not obey is killed, as at its limit
                running.ends_s = min(running.ends_s, time.monotonic() + self.kill_after_s)

    async def _hang_up(self, running: Running[P], why: str) -> None:
        """End it at once, and wait a moment until it is written."""
        self._end(running, why)
        if running.process is not None:
            running.process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_S):
                while self._running is running:  # noqa: ASYNC110 - it ends within a moment
                    await asyncio.sleep(0.01)

    async def _gone(self, running: Running[P]) -> None:
        """Nothing of it runs any more."""
        assert running.process is not None  # noqa: S101 - it was started
        running.process.kill()
        await running.process.gone()
        running.over_s = time.monotonic()

    def took_s(self, running: Running[P]) -> float:
        """How long somebody heard or saw; 0 where it never began."""
        if running.began_s is None:
            return 0.0
        return round((running.over_s or time.monotonic()) - running.began_s, 1)

    # --- what is told

    def _not(self, running: Running[P], why: str) -> str:
        """It was admitted, and nobody will hear or see."""
        if running.refused is None:
            running.refused = why
            self._refuse(running, why)
        return "refused"

    def _refuse(self, running: Running[P], why: str) -> None:
        session = running.permit.session
        self._write(running, self._refusal(session, why))
        self._tell(session, "refused", why=why)

    def _tell(self, session: str, state: str, **more: Any) -> None:
        """In a task of its own: a server that is slow or gone holds up nothing, and no end."""
        self.around.spawn(self.around.signal(self._signal(session, state, **more)))

    def _write(self, running: Running[P], data: Data) -> None:
        self.around.writer.submit(self._draft(running.permit, data))
