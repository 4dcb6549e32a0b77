"""Mitt pass: the phone page.  My homes, one large button for the door, what happens at the lock
step by step, arrival and departure.

Alarms of others stand apart from one's own homes (`alarms_elsewhere`).  Not for: turning the lock
(`forms`, `lock_orders`; the home decides), or the steps of a turn (`lock_progress`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import request
from sqlalchemy import Connection, select

from gateway.access.grants import Action
from gateway.events import Undone
from web.staff.core.context import staff
from web.staff.core.i18n import N_, local
from web.staff.core.rights import Actor, Right
from web.staff.pages import alarms_elsewhere, lock_progress, lookups, my_plan
from web.staff.pages.layout import is_fragment, main_attributes, page
from web.staff.pages.lock_progress import Turn
from web.staff.pages.lookups import Place
from web.staff.pages.my_plan import Stop
from web.staff.pages.now import tiles
from web.staff.pages.routes import Menu, get
from web.staff.pages.row_guard import attempt
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import AlarmRow, DeviceRow, VisitRow, read_all
from web.staff.texts import visit_words


@dataclass(frozen=True, slots=True)
class MyHome:
    """One of my homes on the shift page."""

    place: Place
    locks: tuple[DeviceRow, ...]
    turn: Turn | None
    visit: VisitRow | None
    earlier: tuple[VisitRow, ...]
    alarm: AlarmRow | None
    silent_since: datetime | None
    stops: tuple[Stop, ...] = ()

    @property
    def next(self) -> Stop | None:
        """The planned visit that comes next here, None when none is left."""
        return next((stop for stop in self.stops if stop.state == "next"), None)


@get(
    "/pass",
    "shift",
    right=Right.TURN_LOCK,
    menu=Menu(20, "shift", N_("Mitt pass")),
    examples=({}, {"andra": "visa"}),
)
def shift(actor: Actor) -> str:
    """The page `/pass`."""
    wants_elsewhere = request.args.get("andra") == "visa"
    with staff().db.read() as conn:
        places = {
            home: place
            for home, place in lookups.places(conn, actor).items()
            if home in actor.assigned
        }
        glances = {tile.place.id: tile for tile in tiles(conn, actor, places, {})}
        visits = _visits(conn, actor, places)
        alarms = _alarms(conn, actor, places)
        turns = attempt(lambda: lock_progress.newest(conn, actor, places)) or {}
        now = staff().clock.now()
        round_ = attempt(lambda: my_plan.stops(conn, actor, list(places), now)) or {}
        mine = [
            MyHome(
                place=place,
                locks=glances[home].locks,
                turn=turns.get(home),
                visit=next((v for v in visits.get(home, ()) if _is_open(v)), None),
                earlier=tuple(v for v in visits.get(home, ()) if v.until or v.corrected_until),
                alarm=alarms.get(home),
                silent_since=state.silent_since if (state := glances[home].state) else None,
                stops=round_.get(home, ()),
            )
            for home, place in places.items()
        ]
        mine.sort(key=_order)
        return page(
            "shift.html",
            conn,
            actor,
            mine=mine,
            elsewhere=alarms_elsewhere.read(conn, actor, shown=wants_elsewhere, live=is_fragment()),
            wants_elsewhere=wants_elsewhere,
            actions=Action,
            unended=my_plan.unended(conn, actor, now),
            reasons=visit_words.CORRECTED_WHY,
            all_places=lookups.places(conn, actor),
            names=lookups.names(conn, actor),
            undone=list(Undone),
            may_tap=actor.may(Right.TAP_VISIT),
            **main_attributes(kinds="alarm grant unlock lock visit home device elsewhere"),
        )


def _order(one: MyHome) -> tuple[bool, bool, bool, float]:
    """Alarms first, then where I am, then as the plan has it; what is not planned comes last."""
    ahead = one.next
    at = ahead.visit.since.timestamp() if ahead else 0.0
    return (one.alarm is None, one.visit is None, ahead is None, at)


def _visits(conn: Connection, actor: Actor, places: dict[str, Place]) -> dict[str, list[VisitRow]]:
    """My visits that are open or began today, by home, oldest first."""
    v = t.visit.c
    now = staff().clock.now()
    midnight = local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    query = select(t.visit).where(v.person == actor.person, among(v.home_id, places))
    still = v.until.is_(None) & v.corrected_until.is_(None) & ~v.overdue
    rows = read_all(conn, VisitRow, query.where(still | (v.since >= midnight)).order_by(v.since))
    by_home: dict[str, list[VisitRow]] = {}
    for row in rows:
        by_home.setdefault(row.home_id, []).append(row)
    return by_home


def _is_open(row: VisitRow) -> bool:
    return row.until is None and row.corrected_until is None and not row.overdue


def _alarms(conn: Connection, actor: Actor, places: dict[str, Place]) -> dict[str, AlarmRow]:
    a = t.alarm.c
    query = (
        select(t.alarm)
        .where(lookups.open_alarms(actor), among(a.home_id, places), a.severity == "care")
        .order_by(a.raised_at.desc())
    )
    return {row.home_id: row for row in read_all(conn, AlarmRow, query)}
