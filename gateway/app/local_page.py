"""Tells the page that the Pi serves how the home is.

The page itself is `web/home`; this answers its port from memory, and serves it in a thread.
Not for: judging a code or turning a lock (`gateway.doors.code_entry`, `gateway.doors.orders`), or
trying the parts (`gateway.app.self_test`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from gateway.access.codes import ID_PREFIX
from gateway.app.configuration import Configuration
from gateway.app.home_parts import HomeParts
from gateway.app.self_test import run_self_test
from gateway.doors.code_entry import EntryAnswer, EntryOutcome
from gateway.doors.page_identity import PageIdentity
from gateway.envelope import Draft, Event
from gateway.errors import LogUnwritable, SecretError
from gateway.events import (
    AlarmCancelled,
    AlarmType,
    LockOperationEnded,
    LockOperationProgressed,
    LockOperationRequested,
    Severity,
)
from gateway.link.link_state import NOT_OURS
from gateway.origin import begun_uptime_s, is_in_memory
from gateway.ports import Bolt
from gateway.services.ssh_hour import SshHour
from gateway.state.home_view import DeviceView, OpenAlarm, Snapshot
from gateway.state.home_view import Health as ViewHealth
from gateway.state.ledger import read_ledger
from gateway.version import version
from web.home.port import (
    LEDGER_DAYS,
    Access,
    AlarmState,
    Answered,
    ChainState,
    CheckState,
    ConfigState,
    DeviceState,
    DoorState,
    Health,
    HomeState,
    LinkState,
    LookState,
    PlanState,
    TestResult,
)

if TYPE_CHECKING:
    from gateway.app.page_server import PageServer

log = logging.getLogger(__name__)

PHONE_PAGE = "/pass/utan-nat"
"""The page that phones keep, at the staff server (`web.staff.pages.offline`)."""

ENTER_S = 10.0
"""Seconds that judging a code may take: the log's own limit, twice, and the hash."""

SHOWN_S = 120.0
"""Seconds that the end of an order is shown."""

_ANSWERS = {entered: Answered(entered.value) for entered in EntryOutcome}

_HEALTH = {
    ViewHealth.ONLINE: Health.OK,
    ViewHealth.OFFLINE: Health.BAD,
    ViewHealth.FAILED: Health.BAD,
    ViewHealth.FAULTED: Health.BAD,
    ViewHealth.UNKNOWN: Health.UNKNOWN,
}


