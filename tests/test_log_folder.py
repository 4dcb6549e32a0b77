"""A log that cannot be used is set aside, and the home goes on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from re import fullmatch
from typing import Any

import pytest

from gateway.engine import log_folder, log_reader, log_rest
from gateway.engine.event_log import EventLog
from gateway.engine.log_folder import FILE, LogFolder, next_origin
from gateway.engine.log_reader import LogReader, connect
from gateway.engine.log_return import give_back
from gateway.engine.memory_logs import remove as remove_log
from gateway.engine.stamp_time import REBUILD_DAYS
from gateway.errors import LogUnwritable
from gateway.events import LogLeftDisk, LogRecovered
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
    """The damaged file keeps its bytes under a new name that nothing else has, and the next start
    uses the new log."""
    log, recovered = logs.open()
    assert recovered is None
    append(log, sealed_chain(10))
    logs.close(log)
    earlier = logs.path / "aside-home-h1.sqlite"
    earlier.write_bytes(b"of an earlier time")
    damaged = b"\0" * 4096 + (logs.path / FILE).read_bytes()[4096:]
    (logs.path / FILE).write_bytes(damaged)

    log, recovered = logs.open()
    assert isinstance(recovered, LogRecovered)
    assert (log.origin, recovered.continues) == ("home:h1~2", "home:h1")
    assert recovered.set_aside is not None
    assert (logs.path / recovered.set_aside).read_bytes() == damaged
    assert earlier.read_bytes() == b"of an earlier time"
    logs.close(log)
    log, recovered = logs.open()
    assert (log.origin, recovered) == ("home:h1~2", None)
    logs.close(log)


def test_a_home_whose_disk_is_gone_keeps_its_log_in_memory(logs: LogFolder, tmp_path: Path) -> None:
    """No disk is no reason to be silent: the log is kept in memory, under an origin of its own."""
    (tmp_path / "state").rmdir()
    log, recovered = logs.open()
    assert recovered is not None
    assert fullmatch(r"home:h1~memory-b1-\d+", log.origin)
    assert append(log, sealed_chain(1, origin=log.origin)) is None
    log.close()


@pytest.mark.parametrize("made", ["empty", "begun"])
def test_a_log_in_memory_that_was_cut_off_as_it_was_made_costs_nothing(
    logs: LogFolder, made: str
) -> None:
    """The program was killed, or the folder in memory was full, before it held anything: the log on
    the disk is as good as before, and goes on."""
    log, _ = logs.open()
    append(log, sealed_chain(10))
    logs.close(log)
    cut_off = logs.memory._path(5)
    cut_off.touch()
    if made == "begun":
        with closing(connect(cut_off, create=True, in_memory=True)) as db:
            db.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    log, told = logs.open()
    assert (log.origin, log.head.seq, told, logs.returned) == ("home:h1", 10, None, None)
    logs.close(log)
    assert logs.memory.left() == []


def test_a_block_that_is_not_given_back_at_a_start_is_no_end_of_it(
    logs: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in its opening the disk does not answer: the home runs, in memory."""
    log, _ = logs.open()
    append(log, sealed_chain(10))
    logs.close(log)

    def bad_block(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    for owner, name in ((EventLog, "reread"), (LogFolder, "_again")):
        before = set(threading.enumerate())
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, bad_block)
            in_memory, told = logs.open()
        assert isinstance(told, LogLeftDisk), name
        assert len(set(threading.enumerate()) - before) == 1, "nothing is left of what was tried"
        assert append(in_memory, sealed_chain(1, origin=in_memory.origin)) is None
        in_memory.close()
        remove_log(in_memory.path)
    log, told = logs.open()
    assert (log.origin, log.head.seq, told) == ("home:h1", 10, None)
    logs.close(log)


