"""Takes a configuration that the server set: checked, in a quiet moment, while the home goes on.

The newest one that was asked for is tried, once.  One that is wrong is refused in words, and what
holds goes on; so is what somebody sets at the Pi's own page, where no server's holds.  A good one
waits until nothing is cut: no lock turns, nobody looks or speaks, no check goes on and nobody may
need help.  Then, in one turn of the loop, the log is folded again by its rules; drivers that
changed are stopped and started, and the others never notice.  Last it is kept on the card, and
told.  A gateway that dies before that has the one before, whole, and begins again.

Not for: what may stand in it (`gateway.config.held_config`), or who may change it (the server).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from gateway.app.media_parts import MediaParts
from gateway.app.second_path import PathParts
from gateway.clock import Clock
from gateway.config.held_config import (
    THE_FILE,
    TRIES_MAX,
    Held,
    KeptConfig,
    checked,
    refusal,
    text_of,
    unpaired,
)
from gateway.config.home_file import HomeConfig
from gateway.config.secrets import FileSecrets
from gateway.doors.orders import LockOrders
from gateway.engine.engine import Engine
from gateway.envelope import Event
from gateway.errors import ConfigError
from gateway.events import (
    ConfigHeld,
    ConfigRefused,
    ConfigSet,
    ConfigWait,
    ConfigWaiting,
    Data,
    Severity,
    Unknown,
)
from gateway.rules import bind
from gateway.services.driver_supervisor import DriverSupervisor
from gateway.services.indicators import Indicators
from gateway.state.home_view import HomeView
from gateway.state.identity import described

log = logging.getLogger(__name__)

SETTLE_S = 0.2
"""Seconds until the newest is tried: after weeks offline, or on a new card, all come at once."""

LOOK_S = 0.5
"""Seconds between looks whether it is quiet: what must not be cut ends in minutes."""

HERE_S = 5.0
"""Seconds that what is set at the Pi's own page waits until it is quiet: then whoever stands there
is told, and nothing comes of it hours later."""

CARD_S = 10.0
"""Seconds until a card that refuses is asked again."""

PAIRED_LOOK_S = 5.0
"""Seconds between looks whether a device that must be paired has been: a technician waits for it,
and a name in a folder is read quickly."""

AGAIN_S = 86_400.0
"""Seconds until what holds is told again: a server that was updated meanwhile read it as something
that it did not know."""

GOING = ("due", "asked", "started")
"""States of a check that goes on."""

GOES_FOR = timedelta(hours=6)
"""A check that was due before that goes on no more, whatever became of its end."""


class HomeAround(Protocol):
    """What is told of the home's change, and asked whether it is quiet; read anew at each use."""

    config: HomeConfig
    secrets: FileSecrets
    clock: Clock
    engine: Engine
    view: HomeView
    supervisor: DriverSupervisor
    indicators: Indicators
    lock_orders: LockOrders
    media: MediaParts
    second_path: PathParts | None

    def record(self, data: Data) -> None: ...

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...


