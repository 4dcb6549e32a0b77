"""Old logs that were set aside are bounded, and never at the cost of an event that the server
lacks."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event as Flag

import pytest

from gateway.engine import old_logs
from gateway.engine.event_log import EventLog
from tests.conftest import sealed_chain

EVENTS = 5


def old(folder: Path, number: int, *, forwarded: int = EVENTS) -> Path:
    """A log that was set aside, the `number`th, of which the server has so many events."""
    origin = "home:h1" if number == 1 else f"home:h1~{number}"
    path = folder / f"aside-{origin.replace(':', '-').replace('~', '-')}.sqlite"
    written = Flag()
    log = EventLog.open(path, origin)
    log.append(sealed_chain(EVENTS, origin=origin), lambda _: written.set())
    assert written.wait(60)
    log.mark_forwarded(forwarded)
    log.close()
    path.with_name(path.name + ".ballast").unlink(missing_ok=True)
    os.utime(path, (number, number))
    return path


def in_use(folder: Path) -> Path:
    path = folder / "events.sqlite"
    EventLog.open(path, "home:h1~99").close()
    return path


def left(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("aside-*.sqlite"))


def test_the_oldest_go_first_and_the_newest_stay(tmp_path: Path) -> None:
    """Of six, three are left; within the bound nothing goes."""
    files = [old(tmp_path, number) for number in range(1, 7)]
    log = in_use(tmp_path)
    assert old_logs.tidy(tmp_path, log) == [file.name for file in files[:3]]
    assert left(tmp_path) == [file.name for file in files[3:]]
    assert old_logs.tidy(tmp_path, log) == []


def test_one_that_holds_what_the_server_lacks_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not forwarded whole, damaged, or no log at all: those are for a technician, who is told."""
    unsent = old(tmp_path, 1, forwarded=EVENTS - 1)
    damaged = old(tmp_path, 2)
    damaged.write_bytes(damaged.read_bytes()[:4096] + os.urandom(8192))
    os.utime(damaged, (2, 2))
    nothing = tmp_path / "aside-home-h1-3.sqlite"
    nothing.write_text("cut off")
    os.utime(nothing, (3, 3))
    sent, newest = old(tmp_path, 4), old(tmp_path, 5)
    with caplog.at_level(logging.ERROR):
        assert old_logs.tidy(tmp_path, in_use(tmp_path)) == [sent.name]
    assert left(tmp_path) == sorted(file.name for file in (unsent, damaged, nothing, newest))
    assert "old logs fill the card" in caplog.text


def shortened(path: Path) -> None:
    """As a torn write leaves it: each page of the events says that it has one row less."""
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        roots = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE tbl_name = 'event' AND rootpage > 0"
        ).fetchall()
    pages = bytearray(path.read_bytes())
    for (root,) in roots:
        at = (root - 1) * size + 3  # the number of rows, after the page's kind and its free blocks
        rows = int.from_bytes(pages[at : at + 2], "big")
        pages[at : at + 2] = max(0, rows - 1).to_bytes(2, "big")
    path.write_bytes(pages)


def test_one_that_only_seems_to_be_sent_stays(tmp_path: Path) -> None:
    """Damaged so that it can be read, and does not show the event that the server lacks."""
    files = [old(tmp_path, number, forwarded=EVENTS - 1) for number in (1, 2, 3, 4)]
    shortened(files[0])
    with closing(sqlite3.connect(files[0])) as db:
        assert db.execute("SELECT max(seq) FROM event").fetchone() == (EVENTS - 1,)
    os.utime(files[0], (1, 1))
    assert old_logs.tidy(tmp_path, in_use(tmp_path)) == []
    assert len(left(tmp_path)) == 4


def test_what_was_sent_from_the_log_in_use_counts(tmp_path: Path) -> None:
    """The rest of an old log goes to the server from the one that took it in: its mark is there."""
    files = [old(tmp_path, number, forwarded=0) for number in range(1, 5)]
    path = tmp_path / "events.sqlite"
    log = EventLog.open(path, "home:h1~99")
    log.rests.mark("home:h1", EVENTS)
    log.close()
    assert old_logs.tidy(tmp_path, path) == [files[0].name]


def test_bytes_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two large ones are one too many."""
    files = [old(tmp_path, number) for number in (1, 2)]
    monkeypatch.setattr(old_logs, "KEPT_BYTES", files[0].stat().st_size + 1)
    assert old_logs.tidy(tmp_path, in_use(tmp_path)) == [files[0].name]
