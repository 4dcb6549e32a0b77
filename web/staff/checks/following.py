"""What must not be forgotten about a check that a person has to do, looked for every few seconds.

- Who has a check and tells nothing for minutes: others may have it (`check.claim_lapsed`).
- A look that was refused or broke off, and nobody told what was seen: somebody must go there.
- Help was asked for and the home did not raise its alarm: the server does.
- The time to answer is over and the home did not say so: somebody must go there, and an alarm.

All of it stands in the check's row, so that a restart forgets nothing.  Not for: silent homes
(`web.staff.runtime.silence`), or checks that were never reported (`web.staff.runtime.watch`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true

from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckClaimLapsed,
    CheckVisitAsked,
    Data,
    Finding,
)
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.rows import CheckRow, read_one

CLAIM = timedelta(minutes=5)
"""How long who has begun may tell nothing: a look of a minute and a telephone call, three times
over; less than half of the time to answer (15 min)."""

LOOK_LEFT = timedelta(seconds=45)
"""After a look without an answer: time to tell what was seen after all, or to call, and within the
minute in which the visit must stand on the board."""

UNHEARD = timedelta(seconds=15)
"""After an answer that asks for help: a home that listens has raised its alarm within a second."""

OVERDUE = timedelta(seconds=60)
"""After the time to answer: what the home says of it comes within seconds where it comes at all."""

ROUND_MAX = 200
"""Checks of a kind that one round follows; the next one is seconds later."""

SEEN = ("closed", "limit_reached")
"""Ends of a look that showed what there was to see: the time of the claim counts then."""

Step = tuple[Callable[[datetime], ColumnElement[bool]], Callable[[Staff, Tx, CheckRow], None]]
"""Of which checks something is to be told, and what."""


def look(staff: Staff) -> int:
    """One round; returns of how many checks something was told."""
    return sum(_round(staff, step) for step in STEPS)


def _round(staff: Staff, step: Step) -> int:
    meant, tell = step
    t, now, told = tables.night_check, staff.clock.now(), 0
    query = select(t.c.home_id, t.c.check).where(t.c.closed_at.is_(None), meant(now))
    with staff.db.read() as conn:
        found = conn.execute(query.order_by(t.c.state_at).limit(ROUND_MAX)).all()
    for home, check in found:
        with staff.write() as tx:
            append.hold(tx, home)  # from here on nobody else writes: it is looked at once more
            this = select(t).where(t.c.home_id == home, t.c.check == check)
            still = this.where(t.c.closed_at.is_(None), meant(staff.clock.now()))
            row = read_one(tx.conn, CheckRow, still)
            if row is not None:
                tell(staff, tx, row)
                told += 1
    return told


def _waits() -> ColumnElement[bool]:
    return tables.night_check.c.state.in_(("asked", "started"))


# --- a look that gave no answer -------------------------------------------------------------------


def _left_by_look(now: datetime) -> ColumnElement[bool]:
    c = tables.night_check.c
    seen = and_(c.look_state == "ended", c.look_why.in_(SEEN), c.look_pictures > 0)
    return and_(
        _waits(),
        c.look_state.in_(("ended", "refused")),
        func.coalesce(~seen, true()),
        c.look_at >= c.asked_at,
        c.look_at <= now - LOOK_LEFT,
        c.visit_asked_at.is_(None),
    )


def _tell_left(staff: Staff, tx: Tx, row: CheckRow) -> None:
    why = "look_refused" if row.look_state == "refused" else "look_broke_off"
    _write(staff, tx, row, CheckVisitAsked(check=row.check, why=why))


# --- help, and the home does not say so -----------------------------------------------------------


def _help_unheard(now: datetime) -> ColumnElement[bool]:
    c = tables.night_check.c
    return and_(
        c.state == "answered",
        c.finding == Finding.HELP.value,
        c.answered_at <= now - UNHEARD,
        ~_rang(AlarmType.CHECK_HELP, c.answered_at),
    )


def _tell_help(staff: Staff, tx: Tx, row: CheckRow) -> None:
    ring(staff, tx, row.home_id, AlarmType.CHECK_HELP, row.answered_at or staff.clock.now())


# --- nobody answered, and the home does not say so ------------------------------------------------


def _overdue(now: datetime) -> ColumnElement[bool]:
    c = tables.night_check.c
    return and_(_waits(), c.answer_by <= now - OVERDUE, c.visit_asked_at.is_(None))


def _tell_overdue(staff: Staff, tx: Tx, row: CheckRow) -> None:
    _write(staff, tx, row, CheckVisitAsked(check=row.check, why="no_answer"))
    since = row.asked_at or staff.clock.now()
    ring(staff, tx, row.home_id, AlarmType.CHECK_NO_ANSWER, since)


# --- who has it and tells nothing -----------------------------------------------------------------


def _claim_over(now: datetime) -> ColumnElement[bool]:
    c = tables.night_check.c
    return and_(c.state == "started", c.started_at <= now - CLAIM)


def _tell_lapsed(staff: Staff, tx: Tx, row: CheckRow) -> None:
    _write(staff, tx, row, CheckClaimLapsed(check=row.check), row.started_by)


STEPS: tuple[Step, ...] = (
    (_left_by_look, _tell_left),
    (_help_unheard, _tell_help),
    (_overdue, _tell_overdue),
    (_claim_over, _tell_lapsed),
)


# --- writing --------------------------------------------------------------------------------------


def ring(staff: Staff, tx: Tx, home: str, about: AlarmType, since: datetime) -> None:
    """The alarm that the home would raise, by the server; not a second one for the same."""
    a = tables.alarm.c
    known = select(a.id).where(a.home_id == home, a.type == about.value, a.since == since)
    if tx.conn.execute(known).first() is None:
        append.write(staff, tx, home, Draft(AlarmRaised.usual(about, since)))


def _rang(about: AlarmType, since: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether such an alarm of the check's home has come since then."""
    a, c = tables.alarm.c, tables.night_check.c
    came = or_(a.since >= since, a.raised_at >= since)
    return exists().where(a.home_id == c.home_id, a.type == about.value, came)


def _write(staff: Staff, tx: Tx, row: CheckRow, data: Data, person: str | None = None) -> None:
    append.write(staff, tx, row.home_id, Draft(data, person=person))
