"""A relative's browser: opened by a one-time link, and what it may see and do.

The cookie is another one than that of staff, and no page of theirs reads it: whoever has it is
nobody there.  What may be seen is asked anew at each request, so that a bond that ended shows
nothing more.  Not for: HTML (`web.staff.pages.relatives`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from web.staff.care import reads
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.people.accounts import Refused, Wrong
from web.staff.relatives.inviting import sha256
from web.staff.storage import tables
from web.staff.storage.plan_tables import absence
from web.staff.storage.relative_tables import relative, relative_bond, relative_session
from web.staff.visits import visit_actions

SESSION_FOR = timedelta(days=60)
"""How long a browser stays in: then the coordinator gives another link.  It opens no door and shows
no alarm, so that a shift would be too strict."""

SHOWN = timedelta(days=7)
"""How far back a relative sees."""

ROWS_MAX = 60
"""Rows of one resident."""

ABSENCES_MAX = 10
"""Absences of one home that may be ahead at a time, whoever noted them."""

AHEAD_MAX = timedelta(days=366)
"""How far ahead an absence may begin or end."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A relative who is in."""

    id: str
    name: str
    org: str


@dataclass(frozen=True, slots=True)
class Row:
    """Something that a relative is told: `what` is `arrived`, `left` or `away` (`until` None: until
    further notice)."""

    what: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One resident, with what was agreed."""

    resident: str
    name: str
    home: str
    zone: str
    bond: Any
    rows: tuple[Row, ...]


def works(staff: Staff, token: str) -> bool:
    """Whether a one-time link can still be used."""
    r = relative.c
    live = select(r.id).where(r.link_sha256 == sha256(token), r.link_until > staff.clock.now())
    with staff.db.read() as conn:
        return conn.execute(live).first() is not None


def open_link(staff: Staff, token: str) -> str | None:
    """Use a one-time link up; returns what the browser's cookie is to hold.  None: it was used, is
    too old, or never was."""
    r, now = relative.c, staff.clock.now()
    with staff.write() as tx:
        used = (
            update(relative)
            .where(r.link_sha256 == sha256(token), r.link_until > now)
            .values(link_sha256=None, link_until=None)
            .returning(r.id)
        )
        who = tx.conn.execute(used).scalar_one_or_none()
        if who is None:
            return None
        s = relative_session
        tx.conn.execute(delete(s).where(s.c.ends_at <= now))
        cookie = secrets.token_urlsafe(32)
        row = {"sha256": sha256(cookie), "relative_id": who, "ends_at": now + SESSION_FOR}
        tx.conn.execute(insert(s).values(**row))
        return cookie


def visitor(staff: Staff, cookie: str | None) -> Visitor | None:
    """Whose browser this is; None: nobody's (any more)."""
    if not cookie or len(cookie) > 100:
        return None
    s, r = relative_session.c, relative.c
    query = (
        select(r.id, r.name, r.org_id)
        .join(relative_session, s.relative_id == r.id)
        .where(s.sha256 == sha256(cookie), s.ends_at > staff.clock.now())
    )
    with staff.db.read() as conn:
        row = conn.execute(query).one_or_none()
    return None if row is None else Visitor(row.id, row.name, row.org_id)


def leave(staff: Staff, cookie: str | None) -> None:
    """This browser is nobody's any more."""
    with staff.write() as tx:
        s = relative_session
        tx.conn.execute(delete(s).where(s.c.sha256 == sha256(cookie or "")))


def cards(staff: Staff, who: Visitor) -> list[Card]:
    """What the relative may see, once the reading is noted in the log of each home."""
    now = staff.clock.now()
    with staff.db.read() as conn:
        bonds = _bonds(conn, who)
    homes = frozenset(row.home_id for row in bonds)
    actor = Actor(who.id, who.name, who.org, frozenset(), homes, frozenset())
    reads.note(staff, actor, homes, "relative")
    with staff.db.read() as conn:
        return [
            Card(
                resident=bond.resident,
                name=bond.name,
                home=bond.home_id,
                zone=bond.timezone,
                bond=bond,
                rows=tuple(_rows(conn, bond, now)),
            )
            for bond in bonds
        ]


def _bonds(conn: Connection, who: Visitor) -> list[Any]:
    b, p, h = relative_bond.c, tables.resident.c, tables.home.c
    query = (
        select(relative_bond, p.name, h.timezone)
        .join(tables.resident, p.id == b.resident)
        .join(tables.home, h.id == b.home_id)
        .where(b.relative_id == who.id, h.org_id == who.org)
        .order_by(p.name, p.id)
    )
    return list(conn.execute(query).all())


def _rows(conn: Connection, bond: Any, now: datetime) -> list[Row]:
    since = max(now - SHOWN, bond.since)
    v, a = tables.visit.c, absence.c
    found: list[Row] = []
    visits = select(v.since, v.until).where(v.home_id == bond.home_id, v.since >= since)
    for row in conn.execute(visits.order_by(v.since.desc()).limit(ROWS_MAX)):
        if bond.arrived:
            found.append(Row("arrived", row.since))
        if bond.departed and row.until is not None:
            found.append(Row("left", row.until))
    if bond.absence or bond.notes_absence:
        ahead = select(absence).where(a.home_id == bond.home_id, a.ended_at.is_(None))
        for row in conn.execute(ahead.order_by(a.since).limit(ABSENCES_MAX)):
            if row.until is None or row.until > now:
                found.append(Row("away", row.since, row.until))
    return sorted(found, key=lambda row: row.at, reverse=True)[:ROWS_MAX]


def note_absence(
    staff: Staff, who: Visitor, resident: str, since: datetime, until: datetime | None
) -> None:
    """The resident will be away: as a coordinator notes it, by the relative.  Raises `Refused`:
    NOT_FOUND (not theirs, or not agreed), EXISTS (as many as there may be), OUT_OF_RANGE."""
    now = staff.clock.now()
    last = now + AHEAD_MAX
    if since > last or (until is not None and not max(since, now) < until <= last):
        raise Refused(Wrong.OUT_OF_RANGE)
    with staff.db.read() as conn:
        bond = next((one for one in _bonds(conn, who) if one.resident == resident), None)
        if bond is None or not bond.notes_absence:
            raise Refused(Wrong.NOT_FOUND)
        a = absence.c
        ahead = select(a.id).where(a.home_id == bond.home_id, a.ended_at.is_(None))
        if len(conn.execute(ahead.limit(ABSENCES_MAX)).all()) >= ABSENCES_MAX:
            raise Refused(Wrong.EXISTS)
    visit_actions.keep_absence(staff, who.id, bond.home_id, since, until)
