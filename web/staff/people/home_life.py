"""A home that is used no more, one that is used again, and residents who moved out.

A closed home is nobody's: no actor sees it, no code enrolls it, no gateway of it is let in, nobody
is assigned to it.  Its events stay, and so does the access log.  What would go on unseen must be
ended first by somebody: open alarms and checks, transponders, relatives.

Each change is an event of the home with who and why, and can be undone.  Not for: what is kept
about a home (`home_details`), or erasing anything.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update

from gateway.envelope import Draft
from gateway.events import HomeClosed, HomeClosedWhy, HomeMovedOut, HomeReopened
from web.staff.core.assignments import ASSIGNED
from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.events import append
from web.staff.people import accounts, look_consents, way_in
from web.staff.people.accounts import By, Refused, Wrong
from web.staff.storage import plan_tables, tables
from web.staff.storage.database import Tx
from web.staff.storage.place_tables import consent, tracker
from web.staff.storage.relative_tables import relative_bond

PENDING = ("asked", "started", "escalated", "missed", "unreported")
"""States of a check that somebody must see to."""


def close(staff: Staff, actor: By, home: str, why: HomeClosedWhy) -> None:
    """End the use of a home.  Raises `Refused`: NO_RIGHT, NOT_FOUND (also one that is closed),
    OPEN_ALARMS, IN_USE."""
    _need(actor, Right.ADMINISTER)
    now = staff.clock.now()
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        _hold(tx, actor, home, closed=False)
        _nothing_open(tx.conn, home)
        if _goes_on(tx.conn, home, None):
            raise Refused(Wrong.IN_USE)
        worked = list(
            tx.conn.execute(
                select(ASSIGNED.c.user_id).where(ASSIGNED.c.home_id == home).distinct()
            ).scalars()
        )
        tx.conn.execute(update(tables.home).where(tables.home.c.id == home).values(closed_at=now))
        _end(tx, home, staff)
        accounts.rights_changed(staff, tx, actor, worked, "home_closed")
        append.write(staff, tx, home, Draft(HomeClosed(why=why), person=actor.person))
    staff.relay.drop_home(home)


def _end(tx: Tx, home: str, staff: Staff) -> None:
    """What would let somebody or something in, and the watch over a home that is not heard."""
    now = staff.clock.now()
    k, d = tables.gateway_key, plan_tables.door_tag
    for table in (tables.assignment, tables.area_home):
        tx.conn.execute(delete(table).where(table.c.home_id == home))
    e = tables.enrol_code.c
    tx.conn.execute(delete(tables.enrol_code).where(e.home_id == home, e.used_at.is_(None)))
    for table in (k, d):
        mine = (table.c.home_id == home, table.c.revoked_at.is_(None))
        tx.conn.execute(update(table).where(*mine).values(revoked_at=now))
    link = tables.home_link
    tx.conn.execute(update(link).where(link.c.home_id == home).values(heard_at=None))


def reopen(staff: Staff, actor: By, home: str) -> None:
    """Use a closed home again; who works there and its gateway's code are given anew.  Raises
    `Refused`: NO_RIGHT, NOT_FOUND (also one that is open)."""
    _need(actor, Right.ADMINISTER)
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        _hold(tx, actor, home, closed=True)
        tx.conn.execute(update(tables.home).where(tables.home.c.id == home).values(closed_at=None))
        accounts.rights_changed(staff, tx, actor, _everybody(tx.conn, actor.org), "home_reopened")
        append.write(staff, tx, home, Draft(HomeReopened(), person=actor.person))


def _everybody(conn: Connection, org: str) -> list[int]:
    u = tables.user.c
    return list(conn.execute(select(u.id).where(u.org_id == org)).scalars())


def closed(conn: Connection, org: str) -> list[Any]:
    """The organisation's closed homes (`id`, `label`, `closed_at`), the newest first."""
    h = tables.home.c
    query = select(h.id, h.label, h.closed_at).where(h.org_id == org, h.closed_at.is_not(None))
    return list(conn.execute(query.order_by(h.closed_at.desc(), h.id)))


def move_out(staff: Staff, actor: By, home: str, resident: str) -> None:
    """Note that a resident lives there no longer.  Raises `Refused`: NO_RIGHT, NOT_FOUND,
    IN_USE."""
    _need(actor, Right.ASSIGN)
    _need(actor, Right.SEE_CARE)
    r = tables.resident.c
    with staff.write() as tx:
        _hold(tx, actor, home, closed=False)
        if _goes_on(tx.conn, home, resident):
            raise Refused(Wrong.IN_USE)
        mine = (r.id == resident, r.home_id == home, r.moved_out_at.is_(None))
        left = update(tables.resident).where(*mine).values(moved_out_at=staff.clock.now())
        if not tx.conn.execute(left).rowcount:
            raise Refused(Wrong.NOT_FOUND)
        told = HomeMovedOut(resident=resident)
        append.write(staff, tx, home, Draft(told, person=actor.person))
        look_consents.settle(staff, tx, home, actor.person)


def _nothing_open(conn: Connection, home: str) -> None:
    a, c = tables.alarm.c, tables.night_check.c
    alarm = select(a.id).where(a.home_id == home, a.closed_at.is_(None))
    check = select(c.check).where(c.home_id == home, c.closed_at.is_(None), c.state.in_(PENDING))
    if any(conn.execute(query.limit(1)).first() is not None for query in (alarm, check)):
        raise Refused(Wrong.OPEN_ALARMS)


def _goes_on(conn: Connection, home: str, resident: str | None) -> bool:
    """Whether positions or relatives go on there, or a consent stands; None: anybody's positions
    and relatives."""
    t, b, c = tracker.c, relative_bond.c, consent.c
    queries = [
        select(t.id).where(t.home_id == home, t.revoked_at.is_(None)),
        select(b.resident).where(b.home_id == home),
    ]
    if resident is not None:
        queries = [
            queries[0].where(t.resident == resident),
            queries[1].where(b.resident == resident),
        ]
        standing = (c.home_id == home, c.resident == resident, c.withdrawn_at.is_(None))
        queries.append(select(c.id).where(*standing))
    return any(conn.execute(query.limit(1)).first() is not None for query in queries)


def _need(actor: By, right: Right) -> None:
    if not actor.may(right):
        raise Refused(Wrong.NO_RIGHT)


def _hold(tx: Tx, actor: By, home: str, *, closed: bool) -> None:
    """Nobody else writes about the home until the commit; NOT_FOUND for another organisation's."""
    h = tables.home.c
    is_closed = h.closed_at.is_not(None) if closed else h.closed_at.is_(None)
    query = select(h.id).where(h.id == home, h.org_id == actor.org, is_closed)
    if tx.conn.execute(query).first() is None:
        raise Refused(Wrong.NOT_FOUND)
    append.hold(tx, home)
