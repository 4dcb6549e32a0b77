"""What a coordinator sets: a resident's consent to positions, where the home lies, zones,
transponders and their tokens, how long positions are kept.

Each looks inside the actor's organisation, writes an event that says what was changed and never
where, and ends what it leaves no ground for.  A zone that is drawn anew is another zone: fixes are
judged by the zones of their own time.  Not for: fixes (`positions`), or who may look (`looks`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, insert, select, update

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    ConsentAbout,
    ConsentHow,
    PlaceField,
    PlacesChanged,
)
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.people import consents
from web.staff.people.accounts import By, Refused, Wrong, note
from web.staff.places import geometry
from web.staff.places.geometry import Point, Shape
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx
from web.staff.storage.place_tables import home_point, outing, position, tracker, zone

NAME_MAX = 60
"""Characters of what a zone or a transponder is called."""

ZONES_MAX = 12
"""Zones of one resident: home, the day centre, the shop, and room to try."""

TRACKERS_MAX = 4
"""Transponders of one resident: a sole, a phone, a watch, and one that is being changed."""

SILENT_AFTER_H_MAX = 24 * 14
"""Hours without a word until a technician is told, at the most."""

SILENT_AFTER_H = 12
"""The same unless somebody says otherwise: a sole is charged over night, and is silent then."""

RETAIN_DAYS_MIN, RETAIN_DAYS_MAX = 1, 30
"""Bounds of the organisation's setting: an alarm is looked into within days; a month is the most
that anybody has argued for."""

DAY_MIN = 24 * 60


@dataclass(frozen=True, slots=True)
class NewZone:
    """What somebody drew; `hours` in minutes of the home's day, None: around the clock."""

    name: str
    shape: Shape
    hours: tuple[int, int] | None = None


