"""Besök: the visits of one day with both stamps and where each comes from.

A correction stands beside the original, never instead of it; a missing departure is said to be
missing.  Not for: correcting (comes with follow-up), or planning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy import Row, or_, select

from web.staff import actions
from web.staff import tables as t
from web.staff.context import staff
from web.staff.i18n import ZONE, day_of, local
from web.staff.pages import reading
from web.staff.pages.frame import is_fragment, main_attributes, need, page, signed_in
from web.staff.pages.reading import Place
from web.staff.rights import Actor, Right


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One visit.  `minutes` is None while it has no departure."""

    row: Row[Any]
    place: Place | None
    who: str
    minutes: int | None


@signed_in
def visits(actor: Actor) -> str:
    """The page `/besok?dag=2026-11-23`."""
    need(actor, Right.SEE_CARE)
    now = staff().clock.now()
    day = _day(now)
    start = datetime.combine(day, time(), ZoneInfo(ZONE))
    end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(ZONE))
    with staff().db.read() as conn:
        places = reading.places(conn, actor)
        names = reading.names(conn, actor)
        v = t.visit.c
        today = day == local(now).date()
        inside = v.since.between(start, end - timedelta(milliseconds=1))
        # what is still open is shown today, whenever it began; so is one whose start has not come
        still = or_(v.until.is_(None), v.since.is_(None)) if today else v.since.is_(None)
        query = select(t.visit).where(v.home_id.in_(places), or_(inside, still))
        rows = conn.execute(query.order_by(v.since)).all()
        if not is_fragment():
            for home in sorted({row.home_id for row in rows}):
                actions.record_read(staff(), actor, home, "visits")
        lines = [
            VisitLine(
                row=row,
                place=places.get(row.home_id),
                who=names.get(row.person, row.person or ""),
                minutes=_minutes(row),
            )
            for row in rows
        ]
        return page(
            "visits.html",
            conn,
            actor,
            lines=lines,
            names=names,
            day=day,
            today=today,
            before=day - timedelta(days=1),
            after=None if today else day + timedelta(days=1),
            **main_attributes(kinds="visit"),
        )


def _day(now: datetime) -> date:
    today = local(now).date()
    asked = day_of(request.args.get("dag", ""))
    return today if asked is None else min(asked, today)


def _minutes(row: Row[Any]) -> int | None:
    since = row.corrected_since or row.since
    until = row.corrected_until or row.until
    if since is None or until is None:
        return None
    return max(0, round(float((until - since).total_seconds()) / 60))
