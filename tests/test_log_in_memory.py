"""A disk that refuses: the log goes on in memory, and back to the disk by itself.

On real disks of a few megabytes that are filled.  Not for: how a server takes such a log
(`tests/staff/homelink/test_log_in_memory.py`), or both programs (`tests/e2e/test_full_disk.py`).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.engine import engine
from gateway.engine.ballast import BALLAST_BYTES
from gateway.engine.disk_watch import DiskWatch
from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.log_folder import FILE, LogFolder
from gateway.engine.log_reader import LogReader
from gateway.engine.turns import Hooks
from gateway.envelope import Draft, Event
from gateway.events import (
    ContactChanged,
    LogLeftDisk,
    MatPressed,
    MatReleased,
    PendantPressed,
)
from gateway.origin import is_in_memory
from tests.conftest import START, sealed_chain
from tests.test_engine import fill
from tests.test_eventlog import append

WAIT_S = 60


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, a little larger than what is kept free on it."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=14m", "tryggve-test", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("this machine does not let a test mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def folder_of(disk: Path, memory: Path) -> LogFolder:
    return LogFolder(disk, "h1", memory=memory, boot="b1")


def origins(path: Path) -> list[str]:
    """Origin and number of every event in a log, in order, each chain verified."""
    return [f"{obj['origin']}/{obj['seq']}" for obj in LogReader(path).events()]


def kinds(path: Path) -> list[str]:
    return [obj["kind"] for obj in LogReader(path).events()]


class Home:
    """An engine whose log is in a folder, as the composition root makes it."""

    def __init__(self, disk: Path, memory: Path) -> None:
        self.folder = folder_of(disk, memory)
        opened, self.told = self.folder.open()
        self.urgent: list[Event] = []
        self.clock = ManualClock(START)
        self.engine = Engine(
            eventlog=opened,
            reopen=self.folder.reopen,
            rules=[],
            clock=self.clock,
            boot="b1",
            down_origin="staff:h1",
            hooks=Hooks(on_urgent=lambda rows: self.urgent.extend(row.event for row in rows)),
        )
        self.watch = DiskWatch(self.folder, self.engine, first_s=0.02)
        self.engine.hooks.on_stuck = self.watch.leave

    async def until(self, held: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not held():
                await asyncio.sleep(0.01)

    @property
    def in_memory(self) -> bool:
        return is_in_memory(self.engine.log.origin)


@asynccontextmanager
async def running(home: Home, *, killed: bool = False) -> AsyncIterator[Home]:
    """The home while it runs; `killed`: it does not close its log."""
    for data in (home.told, home.folder.returned):
        if data is not None:
            home.engine.submit(Draft(data))
    if home.in_memory:
        home.watch.watch(home.engine.log)
    task = asyncio.create_task(home.engine.run())
    try:
        yield home
    finally:
        await asyncio.to_thread(home.watch.stop)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if not killed:
            home.folder.close(home.engine.log)


async def press(home: Home, times: int) -> list[str]:
    """Press the mat as a person does; the events' names."""
    refs = []
    for _ in range(times):
        for data in (MatPressed(), MatReleased()):
            refs.append((await home.engine.write(Draft(data, device="bed"), WAIT_S)).ref)
    return refs


def test_a_full_disk_at_a_start_is_given_the_ballast(disk: Path, memory: Path) -> None:
    """What is kept free for this moment is given up, and the log goes on on the disk."""
    logs = folder_of(disk, memory)
    log, told = logs.open()
    append(log, sealed_chain(3))
    logs.close(log)
    ballast = disk / f"{FILE}.ballast"
    assert ballast.stat().st_size == BALLAST_BYTES
    fill(disk / "filler")
    log, told = logs.open()
    assert (log.origin, told, log.head.seq) == ("home:h1", None, 3)
    assert not ballast.exists()
    assert append(log, sealed_chain(2, seq=3, head=log.head.hash)) is None
    logs.close(log)
    log, told = logs.open()
    assert (log.origin, told, log.head.seq) == ("home:h1", None, 5), "nor was it begun anew"
    logs.close(log)


