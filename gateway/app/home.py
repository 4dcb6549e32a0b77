"""The composition root of the home: every part is made here, once, and handed what it needs.

`Home` reads top to bottom: the log, the state, the devices, the link, the pages; then `run`.
Not for: deciding anything.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.app.configuration import Configuration
from gateway.app.install_parts import InstallParts
from gateway.app.media_parts import MediaParts
from gateway.app.root_parts import RootParts
from gateway.app.second_path import PathParts
from gateway.app.start_files import StartFiles
from gateway.app.told_broker import tell_broker, told_broker
from gateway.app.update_parts import Folds
from gateway.app.uplink_bridge import LogOutbox, callbacks
from gateway.clock import Clock
from gateway.commands import AskStatus, Command, LockDoor, SetIndicator
from gateway.config.home_file import HomeConfig
from gateway.doors.code_entry import CodeEntry
from gateway.doors.orders import LockOrders, OpenOrders
from gateway.doors.page_identity import PageIdentity
from gateway.doors.page_pin import PinEntry
from gateway.engine.disk_watch import DiskWatch
from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.first_fold import first_fold
from gateway.engine.log_folder import LogFolder
from gateway.engine.memory_logs import memory_folder
from gateway.engine.sequencer import Sealed
from gateway.engine.turns import Hooks
from gateway.envelope import ClockState, Draft, Event
from gateway.events import (
    Data,
    GatewayStarted,
    GatewayStopped,
    LogLeftDisk,
    LogRecovered,
    TestWhy,
)
from gateway.link.enrolment import Enrolment
from gateway.link.uplink import Uplink, UrgentEvent
from gateway.origin import is_in_memory
from gateway.ports import Lock, Modem
from gateway.rules import bind
from gateway.services.clock_watch import ClockWatch
from gateway.services.driver_supervisor import DriverSupervisor, open_modem
from gateway.services.indicators import Indicators
from gateway.services.key_offers import KeyOffers, in_a_thread
from gateway.services.log_pruning import keep_pruned, keep_tidy
from gateway.services.power_watch import SYS, power_watch
from gateway.services.slot_ringer import SlotRinger
from gateway.services.systemd import Notifier
from gateway.services.unread_decisions import UnreadDecisions
from gateway.state import held_plans
from gateway.state.home_view import HomeView
from gateway.state.identity import PreviousEnd, boot_id, described
from gateway.version import version

if TYPE_CHECKING:
    from gateway.app.local_page import LocalPage

log = logging.getLogger(__name__)

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
        memory_dir: Path | None = None,
        pin_factory: Any = None,
        sys_dir: Path = SYS,
        modem: Modem | None = None,
        files: StartFiles | None = None,
    ) -> None:
        """`config` is its file's; what the server gave it takes the place of some of that.
        `files` are those that the start reads, where they were looked at already.
        `memory_dir` is where the log is kept when the disk refuses it; `pin_factory` and `modem`
        replace the configured ones (the demo's); `sys_dir` is where the Pi's power is read."""
        self.configuration = Configuration(self, config, state_dir)
        self.config = config = self.configuration.config
        self.clock = clock
        self.boot = boot_id()
        self.files = files = files or StartFiles(state_dir)
        self.secrets = files.secrets(config)
        self.notifier = Notifier()
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        self._running = False
        self.started_at = clock.now()
        self._sys_dir = sys_dir
        self.watchers: list[Callable[[Event], None]] = []  # shown every live event, in the loop
        self._tasks: set[asyncio.Task[Any]] = set()

        # the log and what is known from it
        home = config.home.id
        self.log_folder = LogFolder(
            state_dir, home, memory=memory_dir or memory_folder(), boot=self.boot
        )
        eventlog, self._recovered = self.log_folder.open()
        self.view = HomeView()
        self.open_orders = OpenOrders()
        self.previous = PreviousEnd(lambda: self.engine.log.origin)
        facts = config.facts()
        self.engine: Engine = Engine(
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
        self.disk_watch = DiskWatch(self.log_folder, self.engine)
        self.engine.hooks.on_stuck = self.disk_watch.leave
        self.described = described(facts)

        # time
        self.clock_watch = ClockWatch(
            clock=clock, on_synced=self._synced, on_step=self._stepped, on_set=self._set
        )
        self.enrolment: Enrolment | None = files.enrolment(
            self.secrets, config, lambda: self.clock_watch.synced
        )
        self.key_offers = KeyOffers(
            self.enrolment.keys if self.enrolment else None,
            record=self.record,
            background=in_a_thread("server-keys"),
        )
        self.unread = UnreadDecisions(record=self.record)
        self.slot_ringer = SlotRinger(
            slots=lambda start, end: held_plans.slots(
                config.plans, self.view.plans, config.home.timezone, start, end
            ),
            clock=clock,
            submit=self.record,
            known=lambda: self.view.known_checks(),  # noqa: PLW0108 - the view of then
            report_by=lambda slot: self.config.report_by(slot),  # noqa: PLW0108 - that of then
            sure=lambda: self.clock_watch.synced,
        )
        self.watchers.append(self.slot_ringer.see)

        # devices and the door
        self.supervisor = DriverSupervisor(
            config,
            state_dir=state_dir,
            secrets=self.secrets,
            submit=lambda device, data: self.engine.submit(Draft(data, device=device)),
            pin_factory=pin_factory,
        )
        self.indicators = Indicators(self.supervisor.devices, facts.devices.values())
        self.lock_orders = LockOrders(
            home=home,
            devices=[d.id for d in facts.devices.values() if d.type == "lock"],
            lock=self._lock,
            keys=self._server_keys,
            history=lambda: self.view,
            writer=self.engine,
            clock=clock,
            best_now=self.clock_watch.best_now,
        )
        self.media = MediaParts(self, self._server_keys)
        self.page_identity = files.identity(self.secrets, config) if config.web.enabled else None
        self.pin_entry = PinEntry(self.secrets, time.monotonic)
        self.code_entry = CodeEntry(
            home=home,
            lock_orders=self.lock_orders,
            rights=lambda: self.view.rights,
            writer=self.engine,
            key=lambda: self.enrolment.private_key if self.enrolment else None,
            server_keys=self._server_keys,
            spawn=self.spawn,
            page=self.page_identity,
            mono_s=time.monotonic,
        )

        # the link, the way past it, and the home's own page
        self.installs = InstallParts(self, self._server_keys)
        self.second_path = self._second_path(modem) if files.is_enrolled else None
        self.uplink = self._uplink()
        self.local_page = None if self.page_identity is None else self._page(self.page_identity)
        self.root_parts = RootParts(self, state_dir)
        self.broker = told_broker(config, self.secrets, lambda: self.view, lambda: self.uplink)
        see = self.media, self.key_offers, self.unread, self.configuration, self.second_path
        more = self.installs, self.root_parts
        self._folds: list[Folds] = [one for one in (*see, *more) if one is not None]
        first = [
            lambda _event: self.lock_orders.reconsider(),
            *(one.see_live for one in see if one),
        ]
        self.watchers[:0] = first

    def _second_path(self, modem: Modem | None) -> PathParts:
        return PathParts(
            self.config,
            boot=self.boot,
            secrets=self.secrets,
            keys=self._server_keys,
            engine=self.engine,
            uplink=lambda: self.uplink,
            modem=open_modem() if modem is None and self.config.second_path.modem else modem,
            record=self.record,
            spawn=self.spawn,
            clock=self.clock,
            sure=lambda: self.clock_watch.synced,
            wants_to_call=self.media.answered,
        )

    def _page(self, identity: PageIdentity) -> LocalPage:
        from gateway.app.local_page import LocalPage  # only where there is a page

        page = LocalPage(self, identity)
        self.watchers.append(page.see)
        return page

    # --- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start everything, tell systemd, and go on until `stop` is called."""
        self.clock_watch.look()
        synced: ClockState = "synced" if self.clock_watch.synced else "unsynced"
        self._recovered = first_fold(self.engine, self.log_folder, synced) or self._recovered
        self._running = True
        alive_until = self.view.at
        wrong_by_s = self.previous.unsynced_by(self.boot, self.clock.now(), self.clock.mono_s())
        left_open, self.open_orders = self.open_orders, OpenOrders()
        self.media.settle()
        path = self.second_path
        test_why = TestWhy.STARTED if path is None else path.chain_test.first_why()
        lacking = self.files.all_told(*self.configuration.damaged)
        for first in (self._recovered, self.log_folder.returned, *lacking):
            if first is not None:
                self.record(first)
        sha256, how = self.config.sha256, self.previous.how
        self.record(GatewayStarted(version=version(), config_sha256=sha256, previous=how))
        self.record(self.described)
        if self.page_identity is not None:
            self.record(self.page_identity.described())
        engine = self.spawn(self.engine.run())
        if wrong_by_s is not None and self.clock_watch.synced:
            await self.engine.clock_synced(wrong_by_s)
        self.slot_ringer.start(since=alive_until)
        self.spawn(self.clock_watch.run())
        self.spawn(power_watch(self.view, self.record, self._sys_dir).run())
        await self.supervisor.start()
        self.spawn(self.configuration.run())
        self.key_offers.offer_again()
        self.spawn(self.lock_orders.settle(left_open))
        self.spawn(self.media.sounds.run())
        if is_in_memory(self.engine.log.origin):
            self.disk_watch.watch(self.engine.log)
        self._keep_house()
        if self.uplink is not None:
            self.uplink.start()
        if path is not None:
            self.spawn(path.run(test_why))
        self.root_parts.start()
        if self.local_page is not None:
            self.local_page.listen()
        tell_broker(self.broker, self.watchers, self.spawn)
        self.notifier.ready()
        if self.local_page is not None:
            self.local_page.serve()
        log.info("home started", extra={"home": self.config.home.id})
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({engine, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        await self._close(engine)

    def _keep_house(self) -> None:
        days, best_now = self.config.log.retain_days, self.clock_watch.best_now
        self.spawn(keep_pruned(lambda: self.engine.log, best_now, retain_days=days))
        self.spawn(keep_tidy(lambda: self.engine.log, self.log_folder.path))
        self.spawn(self.files.keep(self.secrets, self.config))

    def stop(self) -> None:
        """Ask `run` to end (from the event loop; a signal handler does)."""
        self.stopping.set()

    async def _close(self, engine: asyncio.Task[None]) -> None:
        self.notifier.stopping()
        await asyncio.to_thread(self.disk_watch.stop)
        broken = engine.done() and not engine.cancelled()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                self.slot_ringer.stop()
                await self.media.close()
                await self.supervisor.close()
                if not broken:
                    self.record(GatewayStopped(reason="stopped"))
                    await asyncio.sleep(0)
                    await self.engine.stop()
        if self.uplink is not None:
            await asyncio.to_thread(self.uplink.stop)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.local_page is not None:
            self.local_page.stop()
        await asyncio.to_thread(self.log_folder.close, self.engine.log)
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
        if not task.cancelled() and (error := task.exception()) is not None:
            self.engine.edge.broke(getattr(task.get_coro(), "__qualname__", "task"), error)

    # --- what happens -----------------------------------------------------------------------------

    def record(self, data: Data) -> None:
        """Write an event of the home itself.  Any thread."""
        self.engine.submit(Draft(data))

    def _see_live(self, event: Event) -> None:
        self._see(event)
        for watcher in self.watchers:
            self.engine.edge.show(event, watcher)

    def _see(self, event: Event) -> None:
        """Each for itself: one that breaks keeps nobody else from an alarm."""
        ours = self.view.apply, self.open_orders.apply, self.previous.apply
        for apply in (*ours, *(fold.apply for fold in self._folds)):
            self.engine.edge.show(event, apply)

    def _see_anew(self) -> Callable[[Event], None]:
        self.view, self.open_orders = HomeView(), OpenOrders()
        for fold in self._folds:
            fold.forget()
        return self._see

    def _durable(self, _rows: Sequence[Sealed]) -> None:
        if self.uplink is not None:
            self.uplink.wake()

    def _urgent(self, rows: Sequence[Sealed]) -> None:
        if self.uplink is not None:
            self.uplink.urgent(
                UrgentEvent(row.event.origin, row.event.seq, row.event.kind, row.wire())
                for row in rows
            )

    def _command(self, command: Command) -> None:
        if isinstance(command, AskStatus):
            self.spawn(self.lock_orders.ask(command.device))
        elif isinstance(command, SetIndicator):
            self.spawn(self.indicators.set(command.device, command.on))
        elif isinstance(command, LockDoor):
            self.spawn(self.lock_orders.relock(command.device, command.contact))

    def _reopen(self, why: str) -> tuple[EventLog, LogRecovered]:
        old, (new, recovered) = self.engine.log, self.log_folder.reopen(why, self.engine.log)
        if is_in_memory(new.origin):
            self.record(LogLeftDisk(why=recovered.why, continues=recovered.continues))
            left = None if is_in_memory(old.origin) else old
            self.loop.call_soon(self.disk_watch.watch, new, left)
            return new, recovered

        def set_aside() -> None:
            # once it is renamed: SQLite ends a file by deleting the `-wal` of its name
            old.close()
            self.log_folder.take_in(new, recovered)
            self._durable(())  # there may be more to send

        Thread(target=set_aside, name="eventlog-aside", daemon=True).start()
        return new, recovered

    # --- time -------------------------------------------------------------------------------------

    def _synced(self, offset_s: float) -> None:
        if not self._running:
            return  # right from the start: there is nothing to correct
        self.spawn(self.engine.clock_synced(offset_s))
        self.slot_ringer.rearm()

    def _set(self, step_s: float) -> None:
        self.spawn(self.engine.clock_set(step_s))

    def _stepped(self, _step_s: float) -> None:
        self.engine.nudge()
        self.slot_ringer.rearm()

    # --- the link ---------------------------------------------------------------------------------

    def _uplink(self) -> Uplink | None:
        if self.enrolment is None or self.second_path is None:
            return None
        return Uplink(
            self.enrolment.link,
            LogOutbox(self.engine, self.loop),
            callbacks(
                self.engine,
                self.loop,
                order=self.lock_orders.order,
                call=self.media.calls.order,
                look=self.media.looks.order,
                on_centre=self.media.invited,
                on_listen=self.installs.ordered,
                spawn=self.spawn,
                on_server_time=self.clock_watch.server_time,
                on_confirmed=self.second_path.confirmed,
                on_receivers=self.second_path.receivers.offered,
            ),
        )

    def _server_keys(self) -> Mapping[str, Ed25519PublicKey]:
        return self.enrolment.keys.good(self.lock_orders.now()) if self.enrolment else {}

    def _lock(self, device: str) -> Lock | None:
        driver = self.supervisor.devices.get(device)
        return driver if isinstance(driver, Lock) else None
