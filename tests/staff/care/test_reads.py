"""Reads of many homes at once: an event in each home's own log, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from tests.staff.care.test_actions import CAREGIVER, refusal
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.test_statements import counted
from tests.staff.parts import EnrolledHome, add_home
from tests.staff.visits.test_visit_actions import COORDINATOR
from web.staff.care import reads
from web.staff.care.actions import Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.storage import chains, tables

HOMES = [f"n{number}" for number in range(30)]


def sees(homes: list[str]) -> Actor:
    return Actor(COORDINATOR.person, "x", "org1", COORDINATOR.roles, frozenset(homes), frozenset())


def test_each_home_has_its_event_and_its_chain(
    staff_app: Flask, staff: Staff, make_home: Callable[[str], EnrolledHome]
) -> None:
    """Thirty homes, one of which listens and has a log already: one transaction, thirty events that
    continue their chains, and the listening home is told."""
    home = make_home("h1")
    stream = home.listen(1)
    next(stream)
    for name in HOMES:
        add_home(staff_app, name)
    actor = sees([*HOMES, "h1"])
    with counted(staff_app) as cost:
        reads.note(staff, actor, [*HOMES, "h1"], "events")
    assert (cost.commits, len(cost.statements) <= 6) == (1, True)
    reads.note(staff, actor, HOMES[:2], "home")
    found = rows(staff, tables.event, kind="record.read")
    assert sorted(row.origin for row in found) == sorted(
        f"staff:{name}" for name in [*HOMES, "h1", *HOMES[:2]]
    )
    assert {row.person for row in found} == {"p9"}
    assert [wrong for _origin, _count, wrong in chains.verify_all(staff.db) if wrong] == []
    assert b"record.read" in next(stream)


def test_who_may_not_see_one_of_them_notes_none(staff: Staff, staff_app: Flask) -> None:
    """All or nothing: the page that asked is not shown either."""
    add_home(staff_app, "n0")
    wrong = refusal(reads.note, staff, sees(["h1"]), ["h1", "n0"], "events")
    assert wrong.why is Why.NO_HOME
    assert rows(staff, tables.event, kind="record.read") == []


def test_what_was_read_since_is_not_noted_again(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """By this person, on this page, since then; any other reading does not stand in for it."""
    begun = enrolled_home.clock.now()

    def note(actor: Actor = CAREGIVER, what: str = "events") -> int:
        enrolled_home.clock.advance(1)
        before = len(rows(staff, tables.event, kind="record.read"))
        reads.note_new(staff, actor, {"h1": begun}, what)
        return len(rows(staff, tables.event, kind="record.read")) - before

    assert [note(), note(), note(what="home"), note(COORDINATOR)] == [1, 0, 1, 1]
    begun = enrolled_home.clock.now()
    reads.note(staff, CAREGIVER, ["h1"], "home")
    assert [note(), note()] == [1, 0]
