"""The visit that a check leaves behind: what asks for one, who goes, and how it is settled.

A check that ended without an "all is well" asks for a visit until somebody has been there, or has
told why nobody needs to.  It is a part of the check's row, folded from events.  Not for: the visit
itself (the home decides that), or the door (`web.staff.doors.lock_orders`).
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select

from gateway.envelope import Draft
from gateway.events import CheckVisitSettled, CheckVisitTaken, Data, Settled
from web.staff.care.actions import NOTE_MAX, Done, Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.plan_tables import visit_note
from web.staff.storage.rows import CheckRow, read_one

TASK_KEPT = timedelta(days=7)
"""A visit that nobody made is shown for this long; the alarm beside it stays until it is closed."""

NO_VISIT = ("absent", "paused")
"""Why a check was missed on purpose: nobody is to go there."""


def asked_at() -> ColumnElement[datetime]:
    """Of a check: since when it asks for a visit, if it does."""
    c = tables.night_check.c
    at: ColumnElement[datetime] = func.coalesce(
        c.visit_asked_at, c.closed_at, c.unreported_at, type_=c.closed_at.type
    )
    return at


def unvisited(now: datetime) -> ColumnElement[bool]:
    """Of a check: it ended without an "all is well", was never reported, or somebody said that it
    needs a visit; nobody has been there since, and nobody told that none is needed."""
    c, v, later = tables.night_check.c, tables.visit.c, tables.night_check.alias("later")
    since = asked_at()
    # a visit begun before and not ended proves nothing: its departure may have been forgotten
    been = exists().where(v.home_id == c.home_id, or_(v.since >= since, v.until >= since))
    looked = exists().where(
        later.c.home_id == c.home_id,
        later.c.answered_at > since,
        later.c.looked == "in_person",
        later.c.finding == "ok",
    )
    meant = or_(c.state != "missed", c.why.is_(None), c.why.not_in(NO_VISIT))
    ended = and_(c.state.in_(("escalated", "missed", "unreported")), meant)
    unseen = and_(c.state == "done", c.looked == "camera")  # and then no picture had gone out
    told = and_(c.visit_asked_at.is_not(None), or_(c.closed_at.is_(None), unseen))
    return and_(since > now - TASK_KEPT, or_(ended, told), c.settled_at.is_(None), ~been, ~looked)


def take(staff: Staff, actor: Actor, home: str, check: str, over: str | None = None) -> Done:
    """Tell that one goes there; `over`: whom one takes it over from, as one saw it.  Twice is
    answered with the first.  Raises `Refused`: NO_ROLE, NO_HOME, NO_CHECK, CLOSED (nothing to visit
    any more), NOT_FIRST (somebody else goes)."""
    _may(actor, home)
    with staff.write() as tx:
        append.hold(tx, home)
        row = _open(staff, tx, home, check)
        if row.visit_by == actor.person and row.visit_by_at is not None:
            return Done(f"{home}/{check}", row.visit_by_at)
        if row.visit_by is not None and row.visit_by != over:
            raise Refused(Why.NOT_FIRST, person=row.visit_by, at=row.visit_by_at)
        return _write(staff, tx, home, actor, CheckVisitTaken(check=check))


def settle(
    staff: Staff, actor: Actor, home: str, check: str, why: Settled, words: str = ""
) -> Done:
    """Tell that nobody needs to go, and why.  Raises `Refused`: NO_ROLE, NO_HOME, NO_CHECK, CLOSED,
    NO_WORDS (`OTHER` needs some)."""
    _may(actor, home)
    words = words.strip()[:NOTE_MAX]
    if why is Settled.OTHER and not words:
        raise Refused(Why.NO_WORDS)
    with staff.write() as tx:
        append.hold(tx, home)
        _open(staff, tx, home, check)
        note_ref = None
        if words:
            note_ref = f"note:{secrets.token_hex(8)}"
            tx.conn.execute(insert(visit_note).values(ref=note_ref, home_id=home, text=words))
        settled = CheckVisitSettled(check=check, why=why, note_ref=note_ref)
        return _write(staff, tx, home, actor, settled)


def _may(actor: Actor, home: str) -> None:
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    if not actor.may(Right.ANSWER_CHECK):
        raise Refused(Why.NO_ROLE)


def _open(staff: Staff, tx: Tx, home: str, check: str) -> CheckRow:
    """The check's row, which still asks for a visit."""
    t = tables.night_check
    this = select(t).where(t.c.home_id == home, t.c.check == check)
    row = read_one(tx.conn, CheckRow, this)
    if row is None:
        raise Refused(Why.NO_CHECK)
    if tx.conn.execute(this.where(unvisited(staff.clock.now()))).first() is None:
        at = row.settled_at or row.closed_at or row.state_at
        raise Refused(Why.CLOSED, person=row.settled_by, at=at)
    return row


def _write(staff: Staff, tx: Tx, home: str, actor: Actor, data: Data) -> Done:
    event = append.write(staff, tx, home, Draft(data, person=actor.person))
    return Done(event.ref, event.at)
