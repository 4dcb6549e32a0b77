"""My round: what the plan has for me today, home by home, and what of mine lacks a departure.

Reads only.  Not for: the page (`shift`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from web.staff.core.i18n import local
from web.staff.core.rights import Actor
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import VisitRow, read_all
from web.staff.visits import plan
from web.staff.visits.followup import REACH
from web.staff.visits.plan import PlannedVisit

NIGHT = timedelta(hours=12)
"""How far behind and ahead of now a round reaches, so that one over midnight is whole."""

ASKED_FOR = timedelta(days=7)
"""How long somebody is asked when an open visit ended; after that the coordinator sees to it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One planned visit of mine.  `state` is `done`, `undone` (told why), `next` (the first that is
    left in this home), `later`, or `past` (its time is over, and nobody said anything)."""

    visit: PlannedVisit
    state: str
    undone: str | None
    others: tuple[str, ...]


def stops(
    conn: Connection, actor: Actor, homes: Collection[str], now: datetime
) -> dict[str, tuple[Stop, ...]]:
    """My planned visits of this round by home, by time: those of today, and of half a day around
    now."""
    midnight = local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    start = min(midnight, now - NIGHT)
    end = max(midnight + timedelta(days=1), now + NIGHT)
    teams = plan.teams_of(conn, actor.person)
    mine = [
        visit
        for visit in plan.planned(conn, homes, start, end)
        if visit.is_for(actor.person, teams)
        and (midnight <= visit.since or visit.until > now - NIGHT)
    ]
    v, d = t.visit.c, t.visit_declined.c
    near = select(t.visit).where(
        among(v.home_id, homes), v.person == actor.person, v.since > start - REACH
    )
    visits: dict[str, list[VisitRow]] = {}
    for row in read_all(conn, VisitRow, near):
        visits.setdefault(row.home_id, []).append(row)
    declined = dict(
        conn.execute(
            select(d.planned, d.why).where(among(d.home_id, homes), d.at > start - REACH)
        ).all()
    )
    by_home: dict[str, tuple[Stop, ...]] = {}
    used: set[str] = set()
    for visit in mine:
        state = _state(visit, visits.get(visit.home, ()), used, declined, now)
        if state == "next" and any(one.state == "next" for one in by_home.get(visit.home, ())):
            state = "later"
        others = tuple(person for person in visit.people if person != actor.person)
        stop = Stop(visit, state, declined.get(visit.id), others)
        by_home[visit.home] = (*by_home.get(visit.home, ()), stop)
    return by_home


def _state(
    visit: PlannedVisit,
    visits: Sequence[VisitRow],
    used: set[str],
    declined: Mapping[str, object],
    now: datetime,
) -> str:
    for row in visits:
        at = row.corrected_since or row.since
        near = at is not None and visit.since - REACH <= at <= visit.until + REACH
        if row.id not in used and near:
            used.add(row.id)
            return "done"
    if visit.id in declined:
        return "undone"
    return "past" if visit.until + REACH < now else "next"


def unended(conn: Connection, actor: Actor, now: datetime) -> list[VisitRow]:
    """My visits that should have ended and have no departure, oldest first: never invented, always
    asked for."""
    v = t.visit.c
    query = select(t.visit).where(
        v.person == actor.person,
        among(v.home_id, actor.homes),
        v.overdue,
        v.until.is_(None),
        v.corrected_until.is_(None),
        v.since > now - ASKED_FOR,
    )
    return read_all(conn, VisitRow, query.order_by(v.since))
