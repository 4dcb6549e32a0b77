"""The composition root of the home: every part is made here, once, and handed what it needs.

`Home` reads top to bottom: the log, the state, the devices, the link, the pages; then `run`.

Not for: deciding anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.clock import Clock
from gateway.commands import AskStatus, Command, LockDoor, SetIndicator
from gateway.config.home_file import HomeConfig
from gateway.config.secrets import FileSecrets
from gateway.doors.code_entry import DoorCode
from gateway.doors.orders import Doors, OpenTurns
from gateway.engine.engine import Engine, Hooks
from gateway.engine.event_log import EventLog
from gateway.engine.log_keeper import LogKeeper
from gateway.engine.sequencer import Sealed
from gateway.envelope import Draft, Event
from gateway.errors import DeviceError, LogUnwritable
from gateway.events import (
    CheckPlanned,
    Data,
    GatewayStarted,
    GatewayStopped,
    LogRecovered,
    ServerKeyAdded,
    ServerKeyRefused,
)
from gateway.link.enrolment import Enrolment, enrolment
from gateway.link.uplink import Calls, Problem, Uplink
from gateway.ports import Indicator, Lock
from gateway.rules import bind
from gateway.services.clock_watch import ClockWatch
from gateway.services.driver_supervisor import Supervisor
from gateway.services.slot_ringer import Bell
from gateway.services.systemd import Notifier
from gateway.state.home_view import View
from gateway.state.identity import PreviousEnd, boot_id, described
from gateway.version import version

if TYPE_CHECKING:
    from gateway.app.local_page import HomePage

log = logging.getLogger(__name__)

KEEP_S = 10.0
"""Seconds that the server's decisions may take to reach the disk; then they are asked for again."""

PRUNE_EVERY_S = 6 * 3600
"""Seconds between looks for events that are old enough to go."""

INDICATE_S = 5.0
"""Seconds that a light or a tone may take to be set."""

STOP_S = 10.0
"""Seconds that a stop may take before what is left is cut off."""


