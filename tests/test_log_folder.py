"""A log that cannot be used is set aside, and the home goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.engine.event_log import EventLog
from gateway.engine.log_folder import FILE, LogFolder, next_origin
from gateway.engine.log_reader import LogReader, connect
from gateway.events import LogRecovered
from tests._tree import ROOT
from tests.conftest import sealed_chain
from tests.test_eventlog import append


@pytest.fixture
def logs(tmp_path: Path) -> LogFolder:
    (tmp_path / "state").mkdir()
    (tmp_path / "memory").mkdir()
    return LogFolder(tmp_path / "state", "h1", memory=tmp_path / "memory", boot="b1")


def test_origins_are_never_given_out_twice() -> None:
    """Each new log of a home has the next origin."""
    assert [next_origin(o) for o in ("home:a", "home:a~2", "home:a~9")] == [
        "home:a~2",
        "home:a~3",
        "home:a~10",
    ]
    assert next_origin("home:a~memory-b1") == "home:a~2"


def test_a_damaged_log_is_kept_beside_the_new_one(logs: LogFolder) -> None:
    """The damaged file keeps its bytes under a new name, and the next start uses the new log."""
    log, recovered = logs.open()
    assert recovered is None
    append(log, sealed_chain(10))
    logs.close(log)
    damaged = b"\0" * 4096 + (logs.path / FILE).read_bytes()[4096:]
    (logs.path / FILE).write_bytes(damaged)

    log, recovered = logs.open()
    assert isinstance(recovered, LogRecovered)
    assert (log.origin, recovered.continues) == ("home:h1~2", "home:h1")
    assert recovered.set_aside is not None
    assert (logs.path / recovered.set_aside).read_bytes() == damaged
    logs.close(log)
    log, recovered = logs.open()
    assert (log.origin, recovered) == ("home:h1~2", None)
    logs.close(log)


def test_a_home_whose_disk_is_gone_keeps_its_log_in_memory(logs: LogFolder, tmp_path: Path) -> None:
    """No disk is no reason to be silent: the log is kept in memory, under an origin of its own."""
    (tmp_path / "state").rmdir()
    log, recovered = logs.open()
    assert recovered is not None
    assert log.origin == "home:h1~memory-b1"
    assert append(log, sealed_chain(1, origin=log.origin)) is None
    log.close()


def beyond(log: EventLog, count: int) -> None:
    """Write `count` more events of its own."""
    rows = sealed_chain(count, seq=log.head.seq, head=log.head.hash, origin=log.origin)
    assert append(log, rows) is None


def used(logs: LogFolder, *, killed: bool = False) -> None:
    """The home ran for a while; `killed`: it had no time to close its log."""
    if killed:
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(logs.path)], cwd=ROOT, check=False
        )
        assert done.returncode == 9
        return
    log, recovered = logs.open()
    assert recovered is None
    beyond(log, 10)
    logs.close(log)


_KILLED = """
import os, sys
from pathlib import Path
from gateway.engine.log_folder import LogFolder
from tests.test_log_folder import beyond
log, _ = LogFolder(Path(sys.argv[1]), "h1", memory=Path(sys.argv[1]), boot="b1").open()
beyond(log, 10)
os._exit(9)
"""


def remove(suffix: str) -> Callable[[LogFolder], None]:
    return lambda logs: (logs.path / (FILE + suffix)).unlink()


def empty(suffix: str) -> Callable[[LogFolder], None]:
    return lambda logs: (logs.path / (FILE + suffix)).open("wb").close()


def without_events(logs: LogFolder) -> None:
    """A log that can be read and holds nothing: what is left when only its `-wal` held it."""
    remove("")(logs)
    EventLog.open(logs.path / FILE, logs.origin()).close()


@pytest.mark.parametrize(
    ("killed", "damage", "why"),
    [
        (False, remove(""), "events.sqlite was missing"),
        (False, empty(""), "events.sqlite was empty"),
        (False, without_events, "events.sqlite ends at 0 and went to 10"),
        (True, remove(""), "events.sqlite was missing"),
        (True, remove("-wal"), "events.sqlite-wal was missing"),
        (True, empty("-wal"), "events.sqlite-wal was empty"),
    ],
)
def test_a_lost_log_is_no_first_start(
    logs: LogFolder, killed: bool, damage: Callable[[LogFolder], None], why: str
) -> None:
    """Numbering never begins at 1 again under an origin that was used, and what is lost is said."""
    used(logs, killed=killed)
    damage(logs)
    log, recovered = logs.open()
    assert recovered is not None
    assert (log.origin, recovered.continues, recovered.why) == ("home:h1~2", "home:h1", why)
    beyond(log, 3)
    logs.close(log)
    log, recovered = logs.open()
    assert (log.origin, log.head.seq, recovered) == ("home:h1~2", 3, None)
    logs.close(log)


def test_a_log_put_back_from_a_copy_is_seen_without_the_server(logs: LogFolder) -> None:
    """An older copy of the file ends before the number that was noted when it was closed."""
    used(logs)
    shutil.copy(logs.path / FILE, logs.path / "copy")
    used(logs)
    (logs.path / "copy").replace(logs.path / FILE)
    log, recovered = logs.open()
    assert recovered is not None
    assert recovered.why == "events.sqlite ends at 10 and went to 20"
    assert recovered.set_aside is not None
    assert len(list(LogReader(logs.path / recovered.set_aside).events())) == 10
    log.close()


def test_a_power_cut_loses_nothing_and_begins_nothing_anew(logs: LogFolder) -> None:
    """A home that was cut off has its log with its `-wal`, also when a technician looked first."""
    used(logs, killed=True)
    assert len(list(LogReader(logs.path / FILE).events())) == 10
    log, recovered = logs.open()
    assert (log.origin, log.head.seq, recovered) == ("home:h1", 10, None)
    logs.close(log)


def test_what_only_the_wal_holds_is_kept_beside_the_new_log(logs: LogFolder) -> None:
    """With the file itself gone its `-wal` is set aside too: SQLite would delete it."""
    used(logs, killed=True)
    remove("")(logs)
    wal = (logs.path / f"{FILE}-wal").read_bytes()
    log, recovered = logs.open()
    assert recovered is not None
    assert recovered.set_aside is not None
    assert (logs.path / f"{recovered.set_aside}-wal").read_bytes() == wal
    log.close()


def test_an_enrolled_home_that_never_ran_begins_under_its_origin(logs: LogFolder) -> None:
    """Enrolment writes the origin before there is a log; a log of before that line is known."""
    (logs.path / "origin").write_text("home:h1~3\n")
    log, recovered = logs.open()
    assert (log.origin, recovered) == ("home:h1~3", None)
    beyond(log, 2)
    log.close()
    (logs.path / "origin").write_text("home:h1~3\n")  # as an earlier version left it
    log, recovered = logs.open()
    assert (log.head.seq, recovered) == (2, None)
    logs.close(log)


def test_an_old_log_that_is_closed_late_leaves_the_new_one_whole(logs: LogFolder) -> None:
    """A log set aside while the home runs is closed after the new one is in use: what is in the
    new one's `-wal` stays."""
    old, _ = logs.open()
    beyond(old, 5)
    new, recovered = logs.reopen("the server has 9 events of it")
    beyond(new, 4)
    old.close()
    assert (logs.path / f"{FILE}-wal").stat().st_size > 0
    logs.close(new)
    assert recovered.set_aside is not None
    with closing(connect(logs.path / recovered.set_aside)) as db:
        assert db.execute("SELECT count(*) FROM event").fetchone() == (5,)
    assert len(list(LogReader(logs.path / FILE).events())) == 4
