"""Updates, put together: what the home shows its keeper, and the system's own updates each day.

Not for: how it works (`gateway.updates`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from gateway.app.media_parts import MediaParts
from gateway.clock import Clock
from gateway.doors.orders import OpenOrders
from gateway.envelope import Event
from gateway.events import Data, UpdateSystemTold
from gateway.link.enrolment import Enrolment
from gateway.link.uplink import Uplink
from gateway.services.clock_watch import ClockWatch
from gateway.state.home_view import HomeView
from gateway.updates import quiet, system, target
from gateway.updates.exchange import Inbox
from gateway.updates.keeper import UpdateKeeper
from gateway.updates.slots import PACKAGE, PLACES
from gateway.version import version

SYSTEM_EVERY_S = 6 * 3600.0
"""Seconds between looks at the system's own updates: it looks for them twice a day itself."""

SYSTEM_FIRST_S = 600.0
"""Seconds after the start until the first: apt takes a Pi's processor for some seconds."""

TOLD_DAYS = 1
"""What has not changed is told again after so many days."""


class Folds(Protocol):
    """What is shown every event, and forgets them when they are about to be told anew."""

    def apply(self, event: Event) -> None: ...

    def forget(self) -> None: ...


class HomeAround(Protocol):
    """What is taken of the home; read anew at each use."""

    clock: Clock
    clock_watch: ClockWatch
    enrolment: Enrolment | None
    media: MediaParts
    open_orders: OpenOrders
    uplink: Uplink | None
    view: HomeView
    watchers: list[Callable[[Event], None]]

    def record(self, data: Data) -> None: ...

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...

    def stop(self) -> None: ...


class UpdateParts:
    """`apply` folds; `start` begins both tasks."""

    def __init__(
        self,
        home: HomeAround,
        state_dir: Path,
        look: Callable[[], UpdateSystemTold | None] = system.look,
    ) -> None:
        self._home, self._look = home, look
        self._told: Event | None = None
        self.keeper: UpdateKeeper | None = None
        home.watchers.append(self._see_live)
        enrolment = home.enrolment
        if enrolment is not None:
            self.keeper = UpdateKeeper(
                inbox=Inbox(state_dir),
                releases=releases_of(target.here()),
                version=version(),
                lane=enrolment.link.lane,
                needed_by=self._needed_by,
                online=lambda: home.uplink is not None and home.uplink.metrics().connected,
                sure_of_time=lambda: home.clock_watch.synced,
                record=home.record,
                end=home.stop,
            )

    def _needed_by(self) -> str | None:
        home = self._home
        return quiet.needed_by(
            home.view.snapshot(),
            home.clock.now(),
            turning=bool(home.open_orders.open),
            speaking=home.media.speaks(),
        )

    def forget(self) -> None:
        """The events are about to be told anew."""
        self._told = None
        if self.keeper is not None:
            self.keeper.forget()

    def apply(self, event: Event) -> None:
        """Fold one event."""
        if isinstance(event.data, UpdateSystemTold):
            self._told = event
        if self.keeper is not None:
            self.keeper.apply(event)

    def _see_live(self, event: Event) -> None:
        if self.keeper is not None:
            self.keeper.see_live(event)

    def start(self) -> None:
        """In the home's loop, once it runs."""
        if self.keeper is not None:
            self._home.spawn(self.keeper.run())
        self._home.spawn(self._system())

    async def _system(self) -> None:
        await asyncio.sleep(SYSTEM_FIRST_S)
        while True:
            found = await asyncio.to_thread(self._look)
            told = self._told
            if found is not None and (
                told is None
                or told.data != found
                or (self._home.clock.now() - told.at).days >= TOLD_DAYS
            ):
                self._home.record(found)
            await asyncio.sleep(SYSTEM_EVERY_S)


def releases_of(here: Path) -> Path | None:
    """Where the releases lie beside the one in `here`; None: it was not installed as one."""
    if here.name in PLACES:
        return here.parent
    return here.parent / "releases" if here.name == PACKAGE else None
