"""Tells the page that the Pi serves how the home is, and tries every part for a self-test.

The page itself is `web/home`; this answers its port from memory, and serves it in a thread.
Not for: judging a code or turning a lock (`gateway.doors.code_entry`, `gateway.doors.orders`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from waitress.server import create_server

from gateway.access.codes import ID_PREFIX
from gateway.doors.code_entry import Entered
from gateway.envelope import Event
from gateway.events import UnlockEnded, UnlockProgressed, UnlockRequested
from gateway.ports import Bolt, Level, Lock
from gateway.state.home_view import DeviceView
from gateway.state.home_view import Health as ViewHealth
from gateway.state.ledger import read_ledger
from gateway.version import version
from web.home import create_app
from web.home.port import (
    LEDGER_DAYS,
    SELF_TEST_MAX_S,
    Access,
    AlarmState,
    Answered,
    CheckState,
    DeviceState,
    DoorState,
    Health,
    HomeState,
    LinkState,
    Part,
    TestResult,
)

if TYPE_CHECKING:
    from gateway.app.home import Home

log = logging.getLogger(__name__)

THREADS = 2
"""Threads of the page's server: one technician, and a self-test beside."""

STATUS_S = 30.0
"""Seconds that one lock may take in a self-test: its own deadline (25 s) and a little."""

ENTER_S = 10.0
"""Seconds that judging a code may take: the log's own limit, twice, and the hash."""

SHOWN_S = 120.0
"""Seconds that the end of a turn is shown."""

_ANSWERS = {entered: Answered(entered.value) for entered in Entered}

_HEALTH = {
    ViewHealth.ONLINE: Health.OK,
    ViewHealth.OFFLINE: Health.BAD,
    ViewHealth.FAILED: Health.BAD,
    ViewHealth.FAULTED: Health.BAD,
    ViewHealth.UNKNOWN: Health.UNKNOWN,
}


