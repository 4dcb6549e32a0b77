"""Where a log in memory says that it follows: after which number of which log on the disk.

Not for: what the server makes of it (`tests/staff/homelink/test_log_in_memory.py`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NoReturn

import pytest

from gateway.engine.event_log import EventLog
from gateway.engine.log_folder import FILE, LogFolder
from gateway.errors import LogUnwritable
from gateway.events import LogLeftDisk
from gateway.origin import read_origin
from tests.conftest import sealed_chain
from tests.test_eventlog import append
from tests.test_log_folder import logs

__all__ = ["logs"]


@pytest.fixture(autouse=True)
def refuses(monkeypatch: pytest.MonkeyPatch, logs: LogFolder) -> None:
    """A home that ran on its disk, ten events long, and whose disk takes nothing at the next
    start."""
    log, _ = logs.open()
    append(log, sealed_chain(10))
    logs.close(log)

    def no(_folder: LogFolder) -> NoReturn:
        raise LogUnwritable("no space left on device")

    monkeypatch.setattr(LogFolder, "back", no)


def begun(logs: LogFolder) -> tuple[EventLog, tuple[int, int] | None]:
    """The log in memory, and after what it was begun."""
    log, told = logs.open()
    assert told == LogLeftDisk(why="no space left on device", continues="home:h1")
    name = read_origin(log.origin)
    assert name is not None
    assert name.boot is not None
    log.close()
    return log, name.after


@pytest.mark.parametrize("file", ["whole", "damaged", "gone"])
def test_it_follows_the_last_number_that_was_on_the_disk(logs: LogFolder, file: str) -> None:
    """As the log there says, or what was noted of it where it cannot be read: the server knows by
    it which of two events is the newer."""
    if file == "damaged":
        (logs.path / FILE).write_bytes(b"\0" * 8192)
    elif file == "gone":
        (logs.path / FILE).unlink()
    assert begun(logs)[1] == (1, 10)


def test_what_nobody_knows_is_not_said(logs: LogFolder) -> None:
    """Neither the log nor what was noted can be read."""
    (logs.path / FILE).unlink()
    (logs.path / "origin").unlink()
    assert begun(logs)[1] is None


def test_a_log_that_never_held_an_event_is_followed_from_its_beginning(logs: LogFolder) -> None:
    """As in a home whose disk was full from the first day."""
    (logs.path / FILE).unlink()
    EventLog.open(logs.path / FILE, "home:h1").close()
    assert begun(logs)[1] == (1, 0)


def test_one_of_an_earlier_run_goes_on_and_a_damaged_one_is_let_go(
    logs: LogFolder, tmp_path: Path
) -> None:
    """The newest that can be used; what it held is not lost by another start."""
    first, _ = begun(logs)
    damaged = logs.memory._path(10**6)
    with sqlite3.connect(damaged) as db:
        db.execute("CREATE TABLE about (name TEXT)")
    db.close()
    log, told = logs.open()
    assert (log.path, log.origin, told) == (first.path, first.origin, None)
    assert not damaged.exists()
    log.close()
