"""Taking rights back: grants, codes and service requests of somebody who may no longer open.

A person, the change itself (`accounts`), or the watch, which looks every few seconds: however an
assignment, a role or an account ended, what was given by it is revoked, and goes down the stream at
once.  The same round notes orders that the home never answered.

Not for: giving rights (`web.staff.doors.lock_orders`, `web.staff.doors.door_codes`), or ending what
they are given by (`web.staff.people.access_revocation`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from gateway.access.grants import Reason
from gateway.envelope import Draft
from gateway.events import GrantDeclined, GrantRevoked, LockOperationDeviated
from web.staff.core.assignments import is_assigned
from web.staff.core.context import Staff
from web.staff.core.rights import RIGHTS, Right
from web.staff.events import append
from web.staff.events.projections.doors import NOT_OVER
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.rows import TurnRow, Whole, read_all

TURNERS = tuple(role.value for role, rights in RIGHTS.items() if Right.TURN_LOCK in rights)
"""Roles that may turn a lock."""

BY_ASSIGNMENT = (Reason.PLANNED_VISIT.value, Reason.CHECK.value)
"""Grounds that end with the assignment."""

ASKED_MIN = 60
"""Minutes that a request for service waits for an answer; after that it is asked again."""

GRACE = timedelta(seconds=10)
"""Time for the home's last word to arrive after a grant's own end."""

LOOK_BACK = timedelta(hours=1)
"""Orders older than that are past noting: the server was away."""


@dataclass(frozen=True, slots=True)
class LiveRight:
    """One thing that opens a door; `grant` is a request's reference, or a code's name."""

    grant: str
    home_id: str
    person: str | None
    device: str | None


@dataclass(frozen=True, slots=True)
class Live:
    """What somebody can open doors with now."""

    turns: tuple[LiveRight, ...] = ()
    codes: tuple[LiveRight, ...] = ()
    requests: tuple[LiveRight, ...] = ()
    """Requests for service that wait, or were approved and live."""

    def __len__(self) -> int:
        return len(self.turns) + len(self.codes) + len(self.requests)


def live_of(conn: Connection, person: str, now: datetime, *, home: str | None = None) -> Live:
    """What this person can open doors with; in one home, or anywhere (None)."""

    def of(query: Whole, table: Table) -> tuple[LiveRight, ...]:
        query = query.where(table.c.person == person)
        if home is not None:
            query = query.where(table.c.home_id == home)
        return tuple(read_all(conn, LiveRight, query))

    return Live(
        of(_live_turns(now), tables.turn),
        of(_live_codes(now), tables.door_code),
        of(_live_requests(now), tables.service_request),
    )


def revoke_person(staff: Staff, tx: Tx, home: str, person: str, *, by: str | None = None) -> int:
    """Revoke what this person could open this home with; how many.  `by`: who did it, None: nobody
    in person.  The home hears of it within seconds of the commit."""
    append.hold(tx, home)
    live = live_of(tx.conn, person, staff.clock.now(), home=home)
    for row in (*live.turns, *live.codes):
        _revoke(staff, tx, row, by)
    for row in live.requests:
        draft = Draft(GrantDeclined(request=row.grant), device=row.device, person=by)
        append.write(staff, tx, home, draft)
    return len(live)


def revoke_turns(
    staff: Staff, tx: Tx, home: str, person: str, *, reason: Reason, by: str | None
) -> None:
    """Revoke this person's turns that are under way here for one reason."""
    t = tables.turn.c
    query = _live_turns(staff.clock.now()).where(
        t.home_id == home, t.person == person, t.reason == reason.value
    )
    for row in read_all(tx.conn, LiveRight, query):
        _revoke(staff, tx, row, by)


