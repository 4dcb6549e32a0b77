"""Alarms of care that were taken back in the home, on Nu: who had taken one is told, and whoever
doubts it can look.

Not for: what is open (`incidents`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select

from gateway.events import Severity
from web.staff.core.rights import Actor, Right
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import AlarmRow, read_all

BY_PEOPLE = ("wearer", "caregiver")
"""Reasons of `alarm.cancelled` that somebody gave; what ended by itself is no news."""

TOLD_FOR = timedelta(hours=1)
"""Long enough for who was on the way to arrive, or to turn round and to ring first."""

TOLD = 20
"""So many at the most, the newest."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """One of them; `mine`: I had taken it."""

    row: AlarmRow
    mine: bool


def read(conn: Connection, actor: Actor, now: datetime) -> list[TakenBack]:
    """Those of the last hour, in one's own homes and those that one had taken elsewhere."""
    if not actor.may(Right.SEE_CARE):
        return []
    a = t.alarm.c
    query = (
        select(t.alarm)
        .where(
            a.raised_at > now - timedelta(days=1) - TOLD_FOR,
            a.closed_at > now - TOLD_FOR,
            a.outcome == "cancelled",
            a.reason.in_(BY_PEOPLE),
            or_(a.severity.is_(None), a.severity == Severity.CARE.value),
            or_(among(a.home_id, actor.homes), a.acknowledged_by == actor.person),
        )
        .order_by(a.closed_at.desc())
        .limit(TOLD)
    )
    rows = read_all(conn, AlarmRow, query)
    return [TakenBack(row, row.acknowledged_by == actor.person) for row in rows]
