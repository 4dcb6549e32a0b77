"""Who may look at positions now: whoever cares for the home while an alarm about leaving is open,
or who stated a reason, for a quarter of an hour.  Each look is a reading in the access log that
says which.

Not for: drawing (`web.staff.pages.positions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from web.staff.care import reads
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.places import geometry, positions
from web.staff.places.geometry import Point
from web.staff.storage.place_tables import place_look, position, tracker

LOOK_FOR = timedelta(minutes=15)
"""How long a stated reason lasts: long enough to find somebody or to ring, too short to forget a
page that is open."""

SHOWN = timedelta(hours=1)
"""How much of the way is shown: where somebody came from, and no day of theirs."""

SHOWN_MAX = 200
"""Fixes that are shown."""


class LookWhy(StrEnum):
    """Why somebody looks where no alarm is open."""

    SEARCH = "search"
    """The resident is missing."""
    SAFETY = "safety"
    """Something else gives cause for fear."""
    TEST = "test"
    """The transponder is tried, with the resident."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why positions are shown: since when they are of interest, and the word of the reading."""

    what: str
    since: datetime
    until: datetime | None
    """When the look ends; None: with the alarm."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A fix of a resident as it is shown."""

    resident: str
    tracker: str
    name: str
    at: datetime
    point: Point
    acc_m: float | None


def state(staff: Staff, actor: Actor, home: str, why: LookWhy) -> None:
    """State a reason, which opens the home's positions to the actor for a while.  Raises `Refused`:
    NO_HOME, NO_ROLE."""
    _may(actor, home)
    values = {
        "home_id": home,
        "person": actor.person,
        "why": why.value,
        "until": staff.clock.now() + LOOK_FOR,
    }
    with staff.write() as tx:
        tx.conn.execute(insert(place_look).values(**values))


def cause(conn: Connection, actor: Actor, home: str, now: datetime) -> Cause | None:
    """Why the actor may look at the home's positions now; None: they may not."""
    _may(actor, home)
    since = positions.alarm_since(conn, home)
    if since is not None:
        return Cause("position_alarm", min(since, now) - SHOWN, None)
    k = place_look.c
    query = select(place_look).where(k.home_id == home, k.person == actor.person, k.until > now)
    row = conn.execute(query.order_by(k.until.desc()).limit(1)).first()
    if row is None:
        return None
    return Cause(f"position_{row.why}", now - SHOWN, row.until)


def look(staff: Staff, actor: Actor, home: str) -> tuple[Cause, list[Seen]] | None:
    """The home's positions with the cause, the newest last, once the reading is noted; None: there
    is no cause.  Raises `Refused`: NO_HOME, NO_ROLE."""
    now = staff.clock.now()
    with staff.db.read() as conn:
        found = cause(conn, actor, home, now)
    if found is None:
        return None
    # an open page that brings itself up to date is one look
    reads.note_new(staff, actor, {home: now - LOOK_FOR}, found.what)
    p, t = position.c, tracker.c
    query = (
        select(p.resident, p.tracker_id, t.name, p.at, p.lat, p.lon, p.acc_m)
        .join(tracker, t.id == p.tracker_id)
        .where(p.home_id == home)
        .order_by(p.at.desc())
    )
    with staff.db.read() as conn:
        rows = conn.execute(query.where(p.at >= found.since).limit(SHOWN_MAX)).all()
        rows = rows or conn.execute(query.limit(1)).all()
    seen = [
        Seen(row.resident, row.tracker_id, row.name, row.at, Point(row.lat, row.lon), row.acc_m)
        for row in rows
    ]
    return found, seen[::-1]


def _may(actor: Actor, home: str) -> None:
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    if not actor.may(Right.SEE_CARE):
        raise Refused(Why.NO_ROLE)


DIRECTIONS = 8
"""Into how many a bearing is told: a person in the dark knows no more."""


def direction(home: Point, there: Point) -> int:
    """Which of them a point lies in: 0 north, 1 north-east …"""
    return round(geometry.bearing_deg(home, there) / (360 / DIRECTIONS)) % DIRECTIONS
