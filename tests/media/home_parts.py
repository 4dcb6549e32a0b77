"""A home that takes calls or looks, with a log in memory and its own child processes.

Not for: the server, or a real browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.envelope import Draft, Event
from gateway.errors import LogUnwritable
from gateway.events import AlarmRaised, AlarmType, Data
from gateway.media.process import MediaProcess
from gateway.media.record import MediaRecord
from gateway.media.sessions import Around, P, Sessions
from gateway.state.home_view import HomeView
from gateway.wire import CallSignal, LookSignal

KEY = Ed25519PrivateKey.from_private_bytes(b"v" * 32)
NOW = datetime(2026, 11, 23, 1, 14, tzinfo=UTC)

BUSY_S = 20.0
"""Seconds that a machine which does other things may add to what takes a moment.  What ends by
itself is told from what something else had to end by its reason; the moment itself is measured
where nothing else runs (`make bench`)."""


class MediaHome:
    """What calls and looks are given, and what a test asks of them."""

    sessions: Sessions[Any, Any]

    def __init__(self) -> None:
        self.view, self.record = HomeView(), MediaRecord()
        self.events: list[Event] = []
        self.done: list[str] = []
        """What was done in the home, in order: lamp, sounds, events, signals."""
        self.signals: asyncio.Queue[Any] = asyncio.Queue()
        self.lamp_works = self.disk_works = True
        self._lit = False
        self.now: datetime | None = NOW
        self.children: list[MediaProcess] = []
        self.start: Callable[[], Coroutine[Any, Any, MediaProcess]] = MediaProcess.start
        self._tasks: set[asyncio.Task[None]] = set()

    def around(self) -> Around[P]:
        """What sessions are made with."""
        return Around(
            home="h1",
            keys=lambda: {"k1": KEY.public_key()},
            view=lambda: self.view,
            record=lambda: self.record,
            writer=self,
            now=lambda: self.now,
            light=self._light,
            signal=self._signal,
            spawn=self.spawn,
            start=self._start,
        )

    def raise_alarm(self) -> str:
        """An open pendant alarm."""
        return self.happened(AlarmRaised.usual(AlarmType.PENDANT, NOW)).ref

    # --- what they are given

    def submit(self, draft: Draft) -> None:
        self.happened(draft.data, draft.person, draft.device)

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event:
        if not self.disk_works:
            raise LogUnwritable("full")
        return self.happened(draft.data, draft.person, draft.device)

    def happened(self, data: Data, person: str | None = None, device: str | None = None) -> Event:
        """An event, folded in as the home does."""
        event = Event(
            origin="home:h1",
            seq=len(self.events) + 1,
            at=NOW,
            clock="synced",
            boot="b",
            mono_s=0.0,
            data=data,
            device=device,
            person=person,
        )
        self.events.append(event)
        self.done.append(event.kind)
        self.view.apply(event)
        self.record.apply(event)
        self.sessions.reconsider()
        return event

    async def _light(self, on: bool) -> bool:
        if on is not self._lit:
            self._lit = on
            self.done.append(f"lamp {'on' if on else 'off'}")
        return self.lamp_works

    async def _signal(self, signal: CallSignal | LookSignal) -> None:
        self.done.append(signal.state)
        self.signals.put_nowait(signal)

    async def _start(self) -> MediaProcess:
        child = await self.start()
        self.children.append(child)
        return child

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- what a test does

    async def said(self, state: str, within_s: float = 60.0) -> Any:
        """The next signal of this state."""
        async with asyncio.timeout(within_s):
            while True:
                signal = await self.signals.get()
                if signal.state == state:
                    return signal

    async def settled(self, within_s: float = 60.0) -> None:
        """Until nothing goes on."""
        async with asyncio.timeout(within_s):
            while self.sessions.busy:
                await asyncio.sleep(0.01)

    def data(self, cls: type[Any]) -> list[Any]:
        """The data of the events of a class."""
        return [one.data for one in self.events if isinstance(one.data, cls)]


async def until(holds: Callable[[], bool], within_s: float = 3 * BUSY_S) -> None:
    """Until something holds."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.02)
