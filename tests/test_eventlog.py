"""The event log keeps what it acknowledged, and tells what it cannot keep."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader, connect
from gateway.engine.sequencer import Sealed
from gateway.errors import ChainError, LogCorrupt
from gateway.events import AbsenceStarted, BatteryLow, MatPressed, MatReleased
from tests.conftest import START, sealed_chain

WAIT_S = 60


def append(log: EventLog, rows: list[Sealed]) -> BaseException | None:
    """Append and wait for the answer."""
    answered = threading.Event()
    answers: list[BaseException | None] = []

    def done(error: BaseException | None) -> None:
        answers.append(error)
        answered.set()

    log.append(rows, done)
    assert answered.wait(WAIT_S)
    return answers[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


def test_what_was_acknowledged_is_there_after_reopening(path: Path) -> None:
    """Events come back in order, with their hashes, and the chain goes on."""
    rows = sealed_chain(5)
    log = EventLog.open(path, "home:h1")
    assert append(log, rows[:2]) is None
    assert append(log, rows[2:]) is None
    log.close()

    log = EventLog.open(path, "home:h1")
    assert [event for event, _ in log.since()] == [row.event for row in rows]
    assert (log.head.seq, log.head.hash) == (5, rows[-1].digest)
    assert append(log, sealed_chain(1, seq=5, head=rows[-1].digest)) is None
    log.close()
    assert [obj["seq"] for obj in LogReader(path).events()] == [1, 2, 3, 4, 5, 6]


def test_a_mark_that_no_database_can_keep_ends_no_writer(path: Path) -> None:
    """Whatever number the server says that it has: what comes after it is written, and the watchdog
    need not end the home."""
    log = EventLog.open(path, "home:h1")
    log.rests.mark("home:h1~0", 10**30)
    assert append(log, sealed_chain(1)) is None
    assert log.writing
    log.close()


def test_the_writer_waits_for_the_disk(path: Path) -> None:
    """`synchronous=FULL` in WAL, also on the connection that follows a disk error: a commit that
    returns is on the disk (`tests/e2e/test_power_cut.py` cuts the power)."""
    full, wal = (2,), ("wal",)  # https://www.sqlite.org/pragma.html#pragma_synchronous
    log = EventLog.open(path, "home:h1")
    for _ in range(2):
        assert log._db.execute("PRAGMA synchronous").fetchone() == full
        assert log._db.execute("PRAGMA journal_mode").fetchone() == wal
        before = log._db
        log._failed([], sqlite3.OperationalError("disk I/O error"))
        assert log._db is not before
    log.close()


@pytest.mark.parametrize("count", [1, 3, 4, 63, 64, 150])
def test_rows_of_any_number_are_written_in_their_order(path: Path, count: int) -> None:
    """However many wait for the disk: each is there once, in order."""
    rows = sealed_chain(count)
    log = EventLog.open(path, "home:h1")
    assert append(log, rows) is None
    log.close()
    assert [obj["hash"] for obj in LogReader(path).events()] == [row.digest.hex() for row in rows]


def test_an_event_is_neither_changed_nor_dropped(path: Path) -> None:
    """The file itself refuses UPDATE and DELETE, whoever asks."""
    log = EventLog.open(path, "home:h1")
    append(log, sealed_chain(3))
    log.close()
    with closing(connect(path)) as db:
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            db.execute("UPDATE event SET body = '{}'")
        with pytest.raises(sqlite3.IntegrityError, match="kept until"):
            db.execute("DELETE FROM event")


def test_pending_gives_own_events_after_a_number(path: Path) -> None:
    """Forwarding sees the home's own events only, in order, from wherever it stands."""
    own = sealed_chain(10)
    foreign = [row._replace(received_at=START) for row in sealed_chain(3, origin="staff:h1")]
    log = EventLog.open(path, "home:h1")
    append(log, [own[0], foreign[0], own[1], foreign[1], foreign[2], *own[2:]])
    assert log.pending(0, 3) == [row.wire() for row in own[:3]]
    assert log.pending(3, 3) == [row.wire() for row in own[3:6]]
    assert log.pending(1, 100) == [row.wire() for row in own[1:]]
    assert log.pending(10, 100) == []
    head = log.down_head("staff:h1")
    assert head is not None and head.seq == 3
    log.close()