def sha256(token: str) -> str:
    """How a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


# --- consent --------------------------------------------------------------------------------------


def agree(
    staff: Staff, actor: Actor, home: str, resident: str, asked_on: date, how: ConsentHow
) -> None:
    """Note that the resident agrees to positions.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EXISTS,
    OUT_OF_RANGE."""
    about = ConsentAbout.POSITION
    with _planned(staff, actor, home, resident) as tx:
        if consents.given_at(tx.conn, resident, about) is not None:
            raise Refused(Wrong.EXISTS)
        consents.give(staff, tx, actor, home, resident, about, asked_on=asked_on, how=how)


def withdraw(staff: Staff, actor: Actor, home: str, resident: str) -> int:
    """The resident agrees no longer: every position of theirs is erased in the same transaction,
    and none is taken any more.  Returns how many there were.  Raises `Refused`: NO_RIGHT,
    NOT_FOUND."""
    with _planned(staff, actor, home, resident) as tx:
        consents.withdraw(staff, tx, actor, home, resident, ConsentAbout.POSITION)
        for one in _trackers(tx.conn, resident):
            _quiet(staff, tx, home, one)
        return tx.conn.execute(position.delete().where(position.c.resident == resident)).rowcount


# --- where the home lies, and zones ---------------------------------------------------------------


def set_point(staff: Staff, actor: Actor, home: str, point: Point) -> bool:
    """Where the home lies; whether that is a change.  Raises `Refused`: NO_RIGHT, NOT_FOUND,
    OUT_OF_RANGE."""
    if not point.is_real():
        raise Refused(Wrong.OUT_OF_RANGE)
    with _planned(staff, actor, home) as tx:
        if point_of(tx.conn, home) == point:
            return False
        values = {"home_id": home, "lat": point.lat, "lon": point.lon}
        event_store.upsert_many(tx.conn, home_point, ("home_id",), [values])
        _note(staff, tx, actor, home, PlaceField.POINT)
    return True


def point_of(conn: Connection, home: str) -> Point | None:
    """Where the home lies; None: nobody said."""
    row = conn.execute(select(home_point).where(home_point.c.home_id == home)).first()
    return None if row is None else Point(row.lat, row.lon)


def draw(staff: Staff, actor: Actor, home: str, resident: str, new: NewZone) -> None:
    """Draw a zone, which holds from now on.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EMPTY (no
    name), TOO_LONG, OUT_OF_RANGE (no such shape or hours), EXISTS (too many)."""
    name = _name(new.name)
    if not geometry.is_possible(new.shape) or not _possible(new.hours):
        raise Refused(Wrong.OUT_OF_RANGE)
    first, last = new.hours or (None, None)
    with _planned(staff, actor, home, resident) as tx:
        z = zone.c
        _room(tx.conn, zone, resident, z.removed_at, ZONES_MAX)
        row = {
            "id": secrets.token_hex(6),
            "home_id": home,
            "resident": resident,
            "name": name,
            "shape": geometry.to_text(new.shape),
            "from_min": first,
            "to_min": last,
            "made_at": staff.clock.now(),
        }
        tx.conn.execute(insert(zone).values(**row))
        _note(staff, tx, actor, home, PlaceField.ZONE_DRAWN)


def remove_zone(staff: Staff, actor: Actor, home: str, which: str) -> None:
    """The zone holds no longer.  Raises `Refused`: NO_RIGHT, NOT_FOUND."""
    z = zone.c
    with _planned(staff, actor, home) as tx:
        ended = update(zone).where(z.id == which, z.home_id == home, z.removed_at.is_(None))
        if not tx.conn.execute(ended.values(removed_at=staff.clock.now())).rowcount:
            raise Refused(Wrong.NOT_FOUND)
        _note(staff, tx, actor, home, PlaceField.ZONE_REMOVED)


def _possible(hours: tuple[int, int] | None) -> bool:
    if hours is None:
        return True
    return all(0 <= minute < DAY_MIN for minute in hours) and hours[0] != hours[1]


# --- transponders ---------------------------------------------------------------------------------


def add_tracker(
    staff: Staff,
    actor: By,
    home: str,
    resident: str,
    name: str,
    silent_after_h: int = SILENT_AFTER_H,
) -> str:
    """A new transponder of the resident; returns its token, which is kept hashed: this is the only
    time it is seen.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EMPTY, TOO_LONG, OUT_OF_RANGE, EXISTS
    (too many)."""
    if not 1 <= silent_after_h <= SILENT_AFTER_H_MAX:
        raise Refused(Wrong.OUT_OF_RANGE)
    called, token = _name(name), f"tgp_{secrets.token_urlsafe(24)}"
    with _planned(staff, actor, home, resident) as tx:
        _room(tx.conn, tracker, resident, tracker.c.revoked_at, TRACKERS_MAX)
        row = {
            "id": f"tracker-{secrets.token_hex(4)}",
            "home_id": home,
            "resident": resident,
            "name": called,
            "token_sha256": sha256(token),
            "silent_after_h": silent_after_h,
            "made_at": staff.clock.now(),
        }
        tx.conn.execute(insert(tracker).values(**row))
        _note(staff, tx, actor, home, PlaceField.TRACKER_ADDED)
    return token


def revoke_tracker(staff: Staff, actor: By, home: str, which: str) -> None:
    """Its token opens nothing any more; what it told stays as long as any position.  Raises
    `Refused`: NO_RIGHT, NOT_FOUND."""
    t = tracker.c
    with _planned(staff, actor, home) as tx:
        row = tx.conn.execute(
            select(tracker).where(t.id == which, t.home_id == home, t.revoked_at.is_(None))
        ).first()
        if row is None:
            raise Refused(Wrong.NOT_FOUND)
        _quiet(staff, tx, home, row)
        revoked = update(tracker).where(t.id == which).values(revoked_at=staff.clock.now())
        tx.conn.execute(revoked)
        _note(staff, tx, actor, home, PlaceField.TRACKER_REVOKED)


def listed(conn: Connection) -> list[Any]:
    """Every transponder there is, in use and revoked, by home."""
    t = tracker.c
    return list(conn.execute(select(tracker).order_by(t.home_id, t.made_at, t.id)).all())


def org_of(conn: Connection, home: str) -> str | None:
    """The organisation of a home; None for one that there is not."""
    h = tables.home.c
    found: str | None = conn.execute(select(h.org_id).where(h.id == home)).scalar_one_or_none()
    return found


def _quiet(staff: Staff, tx: Tx, home: str, row: Any) -> None:
    """Nothing more is to be expected of a transponder: alarms about its silence and its battery
    are taken back, and an outing goes on no longer.  An alarm about leaving stays for people."""
    which = row.id
    for column in ("silent_alarm", "battery_alarm"):
        alarm = getattr(row, column)
        if alarm is not None and is_open(tx.conn, alarm):
            cancelled = AlarmCancelled(alarm=alarm, reason="stopped")
            append.write(staff, tx, home, Draft(cancelled, device=which))
    t, o = tracker.c, outing.c
    ended = dict.fromkeys(("silent_alarm", "battery_alarm", "heard_at"))
    tx.conn.execute(update(tracker).where(t.id == which).values(**ended))
    over = update(outing).where(o.tracker_id == which, o.until.is_(None))
    tx.conn.execute(over.values(until=staff.clock.now(), ended="unjudged"))


def is_open(conn: Connection, alarm: str) -> bool:
    """Whether nobody and nothing has closed this alarm."""
    a = tables.alarm.c
    query = select(a.id).where(a.id == alarm, a.closed_at.is_(None))
    return conn.execute(query).first() is not None


def _trackers(conn: Connection, resident: str) -> list[Any]:
    t = tracker.c
    return list(conn.execute(select(tracker).where(t.resident == resident)).all())


# --- how long -------------------------------------------------------------------------------------


def set_retain_days(staff: Staff, actor: By, days: int) -> bool:
    """For how many days the organisation keeps positions; whether that is a change.  What is older
    goes with the watch's next round.  Raises `Refused`: NO_RIGHT, OUT_OF_RANGE."""
    _need(actor)
    if not RETAIN_DAYS_MIN <= days <= RETAIN_DAYS_MAX:
        raise Refused(Wrong.OUT_OF_RANGE)
    o = tables.organisation
    with staff.write() as tx:
        changed = update(o).where(o.c.id == actor.org, o.c.position_retain_days != days)
        if not tx.conn.execute(changed.values(position_retain_days=days)).rowcount:
            return False
        note(staff, tx, actor, "position_days")
    return True


