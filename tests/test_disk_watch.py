"""How often a home whose log is in memory tries its disk, and whatever becomes of a try.

Not for: what comes back, and how (`tests/test_log_in_memory.py`).
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

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
        async with asyncio.timeout(30):
            await twice.wait()
    finally:
        await asyncio.to_thread(watch.stop)
    assert marked[:2] == ["m", "m"] and put_back[:2] == [opened, opened]
