"""The plan: which visits are to be made, and which one somebody is here for now.

A planned visit says when, where and what; it may name persons, or a team, or nobody.  Where fewer
are named than are needed, the place left open is for the team, or for anybody who is assigned to
the home.  A home without any plan has no planned window: there the assignment alone suffices.

Reads only.  Not for: bringing a plan in (`plan_import`), or comparing it with what was done
(`followup`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from web.staff.core.config import OPEN_AFTER_MIN, OPEN_BEFORE_MIN
from web.staff.core.rights import Actor
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.plan_tables import absence, plan_staff, plan_visit

FRESH = timedelta(days=1)
"""A home has a plan when something is planned ahead or was until a day ago.  After that the plan
has run out: better the assignment alone than a carer outside a locked door."""


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One visit of the plan; times aware UTC.  `people` are person ids, in order; `team` an id of
    `team`, None: none named; `staff_needed` 2: double staffing."""

    id: str
    home: str
    since: datetime
    until: datetime
    what: str
    people: tuple[str, ...]
    team: int | None
    staff_needed: int
    source: str
    external_id: str
    withdrawn: bool = False

    @property
    def open_place(self) -> bool:
        """Whether fewer are named than are needed."""
        return len(self.people) < self.staff_needed

    def is_for(self, person: str, teams: Collection[int]) -> bool:
        """Whether `person`, a member of `teams` and assigned to the home, is to make it."""
        if person in self.people:
            return True
        return self.open_place and (self.team is None or self.team in teams)


def planned(
    conn: Connection,
    homes: Collection[str],
    start: datetime,
    end: datetime,
    *,
    withdrawn: bool = False,
) -> list[PlannedVisit]:
    """The visits of these homes that overlap `start` to `end`, by time; those that were taken out
    of the plan too with `withdrawn`."""
    p = plan_visit.c
    query = select(plan_visit).where(among(p.home_id, homes), p.since < end, p.until > start)
    if not withdrawn:
        query = query.where(p.withdrawn_at.is_(None))
    rows = conn.execute(query.order_by(p.since, p.id)).all()
    people = _people(conn, [row.id for row in rows])
    return [_visit(row, people.get(row.id, ())) for row in rows]


def teams_of(conn: Connection, person: str) -> frozenset[int]:
    """The teams that a person is a member of."""
    return frozenset(conn.execute(_TEAMS_OF, {"person": person}).scalars())


def has_plan(conn: Connection, home: str, now: datetime) -> bool:
    """Whether anything is planned for the home, ahead or until a day ago (`FRESH`)."""
    return conn.execute(_HAS_PLAN, {"home": home, "since": now - FRESH}).first() is not None


# Built once: every door that is opened asks them.
_TEAMS_OF = (
    select(t.team_member.c.team_id)
    .join(t.user, t.user.c.id == t.team_member.c.user_id)
    .where(t.user.c.person_id == bindparam("person"))
)
_HAS_PLAN = (
    select(plan_visit.c.id)
    .where(
        plan_visit.c.home_id == bindparam("home"),
        plan_visit.c.until > bindparam("since"),
        plan_visit.c.withdrawn_at.is_(None),
    )
    .limit(1)
)


def planned_now(
    conn: Connection,
    actor: Actor,
    home: str,
    now: datetime,
    *,
    before_min: float = OPEN_BEFORE_MIN,
    after_min: float = OPEN_AFTER_MIN,
) -> PlannedVisit | None:
    """The planned visit that `actor` is at the door for: the one whose planned time is nearest.

    The door may be opened `before_min` minutes before the planned beginning until `after_min` after
    the planned end (the caller gives `config.plan`'s).  None: nothing is planned for this person
    now; ask `has_plan` whether the home has a plan at all.  The caller checks the assignment.
    """
    early, late = timedelta(minutes=before_min), timedelta(minutes=after_min)
    teams = teams_of(conn, actor.person)
    mine = [
        visit
        for visit in planned(conn, [home], now - late - _NOT_A_MOMENT, now + early + _NOT_A_MOMENT)
        if visit.is_for(actor.person, teams) and visit.since - early <= now <= visit.until + late
    ]
    return min(mine, key=lambda visit: (_distance(visit, now), visit.since), default=None)


_NOT_A_MOMENT = timedelta(seconds=1)  # `planned` leaves out what only touches; the ends count here


def _distance(visit: PlannedVisit, now: datetime) -> timedelta:
    return max(visit.since - now, now - visit.until, timedelta())


def one(conn: Connection, homes: Collection[str], plan_id: str) -> PlannedVisit | None:
    """A planned visit of one of `homes` by its id; None when there is none."""
    p = plan_visit.c
    row = conn.execute(
        select(plan_visit).where(p.id == plan_id, among(p.home_id, homes))
    ).one_or_none()
    return None if row is None else _visit(row, _people(conn, [row.id]).get(row.id, ()))


def away(conn: Connection, homes: Collection[str], start: datetime, end: datetime) -> list[Any]:
    """Rows of `absence` of these homes that overlap `start` to `end` and were not ended before."""
    a = absence.c
    query = select(absence).where(among(a.home_id, homes), a.since < end)
    rows = conn.execute(query.order_by(a.since, a.id)).all()
    return [row for row in rows if (until := _until(row)) is None or until > start]


def _until(row: Any) -> datetime | None:
    ends = [at for at in (row.until, row.ended_at) if at is not None]
    return min(ends) if ends else None


def is_away(rows: Iterable[Any], home: str, at: datetime) -> bool:
    """Whether one of the rows of `away` says that the resident of `home` is away at `at`."""
    for row in rows:
        until = _until(row)
        if row.home_id == home and row.since <= at and (until is None or at < until):
            return True
    return False


def _people(conn: Connection, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    by_plan: dict[str, tuple[str, ...]] = {}
    s = plan_staff.c
    query = select(plan_staff).where(among(s.plan_id, ids)).order_by(s.person_id)
    for row in conn.execute(query):
        by_plan[row.plan_id] = (*by_plan.get(row.plan_id, ()), row.person_id)
    return by_plan


def _visit(row: Any, people: tuple[str, ...]) -> PlannedVisit:
    return PlannedVisit(
        id=row.id,
        home=row.home_id,
        since=row.since,
        until=row.until,
        what=row.what,
        people=people,
        team=row.team_id,
        staff_needed=row.staff_needed,
        source=row.source,
        external_id=row.external_id,
        withdrawn=row.withdrawn_at is not None,
    )