class Configuration:
    """One home's.  Make it before all that needs a configuration: `config` is what holds, and
    `number` its number.  In the home's loop."""

    def __init__(self, home: HomeAround, file: HomeConfig, state_dir: Path) -> None:
        self._home, self._file = home, file
        self._kept = KeptConfig(state_dir)
        found = self._kept.in_force(file)
        self.number, self.config, self._left = found.number, found.config, found.left
        self.here, self.damaged = found.here, found.damaged
        self._changing = asyncio.Lock()
        self._came = asyncio.Event()
        self._tried: int | None = None
        self._waiting_told: ConfigWaiting | None = None
        self._say_at_s = 0.0
        self._unpaired: tuple[str, ...] = ()
        self.forget()

    def forget(self) -> None:
        """The log is folded anew."""
        self._asked: Held | None = None
        self._unread: int | None = None
        self._told: ConfigRefused | None = None
        self.waits: ConfigWaiting | None = None

    def apply(self, event: Event) -> None:
        """Fold one event."""
        match event.data:
            case ConfigSet(number=number, text=text):
                if self._asked is None or number > self._asked.number:
                    self._asked, self._unread = Held(number, text), None
            case Unknown(fields=fields) if event.kind == ConfigSet.KIND:
                given = fields.get("number")
                self._unread = given if type(given) is int else THE_FILE
            case ConfigRefused() as told:
                self._told, self.waits = told, None
            case ConfigWaiting() as waits:
                self.waits = waits
            case ConfigHeld():
                self.waits = None

    def see_live(self, event: Event) -> None:
        """Something happened now, and is folded already."""
        if event.kind == ConfigSet.KIND:
            self._came.set()

    @property
    def unpaired(self) -> tuple[str, ...]:
        """Devices that must be paired, as it was told last."""
        return self._unpaired

    @property
    def refused(self) -> ConfigRefused | None:
        """What the home did not take, where it is newer than what holds."""
        told = self._told
        return told if told is None or (told.number or 0) > self.number else None

    async def run(self) -> None:
        """Tell what holds, and take what comes, until cancelled."""
        for number, error in self._left:
            if self._asked is None or self._asked.number != number:  # else it is tried anew
                self._refuse(refusal(number, error))
        self._tell_held()
        while True:
            await self._take()
            try:
                async with asyncio.timeout(PAIRED_LOOK_S if self._unpaired else AGAIN_S):
                    await self._came.wait()
            except TimeoutError:
                await self.paired()
                if time.monotonic() >= self._say_at_s:
                    self._tell_held()
                continue
            self._came.clear()

    async def paired(self) -> None:
        """Devices that have their secret now begin at once, and it is told."""
        still = unpaired(self.config, self._home.secrets)
        for device in (set(self._unpaired) - set(still)) & set(self.config.devices):
            await self._home.supervisor.again(device)
        if still != self._unpaired:
            self._tell_held()

    # --- taking one -------------------------------------------------------------------------------

    async def _take(self) -> None:
        if self._unread is not None:
            unread, self._unread = self._unread or None, None
            wrong = ConfigError(
                *("a configuration", "", "says something that this version does not know"),
                *("update the gateway",),
                fault="not_understood",
            )
            self._refuse(refusal(unread, wrong))
        while (asked := await self._settled()) is not None:
            self._tried = asked.number
            try:
                config = await asyncio.to_thread(checked, self._file, asked)
                if not await self._is_quiet(asked):
                    continue
                await self._until(lambda held: self._kept.tries(held.number) < TRIES_MAX, asked)
            except ConfigError as error:
                self._refuse(refusal(asked.number, error))
                continue
            async with self._changing:
                if await self._change(asked, config, partial(self._is_quiet, asked)):
                    await self._until(self._kept.keep, asked)
                    self._tell_held()

    async def set_here(self, make: Callable[[HomeConfig], str]) -> ConfigRefused | None:
        """What somebody makes of what holds, at the Pi's own page, holds as the file does; None, or
        why not.  Raises `ConfigError`: where a server's holds or was asked for, that one is the
        owner (`file_only`); or something goes on that must not be cut (`value`)."""
        async with self._changing:
            asked = Held(THE_FILE, make(self.config))
            try:
                config = await asyncio.to_thread(checked, self._file, asked)
            except ConfigError as error:
                return refusal(THE_FILE, error)
            quiet = self._quiet_soon()
            await quiet()
            if not self.may_be_set_here or not await self._change(asked, config, quiet):
                wrong = "what the home consists of is set at the server"
                raise ConfigError("this page", "", wrong, "change it there", fault="file_only")
            await self._until(lambda held: self._kept.keep_here(held.text, self._file), asked)
            self._tell_held()
        return None

    def _quiet_soon(self) -> Callable[[], Awaitable[bool]]:
        """Waits until nothing would be cut, for as long as somebody stands there; also where
        something begins in the midst of it, or the card refuses.  Raises `ConfigError`."""
        until_s = time.monotonic() + HERE_S

        async def quiet() -> bool:
            while (why := self._busy_with()) is not None or time.monotonic() >= until_s:
                if time.monotonic() >= until_s:
                    wrong = f"the home is busy ({(why or ConfigWait.CARD).value})"
                    raise ConfigError("this page", "", wrong, "try again when that is over")
                await asyncio.sleep(LOOK_S)
            return True

        return quiet

    @property
    def may_be_set_here(self) -> bool:
        """Whether no server's configuration holds, or waits."""
        return self.number == THE_FILE and self._asked is None

    async def _settled(self) -> Held | None:
        """The newest one, once no other has come for a moment; None: there is none to try."""
        while (asked := self._newest()) is not None:
            await asyncio.sleep(SETTLE_S)
            if self._newest() == asked:
                break
        return asked

    def _newest(self) -> Held | None:
        asked = self._asked
        is_new = asked is not None and asked.number not in (self.number, self._tried)
        return asked if asked is not None and is_new and asked.number > self.number else None

    async def _until(self, write: Callable[[Held], bool | None], asked: Held) -> None:
        """Until the card has taken it.  Raises `ConfigError` where `write` says that it is over."""
        while True:
            try:
                good = await asyncio.to_thread(write, asked)
            except OSError as error:
                log.warning("a configuration waits for the card", extra={"why": str(error)})
                self._wait_for(asked, ConfigWait.CARD)
                await asyncio.sleep(CARD_S)
                continue
            if good is False:
                raise ConfigError(
                    *(f"configuration {asked.number}", "", "the gateway ended while taking it"),
                    *("set another one",),
                    fault="unknown",
                )
            return

    async def _change(
        self, asked: Held, config: HomeConfig, quiet: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Let it hold, in a moment that `quiet` waited for.  False: a newer one came meanwhile."""
        home, facts = self._home, config.facts()
        rules = bind(config.rule_settings(), facts)
        while await quiet():
            if await home.engine.fold_again(lambda: rules if self._busy_with() is None else None):
                break
            if self._busy_with() is None and asked.number != THE_FILE:
                self._wait_for(asked, ConfigWait.CARD)  # nothing else stops a fold
            await asyncio.sleep(LOOK_S)
        else:
            return False
        # until `change` first waits this is one turn of the loop: nothing begins in between
        before, self.config, home.config = home.config, config, config
        self.number, self._waiting_told = asked.number, None
        self.here = asked.number == THE_FILE
        home.engine.nudge()
        home.record(described(facts))
        locks = {one.id for one in facts.devices.values() if one.type == "lock"}
        stay = {id_ for id_ in locks if before.devices.get(id_) == config.devices[id_]}
        home.lock_orders.know(stay)
        home.indicators.know(facts.devices.values())
        home.media.know(facts)
        if home.second_path is not None:
            home.second_path.know(config)
        await home.supervisor.change(config)
        home.lock_orders.know(locks)
        for lock in sorted(locks - stay):
            home.spawn(home.lock_orders.ask(lock))
        return True

    async def _is_quiet(self, asked: Held) -> bool:
        """Wait until nothing would be cut.  False: a newer one came meanwhile."""
        while (why := self._busy_with()) is not None and self._is_newest(asked):
            self._wait_for(asked, why)
            await asyncio.sleep(LOOK_S)
        return self._is_newest(asked)

    def _is_newest(self, asked: Held) -> bool:
        return self._asked is None or self._asked.number <= asked.number

    def _busy_with(self) -> ConfigWait | None:
        home = self._home
        if home.lock_orders.turning:
            return ConfigWait.LOCK
        if home.media.looks.busy:
            return ConfigWait.LOOK
        if home.media.speaks():
            return ConfigWait.CALL
        if any(alarm.severity is Severity.CARE for alarm in home.view.alarms.values()):
            return ConfigWait.ALARM
        since = home.clock.now() - GOES_FOR
        checks = home.view.checks.values()
        if any(check.state in GOING and check.slot > since for check in checks):
            return ConfigWait.CHECK
        return None

    # --- telling ----------------------------------------------------------------------------------

    def _tell_held(self) -> None:
        self._say_at_s = time.monotonic() + AGAIN_S
        self._unpaired = unpaired(self.config, self._home.secrets)
        text = text_of(self.config) if self.number == THE_FILE else ""
        self._home.record(ConfigHeld(number=self.number, text=text, unpaired=self._unpaired))

    def _refuse(self, said: ConfigRefused) -> None:
        if said != self._told:
            self._home.record(said)

    def _wait_for(self, asked: Held, why: ConfigWait) -> None:
        waits = ConfigWaiting(number=asked.number, why=why)
        if waits != self._waiting_told:
            self._waiting_told = waits
            self._home.record(waits)
