"""A home that only says that it is there waits for nobody's transaction, and its word arrives."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.events import MatPressed
from gateway.wire import BACKLOG_HEADER
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.homelink import heard
from web.staff.runtime import writer
from web.staff.storage import event_store, tables
from web.staff.storage.afterwards import Afterwards
from web.staff.storage.spool import Spool

PATIENCE_S = 60.0


@pytest.fixture
def afterwards(staff: Staff, tmp_path: Path) -> Iterator[Afterwards]:
    """What is not waited for; written when `writer.look` is called."""
    folder = tmp_path / "spool"
    folder.mkdir()
    made = staff.afterwards = Afterwards(Spool(folder, "reads"))
    yield made
    staff.afterwards = None
    made.spool.close()


def link(staff: Staff) -> Any:
    t = tables.home_link
    with staff.db.read() as conn:
        return conn.execute(t.select().where(t.c.home_id == "h1")).one()


def sign_of_life(home: EnrolledHome, backlog: int, down_have: int = 0) -> None:
    path = "/api/v1/home/events"
    headers = home.headers("POST", path) | {BACKLOG_HEADER: str(backlog)}
    body = json.dumps({"events": [], "down_have": down_have}).encode()
    answer = home.client.post(path, data=body, headers=headers)
    assert answer.status_code == 200, answer.text


def test_a_home_listens_and_says_that_it_is_there_beside_a_batch(
    enrolled_home: EnrolledHome, staff: Staff, afterwards: Afterwards
) -> None:
    """While the home's batch is being written its stream opens and its sign of life is answered;
    what they said is written a moment later."""
    enrolled_home.send(MatPressed(), device="bed")
    before = link(staff)
    done: list[str] = []

    def ask() -> None:
        next(enrolled_home.listen())
        sign_of_life(enrolled_home, 300)
        done.append("both")

    with staff.write() as tx:
        event_store.lock_home(tx.conn, "h1")
        heard.note(tx, "h1")
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(PATIENCE_S)
        assert done == ["both"]
    assert link(staff).behind == before.behind
    writer.look(staff, afterwards)
    assert link(staff).behind == 300
    assert link(staff).heard_at > before.heard_at


def test_a_clock_that_is_set_back_lets_a_home_be_heard(
    enrolled_home: EnrolledHome, staff: Staff, afterwards: Afterwards
) -> None:
    """It was heard an hour from now, before the server's clock was set back; a home with nothing to
    tell says that it is there, and is noted as heard anew: who is not is called silent."""
    enrolled_home.send(MatPressed(), device="bed")
    t = tables.home_link
    ahead = link(staff).heard_at + timedelta(hours=1)
    with staff.db.write() as tx:
        tx.conn.execute(t.update().values(heard_at=ahead))
    sign_of_life(enrolled_home, 0)
    writer.look(staff, afterwards)
    assert link(staff).heard_at < ahead - timedelta(minutes=50)


def test_what_a_batch_said_meanwhile_stays(
    enrolled_home: EnrolledHome, staff: Staff, afterwards: Afterwards
) -> None:
    """A sign of life that is written late takes back nothing; what it confirmed alone counts."""
    enrolled_home.send(MatPressed(), device="bed")
    sign_of_life(enrolled_home, 300, down_have=7)
    time.sleep(0.002)  # the clock's smallest step in the database
    with staff.write() as tx:
        heard.note(tx, "h1", down_have=5, behind=0)
    newest = link(staff).heard_at
    writer.look(staff, afterwards)
    after = link(staff)
    assert (after.behind, after.heard_at, after.down_have) == (0, newest, 7)
