"""The engine: durable before acted on, alarms never wait for a disk, one state however made."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.commands import AskStatus, Command
from gateway.engine import engine
from gateway.engine.engine import IN_FLIGHT_MAX, Engine
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader
from gateway.engine.sequencer import Sealed
from gateway.engine.turns import Hooks
from gateway.envelope import Draft, Event, corrected_at
from gateway.errors import BadEvent, ChainError, LogCorrupt, LogUnwritable
from gateway.events import (
    AlarmRaised,
    ClockSynced,
    ContactChanged,
    DeviceFailed,
    DeviceHeard,
    GatewayStarted,
    LogRecovered,
    LogStalled,
    MatPressed,
    MatReleased,
    PendantPressed,
    PreviousRun,
    RuleFailed,
    Severity,
    Tap,
    VisitTapped,
    alarm_type,
)
from gateway.rules import Decision, Rule, RuleSettings, Tick
from tests.conftest import START, sealed_chain

WAIT_S = 60


@dataclass(frozen=True)
class Waiting:
    """The state of the test's rule: which release it waits for, and since when."""

    ref: str | None = None
    due: datetime | None = None


def empty_rule(after: timedelta = timedelta(minutes=10)) -> Rule:
    """Raises an alarm and asks a lock when a mat is released for `after`."""

    def step(
        state: Waiting, event: Event | Tick, _settings: RuleSettings
    ) -> tuple[Waiting, Sequence[Decision | Command]]:
        if isinstance(event, Tick):
            alarm = AlarmRaised(type=alarm_type("empty"), severity=Severity.CARE, since=event.at)
            return Waiting(), [Decision(alarm, rests_on=(state.ref or "",)), AskStatus("door")]
        if isinstance(event.data, MatReleased):
            return Waiting(event.ref, event.at + after), []
        return Waiting(), []

    return Rule(
        name="empty",
        version=1,
        kinds=frozenset({"mat.pressed", "mat.released"}),
        settings=RuleSettings(),
        start=lambda _settings: Waiting(),
        step=step,
        wake_at=lambda state, _settings: state.due,
    )


@dataclass
class Home:
    """An engine on a real log, and what it told."""

    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    rules: Sequence[Rule] = field(default_factory=lambda: [empty_rule()])
    urgent: list[Event] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    durable: list[Sealed] = field(default_factory=list)
    pulses: int = 0

    def __post_init__(self) -> None:
        self.told = asyncio.Event()
        self.logs = [EventLog.open(self.folder / "events.sqlite", "home:h1")]
        self.engine = Engine(
            eventlog=self.logs[0],
            reopen=self.reopen,
            rules=self.rules,
            clock=self.clock,
            boot="boot-1",
            down_origin="staff:h1",
            hooks=Hooks(
                on_durable=self.on_durable,
                on_urgent=self.on_urgent,
                on_command=self.on_command,
                on_pulse=self.on_pulse,
            ),
        )

    def reopen(self, why: str) -> tuple[EventLog, LogRecovered]:
        new = EventLog.open(self.folder / "events-2.sqlite", "home:h1~2")
        self.logs.append(new)
        return new, LogRecovered(set_aside="events.sqlite", continues="home:h1", why=why)

    def on_durable(self, rows: Sequence[Sealed]) -> None:
        self.durable += rows
        self.told.set()

    def on_urgent(self, rows: Sequence[Sealed]) -> None:
        self.urgent += [row.event for row in rows]
        self.told.set()

    def on_pulse(self) -> None:
        self.pulses += 1

    def on_command(self, command: Command) -> None:
        self.commands.append(command)

    async def until(self, held: Callable[[], bool]) -> None:
        """Wait until `held`, looking again whenever the engine told something."""
        async with asyncio.timeout(WAIT_S):
            while not held():
                self.told.clear()
                if not held():
                    await self.told.wait()

    async def pass_time(self, **delta: float) -> None:
        self.clock.advance(timedelta(**delta).total_seconds())
        self.engine.nudge()


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[Home]:
    task = asyncio.create_task(home.engine.run())
    try:
        yield home
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for log in home.logs:
            log.close(timeout_s=0.5)


async def test_an_event_is_durable_before_it_is_acted_on(tmp_path: Path) -> None:
    """A decision is on the disk, in the same file as its cause, when its command is given."""
    async with running(Home(tmp_path)) as home:
        released = await home.engine.write(Draft(MatReleased(), device="bed"))
        await home.pass_time(minutes=11)
        await home.until(lambda: bool(home.commands))
        stored = list(LogReader(tmp_path / "events.sqlite").events())
        assert [obj["kind"] for obj in stored] == ["mat.released", "alarm.raised"]
        assert stored[1]["because"] == {"rule": "empty", "version": 1, "events": [released.ref]}
        assert [event.kind for event in home.urgent] == ["alarm.raised"]
        assert home.commands == [AskStatus("door")]


