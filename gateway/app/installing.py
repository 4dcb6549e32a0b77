"""A home that is being installed, for somebody's page at the server: what it hears, and devices
that are paired and calibrated from there.

The server asks, and signs each order; the home ends it by itself when no page is open any more
(`OPEN_S`), and after `TOTAL_S` whatever is asked.  No event is written and nothing is kept.

Not for: hearing (`gateway.services.hearing`), or what the home consists of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.access import listen_orders
from gateway.access.listen_orders import ListenAction, ListenOrder
from gateway.access.tokens import BadToken
from gateway.app.configuration import Configuration
from gateway.app.uplink_bridge import Signaller
from gateway.config.home_file import HomeConfig
from gateway.doors.orders import LockOrders
from gateway.envelope import Event
from gateway.events import ConfigSet
from gateway.link.uplink import Uplink
from gateway.services.driver_supervisor import DriverSupervisor, makes
from gateway.services.guiding import RemoteGuide, What
from gateway.services.hearing import Hearing
from gateway.wire import HeardSignal

log = logging.getLogger(__name__)

OPEN_S = 45.0
"""Seconds without a word from the page after which it is closed: it says so every ten, and a phone
loses its network in a cellar."""

TOTAL_S = 20 * 60.0
"""Seconds of a hearing at the most: as long as somebody walks about with things in their hands."""

TELL_S = 1.0
"""Seconds between looks whether there is news."""

ANYWAY_S = 5.0
"""Seconds after which it is told without news: the page is to know that the home still hears."""

SETTLE_S = 3.0
"""Seconds after a configuration came until free pins are looked at again: a home takes one within
two, and a driver that found its pin in use tries again after one."""

USED_MAX = 500
"""Orders that are remembered, so that none is obeyed twice: a page gives one in ten seconds."""


class HomeAround(Protocol):
    """What is taken of the home; read anew at each use."""

    config: HomeConfig
    supervisor: DriverSupervisor
    configuration: Configuration
    watchers: list[Callable[[Event], None]]
    lock_orders: LockOrders
    uplink: Uplink | None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...


@dataclass(slots=True)
class _Session:
    """One hearing.  `until_s` moves while the page is open, `end_s` does not; pins are looked at
    from `pins_from_s` on."""

    id: str
    hearing: Hearing
    until_s: float
    end_s: float
    pins_from_s: float = 0.0
    guide: RemoteGuide | None = None
    task: asyncio.Task[Any] | None = None

    @property
    def over(self) -> bool:
        return time.monotonic() >= min(self.until_s, self.end_s)


class Installing:
    """`keys` are the server's, by id."""

    def __init__(
        self, home: HomeAround, keys: Callable[[], Mapping[str, Ed25519PublicKey]]
    ) -> None:
        self._home, self._keys = home, keys
        self._server = Signaller(lambda: home.uplink)
        home.watchers.append(self.see)
        self._session: _Session | None = None
        self._used: dict[str, datetime] = {}

    def ordered(self, token: str) -> None:
        """An order came.  One that does not hold is passed over: whoever gave it sees that nothing
        happens."""
        try:
            now = self._home.lock_orders.now()
            home = self._home.config.home.id
            order = listen_orders.read(token, self._keys(), home=home, now=now)
        except (BadToken, ValueError) as error:
            log.warning("an order to a home that is installed is not obeyed: %s", error)
            return
        if order.id in self._used or len(self._used) >= USED_MAX:
            self._forget_used(now)
            if order.id in self._used or len(self._used) >= USED_MAX:
                return
        self._used[order.id] = order.expires
        self._obey(order)

    def see(self, event: Event) -> None:
        """A configuration came: a driver is to have the pins that it names."""
        if event.kind == ConfigSet.KIND and self._session is not None:
            self._session.hearing.let_go()
            self._session.pins_from_s = time.monotonic() + SETTLE_S

    def _forget_used(self, now: datetime | None) -> None:
        if now is not None:
            self._used = {id_: ends for id_, ends in self._used.items() if ends > now}

    def _obey(self, order: ListenOrder) -> None:
        session = self._session
        if order.action is ListenAction.BEGIN:
            self._home.spawn(self._hear(order.hearing))
            return
        if session is None or session.id != order.hearing or session.over:
            return
        session.until_s = time.monotonic() + OPEN_S
        if order.action is ListenAction.END:
            session.until_s = 0.0
        elif order.action is ListenAction.ANSWER and session.guide is not None:
            session.guide.answer(order.question, order.text)
        elif order.action is ListenAction.PAIR:
            self._guide(session, order.device, "pair")
        elif order.action is ListenAction.CALIBRATE:
            self._guide(session, order.device, "calibrate")

    # --- hearing ----------------------------------------------------------------------------------

    async def _hear(self, id_: str) -> None:
        """Hear, and tell, until it is over."""
        await self._close()
        supervisor = self._home.supervisor
        scanner = await supervisor.radio()
        free = supervisor.free_pins()
        hearing = Hearing(scanner, await makes(), supervisor.open_pin, free)
        now_s = time.monotonic()
        self._session = session = _Session(id_, hearing, now_s + OPEN_S, now_s + TOTAL_S)
        hearing.begin()
        try:
            await self._tell(session)
        except asyncio.CancelledError:  # the gateway stops: the server is not waited for
            hearing.end()
            raise
        if self._session is session:
            await self._close()

    async def _tell(self, session: _Session) -> None:
        last: HeardSignal | None = None
        told_s = float("-inf")
        while self._session is session and not session.over:
            now_s = time.monotonic()
            if now_s >= session.pins_from_s:
                session.hearing.take(self._home.supervisor.free_pins())
            signal = _signal(session)
            if signal != last or now_s - told_s >= ANYWAY_S:
                last, told_s = signal, now_s
                await self._server.tell(signal)
            await asyncio.sleep(TELL_S)

    async def _close(self) -> None:
        """End what goes on: nobody hears from here on, and the page is told."""
        session, self._session = self._session, None
        if session is None:
            return
        session.hearing.end()
        if session.task is not None:
            session.task.cancel()
        await self._server.tell(HeardSignal(hearing=session.id, state="ended"))

    # --- pairing and calibrating ------------------------------------------------------------------

    def _guide(self, session: _Session, device: str, what: What) -> None:
        """Begin, unless one goes on, or there is nothing to do for such a device."""
        known = self._home.config.devices.get(device)
        if known is None or (session.guide is not None and not session.guide.over):
            return
        work = known.driver.pair if what == "pair" else known.driver.calibrate
        if work is None:
            return
        guide = session.guide = RemoteGuide(device, what)
        supervisor = self._home.supervisor

        async def guided() -> None:
            async with supervisor.set_aside(device) as context:
                done = await guide.run(lambda with_: work(known.settings, context, with_))
            if done:
                await self._home.configuration.paired()

        session.task = self._home.spawn(guided())


def _signal(session: _Session) -> HeardSignal:
    hearing = session.hearing
    return HeardSignal(
        hearing=session.id,
        state="hearing",
        things=hearing.things(),
        pins=hearing.pins(),
        radio=hearing.problem()[:300],
        guided=None if session.guide is None else session.guide.told(),
    )