class HomePage:
    """Implements `web.home.port.HomePort` over the running home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._server: Any = None
        self._step: str | None = None
        home.watchers.append(self._see)

    # --- serving ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Serve the page on the configured address.  A taken port is told in the journal and costs
        the page, not the home."""
        web = self._home.config.web
        try:
            self._server = create_server(
                create_app(self), host=web.host, port=web.port, threads=THREADS, ident="Tryggve"
            )
        except OSError as error:
            log.error("home page not served", extra={"why": str(error)})
            return
        Thread(target=self._server.run, name="homepage", daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.close()

    # --- the state --------------------------------------------------------------------------------

    def state(self) -> HomeState:
        """The home now; from any thread."""
        home = self._home
        seen = home.view.snapshot()
        return HomeState(
            home=home.config.home.id,
            version=version(),
            timezone=home.config.home.timezone,
            now=home.clock.now(),
            started=home.started_at,
            clock_synced=home.watch.synced,
            log_problem=self._log_problem(),
            link=self._link(),
            bed={True: "in", False: "out", None: "unknown"}[seen.bed.occupied],
            bed_since=seen.bed.since,
            devices=tuple(self._device(device) for device in seen.devices),
            alarms=tuple(
                AlarmState(
                    ref=alarm.ref,
                    type=alarm.type,
                    severity=alarm.severity.value,
                    since=alarm.since,
                    device=alarm.device,
                    acknowledged=alarm.acknowledged_at is not None,
                )
                for alarm in seen.alarms
            ),
            checks=tuple(CheckState(check, slot) for check, slot in home.bell.next_slots()),
        )

    # --- the door ---------------------------------------------------------------------------------

    def door(self) -> DoorState:
        """See `web.home.port`."""
        return DoorState(self._step, self._home.door_code.paused_until())

    def enter_code(self, typed: str) -> Answered:
        """See `web.home.port`.  In the page's own thread."""
        work = self._home.door_code.enter(typed)
        waiting = asyncio.run_coroutine_threadsafe(work, self._home.loop)
        try:
            entered = waiting.result(ENTER_S).what
        except TimeoutError:
            waiting.cancel()
            return Answered.NOT_RECORDED
        return _ANSWERS[entered]

    def _see(self, event: Event) -> None:
        """How far the turn is that a code began."""
        data = event.data
        if not isinstance(data, UnlockRequested | UnlockProgressed | UnlockEnded):
            return
        if not data.grant.startswith(ID_PREFIX):
            return
        if isinstance(data, UnlockProgressed):
            self._step = data.step.value
        elif isinstance(data, UnlockEnded):
            self._step = data.outcome.value
            self._home.loop.call_later(SHOWN_S, self._forget, self._step)
        else:
            self._step = "requested"

    def _forget(self, step: str) -> None:
        if self._step == step:
            self._step = None

    def _link(self) -> LinkState:
        home = self._home
        if home.uplink is None:
            return LinkState(configured=False, up=False, last_ok=None, backlog=0)
        metrics = home.uplink.metrics()
        last = metrics.last_ok
        return LinkState(
            configured=True,
            up=metrics.connected,
            last_ok=None if last is None else datetime.fromtimestamp(last, UTC),
            backlog=metrics.backlog,
            problem=None if metrics.problem is None else metrics.problem.text,
        )

    def _device(self, seen: DeviceView) -> DeviceState:
        problem = self._home.supervisor.problem(seen.id) or seen.why
        health = Health.BAD if problem else _HEALTH[seen.health]
        if health is Health.OK and (seen.battery_low or seen.asleep):
            health = Health.WARN
        return DeviceState(
            id=seen.id,
            driver=seen.driver or "",
            type=seen.type or "",
            role=seen.role,
            room=seen.room,
            health=health,
            state=_word(seen),
            since=seen.changed_at,
            battery_low=seen.battery_low,
            problem=problem,
        )

    def _log_problem(self) -> str | None:
        stalled = self._home.engine.stalled
        return "the disk refuses to take the log" if stalled else None

    # --- the ledger -------------------------------------------------------------------------------

    def ledger(self) -> tuple[Access, ...]:
        """Who came in or looked; in the page's own thread."""
        since = self._home.clock.now() - timedelta(days=LEDGER_DAYS)
        rows = read_ledger(self._home.engine.log.path, since)
        return tuple(
            Access(row.ref, row.at, row.action, row.person, row.why, row.turn, row.outcome)
            for row in rows
        )

    # --- the self-test ----------------------------------------------------------------------------

    def self_test(self) -> tuple[TestResult, ...]:
        """Try every part; in the page's own thread."""
        home = self._home
        results = [self._try_disk(home.keeper.folder), self._try_clock(), self._try_link()]
        waiting = asyncio.run_coroutine_threadsafe(self._try_devices(), home.loop)
        try:
            results += waiting.result(SELF_TEST_MAX_S)
        except TimeoutError:
            waiting.cancel()
            results.append(TestResult(Part.DEVICE, "", Health.BAD, "no answer in time"))
        return tuple(results)

    def _try_disk(self, folder: Path) -> TestResult:
        began = time.perf_counter()
        probe = folder / ".self-test"
        try:
            descriptor = os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, b"x" * 4096)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                probe.unlink()
        except OSError as error:
            return TestResult(Part.LOG, "", Health.BAD, str(error))
        health = Health.BAD if self._home.engine.stalled else Health.OK
        return TestResult(Part.LOG, "", health, "", (time.perf_counter() - began) * 1000)

    def _try_clock(self) -> TestResult:
        synced = self._home.watch.synced
        return TestResult(Part.CLOCK, "", Health.OK if synced else Health.WARN)

    def _try_link(self) -> TestResult:
        link = self._link()
        if not link.configured:
            return TestResult(Part.LINK, "", Health.WARN, "not enrolled")
        return TestResult(Part.LINK, "", Health.OK if link.up else Health.BAD, link.problem or "")

    async def _try_devices(self) -> list[TestResult]:
        devices = self._home.supervisor.devices
        return list(
            await asyncio.gather(
                *(self._try_device(id_, device) for id_, device in devices.items())
            )
        )

    async def _try_device(self, id_: str, device: object) -> TestResult:
        problem = self._home.supervisor.problem(id_)
        if problem is not None:
            return TestResult(Part.DEVICE, id_, Health.BAD, problem)
        if not isinstance(device, Lock):
            seen = self._home.view.devices.get(id_)
            known = seen is not None and seen.level is not Level.UNKNOWN
            return TestResult(Part.DEVICE, id_, Health.OK if known else Health.UNKNOWN)
        began = time.perf_counter()
        await asyncio.wait_for(self._home.doors.ask(id_), STATUS_S)
        took_ms = (time.perf_counter() - began) * 1000
        bolt = self._home.doors.last_bolt(id_)
        health = Health.WARN if bolt is Bolt.UNKNOWN else Health.OK
        return TestResult(Part.DEVICE, id_, health, bolt.value, took_ms)


def _word(seen: DeviceView) -> str:
    """A device's last reading or bolt as a word."""
    if seen.type == "lock":
        return "asleep" if seen.asleep and seen.bolt is Bolt.UNKNOWN else seen.bolt.value
    return seen.level.value