def test_nothing_is_sent_before_it_is_said_to_be_durable(path: Path) -> None:
    """Between the commit and its acknowledgement nothing is given to the link: the server would
    seem to know more than the home."""
    log = EventLog.open(path, "home:h1")
    seen: list[tuple[int, list[bytes]]] = []
    real = log._transact

    def spying(rows: object, marks: object) -> None:
        real(rows, marks)  # type: ignore[arg-type]
        seen.append((log.durable, log.pending(0, 10)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "_transact", spying)
        append(log, sealed_chain(3))
    assert seen == [(0, [])]
    assert len(log.pending(0, 10)) == 3
    log.close()


def test_what_lasts_longer_than_a_week_is_read_back(path: Path) -> None:
    """A month's absence and an open alarm are found again, and nothing else of their time."""
    old = [AbsenceStarted(), MatPressed(), BatteryLow(level_pct=9), MatReleased()]
    rows = sealed_chain(old)
    later = sealed_chain(3, seq=4, head=rows[-1].digest, start=START + timedelta(days=30))
    log = EventLog.open(path, "home:h1")
    append(log, rows + later)
    found = [event.kind for event, _ in log.since(START + timedelta(days=23))]
    assert found == ["absence.started", "device.battery_low"] + ["mat.pressed"] * 3
    assert len(list(log.since())) == 7
    log.close()


def test_the_forwarding_mark_is_kept(path: Path) -> None:
    """A confirmed number is known after a restart; a smaller one does not take it back."""
    log = EventLog.open(path, "home:h1")
    append(log, sealed_chain(4))
    log.mark_forwarded(3)
    log.mark_forwarded(2)
    log.close()
    log = EventLog.open(path, "home:h1")
    assert log.forwarded() == 3
    log.close()


def test_pruning_leaves_a_chain_that_can_be_verified(path: Path) -> None:
    """Only forwarded events go, and the rest still proves itself from the sealed segment on."""
    rows = sealed_chain(10)
    log = EventLog.open(path, "home:h1")
    append(log, rows)
    log.mark_forwarded(6)
    assert log.prune(START + timedelta(days=1), START) == 6
    assert [obj["seq"] for obj in LogReader(path).events()] == [7, 8, 9, 10]
    assert log.pending(6, 100) == [row.wire() for row in rows[6:]]
    log.mark_forwarded(10)
    assert log.prune(START + timedelta(days=1), START) == 3, "the last one stays"
    log.close()
    log = EventLog.open(path, "home:h1")
    assert log.head.seq == 10
    log.close()


def test_an_edit_by_hand_is_noticed(path: Path) -> None:
    """Whoever takes the triggers away and edits an event breaks the chain."""
    log = EventLog.open(path, "home:h1")
    append(log, sealed_chain(3))
    log.close()
    with closing(connect(path)) as db:
        db.execute("DROP TRIGGER event_is_final")
        db.execute("UPDATE event SET body = replace(body, '\"bed\"', '\"sofa\"') WHERE seq = 2")
    with pytest.raises(ChainError) as caught:
        list(LogReader(path).events())
    assert caught.value.seq == 2
    with pytest.raises(LogCorrupt):
        EventLog.open(path, "home:h1")


@pytest.mark.parametrize("damage", ["header", "middle", "cut", "noise"])
def test_a_corrupt_file_is_refused_not_read(path: Path, damage: str) -> None:
    """A damaged file is never opened as if it were whole."""
    log = EventLog.open(path, "home:h1")
    append(log, sealed_chain(400))
    log.close()
    whole = path.read_bytes()
    damaged = {
        "header": b"\0" * 100 + whole[100:],
        "middle": whole[:8192] + b"\xff" * 8192 + whole[16384:],
        "cut": whole[: len(whole) // 2],
        "noise": b"this is no database, but somebody's note" * 100,
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(LogCorrupt):
        EventLog.open(path, "home:h1")


def test_another_homes_log_is_refused(path: Path) -> None:
    """A card that was put into another home's gateway is not continued."""
    EventLog.open(path, "home:h1").close()
    with pytest.raises(LogCorrupt, match="home:h1"):
        EventLog.open(path, "home:h2")