async def test_a_home_that_starts_on_a_full_disk_goes_back_to_it(disk: Path, memory: Path) -> None:
    """It goes on in memory; when there is room everything is on the disk before anything new, under
    the numbers that it had, and memory is let go."""
    async with running(Home(disk, memory)) as home:
        first = await press(home, 2)
    (disk / f"{FILE}.ballast").unlink()
    fill(disk / "filler")
    async with running(Home(disk, memory), killed=True) as home:
        assert home.in_memory
        assert isinstance(home.told, LogLeftDisk)
        assert home.told.continues == "home:h1"
        held = await press(home, 3)
        (disk / "filler").unlink()
        await home.until(lambda: not home.in_memory)
        after = await press(home, 1)
        await home.until(lambda: not any(memory.glob("*")))
        assert home.engine.log.origin == "home:h1"
    name = held[0].partition("/")[0]
    expected = [*first, f"{name}/1", *held, "home:h1/5", *after]
    assert origins(disk / FILE) == expected, "as a kill left it"
    assert kinds(disk / FILE)[-3] == "log.returned"
    async with running(Home(disk, memory)) as home:
        assert (home.told, home.folder.returned) == (None, None)
        assert home.engine.log.head.seq == 7
        rest = home.engine.log.rests.next(100)
        assert rest is not None
        assert (rest.origin, rest.head, len(rest.bodies)) == (name, 7, 7), "still to be sent"


