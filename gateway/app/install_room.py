"""A home that is being installed: what it hears, and devices that are paired and calibrated, for
somebody's page, at the server or the Pi's own.

One page at a time; whoever begins takes over, and the page before is told that it has ended.  It
ends by itself when no page is open any more (`OPEN_S`), and after `TOTAL_S` whatever is asked.  No
event is written and nothing is kept.

Not for: who may (`installing` reads the server's orders, `install_page` the code that was typed
here), hearing itself (`gateway.services.hearing`), or what the home consists of.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.app.configuration import Configuration
from gateway.config.home_file import HomeConfig
from gateway.envelope import Event
from gateway.events import ConfigSet
from gateway.services.driver_supervisor import DriverSupervisor, makes
from gateway.services.guiding import RemoteGuide, What
from gateway.services.hearing import Hearing
from gateway.wire import HeardSignal

OPEN_S = 90.0
"""Seconds without a word from the page after which it is closed: it says so every ten, and a phone
loses its network for a minute, in a cellar or a lift."""

TOTAL_S = 20 * 60.0
"""Seconds of a hearing at the most: as long as somebody walks about with things in their hands."""

TELL_S = 1.0
"""Seconds between looks whether there is news."""

ANYWAY_S = 5.0
"""Seconds after which it is told without news: the page is to know that the home still hears."""

SETTLE_S = 3.0
"""Seconds after a configuration came until free pins are looked at again: a home takes one within
two, and a driver that found its pin in use tries again after one."""

Tell = Callable[[HeardSignal], Awaitable[None]]
"""Is told what the home hears, at least every `ANYWAY_S`, and at last that it has ended."""


class HomeAround(Protocol):
    """What is taken of the home; read anew at each use."""

    config: HomeConfig
    supervisor: DriverSupervisor
    configuration: Configuration
    watchers: list[Callable[[Event], None]]

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...


@dataclass(slots=True)
class _Session:
    """One hearing.  `until_s` moves while the page is open, `end_s` does not; pins are looked at
    from `pins_from_s` on."""

    id: str
    hearing: Hearing
    tell: Tell
    until_s: float
    end_s: float
    pins_from_s: float = 0.0
    guide: RemoteGuide | None = None
    task: asyncio.Task[Any] | None = None

    @property
    def over(self) -> bool:
        return time.monotonic() >= min(self.until_s, self.end_s)

    def signal(self) -> HeardSignal:
        hearing = self.hearing
        return HeardSignal(
            hearing=self.id,
            state="hearing",
            things=hearing.things(),
            pins=hearing.pins(),
            radio=hearing.problem()[:300],
            guided=None if self.guide is None else self.guide.told(),
        )


class InstallRoom:
    """One home's.  In the home's loop."""

    def __init__(self, home: HomeAround) -> None:
        self._home = home
        self._session: _Session | None = None
        self._coming = ""
        home.watchers.append(self.see)

    def see(self, event: Event) -> None:
        """A configuration came: a driver is to have the pins that it names."""
        if event.kind == ConfigSet.KIND:
            self.let_go()

    def let_go(self) -> None:
        """Give the pins back for some seconds."""
        if self._session is not None:
            self._session.hearing.let_go()
            self._session.pins_from_s = time.monotonic() + SETTLE_S

    def begin(self, id_: str, tell: Tell) -> None:
        """Hear for a page, in place of whatever page there was; what goes on already goes on."""
        if not self.go_on(id_):
            self._coming = id_
            self._home.spawn(self._hear(id_, tell))

    def is_coming(self, id_: str) -> bool:
        """Whether it has begun for this page and hears in a moment: the first time a home's drivers
        are all read, which takes a Pi seconds."""
        return self._coming == id_

    def go_on(self, id_: str) -> bool:
        """The page is still open.  False: nothing is heard for it (any more)."""
        session = self._mine(id_)
        if session is not None:
            session.until_s = time.monotonic() + OPEN_S
        return session is not None

    def end(self, id_: str) -> None:
        """Nobody looks any more."""
        if self._coming == id_:
            self._coming = ""
        session = self._mine(id_)
        if session is not None:
            session.until_s = 0.0

    def answer(self, id_: str, number: int, text: str) -> None:
        """What somebody answers to question `number`."""
        session = self._mine(id_)
        if session is not None and session.guide is not None:
            session.guide.answer(number, text)

    def now(self, id_: str) -> HeardSignal | None:
        """What is told to this page; None: nothing (any more)."""
        session = self._mine(id_)
        return None if session is None else session.signal()

    @property
    def busy(self) -> bool:
        """Whether somebody's page hears now."""
        return self._session is not None and not self._session.over

    def guide(self, id_: str, device: str, what: What) -> None:
        """Begin to pair or calibrate, unless one goes on, or there is nothing to do for such a
        device."""
        session, known = self._mine(id_), self._home.config.devices.get(device)
        if session is None or known is None:
            return
        if session.guide is not None and not session.guide.over:
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

    def _mine(self, id_: str) -> _Session | None:
        session = self._session
        return None if session is None or session.id != id_ or session.over else session

    async def _hear(self, id_: str, tell: Tell) -> None:
        """Hear, and tell, until it is over."""
        session = await self._begun(id_, tell)
        if session is None:
            return
        try:
            await self._tell(session)
        except asyncio.CancelledError:  # the gateway stops: nobody is waited for
            session.hearing.end()
            raise
        if self._session is session:
            await self._close()

    async def _begun(self, id_: str, tell: Tell) -> _Session | None:
        """A session that hears; None: another page began meanwhile, and the last one has it."""
        supervisor = self._home.supervisor
        try:
            await self._close()
            scanner, free = await supervisor.radio(), supervisor.free_pins()
            hearing = Hearing(scanner, await makes(), supervisor.open_pin, free)
            if self._coming != id_:  # what the other page began is not this one's to close
                return None
            await self._close()
            if self._coming != id_:
                return None
        finally:
            if self._coming == id_:
                self._coming = ""
        now_s = time.monotonic()
        self._session = _Session(id_, hearing, tell, now_s + OPEN_S, now_s + TOTAL_S)
        hearing.begin()
        return self._session

    async def _tell(self, session: _Session) -> None:
        last: HeardSignal | None = None
        told_s = float("-inf")
        while self._session is session and not session.over:
            now_s = time.monotonic()
            if now_s >= session.pins_from_s:
                session.hearing.take(self._home.supervisor.free_pins())
            signal = session.signal()
            if signal != last or now_s - told_s >= ANYWAY_S:
                last, told_s = signal, now_s
                await session.tell(signal)
            await asyncio.sleep(TELL_S)

    async def _close(self) -> None:
        """End what goes on: nobody hears from here on, and its page is told."""
        session, self._session = self._session, None
        if session is None:
            return
        session.hearing.end()
        if session.task is not None:
            session.task.cancel()
        await session.tell(HeardSignal(hearing=session.id, state="ended"))
