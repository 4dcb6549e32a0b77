"""How often a home whose log is in memory tries its disk, what becomes of a try, and when it leaves
it.

Not for: what comes back, and how (`tests/test_log_in_memory.py`).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.engine import disk_watch
from gateway.engine.disk_watch import DiskWatch
from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.log_folder import LogFolder
from gateway.errors import LogError

TRIES = 10


class Pauses:
    """Stands for the flag that ends the watch: notes how long each wait for it is; set after
    some."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def wait(self, timeout: float) -> bool:
        self.waited.append(timeout)
        return len(self.waited) > TRIES

    def is_set(self) -> bool:
        return len(self.waited) > TRIES


class Refuses:
    """A folder on a disk that never takes anything."""

    def back(self) -> None:
        raise LogError("the disk refuses")


async def test_a_disk_is_tried_after_a_second_and_then_in_growing_pauses_of_up_to_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that somebody moves away is noticed at once; a dead card is asked once a minute, for
    as long as it takes."""
    memory = cast(EventLog, object())
    engine = cast(Engine, SimpleNamespace(log=memory))
    watch = DiskWatch(cast(LogFolder, Refuses()), engine)
    pauses = Pauses()
    monkeypatch.setattr(watch, "_stopping", pauses)
    watch._bring_back(memory, None)
    assert pauses.waited == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


async def test_a_change_that_breaks_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that brings the log back does not wait for ever for a loop that broke at it: what
    it had opened is put back, and the disk is tried again."""
    monkeypatch.setattr(disk_watch, "LOOK_S", 0.01)
    marked: list[str] = []

    def mark(origin: str, _seq: int) -> None:
        marked.append(origin)
        raise RuntimeError("nobody thought of this")

    memory = cast(
        EventLog,
        SimpleNamespace(rows_after=lambda _row: [], origin="m", forwarded=lambda: 0),
    )
    opened = SimpleNamespace(origin="home:h1", rests=SimpleNamespace(mark=mark))
    put_back: list[object] = []
    twice = asyncio.Event()
    loop = asyncio.get_running_loop()

    def back(one: object) -> None:
        put_back.append(one)
        if len(put_back) == 2:
            loop.call_soon_threadsafe(twice.set)

    folder = SimpleNamespace(back=lambda: (opened, None, None), put_back=back)
    engine = SimpleNamespace(log=memory, rows_waiting=lambda: ())
    watch = DiskWatch(cast(LogFolder, folder), cast(Engine, engine), first_s=0.001)
    watch.watch(memory)
    try:
        async with asyncio.timeout(60):
            await twice.wait()
    finally:
        await asyncio.to_thread(watch.stop)
    assert marked[:2] == ["m", "m"] and put_back[:2] == [opened, opened]


class Breaks(Refuses):
    """A folder that breaks in a way that nobody foresaw."""

    def __init__(self) -> None:
        self.settled = 0

    def settle(self, *_: object) -> None:
        self.settled += 1

    def back(self) -> None:
        raise KeyError("about")


async def test_whatever_breaks_the_disk_is_tried_again_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not at once, which would take the processor; what was left of a log is taken in once."""
    memory, left = cast(EventLog, object()), cast(EventLog, object())
    folder = Breaks()
    engine = cast(Engine, SimpleNamespace(log=memory))
    watch = DiskWatch(cast(LogFolder, folder), engine)
    pauses = Pauses()
    monkeypatch.setattr(watch, "_stopping", pauses)
    watch._tasks.put((memory, left))
    watch._tasks.put(None)
    watch._work()
    assert pauses.waited == [1, 60] * (TRIES // 2) + [1]
    assert folder.settled == 1


async def test_a_log_that_is_back_is_done_with_and_the_next_one_is_brought_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread waits for it, and ends with the home."""
    monkeypatch.setattr(disk_watch, "JOIN_S", 60.0)
    first, second = cast(EventLog, object()), cast(EventLog, object())
    disk = Hangs()
    disk.answers.set()
    watch = DiskWatch(
        cast(LogFolder, disk), cast(Engine, SimpleNamespace(log=second)), first_s=0.01
    )
    watch.watch(first)
    watch.watch(second)
    assert disk.began.wait(60)
    thread = watch._thread
    assert thread is not None
    watch.stop()
    assert not thread.is_alive()
    idle = DiskWatch(cast(LogFolder, disk), cast(Engine, SimpleNamespace(log=second)))
    idle.watch(first)
    thread = idle._thread
    assert thread is not None
    idle.stop()
    assert not thread.is_alive()


