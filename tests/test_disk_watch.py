"""How often a home whose log is in memory tries its disk.

Not for: what comes back, and how (`tests/test_log_in_memory.py`).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

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
