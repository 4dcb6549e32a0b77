"""Åtkomst: repeated reads are one row, and who was inside is one tap away."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

from flask.testing import FlaskClient

from gateway.envelope import Draft
from gateway.events import (
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRequested,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.audit.test_access_log import AHEAD, LONG_AGO, something
from tests.staff.care.test_actions import CAREGIVER
from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome, add_user, hire, sign_in
from tests.staff.visits.test_visit_actions import COORDINATOR
from web.staff.audit import access_groups, access_log, inside
from web.staff.audit.access_groups import AccessGroup
from web.staff.care import reads
from web.staff.core.context import Staff

MIN = timedelta(minutes=1)


def groups(staff: Staff, **more: object) -> list[AccessGroup]:
    with staff.db.read() as conn:
        return access_groups.read(conn, ["h1"], LONG_AGO, AHEAD, **more)  # type: ignore[arg-type]


def boss_of(home: EnrolledHome) -> FlaskClient:
    add_user(home.app, "p8", ["coordinator"])
    client = home.app.test_client()
    sign_in(client, "p8")
    return client


def test_reads_of_an_hour_are_one_row(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The same person, the same home, the same hour: one row with how many, from when, and what was
    opened.  Another person or another hour is another row."""
    for what in ("events", "events", "home"):
        reads.note(staff, COORDINATOR, ["h1"], what)
        enrolled_home.clock.advance(600)
    reads.note(staff, CAREGIVER, ["h1"], "home")
    enrolled_home.clock.advance(3600)
    reads.note(staff, COORDINATOR, ["h1"], "home")
    found = [(one.row.person, one.count, one.whats) for one in groups(staff)]
    assert found == [
        ("p9", 1, ("home",)),
        ("p1", 1, ("home",)),
        ("p9", 3, ("home", "events")),
    ]
    many = groups(staff)[2]
    assert many.row.at - many.since == 20 * MIN
    assert groups(staff, person="p1") == [groups(staff)[1]]
    assert groups(staff, limit=1) == groups(staff)[:1]


