"""Larm hos andra: open care alarms in homes of the organisation that are not mine, on Mitt pass.

How many there are stands there for everybody who may help; who, where and what only after asking
for it, and each reading is noted (`web.staff.care.acute`).  A home where I am, or whose door I have
just turned, stays until I have left, with or without the alarm.  Not for: opening (`forms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import request
from sqlalchemy import Connection, select

from web.staff.care import acute
from web.staff.core.context import staff
from web.staff.core.rights import Actor
from web.staff.pages import incidents, lists, lock_progress, lookups
from web.staff.pages.incidents import Incident
from web.staff.pages.lock_progress import Turn
from web.staff.pages.lookups import Place
from web.staff.pages.row_guard import attempt
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import AlarmRow, DeviceRow, VisitRow, read_all


@dataclass(frozen=True, slots=True)
class HomeElsewhere:
    """A home of others.  `alarm` None: it is closed, and I am still there."""

    place: Place
    alarm: AlarmRow | None
    incidents: tuple[Incident, ...]
    locks: tuple[DeviceRow, ...]
    turn: Turn | None
    visit: VisitRow | None


@dataclass(frozen=True, slots=True)
class AlarmsElsewhere:
    """The whole part of the page: how many alarms are open, the longest since when, and the homes
    that are shown: the first ones `whole`, the others as rows of `part`."""

    count: int
    since: datetime | None
    whole: tuple[HomeElsewhere, ...]
    part: lists.Fold[str]
    alarms: Mapping[str, AlarmRow]
    places: Mapping[str, Place]


def read(conn: Connection, actor: Actor, *, shown: bool, live: bool) -> AlarmsElsewhere:
    """Alarms of others.  `shown`: this person asked to see them.  `live`: an open page brings
    itself up to date, which is no new reading."""
    alarms = acute.open_elsewhere(conn, actor)
    visits, turned = _my_visits(conn, actor), _turned(conn, actor)
    part = _part(alarms, [*visits, *turned], shown=shown)
    listed = [*part.whole, *part.sheet.rows]
    read = [alarms[home] for home in listed if home in alarms]
    acute.note_reads(staff(), actor, read, only_new=live or not shown)
    places = lookups.places(conn, actor, beyond=listed)
    names = lookups.names(conn, actor)
    locks = _locks(conn, part.whole)
    open_ = acute.open_here(conn, [home for home in part.whole if home in alarms])
    found: dict[str, list[Incident]] = {}
    for one in incidents.of_rows(open_, actor, places, names, staff().clock.now(), raised={}):
        found.setdefault(one.home, []).append(one)
    turns = attempt(lambda: lock_progress.newest(conn, actor, part.whole)) or {}
    since = [at for row in alarms.values() if (at := row.since or row.raised_at) is not None]
    return AlarmsElsewhere(
        count=len(alarms),
        since=min(since, default=None),
        whole=tuple(
            HomeElsewhere(
                place=places[home],
                alarm=alarms.get(home),
                incidents=tuple(found.get(home, ())),
                locks=lookups.front_first(locks.get(home, ())),
                turn=turns.get(home),
                visit=visits.get(home),
            )
            for home in part.whole
        ),
        part=part,
        alarms=alarms,
        places=places,
    )


def _part(alarms: Mapping[str, AlarmRow], here: list[str], *, shown: bool) -> lists.Fold[str]:
    """Homes by id: where I am or have just been first, then the alarms, the longest open on top."""
    first = dict.fromkeys(here)
    order = {home: (number - len(first), home) for number, home in enumerate(first)}
    if shown:
        for home, row in alarms.items():
            order.setdefault(home, (lists.moment(row.raised_at), home))
    return lists.fold(order, "andra", order.__getitem__, str, request.args)


def _my_visits(conn: Connection, actor: Actor) -> dict[str, VisitRow]:
    """My open visits in homes where I am not assigned."""
    v = t.visit.c
    query = select(t.visit).where(
        v.person == actor.person,
        ~among(v.home_id, actor.assigned),
        v.until.is_(None),
        v.corrected_until.is_(None),
        ~v.overdue,
    )
    return {row.home_id: row for row in read_all(conn, VisitRow, query.order_by(v.since))}


def _turned(conn: Connection, actor: Actor) -> list[str]:
    """Homes where I am not assigned and have just turned a lock because of an alarm."""
    u = t.turn.c
    query = select(u.home_id).where(
        u.person == actor.person,
        ~among(u.home_id, actor.assigned),
        u.reason == "alarm",
        u.issued_at > staff().clock.now() - lock_progress.SHOWN,
    )
    return list(conn.execute(query.order_by(u.issued_at.desc())).scalars())


def _locks(conn: Connection, homes: list[str]) -> dict[str, list[DeviceRow]]:
    c = t.device.c
    query = select(t.device).where(among(c.home_id, homes), c.type == "lock", c.present)
    by_home: dict[str, list[DeviceRow]] = {}
    for row in read_all(conn, DeviceRow, query.order_by(c.id)):
        by_home.setdefault(row.home_id, []).append(row)
    return by_home