async def test_a_deadline_survives_a_restart(tmp_path: Path) -> None:
    """A wait that was cut by a restart ends when it would have ended."""
    async with running(Home(tmp_path)) as home:
        await home.engine.write(Draft(MatReleased(), device="bed"))
    again = Home(tmp_path, clock=ManualClock(START + timedelta(minutes=4)))
    again.engine.rebuild()
    async with running(again) as home:
        await home.engine.write(
            Draft(GatewayStarted(version="1", config_sha256="", previous=PreviousRun.CUT))
        )
        await home.pass_time(minutes=5)
        await home.engine.write(Draft(MatPressed(), device="elsewhere", at=START))
        assert not home.urgent or home.urgent[0].kind == "gateway.started"
    third = Home(tmp_path, clock=ManualClock(START + timedelta(minutes=9)))
    third.engine.rebuild()
    assert third.engine._sequencer.fold.wake is None, "the bed was entered again"
    for log in third.logs:
        log.close()


async def test_what_came_due_while_off_is_decided_at_the_start(tmp_path: Path) -> None:
    """The alarm of a deadline that passed during an outage is raised after the start, at that time,
    not silently and not dated back."""
    async with running(Home(tmp_path)) as home:
        await home.engine.write(Draft(MatReleased(), device="bed"))
    later = START + timedelta(hours=2)
    again = Home(tmp_path, clock=ManualClock(later))
    again.engine.rebuild()
    async with running(again) as home:
        await home.engine.write(
            Draft(GatewayStarted(version="1", config_sha256="", previous=PreviousRun.CUT))
        )
        await home.until(lambda: any(e.kind == "alarm.raised" for e in home.urgent))
        alarm = home.urgent[-1]
        assert alarm.at == later
        assert [obj["kind"] for obj in LogReader(home.logs[0].path).events()] == [
            "mat.released",
            "gateway.started",
            "alarm.raised",
        ]


async def test_a_corrupt_file_is_set_aside_while_running_and_the_alarm_flows(
    tmp_path: Path,
) -> None:
    """When the file is damaged under a running home, events go on in a new log, none twice, none
    missing, and the alarm is raised."""
    async with running(Home(tmp_path)) as home:
        await home.engine.write(Draft(MatReleased(), device="bed"))
        with pytest.MonkeyPatch.context() as patch:  # the damage: SQLite's own answer to it

            def damaged(*_: object) -> None:
                raise sqlite3.DatabaseError("database disk image is malformed")

            patch.setattr(home.logs[0], "_transact", damaged)
            await home.pass_time(minutes=11)
            await home.until(lambda: any(e.kind == "alarm.raised" for e in home.urgent))
        kinds = [obj["kind"] for obj in LogReader(tmp_path / "events-2.sqlite").events()]
        assert kinds == ["log.recovered", "alarm.raised"]
        assert home.urgent[-1].origin == "home:h1~2"
        event = await home.engine.write(Draft(MatPressed(), device="bed"))
        assert event.seq == 3


@pytest.mark.parametrize("tries", [1, 2])
async def test_an_alarm_that_gets_another_number_is_told_once_and_never_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """The file is damaged under it.  At once another log begins, and nobody is rung twice; or there
    is no room for one at first: it is told as it is, waits, and is in the one that begins then."""
    stall_s = (6.0, 0.05)[tries - 1]  # another log is there before, or is not
    monkeypatch.setattr(engine, "STALL_S", stall_s)
    home = Home(tmp_path, rules=[])
    reopens, left = home.reopen, [tries - 1]

    def reopen(why: str) -> tuple[EventLog, LogRecovered]:
        if left[0]:
            left[0] -= 1
            raise LogUnwritable("there is no room in memory either")
        return reopens(why)

    home.engine._reopen = reopen

    def damaged(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    async with running(home):
        await home.engine.write(Draft(MatPressed(), device="bed"))
        monkeypatch.setattr(home.logs[0], "_transact", damaged)
        home.engine.submit(Draft(PendantPressed(verified=True), device="pendant"))
        await home.until(lambda: len(home.logs) == 2)
        await home.engine.write(Draft(MatPressed(), device="bed"))
        await asyncio.sleep(stall_s + 0.2)  # longer than an alarm waits for the disk
        pressed = [event.origin for event in home.urgent if event.kind == "pendant.pressed"]
        assert pressed == ["home:h1", "home:h1~2"][-tries:]
        kinds = [obj["kind"] for obj in LogReader(tmp_path / "events-2.sqlite").events()]
        assert kinds.count("pendant.pressed") == 1


async def test_a_disk_that_does_not_answer_does_not_silence_an_alarm(tmp_path: Path) -> None:
    """The writer hangs: the alarm goes out within the stall time, and is stored when it returns."""
    async with running(Home(tmp_path)) as home:
        await home.engine.write(Draft(MatReleased(), device="bed"))
        gate = threading.Event()
        real = home.logs[0]._transact

        def slow(rows: object, marks: object) -> None:
            gate.wait(WAIT_S)
            real(rows, marks)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home.logs[0], "_transact", slow)
            await home.pass_time(minutes=11)
            await home.until(lambda: any(e.kind == "alarm.raised" for e in home.urgent))
            assert home.logs[0].durable == 1, "it went out before it was stored"
            gate.set()
            await home.until(lambda: home.logs[0].durable == 2)


