"""Uppföljning: how long help took and what the alarms were, in a month, by cause, finding, area and
home; computed from events alone, and never of a few.

Not for: the arithmetic (`web.staff.care.alarm_figures`), or one alarm (`alarm`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from flask import Response, request
from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from gateway.events import AlarmFinding, AlarmOutcome, Severity
from web.staff.care import alarm_figures, response_times
from web.staff.care.alarm_figures import HIDDEN, Figures
from web.staff.care.few import FEW, is_few
from web.staff.care.response_times import Answered
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups, months, reading
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.routes import Menu, get
from web.staff.pages.visit import file
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.texts import alarm_words, words
from web.staff.texts.event_summary import alarm_word
from web.staff.visits.visit_export import csv_bytes

K = TypeVar("K", bound=Hashable)

MONTHS = 12
"""Months in the list."""

FALSE_CODES = frozenset({*alarm_figures.FALSE, AlarmOutcome.FALSE.value})
"""What is counted as false: their sum stands beside the table of what the alarms were."""

HOMES = 100
"""Homes that the page shows, those with most alarms; the file has all of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Table:
    """Groups that the month's alarms fall into; `hidden` of them are not shown."""

    key: str
    title: str
    rows: tuple[Row, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the list; None: too few to say."""

    first: date
    count: int | None
    false: int | None


@get(
    "/uppfoljning",
    "follow_up",
    right=Right.ASSIGN,
    menu=Menu(65, "check-circle", N_("Uppföljning")),
    examples=({}, {"manad": "2026-11", "slag": "teknik"}, {"manad": "2026-10"}),
)
def show(actor: Actor) -> str:
    """The page `/uppfoljning?manad=2026-11`."""
    with staff().db.read() as conn:
        month, technical = months.asked(), request.args.get("slag") == "teknik"
        alarms = _read(conn, actor, month, technical=technical)
        tables = list(_tables(conn, actor, alarms, finished=months.is_finished(month)))
        return page(
            "follow_up.html",
            conn,
            actor,
            month=month,
            technical=technical,
            finished=months.is_finished(month),
            total=alarm_figures.whole(alarms),
            tables=tables,
            months=_months(conn, actor, technical=technical),
            few=FEW,
            steps=STEPS,
            lasted=alarm_words.lasted,
            homes_most=HOMES,
            may_audit=actor.may(Right.AUDIT_ACCESS),
            **main_attributes(),
        )


STEPS: Mapping[str, str] = {
    "delivered": N_("Framme hos någon"),
    "acknowledged": N_("Kvitterat"),
    "arrived": N_("På plats"),
    "resolved": N_("Avslutat"),
}
"""Fields of `Figures`, in the order in which they happen."""


@get("/uppfoljning/fil", "follow_up_file", right=Right.ASSIGN)
def as_file(actor: Actor) -> Response:
    """The same as CSV: `/uppfoljning/fil?manad=2026-11`."""
    with staff().db.read() as conn:
        month, technical = months.asked(), request.args.get("slag") == "teknik"
        alarms = _read(conn, actor, month, technical=technical)
        tables = list(_tables(conn, actor, alarms, finished=months.is_finished(month)))
    lines = [("total", "", alarm_figures.whole(alarms))]
    lines += [(table.key, row.name, row.figures) for table in tables for row in table.rows]
    rows = [(f"{month:%Y-%m}", group, name, *_cells(one)) for group, name, one in lines]
    name = f"tryggve-larm-{month:%Y-%m}{'-teknik' if technical else ''}.csv"
    return file(csv_bytes(HEADER, rows), name, "text/csv")


HEADER = (
    *("month", "group", "name", "alarms", "false_alarms"),
    *(f"{step}_{share}_s" for step in STEPS for share in ("p50", "p90")),
)


def _cells(one: Figures) -> Iterator[object]:
    yield from (one.count, one.false)
    for step in STEPS:
        spread = getattr(one, step)
        for took in (spread.p50, spread.p90):
            yield None if took is None else round(took.total_seconds())


# --- which alarms ---------------------------------------------------------------------------------


def _concerned(actor: Actor, *, technical: bool) -> ColumnElement[bool]:
    a = t.alarm.c
    kind = a.severity == Severity.TECHNICAL.value
    if not technical:
        kind = or_(a.severity.is_(None), a.severity == Severity.CARE.value)
    return and_(among(a.home_id, actor.homes), kind)


def _read(conn: Connection, actor: Actor, month: date, *, technical: bool) -> list[Answered]:
    a = t.alarm.c
    within = and_(a.raised_at >= months.begins(month), a.raised_at < months.ends(month))
    concerned = and_(within, _concerned(actor, technical=technical))
    return alarm_figures.once_each(response_times.read(conn, concerned))


def _months(conn: Connection, actor: Actor, *, technical: bool) -> list[Month]:
    """The last months, newest first: how many alarms, and how many of them false.  Each home's
    alarm counts here, also where many rang as one."""
    a = t.alarm.c
    first = months.last(MONTHS)
    said_false = or_(
        a.finding.in_(sorted(alarm_figures.FALSE)),
        and_(a.finding.is_(None), a.outcome == "false"),
    )
    columns = []
    for number, month in enumerate(first):
        within = and_(a.raised_at >= months.begins(month), a.raised_at < months.ends(month))
        columns += [
            func.count(case((within, 1))).label(f"all{number}"),
            func.count(case((and_(within, said_false), 1))).label(f"false{number}"),
        ]
    query = select(*columns).where(
        a.raised_at >= months.begins(first[-1]), _concerned(actor, technical=technical)
    )
    row = conn.execute(query).one()._mapping
    return [
        Month(month, *_shown(row[f"all{number}"], row[f"false{number}"]))
        for number, month in enumerate(first)
    ]


def _shown(count: int, false: int) -> tuple[int | None, int | None]:
    if is_few(count):
        return None, None
    return count, None if is_few(false) or is_few(count - false) else false


# --- the tables -----------------------------------------------------------------------------------


def _tables(
    conn: Connection, actor: Actor, alarms: Sequence[Answered], *, finished: bool
) -> Iterator[Table]:
    causes = alarm_figures.by(alarms, lambda one: one.type or "")
    yield _table("cause", _("Larm efter orsak"), causes, alarm_word)
    findings = alarm_figures.by(alarms, alarm_figures.found, part=lambda code: code in FALSE_CODES)
    yield _table("finding", _("Vad larmen var"), findings, _found_word)
    if not finished:
        return
    areas = lookups.areas(conn, actor)
    nowhere = (0, _("Utan område"))

    def area_of(one: Answered) -> tuple[int, str] | None:
        return areas.get(one.home, nowhere) if one.home else None

    in_areas = alarm_figures.by(alarms, area_of)
    yield _table("area", _("Larm efter område"), in_areas, lambda area: area[1])
    if actor.may(Right.SEE_CARE):
        places = lookups.places(conn, actor)
        homes = _of_homes(alarms, areas, nowhere, in_areas)
        seen = {home for home, one in homes.items() if one.count is not None}
        reading.note(actor, seen, "figures")
        yield _table(
            "home",
            _("Larm efter hem"),
            homes,
            lambda home: f"{places[home].who}, {places[home].where}",
        )


def _of_homes(
    alarms: Sequence[Answered],
    areas: Mapping[str, tuple[int, str]],
    nowhere: tuple[int, str],
    in_areas: Mapping[tuple[int, str], Figures],
) -> dict[str, Figures]:
    """The homes, area by area: an area's own sum stands above, and in one that is hidden they are
    too."""
    found: dict[str, Figures] = {}
    for area, figures in in_areas.items():
        here = [one for one in alarms if one.home and areas.get(one.home, nowhere) == area]
        of_area = alarm_figures.by(here, lambda one: one.home)
        found |= of_area if figures.count is not None else dict.fromkeys(of_area, HIDDEN)
    return dict(sorted(found.items(), key=lambda item: -(item[1].count or 0)))


def _found_word(code: str) -> str:
    if code == "open":
        return _("Inte avslutat än")
    if code == "cancelled":
        return _("Återtaget, eller över av sig självt")
    if code in {one.value for one in AlarmFinding}:
        return words.enum_word(AlarmFinding, code)
    return _("Avslutat utan angiven orsak")


def _table(key: str, title: str, groups: Mapping[K, Figures], name: Callable[[K], str]) -> Table:
    rows = [Row(name(group), one) for group, one in groups.items() if one.count is not None]
    return Table(key, title, tuple(rows), len(groups) - len(rows))