class Hangs:
    """A folder on a disk that does not answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.began = threading.Event()
        self.answers = threading.Event()

    def back(self) -> Any:
        self.asked.append(threading.current_thread().name)
        self.began.set()
        self.answers.wait(60)
        raise LogError("the disk refuses")


async def test_a_disk_that_hangs_is_asked_by_one_and_holds_up_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often the log goes to memory; and the program ends though it never answers."""
    monkeypatch.setattr(disk_watch, "JOIN_S", 0.05)
    memory = cast(EventLog, object())
    disk = Hangs()
    engine = cast(Engine, SimpleNamespace(log=memory))
    watch = DiskWatch(cast(LogFolder, disk), engine, first_s=0.01)
    before = set(threading.enumerate())
    for _ in range(3):
        watch.watch(memory)
    assert disk.began.wait(60)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    watch.stop()
    assert thread.is_alive()
    disk.answers.set()
    thread.join(60)
    assert disk.asked == [thread.name]


@pytest.mark.parametrize("how", ["in memory", "ending", "no room"])
async def test_a_disk_is_left_once_and_not_while_the_home_ends(how: str) -> None:
    """It is said again and again that it refuses: a log that is in memory stays where it is, one
    that is being closed is closed, and where memory has no room either the log is what it was."""

    class Refusing:
        def leave(self, *_: object) -> Any:
            assert how == "no room"
            raise OSError("no space left on device")

    name = "home:h1~memory-b1-5" if how == "in memory" else "home:h1"
    log = SimpleNamespace(origin=name)
    engine = SimpleNamespace(log=log, last_seq=7)
    watch = DiskWatch(cast(LogFolder, Refusing()), cast(Engine, engine))
    if how == "ending":
        watch.stop()
    watch.leave("the disk refuses")
    assert engine.log is log


class Change:
    """A log in memory that is to go on on the disk, now."""

    def __init__(self) -> None:
        self.row = SimpleNamespace(event=SimpleNamespace(origin="home:h1~memory-b1-5"))
        self.memory = SimpleNamespace(
            origin="home:h1~memory-b1-5", rows_after=lambda _row: [self.row], forwarded=lambda: 3
        )
        self.marked: list[object] = []
        rests = SimpleNamespace(mark=lambda *given: self.marked.append(given))
        self.opened = SimpleNamespace(origin="home:h1", rests=rests)
        self.waiting = SimpleNamespace(event=SimpleNamespace(origin="home:h1~memory-b1-5"))
        self.durable: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.went_on: list[object] = []
        self.engine = SimpleNamespace(
            log=self.memory, rows_waiting=lambda: [self.waiting], go_on_in=self.go_on_in
        )
        self.watch = DiskWatch(cast(LogFolder, None), cast(Engine, self.engine))
        self.changed: Future[bool] = Future()

    def go_on_in(self, *given: object) -> asyncio.Future[object]:
        self.went_on.append(given)
        return self.durable

    def now(self) -> None:
        given: Any = self.memory, self.opened, 7, [], self.changed
        self.watch._change(*given)


async def test_a_log_goes_on_on_the_disk_and_is_let_go_when_it_is_there() -> None:
    """With what the server has of it; not before the disk has taken the last of it."""
    change = Change()
    change.now()
    assert change.went_on == [(change.opened, [], [change.row])]
    assert change.marked == [("home:h1~memory-b1-5", 3)]
    assert not change.changed.done()
    change.durable.set_result(None)
    await asyncio.sleep(0)
    assert change.changed.result(0) is True


@pytest.mark.parametrize("why", ["held", "in line", "ending", "gone on", "unreadable"])
async def test_a_log_that_cannot_go_on_on_the_disk_stays_where_it_is(why: str) -> None:
    """What has a number of the disk's and is not on it yet would have it twice; and a home that
    ends, or has changed its log by itself, changes none."""
    change = Change()
    if why == "held":
        change.row.event.origin = "home:h1"
    elif why == "in line":
        change.waiting.event.origin = "home:h1"
    elif why == "ending":
        change.watch._stopping.set()
    elif why == "gone on":
        change.engine.log = SimpleNamespace()
    else:

        def rows_after(_row: int) -> Any:
            raise sqlite3.OperationalError("disk I/O error")

        change.memory.rows_after = rows_after
    change.now()
    assert change.changed.result(0) is False
    assert (change.went_on, change.marked) == ([], [])


async def test_a_home_that_ends_leaves_a_change_that_is_under_way() -> None:
    """Nobody closes the log that the engine may have gone on in."""
    change = Change()
    waiting = threading.Timer(0.05, change.watch._stopping.set)
    waiting.start()
    async with asyncio.timeout(60):
        assert await asyncio.to_thread(change.watch._wait, change.changed) is True