def test_what_is_no_read_keeps_its_row(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Every unlock and every visit stands by itself, as it does in the log."""
    something(enrolled_home, staff)
    something(enrolled_home, staff)
    with staff.db.read() as conn:
        rows = access_log.read(conn, ["h1"], LONG_AGO, AHEAD)
    grouped = groups(staff)
    assert sum(one.count for one in grouped) == len(rows)
    assert [one.row for one in grouped if one.row.action != "record.read"] == [
        row for row in rows if row.action != "record.read"
    ]


def test_the_rows_behind_a_group_are_a_link_away(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """`3 gånger` leads to the three rows of that person and that hour."""
    for _ in range(3):
        reads.note(staff, COORDINATOR, ["h1"], "events")
        enrolled_home.clock.advance(60)
    reads.note(staff, CAREGIVER, ["h1"], "events")
    boss = boss_of(enrolled_home)
    page = text_of(boss, "/atkomst")
    assert re.findall(r'data-count="(\d+)"', page) == ["1", "3"]
    assert "22:00–22:02" in page
    [link] = re.findall(r'href="([^"]+)"[^>]* data-test="each"', page)
    assert text_of(boss, unescape(link)).count('data-test="access-row"') == 3


def test_an_open_page_notes_its_reading_once(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """It brings itself up to date every half minute, which is no new reading; a home that is new
    on it is."""
    something(enrolled_home, staff)
    boss = boss_of(enrolled_home)
    text_of(boss, "/atkomst")
    for _ in range(3):
        text_of(boss, "/atkomst?fragment=1")
    assert sum(one.count for one in groups(staff, person="p8")) == 1
    text_of(boss, "/handelser?fragment=1")
    text_of(boss, "/handelser?fragment=1")
    assert sum(one.count for one in groups(staff, person="p8")) == 2


# --- who was inside -------------------------------------------------------------------------------


def come_in(home: EnrolledHome, person: str, grant: str, *, stay_min: int | None = 20) -> None:
    """Somebody opens the front door, and is there two minutes later, until they leave."""
    hire(home.app, person)
    asked = LockOperationRequested(grant=grant, action="unlock", reason="planned_visit")
    done = LockOperationEnded(grant=grant, outcome=LockOperationOutcome.DONE)
    home.send(Draft(asked, person=person, device="front"), Draft(done, person=person))
    home.clock.advance(120)
    started = VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK)
    (visit,) = home.send(Draft(started, person=person))
    if stay_min is not None:
        home.clock.advance(60 * stay_min)
        ended = VisitEnded(visit=visit.ref, until=home.clock.now(), source=Stamp.LOCK)
        home.send(Draft(ended, person=person))


def test_who_was_inside_and_by_which_door(home: EnrolledHome, staff: Staff) -> None:
    """Each visit with the turn that opened for it, also by a code; a visit without a door; a door
    that was opened without a visit."""
    come_in(home, "p1", "g1")
    come_in(home, "p2", "code-1", stay_min=None)
    home.clock.advance(3600)
    hire(home.app, "p3")
    home.send(Draft(VisitStarted(since=home.clock.now(), source=Stamp.TAP), person="p3"))
    asked = LockOperationRequested(grant="g4", action="unlock", reason="service")
    done = LockOperationEnded(grant="g4", outcome=LockOperationOutcome.UNKNOWN)
    failed = LockOperationEnded(grant="g5", outcome=LockOperationOutcome.FAILED)
    home.clock.advance(3600)
    home.send(Draft(asked, person="p1", device="front"), Draft(done, person="p1"))
    again = LockOperationRequested(grant="g5", action="unlock", reason="service")
    home.send(Draft(again, person="p1", device="front"), Draft(failed, person="p1"))
    with staff.db.read() as conn:
        rows = inside.read(conn, ["h1"], LONG_AGO, AHEAD)
    found = [
        (row.person, row.visit is not None, row.turn and row.turn.grant, row.by_code)
        for row in rows
    ]
    assert found == [
        ("p1", False, "g4", False),
        ("p3", True, None, False),
        ("p2", True, "code-1", True),
        ("p1", True, "g1", False),
    ]
    assert [row.until is not None for row in rows] == [False, False, False, True]


def test_a_door_opened_during_a_visit_is_part_of_it(home: EnrolledHome, staff: Staff) -> None:
    """Out to the bin and in again is not another person inside."""
    come_in(home, "p1", "g1", stay_min=None)
    home.clock.advance(40 * 60)
    come_in_again = LockOperationRequested(grant="g2", action="unlock", reason="planned_visit")
    done = LockOperationEnded(grant="g2", outcome=LockOperationOutcome.DONE)
    home.send(Draft(come_in_again, person="p1", device="front"), Draft(done, person="p1"))
    with staff.db.read() as conn:
        rows = inside.read(conn, ["h1"], LONG_AGO, AHEAD)
        nobody = inside.read(conn, ["h1"], LONG_AGO, AHEAD, person="p2")
        later = inside.read(conn, ["h1"], home.clock.now() + 3 * inside.STILL_OPEN, AHEAD)
    assert [row.turn and row.turn.grant for row in rows] == ["g1"]
    assert nobody == later == []


def test_who_was_inside_is_one_tap_away(home: EnrolledHome) -> None:
    """From the access log by its own link, in the words of the door, the time and the ground."""
    come_in(home, "p1", "g1")
    boss = boss_of(home)
    page = text_of(boss, "/atkomst")
    [link] = re.findall(r'href="([^"]+)"[^>]* data-test="inside"', page)
    shown = text_of(boss, unescape(link))
    [row] = shown.split('data-test="visitor"')[1:]
    row = row.partition("</tr>")[0]
    parts = ("22:02–22:22", "Prov p1", "Prov Boende", "ytterdörr", "upplåst 22:00", "planerat")
    assert [part in row for part in parts] == [True] * len(parts)


def test_the_log_is_for_those_who_audit(home: EnrolledHome) -> None:
    """Who was inside is as guarded as the log itself."""
    add_user(home.app, "p7", ["caregiver"], homes=["h1"])
    carer = home.app.test_client()
    sign_in(carer, "p7")
    text_of(carer, "/atkomst?visa=inne", 403)