class Home:
    """One home's gateway.  Make it inside an event loop, then `run()`."""

    def __init__(
        self,
        config: HomeConfig,
        *,
        state_dir: Path,
        clock: Clock,
        memory_dir: Path = Path("/dev/shm"),  # noqa: S108 - only for a home whose disk is gone
        pin_factory: Any = None,
    ) -> None:
        """`pin_factory` replaces the configured one (the demo's virtual pins).  Raises `UserError`
        when the configuration or a secret does not allow a start."""
        self.config = config
        self.clock = clock
        self.boot = boot_id()
        self.secrets = FileSecrets.from_environment(state_dir)
        self.notifier = Notifier()
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        self._running = False
        self.started_at = clock.now()
        self.watchers: list[Callable[[Event], None]] = []  # shown every live event, in the loop
        self._tasks: set[asyncio.Task[Any]] = set()

        # the log and what is known from it
        home = config.home.id
        self.keeper = LogKeeper(state_dir, home, memory=memory_dir, boot=self.boot)
        eventlog, self._recovered = self.keeper.open()
        self.view = View()
        self.open_turns = OpenTurns()
        self.previous = PreviousEnd(lambda: self.engine.log.origin)
        self.planned: set[str] = set()
        self.keys_offered: list[ServerKeyAdded] = []
        facts = config.facts()
        self.engine = Engine(
            eventlog=eventlog,
            reopen=self._reopen,
            rules=bind(config.rule_settings(), facts),
            clock=clock,
            boot=self.boot,
            down_origin=f"staff:{home}",
            hooks=Hooks(
                on_event=self._see_live,
                on_rebuild=self._see_anew,
                on_durable=self._durable,
                on_urgent=self._urgent,
                on_command=self._command,
                on_pulse=self.notifier.alive,
            ),
        )
        self.described = described(facts)

        # time
        self.watch = ClockWatch(clock=clock, on_synced=self._synced, on_step=self._stepped)
        self.enrolment: Enrolment | None = enrolment(
            state_dir, self.secrets, config, clock_sure=lambda: self.watch.synced
        )
        self.bell = Bell(
            plans=config.plans,
            timezone=config.home.timezone,
            clock=clock,
            submit=self.tell,
            known=lambda check: check in self.planned,
            report_by=config.report_by,
        )

        # devices and the door
        self.supervisor = Supervisor(
            config,
            state_dir=state_dir,
            secrets=self.secrets,
            submit=lambda device, data: self.engine.submit(Draft(data, device=device)),
            pin_factory=pin_factory,
        )
        self.doors = Doors(
            home=home,
            devices=[d.id for d in facts.devices.values() if d.type == "lock"],
            lock=self._lock,
            keys=self._server_keys,
            books=lambda: self.view,
            writer=self.engine,
            clock=clock,
            best_now=self.watch.best_now,
        )
        self.door_code = DoorCode(
            home=home,
            doors=self.doors,
            rights=lambda: self.view.rights,
            writer=self.engine,
            key=lambda: self.enrolment.private_key if self.enrolment else None,
            server_keys=self._server_keys,
            spawn=self.spawn,
        )

        # the link and the home's own page
        self.link_up = False
        self.link_problem: Problem | None = None
        self.uplink = self._uplink()
        self.page = self._page() if config.web.enabled else None

    def _page(self) -> HomePage:
        from gateway.app.local_page import HomePage  # Flask costs 8 MB: only where there is a page

        return HomePage(self)

    # --- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start everything, tell systemd, and go on until `stop` is called."""
        self.watch.look()
        self.engine.rebuild("synced" if self.watch.synced else "unsynced")
        self._running = True
        alive_until = self.view.at
        wrong_by_s = self.previous.unsynced_by(self.boot, self.clock.now(), self.clock.mono_s())
        left_open, self.open_turns = self.open_turns, OpenTurns()
        if self._recovered is not None:
            self.engine.submit(Draft(self._recovered))
        self.tell(
            GatewayStarted(
                version=version(),
                config_sha256=self.config.sha256,
                previous=self.previous.how,
            )
        )
        self.tell(self.described)
        engine = self.spawn(self.engine.run())
        if wrong_by_s is not None and self.watch.synced:
            await self.engine.clock_synced(wrong_by_s)
        self.bell.start(since=alive_until)
        self.spawn(self.watch.run())
        await self.supervisor.start()
        for added in tuple(self.keys_offered):  # one that could not be kept then
            self._key_offered(added, again=True)
        self.spawn(self.doors.settle(left_open))
        self.spawn(self._prune())
        if self.uplink is not None:
            self.uplink.start()
        if self.page is not None:
            self.page.start()
        self.notifier.ready()
        log.info("home started", extra={"home": self.config.home.id})
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({engine, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        await self._close(engine)

    def stop(self) -> None:
        """Ask `run` to end (from the event loop; a signal handler does)."""
        self.stopping.set()

    async def _close(self, engine: asyncio.Task[None]) -> None:
        self.notifier.stopping()
        broken = engine.done() and not engine.cancelled()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                self.bell.stop()
                await self.supervisor.close()
                if not broken:
                    self.tell(GatewayStopped(reason="stopped"))
                    await asyncio.sleep(0)
                    await self.engine.stop()
        if self.uplink is not None:
            await asyncio.to_thread(self.uplink.stop)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.page is not None:
            self.page.stop()
        await asyncio.to_thread(self.engine.log.close)
        self.notifier.close()
        if broken:
            engine.result()  # the engine's own error, for the journal and systemd's restart

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that is kept until it ends, and whose error is not lost."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task ended with an error", exc_info=task.exception())

    # --- what happens -----------------------------------------------------------------------------

    def tell(self, data: Data) -> None:
        """Write an event of the home itself.  Any thread."""
        self.engine.submit(Draft(data))

    def _see_live(self, event: Event) -> None:
        self._see(event)
        self.doors.reconsider()
        if isinstance(event.data, ServerKeyAdded) and event.origin.startswith("staff:"):
            self._key_offered(event.data)
        for watcher in self.watchers:
            watcher(event)

    def _see(self, event: Event) -> None:
        self.view.apply(event)
        self.open_turns.apply(event)
        self.previous.apply(event)
        if isinstance(event.data, CheckPlanned):
            self.planned.add(event.data.check)
        if isinstance(event.data, ServerKeyAdded) and event.origin.startswith("staff:"):
            self.keys_offered.append(event.data)

    def _see_anew(self) -> Callable[[Event], None]:
        self.view, self.open_turns, self.planned = View(), OpenTurns(), set()
        self.keys_offered = []
        return self._see

    def _durable(self, _rows: Sequence[Sealed]) -> None:
        if self.uplink is not None:
            self.uplink.wake()

    def _urgent(self, rows: Sequence[Sealed]) -> None:
        if self.uplink is not None:
            self.uplink.urgent([row.wire() for row in rows])

    def _command(self, command: Command) -> None:
        if isinstance(command, AskStatus):
            self.spawn(self.doors.ask(command.device))
        elif isinstance(command, SetIndicator):
            self.spawn(self._indicate(command.device, command.on))
        elif isinstance(command, LockDoor):
            self.spawn(self.doors.relock(command.device))

    async def _indicate(self, device: str, on: bool) -> None:
        driver = self.supervisor.devices.get(device)
        if not isinstance(driver, Indicator):
            log.warning("no such indicator runs", extra={"device": device})
            return
        try:
            async with asyncio.timeout(INDICATE_S):
                await driver.set(on)
        except (DeviceError, TimeoutError) as error:  # it is set as soon as it can be had
            log.warning("an indicator waits", extra={"device": device, "error": repr(error)})

    def _reopen(self, why: str) -> tuple[EventLog, LogRecovered]:
        Thread(target=self.engine.log.close, name="eventlog-aside", daemon=True).start()
        return self.keeper.reopen(why)

    # --- time -------------------------------------------------------------------------------------

    def _synced(self, offset_s: float) -> None:
        if not self._running:
            return  # right from the start: there is nothing to correct
        self.spawn(self.engine.clock_synced(offset_s))
        self.bell.rearm()

    def _stepped(self, _step_s: float) -> None:
        self.engine.nudge()
        self.bell.rearm()

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_EVERY_S)
            now = self.clock.now()
            before = now - timedelta(days=self.config.log.retain_days)
            gone = await asyncio.to_thread(self.engine.log.prune, before, now)
            log.info("pruned", extra={"events": gone})

    # --- the link ---------------------------------------------------------------------------------

    def _uplink(self) -> Uplink | None:
        if self.enrolment is None:
            return None
        return Uplink(
            self.enrolment.link,
            _Outbox(self.engine),
            Calls(
                on_decided=self._decided,
                on_turn=self._ordered,
                on_link=self._linked,
                on_server_time=self.watch.server_time,
                on_server_ahead=lambda have: self._begin_anew(
                    f"the server has {have} events of it"
                ),
                on_chain_broken=lambda: self._begin_anew("the server's copy has another chain"),
                on_problem=self._link_trouble,
            ),
        )

    def _decided(self, objs: list[dict[str, Any]]) -> None:
        """In the stream's thread: keep what the server decided."""
        waiting = asyncio.run_coroutine_threadsafe(self.engine.receive(objs, KEEP_S), self.loop)
        try:
            waiting.result(KEEP_S + 1)
        except TimeoutError as error:
            waiting.cancel()
            raise LogUnwritable("the engine did not answer") from error

    def _server_keys(self) -> Mapping[str, Ed25519PublicKey]:
        return self.enrolment.keys.good(self.doors.now()) if self.enrolment else {}

    def _key_offered(self, added: ServerKeyAdded, *, again: bool = False) -> None:
        if self.enrolment is None:
            return
        try:
            told = self.enrolment.keys.offered(added)
        except OSError:  # the disk refuses: the older key stays good, and a restart tries again
            log.exception("a new server key could not be kept")
            return
        if told is not None and not (again and isinstance(told, ServerKeyRefused)):
            self.tell(told)

    def _lock(self, device: str) -> Lock | None:
        driver = self.supervisor.devices.get(device)
        return driver if isinstance(driver, Lock) else None

    def _ordered(self, token: str) -> None:
        self.loop.call_soon_threadsafe(lambda: self.spawn(self.doors.order(token)))

    def _linked(self, up: bool) -> None:
        self.link_up = up

    def _link_trouble(self, problem: Problem | None) -> None:
        self.link_problem = problem

    def _begin_anew(self, why: str) -> None:
        self.loop.call_soon_threadsafe(self.engine.begin_anew, why)


class _Outbox:
    """What the uplink sees of the log in use, also after another has taken its place."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def origin(self) -> str:
        return self._engine.log.origin

    def head(self) -> int:
        return self._engine.log.durable

    def pending(self, after: int, limit: int) -> Sequence[str]:
        return self._engine.log.pending(after, limit)

    def forwarded(self) -> int:
        return self._engine.log.forwarded()

    def mark_forwarded(self, seq: int) -> None:
        self._engine.log.mark_forwarded(seq)

    def down_have(self) -> int:
        return self._engine.down_have or 0
