"""Händelser: what happened, newest first; live, filtered, searched, paged.

What the sensors told row by row is folded (`event_folds`), and a link away.  Opening it writes
`record.read` for each home on the page; the live refresh does not write it again.
Not for: reading the log (`event_list`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import request, url_for

from gateway.events import KINDS
from web.staff.core.context import staff
from web.staff.core.i18n import N_, ZONE, day_of
from web.staff.core.rights import Actor, Right
from web.staff.pages import event_folds, event_list, lists, lookups, reading
from web.staff.pages.event_list import Cursor
from web.staff.pages.home_choice import homes_asked
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.lookups import Place
from web.staff.pages.routes import Menu, get
from web.staff.storage.hours import hours_in
from web.staff.texts import kind_words

PAGE = 50
"""Events on a page: what one looks through without losing one's place."""

EVERY_HOME = "alla"
"""Whose raw rows are asked for, when not one home's."""


@get(
    "/handelser",
    "events",
    menu=Menu(40, "list", N_("Händelser")),
    examples=(
        {},
        {"slag": "alarm", "sok": "x", "fran": "2026-11-23"},
        {"rader": "h1", "timme": "498741", "enhet": "bed"},
        {"hemmet": "prov"},
    ),
)
def events(actor: Actor) -> str:
    """The page `/handelser`; with `rader=<home>` the sensors' raw rows of that home (`alla`: of
    every home), which it folds otherwise, of some hours (`timme`) and one device (`enhet`) where
    they are named."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        wanted = _filter(places)
        names = lookups.names(conn, actor)
        lines = event_list.latest(conn, actor, wanted, PAGE + 1)
        more, lines = len(lines) > PAGE, lines[:PAGE]
        last = lines[-1].cursor if more else None
        folded = event_folds.read(conn, actor, wanted, last, places)
        if folded.floor is not None:  # the rest of both is on the next page
            lines = [one for one in lines if one.at >= folded.floor]
            last = Cursor(folded.floor, "", 0)
        if actor.may(Right.SEE_CARE):
            homes = {one.home for one in lines} | {one.home for one in folded.lines if one.home}
            reading.note(actor, homes, "events")
        groups = kind_words.GROUPS
        if not actor.may(Right.SEE_CARE):
            groups = {key: groups[key] for key in ("device", "system")}
        listing = event_list.listing(conn, actor, lines, places, names)
        newest = wanted.older_than is None
        live = _live() if newest and not wanted.readings else {}
        return page(
            "events.html",
            conn,
            actor,
            listing=event_folds.with_folds(listing, folded.lines),
            places=places,
            many=len(places) > lists.FEW,
            groups=groups,
            wanted=request.args,
            readings=wanted.readings,
            back=_address(rader=None, timme=None, enhet=None, fore=None),
            address=_address,
            older=_address(fore=str(last)) if last is not None else None,
            newest=None if newest else _address(fore=None),
            first=newest and not wanted.text and not wanted.until,
            **main_attributes(home=_home(), **live),
        )


def _live() -> dict[str, str]:
    """What the open page is brought up to date for: at once, and for raw rows when it has time."""
    shown = KINDS.keys() - event_list.QUIET - event_list.RAW
    return {
        "kinds": " ".join(sorted({kind.partition(".")[0] for kind in shown})),
        "slow": " ".join(sorted(event_list.RAW)),
    }


def _home() -> str:
    return request.args.get("hem", "")


def _filter(places: Mapping[str, Place]) -> event_list.Filter:
    asked = request.args
    homes, group = homes_asked(places), asked.get("slag", "")
    since, until = _day(asked.get("fran", "")), _day(asked.get("till", ""))
    until = None if until is None else _next_day(until)
    rows_of, hours = asked.get("rader", ""), hours_in(asked.get("timme", ""))
    readings = rows_of != ""
    if readings and rows_of != EVERY_HOME:
        homes = (rows_of,)
    if readings and hours is not None:
        since, until = hours
    return event_list.Filter(
        homes=homes,
        group=group if group in kind_words.GROUPS else "",
        text="" if readings else asked.get("sok", "").strip()[:100],
        since=since,
        until=until,
        older_than=Cursor.parse(asked.get("fore", "")),
        readings=readings,
        device=asked.get("enhet", "")[:100] if readings else "",
    )


def _day(text: str) -> datetime | None:
    """Local midnight of a date in a form; None for what is none."""
    day = day_of(text)
    return None if day is None else datetime.combine(day, time(), ZoneInfo(ZONE))


def _next_day(midnight: datetime) -> datetime:
    return datetime.combine(midnight.date() + timedelta(days=1), time(), midnight.tzinfo)


def _address(**changed: str | None) -> str:
    query: dict[str, Any] = {k: v for k, v in request.args.items() if v and k != "fragment"}
    query |= changed
    return url_for("pages.events", **{k: v for k, v in query.items() if v is not None})
