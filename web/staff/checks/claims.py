"""Who does a night check, and what was found: one person at a time, and the others see who.

To begin is to have it: for minutes (`following`), until it is answered, or until a colleague takes
it over from whom they see.  Not for: what follows from an answer (the home decides), or the visit
that it leaves behind (`visits`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from gateway.envelope import Draft
from gateway.events import (
    AlarmType,
    CheckAnswered,
    CheckStarted,
    CheckVisitAsked,
    Data,
    Finding,
    Looked,
)
from web.staff.care.actions import Done, Refused, Why
from web.staff.checks import following
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.rows import CheckRow, read_one

LEAVES_A_VISIT = {Finding.HELP: "help", Finding.COULD_NOT_LOOK: "could_not_look"}
"""Answers after which somebody must go there at once, whether the home hears of it or not."""


def start_check(staff: Staff, actor: Actor, home: str, check: str, over: str | None = None) -> Done:
    """A watcher begins to look, or begins again; `over`: whom they take it over from, as they saw
    it.  Raises `Refused`: NO_ROLE, NO_HOME, NO_CHECK, NOT_ASKED, NOT_FIRST (somebody else has
    it)."""
    _may(actor, home)
    with staff.write() as tx:
        append.hold(tx, home)  # two at once: the second waits here, and then sees the first
        row = _asked(tx, home, check)
        if row.started_by != over or over is None:
            _free_for(row, actor)
        return _write(staff, tx, home, actor, CheckStarted(check=check))


def answer_check(
    staff: Staff, actor: Actor, home: str, check: str, finding: Finding, looked: Looked
) -> Done:
    """A watcher tells what was found.  Raises `Refused`: NO_ROLE, NO_HOME, NO_CHECK, NOT_ASKED,
    NOT_FIRST (another person has it, or has answered), NOTHING_SEEN (through the camera, which
    showed nothing)."""
    _may(actor, home)
    with staff.write() as tx:
        append.hold(tx, home)
        row = _asked(tx, home, check)
        _free_for(row, actor)
        if looked is Looked.CAMERA and finding is not Finding.COULD_NOT_LOOK:
            _must_have_seen(row, actor)
        answered = CheckAnswered(check=check, finding=finding, looked=looked)
        done = _write(staff, tx, home, actor, answered)
        if (why := LEAVES_A_VISIT.get(finding)) is not None:
            _write(staff, tx, home, actor, CheckVisitAsked(check=check, why=why))
        if finding is Finding.HELP and not staff.relay.listens(tx, home):
            following.ring(staff, tx, home, AlarmType.CHECK_HELP, done.at)
        return done


def has_seen(row: CheckRow, person: str, since: datetime | None) -> bool:
    """Whether this person's newest look for the question that is open since then showed anything,
    as far as the home has told."""
    if row.look_by != person or row.look_at is None or (since and row.look_at < since):
        return False
    return row.look_state == "begun" or (row.look_state == "ended" and bool(row.look_pictures))


def _must_have_seen(row: CheckRow, actor: Actor) -> None:
    if not has_seen(row, actor.person, row.asked_at):
        raise Refused(Why.NOTHING_SEEN)


def _free_for(row: CheckRow, actor: Actor) -> None:
    """Raise `Refused` (NOT_FIRST) where another person has it."""
    if row.state == "started" and row.started_by != actor.person:
        raise Refused(Why.NOT_FIRST, person=row.started_by, at=row.started_at)


def _may(actor: Actor, home: str) -> None:
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    if not actor.may(Right.ANSWER_CHECK):
        raise Refused(Why.NO_ROLE)


def _asked(tx: Tx, home: str, check: str) -> CheckRow:
    """The check, which asks a person.  Raises `Refused`: NO_CHECK, NOT_FIRST, NOT_ASKED."""
    t = tables.night_check
    query = select(t).where(t.c.home_id == home, t.c.check == check)
    row = read_one(tx.conn, CheckRow, query)
    if row is None:
        raise Refused(Why.NO_CHECK)
    if row.state == "answered":
        raise Refused(Why.NOT_FIRST, person=row.answered_by, at=row.answered_at)
    if row.state not in ("asked", "started"):
        raise Refused(Why.NOT_ASKED, state=row.state)
    return row


def _write(staff: Staff, tx: Tx, home: str, actor: Actor, data: Data) -> Done:
    event = append.write(staff, tx, home, Draft(data, person=actor.person))
    return Done(event.ref, event.at)