def test_damage_that_shows_as_a_rest_is_taken_in_sets_the_log_aside(
    logs: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home goes on on the disk, in a new log: it is the file that is broken."""
    log, _ = logs.open()
    append(log, sealed_chain(10))
    logs.close(log)

    def damaged(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(LogFolder, "_again", damaged)
    before = set(threading.enumerate())
    log, told = logs.open()
    assert isinstance(told, LogRecovered)
    assert (log.origin, told.continues) == ("home:h1~2", "home:h1")
    assert len(list(log.since())) == 10
    assert len(set(threading.enumerate()) - before) == 1, "the damaged one was closed"
    logs.close(log)


def test_a_disk_that_does_not_answer_at_a_start_is_not_waited_for(
    logs: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home runs in memory, and nobody else asks the disk until it has answered; then everything
    is there, what came meanwhile too."""
    log, _ = logs.open()
    append(log, sealed_chain(10))
    logs.close(log)
    real, answers = LogFolder._on_disk, threading.Event()

    def hangs(folder: LogFolder) -> object:
        assert answers.wait(60)
        return real(folder)

    monkeypatch.setattr(LogFolder, "_on_disk", hangs)
    monkeypatch.setattr(log_folder, "OPEN_S", 0.05)
    in_memory, told = logs.open()
    assert isinstance(told, LogLeftDisk)
    assert "has not answered" in told.why
    assert append(in_memory, sealed_chain(1, origin=in_memory.origin)) is None
    with pytest.raises(LogUnwritable, match="since the start"):
        logs.back()
    answers.set()
    assert logs._late is not None
    logs._late.join(60)
    log, recovered, returned = logs.back()
    assert (log.origin, log.head.seq, recovered) == ("home:h1", 10, None)
    assert returned is not None
    assert [event.origin for event, _ in log.since()][10:] == [in_memory.origin]
    in_memory.close()
    logs.close(log)


def test_a_log_whose_damage_shows_as_memory_comes_back_is_set_aside(
    logs: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What memory held is in the new one, which follows the damaged one, and before it what can
    still be read of that: an alarm that is open is not forgotten, and the server gets it."""
    log, _ = logs.open()
    append(log, sealed_chain(10))
    logs.close(log)
    in_memory, _ = logs.leave("home:h1", 10, "the disk refused")
    assert append(in_memory, sealed_chain(1, origin=in_memory.origin)) is None
    real, broken = give_back, [sqlite3.DatabaseError("database disk image is malformed")]

    def damaged(*given: Any) -> object:
        if broken:
            raise broken.pop()
        return real(*given)

    monkeypatch.setattr(log_folder, "give_back", damaged)
    before = set(threading.enumerate())
    log, recovered, returned = logs.back()
    assert recovered is not None
    assert recovered.set_aside is not None
    assert (log.origin, recovered.continues) == ("home:h1~2", "home:h1")
    assert returned is not None
    origins = ["home:h1"] * 10 + [in_memory.origin]
    assert [event.origin for event, _ in log.since()] == origins
    rest = log.rests.next(100)
    assert rest is not None
    assert (rest.origin, rest.head, len(rest.bodies)) == ("home:h1", 10, 10)
    assert len(set(threading.enumerate()) - before) == 1, "the damaged one was closed"
    in_memory.close()
    logs.close(log)


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_a_log_that_cannot_be_set_aside_while_the_home_runs_goes_on_in_memory(
    logs: LogFolder, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The file is damaged, and the disk takes no new one, or does not answer: what is written first
    says both.  One that hangs is not asked until it has answered."""
    log, _ = logs.open()
    append(log, sealed_chain(10))
    answers = threading.Event()

    def no(*_: object) -> object:
        if how == "hangs":
            assert answers.wait(60)
        raise OSError("no space left on device")

    monkeypatch.setattr(log_folder, "REOPEN_S", 0.05 if how == "hangs" else 30.0)
    monkeypatch.setattr(LogFolder, "_anew", no)
    in_memory, recovered = logs.reopen("it is malformed")
    assert fullmatch(r"home:h1~memory-b1-.*", in_memory.origin)
    why = "the disk has not answered" if how == "hangs" else "no space left on device"
    assert recovered == LogRecovered(
        set_aside=None, continues="home:h1", why=f"it is malformed; {why}"
    )
    if how == "hangs":
        with pytest.raises(LogUnwritable, match="since the start"):
            logs.back()
        answers.set()
    else:
        assert logs._late is None
    for one in (in_memory, log):
        one.close()


def test_what_is_noted_of_a_log_is_noted_on_a_full_disk_too(
    logs: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no room for a second file: the first one is written over, whole, and synced."""
    logs._note("home:h1", 1234567, is_open=False)

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    synced, noted = list[str](), logs.path / "origin"
    monkeypatch.setattr(log_folder, "write_durably", full)
    monkeypatch.setattr(os, "fsync", lambda _file: synced.append(noted.read_text()))
    logs._note("home:h1", 5, is_open=True)
    assert noted.read_text() == "home:h1\nopen 5\n"
    assert synced == ["home:h1\nopen 5\n"]


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
    assert isinstance(recovered, LogRecovered)
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


def test_a_wal_is_missed_after_starts_in_which_nothing_happened(logs: LogFolder) -> None:
    """However often the home started before: from its start on a lost `-wal` is seen."""
    used(logs)
    for _ in range(3):
        log, _ = logs.open()
        logs.close(log)
    used(logs, killed=True)
    remove("-wal")(logs)
    log, recovered = logs.open()
    assert recovered is not None
    assert (log.origin, recovered.why) == ("home:h1~2", "events.sqlite-wal was missing")
    logs.close(log)


def test_what_only_the_wal_holds_is_kept_beside_the_new_log(logs: LogFolder) -> None:
    """With the file itself gone its `-wal` is set aside too: SQLite would delete it."""
    used(logs, killed=True)
    remove("")(logs)
    wal = (logs.path / f"{FILE}-wal").read_bytes()
    log, recovered = logs.open()
    assert isinstance(recovered, LogRecovered)
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


# --- what can still be read of it -----------------------------------------------------------------


def held(log: EventLog) -> list[str]:
    """The events that the state is folded from, in order."""
    return [event.ref for event, _ in log.since()]


def of(origin: str, *numbers: int) -> list[str]:
    return [f"{origin}/{seq}" for seq in numbers]


def test_days_are_those_of_a_rebuild() -> None:
    """Less would be forgotten, more would never be read."""
    assert log_rest.DAYS == REBUILD_DAYS


@pytest.mark.parametrize("lost", ["tail", "wal"])
def test_what_is_left_of_a_log_is_folded_and_sent(logs: LogFolder, lost: str) -> None:
    """Shortened, or without its `-wal`: the new log begins with what the old one still held, under
    its own origin, and the server gets what it has not had; once."""
    used(logs)
    log, _ = logs.open()
    log.mark_forwarded(6)
    logs.close(log)
    shutil.copy(logs.path / FILE, logs.path / "copy")
    used(logs, killed=lost == "wal")
    if lost == "wal":
        remove("-wal")(logs)
    else:
        (logs.path / "copy").replace(logs.path / FILE)

    log, recovered = logs.open()
    assert (recovered is not None, log.origin, log.head.seq) == (True, "home:h1~2", 0)
    beyond(log, 2)
    for _ in range(2):
        assert held(log) == [*of("home:h1", *range(1, 11)), *of("home:h1~2", 1, 2)]
        rest = log.rests.next(100)
        assert rest is not None
        assert (rest.origin, rest.head) == ("home:h1", 10)
        assert [json.loads(body)["seq"] for body in rest.bodies] == [7, 8, 9, 10]
        logs.close(log)
        log, recovered = logs.open()
        assert recovered is None
    assert len(list(LogReader(log.path).events())) == 12, "a whole chain each"
    log.rests.mark("home:h1", 10)
    assert log.rests.next(100) is None
    logs.close(log)
    log, _ = logs.open()
    assert log.rests.next(100) is None
    logs.close(log)


def test_what_comes_before_the_damage_is_left(logs: LogFolder) -> None:
    """A block in the middle is lost: the rows before it are taken in, none after it."""
    log, _ = logs.open()
    beyond(log, 400)
    logs.close(log)
    whole = (logs.path / FILE).read_bytes()
    with (logs.path / FILE).open("r+b") as file:
        file.seek(len(whole) // 2)
        file.write(os.urandom(4 * 4096))
    log, recovered = logs.open()
    assert recovered is not None
    left = held(log)
    assert 20 < len(left) < 400
    assert left == of("home:h1", *range(1, len(left) + 1))
    logs.close(log)


def test_a_row_that_was_changed_ends_what_is_left(logs: LogFolder) -> None:
    """What does not continue its chain is not believed, nor is what follows it."""
    used(logs)
    with closing(connect(logs.path / FILE)) as db:
        db.execute("DROP TRIGGER event_is_final")
        db.execute("UPDATE event SET body = replace(body, 'contact', 'kontakt') WHERE seq = 8")
        db.execute("UPDATE event SET body = replace(body, '\"seq\":8', '\"seq\":8 ') WHERE seq = 8")
    log, recovered = logs.open()
    assert recovered is not None
    assert held(log) == of("home:h1", *range(1, 8))
    beyond(log, 3)
    logs.close(log)
    again, recovered = logs.open()  # its own events stand behind all that was taken in
    assert recovered is None
    assert held(again) == [*of("home:h1", *range(1, 8)), *of("home:h1~2", 1, 2, 3)]
    logs.close(again)


def test_a_rest_with_a_gap_is_sent_in_parts(logs: LogFolder) -> None:
    """What was read before a block that the disk does not give back, then what was behind it: the
    server takes no batch with a gap, and would get neither."""
    log, _ = logs.open()
    with closing(connect(log.path)) as db:
        for row, event in zip((-9, -8, -2), sealed_chain(7)[1:7:2], strict=True):
            values = (row, row + 10, event.body.decode(), event.digest)
            db.execute("INSERT INTO event VALUES (?, ?, ?, ?, 'home:h1~1', '2026-03-01')", values)
    log.rests.look_again()
    sent = []
    while (rest := log.rests.next(9)) is not None:
        sent.append(len(rest.bodies))
        log.rests.mark(rest.origin, 2 if len(sent) == 1 else rest.head)
    assert sent == [2, 1]
    logs.close(log)


def test_a_log_that_is_set_aside_while_the_home_runs_is_taken_in_beside_it(
    logs: LogFolder,
) -> None:
    """Before what the new log has written meanwhile; and anew when the home was cut off in it."""
    old, _ = logs.open()
    beyond(old, 5)
    new, recovered = logs.reopen("the server has 9 events of it")
    beyond(new, 2)
    old.close()
    logs.close(new)
    log, none = logs.open()
    assert none is None
    both = [*of("home:h1", *range(1, 6)), *of("home:h1~2", 1, 2)]
    assert held(log) == both
    beyond(log, 1)
    logs.take_in(log, recovered)
    assert held(log) == [*both, "home:h1~2/3"], "each once"
    logs.close(log)


def test_the_rest_of_a_rest_is_taken_in_too(logs: LogFolder) -> None:
    """A home that loses its log twice knows what the first one held, and what was not sent."""
    used(logs)
    without_tail(logs)
    log, _ = logs.open()
    beyond(log, 3)
    log.rests.mark("home:h1", 4)
    beyond(log, 1)
    logs.close(log)
    without_tail(logs)
    log, _ = logs.open()
    assert held(log) == [*of("home:h1", *range(1, 11)), *of("home:h1~2", *range(1, 5))]
    rest = log.rests.next(3)
    assert rest is not None
    assert [json.loads(body)["seq"] for body in rest.bodies] == [5, 6, 7]
    log.rests.mark("home:h1", 10)
    rest = log.rests.next(9)
    assert rest is not None
    assert (rest.origin, len(rest.bodies)) == ("home:h1~2", 4)
    logs.close(log)


def without_tail(logs: LogFolder) -> None:
    """As if the log had gone further than its file does."""
    (logs.path / "origin").write_text(f"{logs.origin()}\nclosed 99\n")


def test_a_disk_that_can_only_be_read_is_read(
    logs: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log in memory begins with what the disk holds: an open alarm is not forgotten there."""
    used(logs)
    monkeypatch.setattr(log_reader, "BUSY_S", 0.05)
    with closing(connect(logs.path / FILE)) as db:
        db.execute("BEGIN IMMEDIATE")
        log, recovered = logs.open()
        assert recovered is not None
        assert fullmatch(r"home:h1~memory-b1-\d+\.1\.10", log.origin), "after the disk's tenth"
        assert held(log) == of("home:h1", *range(1, 11))
        log.close()