async def test_a_disk_that_fills_under_a_home_is_left_and_taken_again(
    disk: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had a number of the disk's and never reached it comes first, under that number; then
    what memory held; then what is new.  Nothing waits for the disk meanwhile."""
    monkeypatch.setattr(engine, "LEAVE_S", 0.05)
    monkeypatch.setattr(engine, "PULSE_S", 0.02)
    async with running(Home(disk, memory)) as home:
        first = await press(home, 1)
        (disk / f"{FILE}.ballast").unlink()
        fill(disk / "filler")
        stuck = []
        while not home.in_memory:
            home.engine.submit(Draft(ContactChanged(on=True), device="sofa" * 40))
            await asyncio.sleep(0.005)
        before = home.engine.log.origin
        assert before.startswith("home:h1~memory-b1-")
        stuck = [event for event in home.urgent if event.kind == "log.stalled"]
        assert [event.origin for event in stuck] == ["home:h1"]
        pressed = await home.engine.write(Draft(PendantPressed(verified=True), device="p"), WAIT_S)
        assert pressed.origin == before
        rest = home.engine.log.rests.next(100)  # is there once the log that was left is
        on_disk = home.folder._left[0].durable if home.folder._left else 0
        assert rest is None or rest.head <= on_disk, (
            "what is not on the disk is not sent as its own"
        )
        (disk / "filler").unlink()
        await home.until(lambda: not home.in_memory)
        after = await press(home, 1)
    names = origins(disk / FILE)
    assert names[:2] == first
    assert names[-2:] == after
    own = [int(ref.rpartition("/")[2]) for ref in names if ref.startswith("home:h1/")]
    assert own == list(range(1, len(own) + 1)), "no number is given twice, none is missing"
    held = [ref for ref in names if ref.startswith(before)]
    assert held == [f"{before}/{seq}" for seq in range(1, len(held) + 1)]
    assert names.index(held[0]) > names.index(stuck[0].ref)
    returned = [
        ref for ref, kind in zip(names, kinds(disk / FILE), strict=True) if kind == "log.returned"
    ]
    assert names.index(held[-1]) + 1 == names.index(returned[0])
    async with running(Home(disk, memory)) as home:
        assert origins(disk / FILE) == names


async def test_a_disk_that_refuses_again_while_the_home_ends_takes_nothing(
    disk: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home is ended between the change back to the disk and the disk's word for it, which never
    comes: what only memory holds stays there, and is on the disk after the next start."""
    async with running(Home(disk, memory)) as home:
        await press(home, 1)
    (disk / f"{FILE}.ballast").unlink()
    fill(disk / "filler")
    rows: list[str] = []
    async with running(Home(disk, memory)) as home:
        back, go_on_in = home.folder.back, home.engine.go_on_in
        loop = asyncio.get_running_loop()

        def then_press() -> Any:
            answer = back()
            late = asyncio.run_coroutine_threadsafe(press(home, 1), loop)
            rows.extend(late.result(WAIT_S))  # after all was copied that memory held
            return answer

        def then_refuse(*given: Any) -> Any:
            (disk / f"{FILE}.ballast").unlink()
            fill(disk / "filler")
            home.watch._stopping.set()
            return go_on_in(*given)

        monkeypatch.setattr(home.folder, "back", then_press)
        monkeypatch.setattr(home.engine, "go_on_in", then_refuse)
        (disk / "filler").unlink()
        await home.until(lambda: not home.in_memory and home.engine.stalled)
    assert not set(rows) & set(origins(disk / FILE)), "the disk did not take it"
    (disk / "filler").unlink()
    async with running(Home(disk, memory)):
        pass
    assert set(rows) <= set(origins(disk / FILE))


async def test_a_disk_that_fails_in_the_middle_of_the_return_is_tried_again(
    disk: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took everything and then does not give a block back: memory goes on, and the next try is
    made, not the last one."""
    fill(disk / "filler")
    real, left = EventLog.reread, [2]

    def bad_block(log: EventLog) -> None:
        if left[0]:
            left[0] -= 1
            raise sqlite3.OperationalError("disk I/O error")
        real(log)

    monkeypatch.setattr(EventLog, "reread", bad_block)
    async with running(Home(disk, memory)) as home:
        assert home.in_memory
        refs = await press(home, 3)
        (disk / "filler").unlink()
        await home.until(lambda: not home.in_memory)
        await press(home, 1)
    assert left == [0]
    assert set(refs) <= set(origins(disk / FILE))


async def test_whatever_breaks_while_the_disk_is_tried_it_is_tried_again(
    disk: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what nobody foresaw: else the home would stay in memory, and a power cut take it all."""
    fill(disk / "filler")
    real, left = LogFolder.back, [2]

    def breaks(folder: LogFolder) -> Any:
        if left[0]:
            left[0] -= 1
            raise KeyError("about")
        return real(folder)

    monkeypatch.setattr(LogFolder, "back", breaks)
    monkeypatch.setattr(LogFolder, "open", lambda folder: folder._in_memory("full", None))
    async with running(Home(disk, memory)) as home:
        refs = await press(home, 2)
        (disk / "filler").unlink()
        await home.until(lambda: not home.in_memory)
    assert left == [0]
    assert set(refs) <= set(origins(disk / FILE))


async def test_a_home_that_is_killed_in_memory_goes_on_there(disk: Path, memory: Path) -> None:
    """While the disk refuses a restart finds what memory holds and continues its numbers; at the
    start at which the disk takes, all is on it, and it is told."""
    async with running(Home(disk, memory)) as home:
        await press(home, 1)
    (disk / f"{FILE}.ballast").unlink()
    fill(disk / "filler")
    async with running(Home(disk, memory), killed=True) as home:
        held = await press(home, 2)
        name = home.engine.log.origin
    home.engine.log.close()
    async with running(Home(disk, memory), killed=True) as home:
        assert (home.engine.log.origin, home.told) == (name, None)
        more = await press(home, 1)
        assert more[0] == f"{name}/6"
    home.engine.log.close()
    (disk / "filler").unlink()
    async with running(Home(disk, memory)) as home:
        assert home.engine.log.origin == "home:h1"
        assert home.folder.returned is not None
        assert home.folder.returned.held == 7
        await home.until(lambda: home.engine.log.durable == 3)
    assert origins(disk / FILE)[2:] == [f"{name}/1", *held, *more, "home:h1/3"]
    assert not list(memory.glob("*"))  # noqa: ASYNC240 - it is over