# --- what they share ------------------------------------------------------------------------------


@contextmanager
def _planned(staff: Staff, actor: By, home: str, resident: str | None = None) -> Iterator[Tx]:
    """A transaction about a home (and a resident) of the actor's own."""
    _need(actor)
    with staff.write() as tx:
        _ours(tx.conn, actor, home, resident)
        append.hold(tx, home)
        yield tx


def _ours(conn: Connection, actor: By, home: str, resident: str | None) -> None:
    h, r = tables.home.c, tables.resident.c
    found = conn.execute(select(h.id).where(h.id == home, h.org_id == actor.org)).first()
    if found is None or (isinstance(actor, Actor) and not actor.sees(home)):
        raise Refused(Wrong.NOT_FOUND)
    if resident is not None:
        lives = select(r.id).where(r.id == resident, r.home_id == home, r.moved_out_at.is_(None))
        if conn.execute(lives).first() is None:
            raise Refused(Wrong.NOT_FOUND)


def _need(actor: By) -> None:
    if not actor.may(Right.PLAN_PLACES):
        raise Refused(Wrong.NO_RIGHT)


def _name(said: str) -> str:
    name = " ".join(said.split())
    if not name:
        raise Refused(Wrong.EMPTY)
    if len(name) > NAME_MAX:
        raise Refused(Wrong.TOO_LONG)
    return name


def _room(
    conn: Connection, table: Table, resident: str, ended: ColumnElement[Any], most: int
) -> None:
    query = select(func.count()).where(table.c.resident == resident, ended.is_(None))
    if conn.execute(query).scalar_one() >= most:
        raise Refused(Wrong.EXISTS)


def _note(staff: Staff, tx: Tx, actor: By, home: str, what: PlaceField) -> None:
    append.write(staff, tx, home, Draft(PlacesChanged(what=what), person=actor.person))


def retain_days(conn: Connection, org: str) -> int:
    """For how many days the organisation keeps positions."""
    o = tables.organisation.c
    return int(conn.execute(select(o.position_retain_days).where(o.id == org)).scalar_one())
