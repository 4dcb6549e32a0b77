"""Nattillsyn i siffror: how the night's checks were answered, in each home and night, and what was
saved against what the unit's round was before.

Who sees care sees each home of the unit.  Who does not, and the file that is made to be passed on,
get months that are over, with groups of a few hidden.  Not for: the arithmetic
(`web.staff.care.night_figures`), or one check.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal
from sqlalchemy import Connection

from web.staff.care import night_baseline, night_figures
from web.staff.care.few import FEW, hidden, is_few
from web.staff.care.night_baseline import NoBaseline
from web.staff.care.night_figures import Before, Counts, HomeNight, Saved, Way
from web.staff.core.context import staff
from web.staff.core.i18n import N_, ZONE, day_of
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups, months, reading
from web.staff.pages.layout import answered, main_attributes, need, page, refused
from web.staff.pages.lookups import Place
from web.staff.pages.routes import get, post
from web.staff.pages.visit import file
from web.staff.visits.visit_export import csv_bytes

NIGHTS = 14
"""Nights in the list."""

NIGHTS_MOST = 62
"""Nights of one file: two months, and a thousand homes of them are 62,000 lines."""

HOMES = 100
"""Homes that the page shows, those where somebody had to go or nobody looked first; the file has
all."""

UNTIL = timedelta(hours=7)
"""Until seven in the evening (noon, and so many hours) the night that is over is what is read."""

WAYS: Mapping[Way, str] = {
    Way.SENSOR: N_("Sensor"),
    Way.CAMERA: N_("Kamera"),
    Way.PHONE: N_("Telefon"),
    Way.OTHER: N_("Annat sätt"),
    Way.VISIT: N_("Besök"),
    Way.AWAY: N_("Borta eller pausad"),
    Way.MISSED: N_("Utebliven"),
    Way.OPEN: N_("Återstår"),
}


@dataclass(frozen=True, slots=True)
class Outside:
    """A month as it may leave the unit.  `homes` and the counts None: too few to say; `areas` are
    homes and checks by area, `hidden` of them not shown."""

    homes: int | None
    ways: Mapping[Way, int | None]
    saved: Saved | None
    areas: tuple[tuple[str, int, int], ...]
    hidden: int


@get(
    "/nattillsyn/siffror",
    "night_figures",
    right=Right.ASSIGN,
    under="follow_up",
    examples=({}, {"natt": "2026-11-22"}, {"natt": "x", "manad": "2026-10"}),
)
def show(actor: Actor) -> str:
    """The page `/nattillsyn/siffror?natt=2026-11-22`; `manad` for who sees no homes."""
    last, month = _last_night(), _month()
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        said = night_baseline.of_org(conn, actor.org)
        before = said[0].before if said else None
        inside = actor.may(Right.SEE_CARE)
        night = min(day_of(request.args.get("natt", "")) or last, last)
        rows: tuple[HomeNight, ...] = ()
        nights: list[tuple[date, Counts]] = []
        if inside:
            rows = _by_need(night_figures.read(conn, _zones(places), [night]))
            reading.note(actor, {one.home for one in rows[:HOMES]}, "figures")
            nights = _nights(conn, places, last)
        total = night_figures.together(rows)
        return page(
            "night_figures.html",
            conn,
            actor,
            inside=inside,
            night=night,
            last=last,
            rows=rows,
            homes_most=HOMES,
            places=places,
            total=total,
            nights=nights,
            saved=night_figures.saved(total, before) if before else None,
            month=month,
            outside=None if inside else _outside(conn, actor, places, month, before),
            said=said,
            names=lookups.names(conn, actor),
            ways=WAYS,
            few=FEW,
            one_night=timedelta(days=1),
            decimal=format_decimal,
            **main_attributes(),
        )


@get(
    "/nattillsyn/siffror/fil",
    "night_figures_file",
    right=Right.ASSIGN,
    examples=({}, {"fran": "2026-11-01", "till": "2026-11-22"}, {"fran": "x", "till": "y"}),
)
def as_file(actor: Actor) -> Response:
    """Each home and night as CSV: `?fran=2026-11-01&till=2026-11-22`, both included."""
    need(actor, Right.SEE_CARE)
    last = _last_night()
    until = min(day_of(request.args.get("till", "")) or last, last)
    since = min(day_of(request.args.get("fran", "")) or until, until)
    since = max(since, until - timedelta(days=NIGHTS_MOST - 1))
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        before = _before(conn, actor)
        nights = night_figures.nights_from(since, (until - since).days + 1)
        found = list(night_figures.read(conn, _zones(places), nights))
    reading.note(actor, {one.home for one in found}, "figures")
    rows = [(f"{one.night:%Y-%m-%d}", one.home, *_cells(one.counts, before)) for one in found]
    name = f"tryggve-nattillsyn-{since:%Y-%m-%d}-{until:%Y-%m-%d}.csv"
    return file(csv_bytes(HEADER, rows), name, "text/csv")


COUNTED = ("checks", *(way.value for way in Way), "looks_avoided")
SAVED = ("visits_saved", "minutes_saved", "km_saved")
HEADER = ("night", "home", *COUNTED, *SAVED)


def _cells(counts: Counts, before: Before | None) -> tuple[object, ...]:
    saved = night_figures.saved(counts, before) if before else None
    ways = (counts.of(way) for way in Way)
    return (counts.total, *ways, counts.looks_avoided, *_saved_cells(saved))


def _saved_cells(saved: Saved | None) -> tuple[object, ...]:
    """Empty where there is nothing to hold it against."""
    if saved is None:
        return (None, None, None)
    return (round(saved.visits, 2), round(saved.minutes), round(saved.km, 1))


@get("/nattillsyn/siffror/manad/fil", "night_figures_month", right=Right.ASSIGN)
def month_file(actor: Actor) -> Response:
    """A month that is over, as it may be passed on: `?manad=2026-10`."""
    month = _month()
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        told = _outside(conn, actor, places, month, _before(conn, actor))
    ways = tuple(told.ways[way] for way in Way)
    head, empty = f"{month:%Y-%m}", (None,) * len(ways)
    known = None if None in ways else sum(one or 0 for one in ways)
    rows = [
        (head, "total", "", told.homes, known, *ways, *_saved_cells(told.saved)),
        *((head, "area", name, homes, count, *empty) for name, homes, count in told.areas),
    ]
    header = ("month", "group", "name", "homes", "checks", *(way.value for way in Way), *SAVED)
    return file(csv_bytes(header, rows), f"tryggve-nattillsyn-{month:%Y-%m}.csv", "text/csv")


@post(
    "/nattillsyn/siffror/fore",
    "night_baseline",
    right=Right.ASSIGN,
    examples=({"visits": "2", "minutes": "25", "km": "7,5"}, {"visits": "x"}),
)
def say_before(actor: Actor) -> ResponseReturnValue:
    """POST `/nattillsyn/siffror/fore`: what a night's round was before."""
    back, form = url_for("pages.night_figures"), request.form
    try:
        visits, minutes, km = (_number(form.get(name, "")) for name in ("visits", "minutes", "km"))
        night_baseline.set_baseline(staff(), actor, Before(visits, minutes, km))
    except (ValueError, NoBaseline):
        most = night_baseline.MOST
        text = _(
            "Skriv siffror: högst %(visits)s besök per natt, %(minutes)s minuter och %(km)s km.",
            visits=round(most.visits),
            minutes=round(most.minutes),
            km=round(most.km),
        )
        return refused(text, back, 422)
    return answered(_("Utgångsläget är sparat. Besparingen räknas om för alla nätter."), back)


