"""How often a home whose log is in memory tries its disk, and when it leaves it.

Not for: what comes back, and how (`tests/test_log_in_memory.py`).
"""

from __future__ import annotations

import threading
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


class Hangs:
    """A folder on a disk that does not answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.began = threading.Event()
        self.answers = threading.Event()

    def back(self) -> Any:
        self.asked.append(threading.current_thread().name)
        self.began.set()
        self.answers.wait(30)
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
    assert disk.began.wait(30)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    watch.stop()
    assert thread.is_alive()
    disk.answers.set()
    thread.join(30)
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
