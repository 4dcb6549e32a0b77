"""Readings that a page did not wait for: on the disk before the page is, once in the log after it,
whatever dies in between."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from gateway.clock import ManualClock
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.test_statements import counted
from tests.staff.parts import EnrolledHome, add_user, parts_of, sign_in
from web.staff.care import reads
from web.staff.core.config import StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.runtime import writer
from web.staff.runtime.app import create_app
from web.staff.storage import chains, spool, tables
from web.staff.storage.afterwards import Afterwards
from web.staff.storage.spool import Spool


@pytest.fixture
def actor(staff_app: Flask, enrolled_home: EnrolledHome) -> Actor:
    return add_user(staff_app, "p7", ["caregiver"], homes=["h1"])


@pytest.fixture
def waits(staff: Staff, tmp_path: Path) -> Iterator[Spool]:
    """Pages do not wait, and nothing is written until a test says so."""
    opened = Spool(tmp_path, "reads")
    staff.afterwards = Afterwards(opened)
    yield opened
    staff.afterwards = None
    opened.close()


def noted(staff: Staff) -> list[object]:
    return [row.corrected_at for row in rows(staff, tables.event, kind="record.read")]


def left_behind(folder: Path) -> list[Path]:
    return sorted(folder.glob("reads-*.spool"))


def test_a_page_is_not_held_by_what_it_notes(
    staff_app: Flask, staff: Staff, actor: Actor, waits: Spool, clock: ManualClock
) -> None:
    """No commit on the page's way, the reading on the disk when the page is there; then in the log
    with the time at which it was read, and its chain holds.  The open page's own refresh meanwhile
    is no second reading."""
    client = staff_app.test_client()
    sign_in(client, "p7")
    client.get("/konto")
    with staff.db.write() as tx:  # the session's "last seen" is due too
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        tx.conn.execute(update(tables.session).values(seen_at=long_ago))
    at = clock.now()
    with counted(staff_app) as cost:
        assert client.get("/hem/h1").status_code == 200
        assert client.get("/hem/h1?fragment=1").status_code == 200
    assert cost.commits == 0
    (path,) = left_behind(Path(str(staff.db.url.database)).parent)
    assert path.read_text().count("\n") == 1
    clock.advance(1)
    assert staff.afterwards is not None
    writer.look(staff, staff.afterwards)
    assert noted(staff) == [at]
    assert path.read_bytes() == b""
    assert [wrong for _origin, _count, wrong in chains.verify_all(staff.db) if wrong] == []
    assert rows(staff, tables.session)[0].seen_at > long_ago


@pytest.mark.parametrize("died", ["before it was written", "before it was struck out"])
def test_a_death_loses_nothing_and_doubles_nothing(
    staff: Staff, actor: Actor, waits: Spool, tmp_path: Path, died: str
) -> None:
    """The next process finds what the dead one had promised, also where it cannot know how far that
    came; a line that was only half written was never promised."""
    reads.note(staff, actor, ["h1"], "home")
    (path,) = left_behind(tmp_path)
    promised = path.read_bytes()
    if died == "before it was struck out":
        reads.write_waiting(staff, waits)
        path.write_bytes(promised)
    with path.open("ab") as file:
        file.write(b'["2026-11-23T21:0')
    os.close(waits._fd)  # what the kernel does with a dead process's lock
    waits._fd = os.open(os.devnull, os.O_WRONLY)
    after = Spool(tmp_path, "reads")
    reads.write_waiting(staff, after)
    assert len(noted(staff)) == 1
    assert path not in left_behind(tmp_path)
    after.close()


def test_a_spool_of_a_living_process_is_left_alone(waits: Spool, tmp_path: Path) -> None:
    """Two workers have a file each."""
    assert waits.add("x")
    other = Spool(tmp_path, "reads")
    assert (other.waiting(), len(left_behind(tmp_path))) == ([], 2)
    other.close()


def test_the_line_is_synced_before_the_page_goes_out(
    staff: Staff, actor: Actor, waits: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut a moment after the page loses no reading: the whole line was in the file when the
    disk was told to keep it.  Where the disk does not, the database has it before the answer."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_size))
    reads.note(staff, actor, ["h1"], "home")
    (path,) = left_behind(tmp_path)
    assert synced == [path.stat().st_size]
    assert synced[0] > 0
    assert noted(staff) == []

    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, "the disk")

    monkeypatch.setattr(os, "fdatasync", broken)
    reads.note(staff, actor, ["h1"], "access")
    assert len(noted(staff)) >= 1
    monkeypatch.undo()


@pytest.mark.parametrize("why", ["the disk is full", "too much waits"])
def test_what_cannot_wait_is_written_before_the_answer(
    staff: Staff, actor: Actor, waits: Spool, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """The kernel's own ENOSPC, or a queue that is full: the reading is in the log at once."""
    if why == "the disk is full":
        os.close(waits._fd)
        waits._fd = os.open("/dev/full", os.O_RDWR)
    else:
        monkeypatch.setattr(spool, "FULL", 0)
    reads.note(staff, actor, ["h1"], "home")
    assert (len(noted(staff)), waits.waiting()) == (1, [])


def test_a_running_server_writes_within_a_second(
    config: StaffConfig, staff_app: Flask, actor: Actor, clock: ManualClock
) -> None:
    """The writer's thread; and a server that stops leaves nothing behind."""
    app = create_app(config, clock=clock)
    app.testing = True
    folder = Path(str(parts_of(app).db.url.database)).parent
    try:
        assert left_behind(folder)
        reads.note(parts_of(app), actor, ["h1"], "home")
    finally:
        app.extensions["tryggve.stop"]()
    assert left_behind(folder) == []
    assert len(noted(parts_of(staff_app))) == 1
