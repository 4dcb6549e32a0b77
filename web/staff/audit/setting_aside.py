"""Setting an event of a home aside: it is kept whole, and neither shown nor counted.

It takes two: one asks, another one with the right says yes or no; both stand by name in the home's
events.  What was set aside belongs to no home's list any more (its row names none), so that nothing
that asks for a home finds it; the chain keeps it, and a rebuild leaves it out.  The home's tables
are made anew at once.

Not for: what nobody may take away: decisions of the server, who came in or opened a door (the
access log), and an alarm that is open.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select, update

from gateway.envelope import Draft
from gateway.events import (
    ACCESS_KINDS,
    AsideWhy,
    EventAsideAsked,
    EventAsideDeclined,
    EventSetAside,
)
from gateway.origin import is_origin_of
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.events.judgement import SET_ASIDE_KIND, Mark
from web.staff.events.projections.fold import HANDLERS
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables
from web.staff.storage.among import among, among_refs
from web.staff.storage.database import Tx
from web.staff.storage.rows import AsideRow, read_all, read_one


def ask(staff: Staff, actor: Actor, ref: str, why: AsideWhy) -> str:
    """Ask that the event `ref` of a home be set aside; the request's reference.

    Raises `Refused`: NO_ROLE, NO_EVENT (none of the person's homes has it, or it waits for its
    batch), KEPT (may not be set aside), NOT_FIRST (somebody asks already).
    """
    if not actor.may(Right.SET_ASIDE):
        raise Refused(Why.NO_ROLE)
    with staff.write() as tx:
        home = _home_of(tx.conn, actor, ref)
        append.hold(tx, home)
        _may_go(tx, home, ref)
        a = tables.set_aside.c
        query = select(tables.set_aside).where(
            a.home_id == home, a.event == ref, a.answered_at.is_(None)
        )
        same = read_one(tx.conn, AsideRow, query)
        if same is not None:
            raise Refused(Why.NOT_FIRST, person=same.asked_by, at=same.asked_at)
        asked = Draft(EventAsideAsked(event=ref, why=why), person=actor.person)
        return append.write(staff, tx, home, asked).ref


def answer(staff: Staff, actor: Actor, request: str, *, yes: bool) -> None:
    """A second person sets the event aside, or keeps it (who asked may only keep it).

    Raises `Refused`: NO_ROLE, NO_EVENT, SAME_PERSON, CLOSED (answered already), KEPT.
    """
    if not actor.may(Right.SET_ASIDE):
        raise Refused(Why.NO_ROLE)
    a = tables.set_aside.c
    with staff.write() as tx:
        query = select(tables.set_aside).where(a.id == request)
        row = read_one(tx.conn, AsideRow, query)
        if row is None or not actor.sees(row.home_id):
            raise Refused(Why.NO_EVENT)
        append.hold(tx, row.home_id)
        row = read_one(tx.conn, AsideRow, query) or row
        if row.answered_at is not None:
            raise Refused(Why.CLOSED, person=row.answered_by, at=row.answered_at)
        if not yes:
            declined = EventAsideDeclined(request=row.id, event=row.event)
            append.write(staff, tx, row.home_id, Draft(declined, person=actor.person))
            return
        if row.asked_by == actor.person:
            raise Refused(Why.SAME_PERSON)
        kind = _may_go(tx, row.home_id, row.event)
        done = EventSetAside(request=row.id, event=row.event)
        append.write(staff, tx, row.home_id, Draft(done, person=actor.person))
        origin, seq = _parts(row.event)
        e = tables.event
        this = (e.c.origin == origin) & (e.c.seq == seq)
        values = {"home_id": None, "kind": SET_ASIDE_KIND, "mark": Mark.SET_ASIDE, "person": None}
        tx.conn.execute(update(e).where(this).values(values))
        if kind in HANDLERS.kinds():  # others are in no table: what is in none stays as it is
            rebuild_home(tx.conn, row.home_id)


def waiting(conn: Connection, actor: Actor) -> list[AsideRow]:
    """Requests that wait for an answer, in this person's homes, the oldest first."""
    a = tables.set_aside.c
    query = select(tables.set_aside).where(among(a.home_id, actor.homes), a.answered_at.is_(None))
    return read_all(conn, AsideRow, query.order_by(a.asked_at, a.id))


def told_of(conn: Connection, refs: Collection[str]) -> dict[str, tuple[str, datetime]]:
    """Kind and time of those of these events that are stored, by reference."""
    e = tables.event.c
    query = select(e.origin, e.seq, e.kind, e.corrected_at)
    query = query.where(among_refs(tables.event, {_parts(ref) for ref in refs}))
    known = {(row.origin, row.seq): row for row in conn.execute(query)}
    found = {ref: known.get(_parts(ref)) for ref in refs}
    return {ref: (row.kind, row.corrected_at) for ref, row in found.items() if row is not None}


def _parts(ref: str) -> tuple[str, int]:
    """The origin and the number in a reference; the number 0, which no event has, where it is
    none."""
    origin, _, number = ref.strip().rpartition("/")
    fits = number.isascii() and number.isdecimal() and len(number) <= 18
    return (origin, int(number)) if fits else ("", 0)


def _home_of(conn: Connection, actor: Actor, ref: str) -> str:
    origin, seq = _parts(ref)
    e = tables.event.c
    query = select(e.home_id).where(e.origin == origin, e.seq == seq)
    home = conn.execute(query).scalar_one_or_none()
    if home is None or not actor.sees(home):
        raise Refused(Why.NO_EVENT)
    return str(home)


def _may_go(tx: Tx, home: str, ref: str) -> str:
    """The event's kind.  Raises `Refused` (NO_EVENT, KEPT) unless the home itself wrote it and
    nothing forbids it."""
    origin, seq = _parts(ref)
    e, a = tables.event.c, tables.alarm.c
    query = select(e.kind).where(e.origin == origin, e.seq == seq, e.home_id == home)
    kind = tx.conn.execute(query).scalar_one_or_none()
    if kind is None:
        raise Refused(Why.NO_EVENT)
    rings = select(a.id).where(a.id == ref, a.closed_at.is_(None))
    if (
        kind in ACCESS_KINDS
        or not is_origin_of(origin, home)
        or tx.conn.execute(rings).first() is not None
    ):
        raise Refused(Why.KEPT)
    return str(kind)