def look(staff: Staff) -> None:
    """One round of the watch."""
    now = staff.clock.now()
    t = tables.turn.c
    unheard = select(tables.turn).where(
        t.step == "issued", t.expires_at < now - GRACE, t.expires_at > now - LOOK_BACK
    )
    with staff.db.read() as conn:
        gone = _lost(conn, now)
        silent = read_all(conn, TurnRow, unheard)
    for row in gone:
        with staff.write() as tx:
            append.hold(tx, row.home_id)
            for one in _lost(tx.conn, now):
                if one.grant == row.grant:  # still so: another round may have been first
                    _revoke(staff, tx, one, None)
    for turn in silent:
        with staff.write() as tx:
            append.hold(tx, turn.home_id)
            if tx.conn.execute(unheard.where(t.grant == turn.grant)).first() is None:
                continue
            said = Draft(
                LockOperationDeviated(grant=turn.grant, why="no_word"),
                device=turn.device,
                person=turn.person,
            )
            append.write(staff, tx, turn.home_id, said)


def revoke_lost(staff: Staff, tx: Tx, users: Collection[int], *, by: str | None) -> int:
    """Revoke what these accounts have no ground for any more, in the transaction that changed it;
    how much.  `by`: who changed it, None: nobody in person."""
    persons = set(
        tx.conn.execute(
            select(tables.user.c.person_id).where(tables.user.c.id.in_(users))
        ).scalars()
    )
    lost = [row for row in _lost(tx.conn, staff.clock.now()) if row.person in persons]
    for home in sorted({row.home_id for row in lost}):
        append.hold(tx, home)
    # once more: the watch may have been there before us
    lost = [row for row in _lost(tx.conn, staff.clock.now()) if row.person in persons]
    for row in lost:
        _revoke(staff, tx, row, by)
    return len(lost)


def _lost(conn: Connection, now: datetime) -> list[LiveRight]:
    """Turns and codes that nothing stands behind any more."""
    t, c = tables.turn.c, tables.door_code.c
    turns = _live_turns(now).where(
        or_(
            and_(t.reason.in_(BY_ASSIGNMENT), ~_may_open(t.person, t.home_id)),
            ~_may_turn(t.person, or_(t.reason == Reason.SERVICE.value, _turner())),
        )
    )
    codes = _live_codes(now).where(~_may_open(c.person, c.home_id))
    return [*read_all(conn, LiveRight, turns), *read_all(conn, LiveRight, codes)]


def _revoke(staff: Staff, tx: Tx, row: LiveRight, by: str | None) -> None:
    revoked = Draft(GrantRevoked(grant=row.grant), device=row.device, person=by)
    append.write(staff, tx, row.home_id, revoked)


def _live_turns(now: datetime) -> Whole:
    t = tables.turn.c
    return select(t.grant, t.home_id, t.person, t.device).where(
        t.expires_at > now,
        t.step.in_(NOT_OVER),
        or_(t.why.is_(None), t.why != "revoked"),
        t.person.is_not(None),
    )


def _live_codes(now: datetime) -> Whole:
    c = tables.door_code.c
    return select(c.id.label("grant"), c.home_id, c.person, c.device).where(
        c.expires_at > now, c.ended_at.is_(None), c.person.is_not(None)
    )


def _live_requests(now: datetime) -> Whole:
    r = tables.service_request.c
    waits = and_(r.answer.is_(None), r.asked_at > now - timedelta(minutes=ASKED_MIN))
    return select(r.id.label("grant"), r.home_id, r.person, r.device).where(
        or_(waits, r.until > now)
    )


def _turner() -> ColumnElement[bool]:
    return tables.role.c.name.in_(TURNERS)


def _may_turn(person: ColumnElement[str] | str, role: ColumnElement[bool]) -> ColumnElement[bool]:
    """An active account with such a role."""
    u, ur, r = tables.user, tables.user_role, tables.role
    return (
        select(u.c.id)
        .join(ur, ur.c.user_id == u.c.id)
        .join(r, r.c.id == ur.c.role_id)
        .where(u.c.person_id == person, u.c.active, role)
        .exists()
    )


def _may_open(
    person: ColumnElement[str] | str, home: ColumnElement[str] | str
) -> ColumnElement[bool]:
    """An active account with a role that turns locks, assigned to the home (also by a team)."""
    u = tables.user
    assigned = (
        select(u.c.id)
        .where(u.c.person_id == person, u.c.active, is_assigned(u.c.id, home))
        .exists()
    )
    return and_(assigned, _may_turn(person, _turner()))
