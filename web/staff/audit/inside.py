"""Who was inside a home, and how they came in: visits, each with the turn of a lock that opened the
door, and doors that were opened without a visit after it.

Not for: who read what (`access_log`), or words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from gateway.access.codes import ID_PREFIX
from gateway.access.grants import Action
from gateway.events import LockOperationOutcome
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import TurnRow, VisitRow, read_all

BEFORE, AFTER = timedelta(minutes=15), timedelta(minutes=5)
"""How long before a visit's beginning, and after it, a turn may lie that let the person in: a tap
may come late or early, and the next door is a round's quarter of an hour away."""

TURNS_A_ROW = 4
"""Turns that are read for each row asked for: in, out, and once again."""

STILL_OPEN = timedelta(days=2)
"""A visit without a departure is shown for so long after it began."""


@dataclass(frozen=True, slots=True)
class Inside:
    """One row.  `visit` None: the door was opened, and no visit is known; `turn` None: nobody knows
    of a door that was opened for it.  `since` is when it counts from, `until` None: no departure
    is known."""

    home: str
    person: str | None
    since: datetime
    until: datetime | None
    visit: VisitRow | None
    turn: TurnRow | None

    @property
    def by_code(self) -> bool:
        """Whether the door was opened by a one-time code, typed at the door."""
        return self.turn is not None and self.turn.grant.startswith(ID_PREFIX)


def read(
    conn: Connection,
    homes: Collection[str],
    start: datetime,
    end: datetime,
    *,
    person: str | None = None,
    limit: int | None = None,
) -> list[Inside]:
    """Who was inside these homes at any time from `start` to `end`, the latest to come first."""
    visits = _visits(conn, homes, start, end, person, limit)
    oldest = min((at for one in visits if (at := _begun(one)) is not None), default=start)
    turns = _turns(conn, homes, min(start, oldest) - BEFORE, end + AFTER, person, limit)
    rows: list[Inside] = []
    used: set[str] = set()
    for visit in visits:
        since = _begun(visit)
        if since is None:
            continue
        near = turns.get((visit.home_id, visit.person), ())
        turn = _nearest(since, (one for one in near if one.grant not in used))
        if turn is not None:
            used.add(turn.grant)
        until = visit.corrected_until or visit.until
        rows.append(Inside(visit.home_id, visit.person, since, until, visit, turn))
    for (home, who), some in turns.items():
        mine = [row for row in rows if (row.home, row.person) == (home, who)]
        for turn in some:
            at = turn.step_at
            if turn.grant not in used and start <= at < end and not _was_inside(mine, at):
                rows.append(Inside(home, who, at, None, None, turn))
    return sorted(rows, key=lambda row: (row.since, row.home), reverse=True)[:limit]


def _begun(visit: VisitRow) -> datetime | None:
    return visit.corrected_since or visit.since


def _visits(
    conn: Connection,
    homes: Collection[str],
    start: datetime,
    end: datetime,
    person: str | None,
    limit: int | None,
) -> list[VisitRow]:
    v = t.visit.c
    since = func.coalesce(v.corrected_since, v.since)
    until = func.coalesce(v.corrected_until, v.until)
    still = and_(until.is_(None), since >= start - STILL_OPEN)
    query = select(t.visit).where(
        among(v.home_id, homes), since < end, or_(since >= start, until > start, still)
    )
    if person is not None:
        query = query.where(v.person == person)
    return read_all(conn, VisitRow, query.order_by(since.desc(), v.id).limit(limit))


def _turns(
    conn: Connection,
    homes: Collection[str],
    start: datetime,
    end: datetime,
    person: str | None,
    limit: int | None,
) -> dict[tuple[str, str | None], list[TurnRow]]:
    """Turns that opened a door, or may have, by home and person."""
    u = t.turn.c
    query = select(t.turn).where(
        among(u.home_id, homes),
        u.step_at >= start,
        u.step_at < end,
        u.step == "ended",
        u.action == Action.UNLOCK.value,
        u.outcome != LockOperationOutcome.FAILED.value,
    )
    if person is not None:
        query = query.where(u.person == person)
    by_whom: dict[tuple[str, str | None], list[TurnRow]] = {}
    most = None if limit is None else limit * TURNS_A_ROW
    for row in read_all(conn, TurnRow, query.order_by(u.step_at.desc()).limit(most)):
        by_whom.setdefault((row.home_id, row.person), []).append(row)
    return by_whom


def _nearest(since: datetime, turns: Iterable[TurnRow]) -> TurnRow | None:
    near = [one for one in turns if since - BEFORE <= one.step_at <= since + AFTER]
    return min(near, key=lambda one: abs(one.step_at - since), default=None)


def _was_inside(visits: Iterable[Inside], at: datetime) -> bool:
    """Whether it was during a visit: out to the bin and in again."""
    return any(row.since - BEFORE <= at <= (row.until or at) + AFTER for row in visits)
