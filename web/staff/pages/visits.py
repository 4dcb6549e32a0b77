"""Besök: what was planned and what was done, a day or a week, with both stamps and their sources.

A correction stands beside the original, never instead of it; a missing departure is said to be
missing.  Not for: correcting, approving, locking (`visit`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy import Connection

from web.staff.core.context import staff
from web.staff.core.i18n import N_, ZONE, day_of, local
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups, reading
from web.staff.pages.forms import number_of
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.lookups import Place
from web.staff.pages.routes import Menu, get
from web.staff.storage.rows import VisitRow
from web.staff.visits import visit_actions, visit_export
from web.staff.visits.followup import Compared
from web.staff.visits.plan import PlannedVisit
from web.staff.visits.visit_actions import times_of

AHEAD = timedelta(days=31)
"""How far ahead the plan may be looked at."""


PAGE = 100
"""Lines on a page: a day of some twenty homes is on one, and what is read and approved is what was
seen."""


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One line: a visit (`row`), what was planned, or both.  `minutes` is None while there is no
    departure; `first` False for the second visit of a double-staffed one."""

    row: VisitRow | None
    planned: PlannedVisit | None
    compared: Compared
    place: Place | None
    who: str
    minutes: int | None
    day: date
    first: bool
    may_correct: bool


@dataclass(frozen=True, slots=True)
class Count:
    """The lines in numbers."""

    planned: int
    done: int
    differ: int


@get(
    "/besok",
    "visits",
    right=Right.SEE_CARE,
    menu=Menu(60, "walk", N_("Besök")),
    examples=({}, {"dag": "2026-11-23"}, {"vecka": "1", "visa": "avvikelser"}),
)
def visits(actor: Actor) -> str:
    """The page `/besok?dag=2026-11-23`; with `vecka=1` that day's week, with `visa=avvikelser` only
    what differs."""
    parts = staff()
    now = parts.clock.now()
    today = local(now).date()
    day = _day(today)
    week = bool(request.args.get("vecka"))
    first, count = (day - timedelta(days=day.weekday()), 7) if week else (day, 1)
    start, end = midnight(first), midnight(first + timedelta(days=count))
    only = request.args.get("visa") == "avvikelser"
    with parts.db.read() as conn:
        places = lookups.places(conn, actor)
        names = lookups.names(conn, actor)
        days = read_days(conn, actor, start, end)
        every = list(_lines(actor, days, places, names, lookups.teams(conn, actor)))
        wanted = [line for line in every if line.compared.deviations or not only]
        number, pages = _page_of(len(wanted))
        lines = wanted[(number - 1) * PAGE : number * PAGE]
        reading.note(actor, {line.compared.home for line in lines}, "visits")
        return page(
            "visits.html",
            conn,
            actor,
            lines=lines,
            count=_count(every),
            number=number,
            pages=pages,
            names=names,
            day=day,
            first=first,
            last=first + timedelta(days=count - 1),
            week=week,
            only=only,
            today=today,
            before=day - timedelta(days=count),
            after=day + timedelta(days=count) if midnight(day) < now + AHEAD else None,
            approvable=[line.row.id for line in lines if line.row and _approvable(line)],
            coordinates=actor.may(Right.CORRECT_VISIT),
            locked=sorted(Counter(visit_actions.lock_dates(parts, conn, places).values()).items()),
            **main_attributes(kinds="visit"),
        )


def _page_of(count: int) -> tuple[int, int]:
    """Which page of the lines is asked for, of how many."""
    pages = max(1, -(-count // PAGE))
    asked = request.args.get("sida", "")
    number = number_of(asked, none=1, digits=5)
    return min(max(number, 1), pages), pages


def read_days(conn: Connection, actor: Actor, start: datetime, end: datetime) -> visit_export.Days:
    """The days of the homes that the actor sees."""
    parts = staff()
    tolerance = timedelta(minutes=parts.config.visits.tolerance_min)
    return visit_export.read_days(
        conn, actor.homes, start, end, now=parts.clock.now(), tolerance=tolerance
    )


def midnight(day: date) -> datetime:
    """Local midnight at the beginning of a day."""
    return datetime.combine(day, time(), ZoneInfo(ZONE))


def _day(today: date) -> date:
    asked = day_of(request.args.get("dag", ""))
    return today if asked is None else min(asked, today + AHEAD)


def _lines(
    actor: Actor,
    days: visit_export.Days,
    places: dict[str, Place],
    names: dict[str, str],
    teams: dict[int, str],
) -> Iterable[VisitLine]:
    parts = staff()
    for compared in days.lines:
        place = places.get(compared.home)
        here = local(compared.at, place.zone if place else None).date()
        planned, said = compared.planned, compared.undone
        if not compared.done:
            who = [said.person or ""] if said else list(planned.people if planned else ())
            who_text = ", ".join(names.get(one, one) for one in who)
            if not who_text and planned is not None and planned.team is not None:
                who_text = teams.get(planned.team, "")
            yield VisitLine(None, planned, compared, place, who_text, None, here, True, False)
        for number, one in enumerate(compared.done):
            row = days.rows[one.ref]
            yield VisitLine(
                row=row,
                planned=planned,
                compared=compared,
                place=place,
                who=names.get(row.person or "", row.person or ""),
                minutes=_minutes(row),
                day=here,
                first=number == 0,
                may_correct=visit_actions.may_correct(parts, actor, row),
            )


def _minutes(row: VisitRow) -> int | None:
    times = times_of(row)
    if times.since is None or times.until is None:
        return None
    return max(0, round(float((times.until - times.since).total_seconds()) / 60))


def _approvable(line: VisitLine) -> bool:
    return line.minutes is not None and line.row is not None and line.row.approved_at is None


def _count(lines: list[VisitLine]) -> Count:
    firsts = [line for line in lines if line.first]
    return Count(
        planned=sum(line.planned is not None for line in firsts),
        done=sum(line.row is not None for line in lines),
        differ=sum(bool(line.compared.deviations) for line in firsts),
    )
