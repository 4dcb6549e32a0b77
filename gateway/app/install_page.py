"""What the Pi's own page does for who installs the home where there is no server to ask: it hears,
names, pairs and calibrates, and tries.

The work is the same as for the server's page (`install_room`, `gateway.installs`); what is set and
tried is the home's own, in its log, and reaches the server with everything else.

Not for: the page (`web.home.install`), or judging the code (`gateway.doors.install_code`).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as TookTooLong
from functools import partial
from threading import Lock
from typing import Any, Protocol, TypeVar

from gateway.app.configuration import Configuration
from gateway.app.home_trial import HomeTrial
from gateway.app.install_room import InstallRoom
from gateway.clock import Clock
from gateway.config.held_config import text_of
from gateway.config.home_file import HomeConfig
from gateway.doors.install_code import InstallEntry
from gateway.engine.engine import Engine
from gateway.envelope import Draft
from gateway.errors import ConfigError, LogUnwritable, SecretError
from gateway.events import (
    ConfigRefused,
    InstallAccepted,
    InstallBegun,
    InstallRetried,
    InstallSkipped,
    SkipWhy,
)
from gateway.installs import naming, nearby, steps
from gateway.installs.nearby import Near
from gateway.installs.trial import Trial, trial_of
from gateway.installs.words import OFFERED_HERE
from gateway.state.home_view import HomeView
from gateway.wire import HeardSignal
from web.home.port import Answered, Guiding, InstallState

log = logging.getLogger(__name__)

WAIT_S = 10.0
"""Seconds that something done at the page may take: the log's own limit twice, or a configuration
that waits until nothing is cut."""

Got = TypeVar("Got")


class HomeAround(Protocol):
    """What is taken of the home; read anew at each use."""

    config: HomeConfig
    configuration: Configuration
    clock: Clock
    engine: Engine
    view: HomeView
    loop: asyncio.AbstractEventLoop


class InstallPage:
    """Implements `web.home.port.InstallPort`; its methods from any thread but the loop's."""

    def __init__(
        self, home: HomeAround, room: InstallRoom, trial: HomeTrial, entry: InstallEntry
    ) -> None:
        self._home, self._room, self._trial, self._entry = home, room, trial, entry
        self._adding = Lock()

    # --- who --------------------------------------------------------------------------------------

    def enter(self, typed: str, place: str) -> Answered:
        """See `web.home.port`."""
        try:
            right = self._entry.is_right(typed, place)
        except SecretError as error:
            log.error("the installer's code cannot be read", extra={"why": str(error)})
            return Answered.WRONG
        if right is None:
            return Answered.PAUSED
        return Answered.ACCEPTED if right else Answered.WRONG

    def may(self) -> bool:
        """See `web.home.port`."""
        try:
            return self._entry.open
        except SecretError:
            return False

    # --- what is shown ----------------------------------------------------------------------------

    def state(self, page: str) -> InstallState:
        """See `web.home.port`."""
        home, may = self._home, self.may()
        if not may:  # the home was accepted, or the day is over: nothing stays open
            self._in_loop(self._room.end, page)
        signal = self._in_loop(self._heard, page)
        held = home.configuration
        devices = home.config.tables.get("devices", {})
        things, pins = ((), ()) if signal is None else (signal.things, signal.pins)
        trial = self._now()
        goes_on = trial is not None and may and trial.goes_on(home.clock.now())
        if trial is not None and trial.accepted is None and not goes_on:
            trial = None
        return InstallState(
            may=may,
            may_add=held.may_be_set_here,
            devices=devices,
            guided=tuple(nearby.guided(devices, held.unpaired)),
            hears=signal is not None,
            asked=self._room.is_coming(page),
            other=signal is None and self._room.busy,
            radio=signal is not None and bool(signal.radio),
            near=tuple(nearby.near(things, pins, devices)),
            guiding=_guiding(signal),
            trial=trial,
        )

    def _heard(self, page: str) -> HeardSignal | None:
        self._room.go_on(page)  # whoever asks has the page open
        return self._room.now(page)

    # --- hearing, pairing, naming -----------------------------------------------------------------

    def hear(self, page: str) -> None:
        """See `web.home.port`."""

        def begin() -> None:
            self._room.begin(page, _nobody)

        self._in_loop(begin)

    def end(self, page: str) -> None:
        """See `web.home.port`."""
        self._in_loop(self._room.end, page)

    def guide(self, page: str, device: str) -> str:
        """See `web.home.port`."""
        held = self._home.configuration
        devices = self._home.config.tables.get("devices", {})
        what = {id_: done for id_, done, _ in nearby.guided(devices, held.unpaired)}.get(device)
        if what is None:
            return "no_device"
        if self._in_loop(self._room.now, page) is None:
            return "not_hearing"
        self._in_loop(self._room.guide, page, device, "pair" if what == "pair" else "calibrate")
        return ""

    def answer(self, page: str, number: int, text: str) -> None:
        """See `web.home.port`."""
        self._in_loop(self._room.answer, page, number, text)

    def add(self, page: str, thing: str, use: str, room: str) -> str:
        """See `web.home.port`."""
        signal = self._in_loop(self._room.now, page)
        if signal is None:
            return "not_hearing"
        if not self._adding.acquire(timeout=WAIT_S):  # one after the other, and each is judged then
            return "busy"
        try:
            return self._add(signal, thing, use, room)
        finally:
            self._adding.release()

    def _add(self, signal: HeardSignal, thing: str, use: str, room: str) -> str:
        devices = self._home.config.tables.get("devices", {})
        every = nearby.near(signal.things, signal.pins, devices)
        near = next((one for one in every if one.key == thing), None)
        if thing in naming.known(devices, ()) or (near is not None and near.known):
            return ""  # a thumb that pressed twice
        if near is None:
            return "not_hearing"
        wanted = next((one for one in near.uses if one.id == use), None)
        if wanted is None or room not in naming.ROOMS:
            return "not_chosen"
        added = partial(_with, near=near, use=wanted, room=room)
        self._in_loop(self._room.let_go)
        try:
            refused = self._done(self._home.configuration.set_here(added))
        except ConfigError as error:
            return "busy" if error.fault == "value" else "at_server"
        if isinstance(refused, ConfigRefused):
            log.warning("what was added here does not fit: %s", refused.said)
            return "not_fit"
        return ""

    # --- the trial --------------------------------------------------------------------------------

    def begin(self) -> str:
        """See `web.home.port`."""
        devices = self._home.view.snapshot().devices
        if not steps.steps_of(devices):
            return "no_devices"
        pressed = tuple(one.id for one in devices if steps.is_mat(one) and one.level.value == "on")
        return self._write(Draft(InstallBegun(pressed=pressed)))

    def retry(self, device: str) -> str:
        """See `web.home.port`."""
        trial = self._going_on()
        if trial is None:
            return "no_trial"
        one = {one.id: one for one in self._home.view.snapshot().devices}.get(device)
        if one is None or not any(step.step.device == device for step in trial.steps):
            return "no_step"
        pressed = steps.is_mat(one) and one.level.value == "on"
        return self._write(Draft(InstallRetried(pressed=pressed), device=device))

    def skip(self, step: str, why: str) -> str:
        """See `web.home.port`."""
        trial = self._going_on()
        if trial is None:
            return "no_trial"
        if why not in OFFERED_HERE:
            return "no_reason"
        one = next((one for one in trial.steps if one.step.key == step), None)
        if one is None or one.seen is not None:
            return "no_step"
        skipped = InstallSkipped(step=one.step.what, why=SkipWhy(why))
        return self._write(Draft(skipped, device=one.step.device))

    def accept(self) -> str:
        """See `web.home.port`."""
        trial = self._going_on()
        if trial is None:
            return "no_trial"
        if not trial.steps or trial.left:
            return "not_all"
        return self._write(Draft(InstallAccepted(begun=trial.begun.ref, steps=trial.tried)))

    def _now(self) -> Trial | None:
        begun, accepted, said = self._in_loop(self._trial.told)
        devices = self._home.view.snapshot().devices
        return None if begun is None else trial_of(begun, accepted, devices, said)

    def _going_on(self) -> Trial | None:
        trial = self._now()
        going = trial is not None and trial.goes_on(self._home.clock.now())
        return trial if going else None

    def _write(self, draft: Draft) -> str:
        try:
            self._done(self._home.engine.write(draft))
        except LogUnwritable:
            return "not_written"
        return ""

    # --- between the page's threads and the loop --------------------------------------------------

    def _in_loop(self, call: Callable[..., Got], *given: Any) -> Got:
        async def called() -> Got:
            return call(*given)

        return self._run(called())

    def _done(self, work: Coroutine[Any, Any, Got]) -> Got | None:
        """Its result; None: it takes longer, and goes on."""
        waiting = asyncio.run_coroutine_threadsafe(work, self._home.loop)
        try:
            return waiting.result(WAIT_S)
        except TookTooLong:
            return None

    def _run(self, work: Coroutine[Any, Any, Got]) -> Got:
        return asyncio.run_coroutine_threadsafe(work, self._home.loop).result(WAIT_S)


async def _nobody(_signal: HeardSignal) -> None:
    """The Pi's page asks by itself."""


def _with(config: HomeConfig, *, near: Near, use: naming.Use, room: str) -> str:
    """What a home with one thing more consists of.  A configuration that is too long to be told is
    no text, and is refused as such."""
    text = text_of(config)
    tables = json.loads(text) if text else {}
    devices = tables.get("devices", {})
    if near.key in naming.known(devices, []):
        return text  # it came in meanwhile
    devices[naming.free_id(use.id, devices)] = near.settings(use, room)
    return json.dumps({**tables, "devices": devices}, ensure_ascii=False) if text else ""


def _guiding(signal: HeardSignal | None) -> Guiding | None:
    told = None if signal is None else signal.guided
    if told is None:
        return None
    return Guiding(
        device=told.device,
        what=told.what,
        said=told.said,
        number=told.number,
        question=told.question,
        hidden=told.hidden,
        outcome=told.outcome,
        code=told.code,
    )