def _number(text: str) -> float:
    """A number as it is written here, `7,5`.  Raises `ValueError`."""
    value = float(text.strip().replace(",", ".")) if len(text) < 20 else math.nan
    if not math.isfinite(value):
        raise ValueError("not a number")
    return value


# --- which nights ---------------------------------------------------------------------------------


def _last_night() -> date:
    """The night that is read in the morning; from the evening on, the one that begins."""
    return night_figures.night_of(staff().clock.now() - UNTIL, ZONE)


def _month() -> date:
    """The month that is asked for, if it is over; else the last one that is."""
    asked = months.asked()
    return asked if months.is_finished(asked) else months.before(months.this())


def _zones(places: Mapping[str, Place]) -> dict[str, str]:
    return {place.id: place.zone for place in places.values()}


def _before(conn: Connection, actor: Actor) -> Before | None:
    said = night_baseline.of_org(conn, actor.org)
    return said[0].before if said else None


def _by_need(found: Iterable[HomeNight]) -> tuple[HomeNight, ...]:
    """Where nobody looked or somebody had to go comes first."""

    def order(one: HomeNight) -> tuple[int, ...]:
        return tuple(-one.counts.of(way) for way in (Way.MISSED, Way.VISIT, Way.OPEN, Way.CAMERA))

    return tuple(sorted(found, key=order))


def _nights(conn: Connection, places: Mapping[str, Place], last: date) -> list[tuple[date, Counts]]:
    """The sums of the last nights, the newest first."""
    nights = night_figures.nights_from(last - timedelta(days=NIGHTS - 1), NIGHTS)
    sums = dict.fromkeys(nights, Counts())
    for one in night_figures.read(conn, _zones(places), nights):
        sums[one.night] += one.counts
    return [(night, sums[night]) for night in reversed(nights)]


# --- what leaves the unit -------------------------------------------------------------------------


def _outside(
    conn: Connection,
    actor: Actor,
    places: Mapping[str, Place],
    month: date,
    before: Before | None,
) -> Outside:
    """A month that is over, so that no day's difference says more; of a few homes nothing."""
    nights = night_figures.nights_from(month, (months.after(month) - month).days)
    found = list(night_figures.read(conn, _zones(places), nights))
    total = night_figures.together(found)
    homes = {one.home for one in found}
    if is_few(len(homes)):
        return Outside(None, dict.fromkeys(Way), None, (), 0)
    ways = night_figures.shown(total.ways)
    areas, nowhere = lookups.areas(conn, actor), (0, _("Utan område"))
    groups: dict[tuple[int, str], dict[str, int]] = {}
    for one in found:
        group = groups.setdefault(areas.get(one.home, nowhere), {})
        group[one.home] = group.get(one.home, 0) + one.counts.total
    gone = hidden({area: len(group) for area, group in groups.items()})
    seen = [
        (area[1], len(group), sum(group.values()))
        for area, group in sorted(groups.items(), key=lambda item: item[0][1])
        if area not in gone
    ]
    is_told = before is not None and ways[Way.VISIT] is not None
    saved = night_figures.saved(total, before) if before is not None and is_told else None
    return Outside(len(homes), ways, saved, tuple(seen), len(gone))