class LocalPage:
    """Implements `web.home.port.HomePort` over the running home."""

    def __init__(self, home: HomeParts, identity: PageIdentity) -> None:
        self._home = home
        self._identity = identity
        self._socket: socket.socket | None = None
        self._server: PageServer | None = None
        self._stopping = Lock()
        self._step: str | None = None

    # --- serving ----------------------------------------------------------------------------------

    def listen(self) -> None:
        """Listen on the configured address; who comes waits until `serve`.  A port in use is told
        in the journal and costs the page, not the home."""
        web = self._home.config.web
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        try:
            self._socket = socket.create_server((web.host, web.port), family=family)
        except OSError as error:
            log.error("home page not served", extra={"why": str(error)})

    def serve(self) -> None:
        """Answer, in a thread of its own."""
        if self._socket is not None:
            Thread(target=self._serve, name="homepage", daemon=True).start()

    def _serve(self) -> None:
        # imported here: Flask and its kin are a tenth of the gateway's start, and a home watches
        # before it shows how it is
        from gateway.app.page_server import PageServer
        from web.home.app import create_app
        from web.home.guard import is_local_name

        application = create_app(self, installs=self._home.installs.page())
        with self._stopping:
            if self._socket is None:  # stopped meanwhile
                return
            self._server = PageServer(
                application, self._socket, self._identity.context, is_local_name
            )
        self._server.run()

    def stop(self) -> None:
        """Stop serving."""
        with self._stopping:
            listening, self._socket = self._socket, None
            if self._server is not None:
                self._server.close()
            elif listening is not None:
                listening.close()

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
            clock_synced=home.clock_watch.synced,
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
                    taken_back_by=_taken_back_by(alarm),
                )
                for alarm in seen.alarms
            ),
            checks=tuple(
                CheckState(check, slot)
                for check, slot in home.slot_ringer.next_slots()
                if not seen.plan.paused(slot, home.config.home.timezone)
            ),
            plan=PlanState(
                seen.plan.number,
                seen.plan.paused(home.clock.now(), home.config.home.timezone),
                seen.looks_agreed,
            ),
            configuration=_configuration(home.configuration),
            in_memory_since=self._in_memory_since(),
            chain=self._chain(),
            looks_agreed=seen.looks_agreed,
            look=_look(seen),
            ssh_until=_ssh_until(home.root_parts.ssh),
        )

    def take_back(self, alarm: str, by: str) -> bool:
        """See `web.home.port`."""
        open_ = {one.ref: one for one in self._home.view.snapshot().alarms}
        one = open_.get(alarm)
        if one is None or by not in _taken_back_by(one):
            return False
        draft = Draft(AlarmCancelled(alarm=alarm, reason=by), device=one.device)
        work = self._home.engine.write(draft)
        waiting = asyncio.run_coroutine_threadsafe(work, self._home.loop)
        try:
            waiting.result(ENTER_S)
        except (TimeoutError, LogUnwritable):
            waiting.cancel()
            return False
        return True

    # --- the door ---------------------------------------------------------------------------------

    def door(self) -> DoorState:
        """See `web.home.port`."""
        enrolled = self._home.enrolment
        if enrolled is None:
            return DoorState(self._step)
        return DoorState(
            self._step, f"{enrolled.link.url}{PHONE_PAGE}", self._home.code_entry.word()
        )

    def enter_code(self, typed: str, place: str) -> Answered:
        """See `web.home.port`.  In the page's own thread."""
        return self._judged(self._home.code_entry.enter(typed, place))

    def look(self, typed: str, place: str) -> Answered:
        """See `web.home.port`."""
        return self._judged(self._home.code_entry.look(typed, place))

    def prove(self, code: str, word: str, signature: str, place: str) -> Answered:
        """See `web.home.port`."""
        return self._judged(self._home.code_entry.prove(code, word, signature, place))

    def enter_pin(self, typed: str, place: str) -> Answered:
        """See `web.home.port`."""
        try:
            right = self._home.pin_entry.is_right(typed, place)
        except SecretError as error:
            log.error("the resident's PIN cannot be read", extra={"why": str(error)})
            return Answered.WRONG
        if right is None:
            return Answered.PAUSED
        return Answered.ACCEPTED if right else Answered.WRONG

    def _judged(self, work: Coroutine[Any, Any, EntryAnswer]) -> Answered:
        waiting = asyncio.run_coroutine_threadsafe(work, self._home.loop)
        try:
            entered = waiting.result(ENTER_S).what
        except TimeoutError:
            waiting.cancel()
            return Answered.NOT_RECORDED
        return _ANSWERS[entered]

    def see(self, event: Event) -> None:
        """How far the order is that a code began; shown every live event."""
        data = event.data
        if not isinstance(
            data, LockOperationRequested | LockOperationProgressed | LockOperationEnded
        ):
            return
        if not data.grant.startswith(ID_PREFIX):
            return
        if isinstance(data, LockOperationProgressed):
            self._step = data.step.value
        elif isinstance(data, LockOperationEnded):
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
        last, problem = metrics.last_ok, metrics.problem
        return LinkState(
            configured=True,
            up=metrics.connected,
            last_ok=None if last is None else datetime.fromtimestamp(last, UTC),
            backlog=metrics.backlog,
            problem=None if problem is None else problem.text,
            put_away=problem.code if problem is not None and problem.code in NOT_OURS else None,
        )

    def _chain(self) -> ChainState | None:
        path = self._home.second_path
        if path is None:
            return None
        settings = path.receivers.settings
        tells = settings is not None and bool(settings.receivers)
        test = path.chain_test
        path_ok = not path.teller.failed if tells else None
        return ChainState(test.passed_at, test.problem, path_ok)

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
        refused = self._home.engine.stalled or is_in_memory(self._home.engine.log.origin)
        return "the disk does not take the log" if refused else None

    def _in_memory_since(self) -> datetime | None:
        begun_s = begun_uptime_s(self._home.engine.log.origin)
        if begun_s is None:
            return None
        return self._home.clock.now() - timedelta(seconds=time.monotonic() - begun_s)

    # --- the ledger -------------------------------------------------------------------------------

    def ledger(self) -> tuple[Access, ...]:
        """Who came in or looked; in the page's own thread."""
        since = self._home.clock.now() - timedelta(days=LEDGER_DAYS)
        rows = read_ledger(self._home.engine.log.path, since)
        return tuple(
            Access(
                row.ref, row.at, row.action, row.person, row.why, row.turn, row.outcome, row.took_s
            )
            for row in rows
        )

    def self_test(self) -> tuple[TestResult, ...]:
        """See `web.home.port`."""
        return run_self_test(self._home)


def _configuration(held: Configuration) -> ConfigState:
    waits, refused = held.waits, held.refused
    return ConfigState(
        held.number,
        None if waits is None else (waits.number, waits.why.value),
        None if refused is None else (refused.number or 0, refused.said),
        here=held.here,
    )


def _ssh_until(ssh: SshHour) -> datetime | None:
    return None if ssh.opened is None else ssh.opened.until


def _look(seen: Snapshot) -> LookState | None:
    look = seen.look
    if look is None:
        return None
    room = next((one.room for one in seen.devices if one.id == look.camera), None)
    return LookState(look.person, room, look.picture.value, look.since)


def _taken_back_by(alarm: OpenAlarm) -> tuple[str, ...]:
    """Who may take an alarm back on the page: the resident their own press, staff on the spot what
    the home itself raised about the resident."""
    if alarm.type == AlarmType.PENDANT:
        return ("wearer", "caregiver")
    ours = alarm.severity is Severity.CARE and not alarm.ref.startswith("staff:")
    return ("caregiver",) if ours else ()


def _word(seen: DeviceView) -> str:
    """A device's last reading or bolt as a word."""
    if seen.type == "lock":
        return "asleep" if seen.asleep and seen.bolt is Bolt.UNKNOWN else seen.bolt.value
    return seen.level.value
