"""The resident's ledger and the staff's access log: the same rows, one by one."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from gateway.engine.event_log import EventLog
from gateway.engine.sequencer import Sealed
from gateway.envelope import Draft, Event, canonical, from_json, to_json
from gateway.events import (
    LookBegun,
    LookEnd,
    LookEnded,
    LookRefusal,
    LookRefused,
    LookWhy,
    PageOpened,
    PictureKind,
)
from gateway.state.ledger import LedgerRow, read_ledger
from tests.staff.audit.test_access_log import something
from tests.staff.care.test_actions import CAREGIVER
from tests.staff.parts import EnrolledHome
from tests.staff.visits.test_visit_actions import COORDINATOR
from web.staff.audit import access_log
from web.staff.care import reads
from web.staff.core.context import Staff
from web.staff.storage import tables


def _home_log(staff: Staff, path: Path) -> None:
    """The home's log as the link makes it: its own events, and the server's as they came down."""
    e = tables.event.c
    with staff.db.read() as conn:
        rows = conn.execute(
            select(e.origin, e.body, e.hash, e.received_at)
            .where(e.home_id == "h1")
            .order_by(e.received_at, e.origin.desc(), e.seq)
        ).all()
    log, done, wrong = EventLog.open(path, "home:h1"), threading.Event(), []

    def kept(error: BaseException | None) -> None:
        wrong.append(error)
        done.set()

    log.append([_sealed(row) for row in rows], kept)
    assert done.wait(60)
    assert wrong == [None]
    log.close()


def _sealed(row: object) -> Sealed:
    event: Event = from_json(json.loads(row.body) | {"hash": bytes(row.hash).hex()})  # type: ignore[attr-defined]
    own = event.origin.startswith("home:")
    taken = None if own else row.received_at  # type: ignore[attr-defined]
    return Sealed(event, canonical(to_json(event)), bytes(row.hash), taken)  # type: ignore[attr-defined]


def test_the_resident_reads_the_rows_that_the_staff_read(
    enrolled_home: EnrolledHome, staff: Staff, tmp_path: Path
) -> None:
    """Reference by reference in the same order, with the same time, action, person, reason and
    outcome: nothing is kept from the resident, and nothing is made up."""
    something(enrolled_home, staff)
    enrolled_home.clock.advance(60)
    reads.note(staff, CAREGIVER, ["h1"], "home")
    enrolled_home.clock.advance(60)
    reads.note(staff, COORDINATOR, ["h1"], "access")
    enrolled_home.clock.advance(60)
    enrolled_home.send(Draft(PageOpened(grant="code-9"), person="p1"))
    for look, pictures, took_s in (("l1", 140, 21.4), ("l2", 0, 2.0)):
        begun = LookBegun(look=look, why=LookWhy.WORRY, picture=PictureKind.EDGES)
        enrolled_home.send(Draft(begun, device="camera", person="p1"))
        enrolled_home.clock.advance(30)
        ended = LookEnded(look=look, why=LookEnd.CLOSED, took_s=took_s, pictures=pictures)
        enrolled_home.send(Draft(ended, device="camera", person="p1"))
    refused = LookRefused(look="l3", why=LookRefusal.NO_CONSENT)
    enrolled_home.send(Draft(refused, device="camera", person="p1"))
    now = staff.clock.now()
    with staff.db.read() as conn:
        ours = access_log.read(conn, ["h1"], now - timedelta(days=30), now + timedelta(hours=1))
    _home_log(staff, tmp_path / "events.sqlite")
    theirs = read_ledger(tmp_path / "events.sqlite", now - timedelta(days=30))
    assert len(ours) == 10
    assert [row.ref for row in theirs] == [row.ref for row in ours]

    def told(row: access_log.AccessRow | LedgerRow) -> tuple[object, ...]:
        return (row.ref, row.at, row.action, row.person, row.why, row.outcome, row.took_s)

    assert [told(row) for row in theirs] == [told(row) for row in ours]
    looks = [(row.why, row.outcome, row.took_s) for row in theirs if row.action == "look.begun"]
    assert looks == [("worry", "unseen", 2.0), ("worry", "closed", 21.4)]
    assert [row.turn for row in theirs if row.action == "unlock.requested"] == ["unlock"]
