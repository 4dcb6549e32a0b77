"""How long help took: from an alarm's raising to its being delivered, taken, answered and closed.

Computed from the tables that are folded from events, and from nothing else: a rebuild gives the
same.  An alarm counts from when the home raised it, however late the server learned of it; somebody
is there from the visit's beginning, as corrected, however late that was told.

Pure but for `read`.  Not for: shares and counts (`alarm_figures`), or words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from web.staff.storage import tables
from web.staff.storage.rows import AlarmRow

CLOCKS_APART = timedelta(minutes=1)
"""How far the server's clock may be before the home's: NTP keeps both within seconds.  A step that
lies further before the alarm is unknown, not quick."""


@dataclass(frozen=True, slots=True)
class Response:
    """How long after it was raised an alarm got so far; None: it did not, or nobody knows."""

    delivered: timedelta | None
    acknowledged: timedelta | None
    arrived: timedelta | None
    resolved: timedelta | None


UNKNOWN = Response(None, None, None, None)


def of(row: AlarmRow, visit_since: datetime | None) -> Response:
    """Of one alarm; `visit_since`: when the visit that answers it began."""
    return between(
        row.raised_at,
        row.delivered_at,
        row.first_acknowledged_at,
        arrival(row.raised_at, visit_since, row.arrived_at),
        None if row.outcome == "cancelled" else row.closed_at,
    )


def arrival(
    raised: datetime | None, visit_since: datetime | None, told: datetime | None
) -> datetime | None:
    """When somebody was there: when the visit began, or the alarm where that was later; when the
    server learned of it, where the visit's beginning is not known."""
    if told is None:
        return None
    if visit_since is None:
        return told
    return visit_since if raised is None else max(visit_since, raised)


def between(
    raised: datetime | None,
    delivered: datetime | None,
    acknowledged: datetime | None,
    arrived: datetime | None,
    resolved: datetime | None,
) -> Response:
    """The times from `raised`."""
    if raised is None:
        return UNKNOWN
    return Response(*(_after(raised, at) for at in (delivered, acknowledged, arrived, resolved)))


def _after(raised: datetime, at: datetime | None) -> timedelta | None:
    if at is None or at < raised - CLOCKS_APART:
        return None
    return max(at - raised, timedelta())


def percentile(values: Iterable[timedelta | None], share: float) -> timedelta | None:
    """The value that `share` of them (0 to 1) do not exceed: one of the values, by the nearest
    rank.  None: there are none."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return known[max(0, math.ceil(share * len(known)) - 1)]


@dataclass(frozen=True, slots=True)
class Answered:
    """One alarm as the figures need it."""

    home: str
    type: str | None
    severity: str | None
    raised_at: datetime
    outcome: str | None
    finding: str | None
    response: Response


def read(conn: Connection, concerned: ColumnElement[bool]) -> Sequence[Answered]:
    """The alarms that `concerned` (of `alarm`) names, by when they were raised."""
    a, v = tables.alarm.c, tables.visit.c
    since = func.coalesce(v.corrected_since, v.since, type_=v.since.type)
    query = (
        select(
            *(a.home_id, a.type, a.severity, a.raised_at, a.outcome, a.finding),
            *(a.delivered_at, a.first_acknowledged_at, a.arrived_at, a.closed_at),
            since.label("visit_since"),
        )
        .outerjoin(tables.visit, v.id == a.arrived_visit)
        .where(a.raised_at.is_not(None), concerned)
        .order_by(a.raised_at, a.id)
    )
    return [
        Answered(
            home=row.home_id,
            type=row.type,
            severity=row.severity,
            raised_at=row.raised_at,
            outcome=row.outcome,
            finding=row.finding,
            response=between(
                row.raised_at,
                row.delivered_at,
                row.first_acknowledged_at,
                arrival(row.raised_at, row.visit_since, row.arrived_at),
                None if row.outcome == "cancelled" else row.closed_at,
            ),
        )
        for row in conn.execute(query)
    ]