async def test_a_disk_that_hangs_does_not_stop_the_turns(tmp_path: Path) -> None:
    """More turns wait for a disk than may be in flight: the next alarm goes out all the same, the
    watchdog is fed, and everything is stored when the disk returns."""
    async with running(Home(tmp_path)) as home:
        await home.engine.write(Draft(MatReleased(), device="bed"))
        gate = threading.Event()
        real = home.logs[0]._transact

        def slow(rows: object, marks: object) -> None:
            gate.wait(WAIT_S)
            real(rows, marks)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home.logs[0], "_transact", slow)
            for _ in range(IN_FLIGHT_MAX):
                waiting = home.engine.turns_waiting
                home.engine.submit(Draft(ContactChanged(on=True), device="seat"))
                while home.engine.turns_waiting == waiting:
                    await asyncio.sleep(0)
            pulses = home.pulses
            await home.pass_time(minutes=11)
            await home.until(lambda: any(e.kind == "alarm.raised" for e in home.urgent))
            assert home.engine.turns_waiting > IN_FLIGHT_MAX
            assert home.pulses > pulses
            assert home.logs[0].durable == 1
            gate.set()
            await home.until(lambda: home.logs[0].durable == IN_FLIGHT_MAX + 2)


async def test_a_disk_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing, so nothing is refused: after a while it counts as broken, to the page in the
    home and to the server, at once; the log has it when the disk returns, and all is well again."""
    monkeypatch.setattr(engine, "PULSE_S", 0.02)
    async with running(Home(tmp_path)) as home:
        await home.engine.write(Draft(MatReleased(), device="bed"))
        gate = threading.Event()
        real = home.logs[0]._transact

        def hangs(rows: object, marks: object) -> None:
            gate.wait(WAIT_S)
            real(rows, marks)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home.logs[0], "_transact", hangs)
            patch.setattr(engine, "HANG_S", 0.05)
            home.engine.submit(Draft(MatPressed(), device="bed"))
            await home.until(lambda: any(e.kind == "log.stalled" for e in home.urgent))
            patch.setattr(engine, "HANG_S", WAIT_S)  # a slow disk hangs no second time
            assert (home.engine.stalled, home.logs[0].durable) == (True, 1)
            gate.set()
            await home.until(lambda: home.logs[0].durable == 3)
        await home.until(lambda: not home.engine.stalled)
        await home.until(lambda: any(isinstance(r.event.data, LogStalled) for r in home.durable))
        told = [e.data.why for e in home.urgent if isinstance(e.data, LogStalled)]
        assert told == ["the disk has not answered for 0 s"], "once"


async def test_the_watchdog_is_not_fed_without_a_writer(tmp_path: Path) -> None:
    """A writer thread that died stores nothing ever again: systemd is to start the home anew."""
    async with running(Home(tmp_path)) as home:
        await home.engine.write(Draft(MatPressed(), device="bed"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home.logs[0], "_commit", None)  # a mistake of ours in the thread
            patch.setattr(threading, "excepthook", lambda _args: None)
            home.engine.submit(Draft(MatReleased(), device="bed"))
            while home.logs[0].writing:
                await asyncio.sleep(0)
        pulses = home.pulses
        home.engine.submit(Draft(MatPressed(), device="bed"))
        while home.engine.inputs_waiting:
            await asyncio.sleep(0)
        assert home.pulses == pulses


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tryggve-test", str(disk)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("this machine does not let a test mount a disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(file: Path) -> None:
    """Write until the disk takes no more."""
    with suppress(OSError), file.open("wb", buffering=0) as out:
        while out.write(b"x" * 4096):
            pass


async def test_a_full_disk_keeps_everything_and_says_so(small_disk: Path) -> None:
    """On a full disk alarms go out, events wait in memory, all are stored when there is room."""
    async with running(Home(small_disk)) as home:
        await home.engine.write(Draft(MatReleased(), device="bed"))
        fill(small_disk / "filler")
        written = 0
        while not any(e.kind == "log.stalled" for e in home.urgent):
            home.engine.submit(Draft(MatPressed(), device="sofa" * 50))
            written += 1
            await asyncio.sleep(0)
            assert written < 200_000
        before = home.logs[0].durable
        home.engine.submit(Draft(MatReleased(), device="bed"))
        while home.engine.inputs_waiting:
            await asyncio.sleep(0)
        await home.pass_time(minutes=11)
        await home.until(lambda: any(e.kind == "alarm.raised" for e in home.urgent))
        assert home.logs[0].durable == before, "the alarm did not wait for the disk"
        (small_disk / "filler").unlink()
        last = home.engine._sequencer.seq
        await home.until(lambda: home.logs[0].durable == last)
        seqs = [obj["seq"] for obj in LogReader(home.logs[0].path).events()]
        assert seqs == list(range(1, last + 1))
        await home.until(lambda: any(isinstance(r.event.data, LogStalled) for r in home.durable))


async def test_the_servers_events_are_taken_once_and_in_order(tmp_path: Path) -> None:
    """What the server decided is kept between the home's own events, repeated ones are passed
    over, and one that does not continue its chain is refused."""
    told = [VisitTapped(tap=Tap.ARRIVE), VisitTapped(tap=Tap.LEAVE), VisitTapped(tap=Tap.ARRIVE)]
    chain = [json.loads(row.wire()) for row in sealed_chain(told, origin="staff:h1")]
    async with running(Home(tmp_path)) as home:
        await home.engine.receive(chain[:2])
        await home.engine.receive(chain)
        assert home.engine.down_have == 3
        forged = {**chain[2], "seq": 4}
        with pytest.raises(ChainError):
            await home.engine.receive([forged])
    again = Home(tmp_path)
    assert again.engine.down_have == 3
    assert [event.origin for event, _ in again.logs[0].since()] == ["staff:h1"] * 3
    again.logs[0].close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"seq": 2**63},
        {"data": {"tap": "arrive", "more": float("nan")}},
        {"mono_s": float("inf")},
        {"person": "\udc80"},
    ],
    ids=str,
)
async def test_what_no_log_can_keep_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """Also by a new log, which believes the first event of the server that comes; and the writer
    goes on."""
    [row] = sealed_chain([VisitTapped(tap=Tap.ARRIVE)], origin="staff:h1")
    async with running(Home(tmp_path)) as home:
        home.engine._down = None
        with pytest.raises(BadEvent):
            await home.engine.receive([{**json.loads(row.wire()), **wrong}])
        await home.engine.write(Draft(MatPressed(), device="bed"))
        assert home.engine.down_have is None


async def test_a_wrong_clock_at_boot_is_corrected_later(tmp_path: Path) -> None:
    """Booted an hour ahead: after the sync the deadline holds by the right time, not an hour late,
    and the order of events is kept."""
    ahead = Home(tmp_path, clock=ManualClock(START + timedelta(hours=1)))
    ahead.engine.set_clock("unsynced")
    async with running(ahead) as home:
        wrong = await home.engine.write(Draft(MatReleased(), device="bed"))
        assert wrong.clock == "unsynced"
        home.clock.step(-3600)
        await home.engine.clock_synced(-3600.0)
        await home.pass_time(minutes=11)
        await home.until(lambda: any(e.kind == "alarm.raised" for e in home.urgent))
        assert home.urgent[-1].at == START + timedelta(minutes=10)
        stored = list(home.logs[0].since())
        assert [event.seq for event, _ in stored] == [1, 2, 3]
        assert isinstance(stored[1][0].data, ClockSynced)


@pytest.mark.parametrize("days", [0.1, 90])
@pytest.mark.parametrize("ran_before", [False, True])
async def test_a_clock_that_was_behind_makes_nothing_due_and_loses_nothing(
    tmp_path: Path, days: float, ran_before: bool
) -> None:
    """Booted with the time of the power cut, or with the date of its image, further back than a
    rebuild reads.  What happened before the clock was right, also between its jump and the word of
    it, holds after it and after the next start; what waits ten minutes waits ten minutes."""
    behind_s = timedelta(days=days).total_seconds()
    if ran_before:
        async with running(Home(tmp_path, rules=[])) as home:
            for _ in range(20):
                await home.engine.write(Draft(MatPressed(), device="bed"))
    behind = Home(tmp_path, clock=ManualClock(START - timedelta(seconds=behind_s)))
    behind.engine.set_clock("unsynced")
    async with running(behind) as home:
        for _ in range(20):
            await home.engine.write(Draft(MatReleased(), device="bed"))
        home.clock.step(behind_s)
        between = await home.engine.write(Draft(DeviceHeard(), device="bed"))
        assert corrected_at(between, behind_s) == START
        await home.engine.clock_synced(behind_s)
        await home.engine.write(Draft(DeviceHeard(), device="bed"))
        assert home.urgent == []
        assert home.engine._sequencer.fold.state_of("empty").due == START + timedelta(minutes=10)
    again = Home(tmp_path, clock=ManualClock(START + timedelta(minutes=1)))
    again.engine.rebuild()
    async with running(again) as home:
        await home.pass_time(minutes=10)
        await home.until(lambda: bool(home.urgent))
        assert home.urgent[0].at == START + timedelta(minutes=10)


async def test_a_clock_that_is_set_by_hand_is_taken_after_a_minute(tmp_path: Path) -> None:
    """Nobody calls it right: the new time counts all the same, a minute late."""
    behind = Home(tmp_path, clock=ManualClock(START - timedelta(hours=2)))
    behind.engine.set_clock("unsynced")
    async with running(behind) as home:
        await home.engine.write(Draft(MatPressed(), device="bed"))
        home.clock.step(7200)
        first = await home.engine.write(Draft(MatPressed(), device="bed"))
        home.clock.advance(61)
        second = await home.engine.write(Draft(MatPressed(), device="bed"))
        assert (first.at, second.at) == (
            START - timedelta(hours=2),
            START + timedelta(seconds=61),
        )


async def test_what_cannot_be_written_ends_nothing_else(tmp_path: Path) -> None:
    """An error's text with half a character in it, from a driver or its library: who waits for it
    is told, it is told once, and the press in the same turn is an alarm."""
    async with running(Home(tmp_path)) as home:
        bad = Draft(DeviceFailed(error="OSError", text="\udc80", retry_s=1.0), device="bed")
        for _ in range(3):
            home.engine.submit(bad)
        home.engine.submit(Draft(PendantPressed(verified=True), device="pendant"))
        with pytest.raises(LogUnwritable):
            await home.engine.write(bad)
        await home.engine.write(Draft(MatPressed(), device="bed"))
        assert "pendant.pressed" in [event.kind for event in home.urgent]
    told = [event.data for event, _ in EventLog.open(tmp_path / "events.sqlite", "home:h1").since()]
    assert [data.rule for data in told if isinstance(data, RuleFailed)] == ["device.failed"]
    assert len(told) == 3


async def test_a_part_of_the_home_that_breaks_at_an_event_ends_nothing(tmp_path: Path) -> None:
    """Live and at every start after it: the rules see the event, the log has it, and it is told."""

    def breaks(event: Event) -> None:
        if event.kind == "mat.released":
            raise KeyError("bed")

    home = Home(tmp_path)
    home.engine.hooks.on_event = breaks
    async with running(home):
        await home.engine.write(Draft(MatReleased(), device="bed"))
        await home.engine.write(Draft(MatReleased(), device="bed"))
    again = Home(tmp_path)
    again.engine.hooks.on_rebuild = lambda: breaks
    assert again.engine.rebuild() == 3
    assert again.engine._sequencer.fold.state_of("empty").due == START + timedelta(minutes=10)
    again.logs[0].close()


async def test_events_from_other_threads_keep_their_order(tmp_path: Path) -> None:
    """A pin's callbacks come from a thread of their own: each is one event, in order."""
    async with running(Home(tmp_path, rules=[])) as home:
        await home.engine.write(Draft(MatPressed(), device="first"))

        def press() -> None:
            for i in range(500):
                home.engine.submit(Draft(MatPressed(), device=f"m{i}"))

        threading.Thread(target=press).start()
        await home.until(lambda: len(home.durable) == 501)
        assert [row.event.device for row in home.durable[1:]] == [f"m{i}" for i in range(500)]


def test_a_log_of_another_home_is_never_continued(tmp_path: Path) -> None:
    """Opening with another origin is refused before anything is written."""
    EventLog.open(tmp_path / "events.sqlite", "home:other").close()
    with pytest.raises(LogCorrupt):
        Home(tmp_path)
