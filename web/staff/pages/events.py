"""Händelser: what happened, newest first; live, filtered, searched, paged.

Opening it writes `record.read` for each home on the page; the live refresh does not write it again.
Not for: reading the log (`event_list`).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, jsonify, request, url_for

from gateway.events import KINDS
from web.staff.core.context import staff
from web.staff.core.i18n import N_, ZONE, day_of
from web.staff.core.rights import Actor, Right
from web.staff.pages import event_list, lookups, reading
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.routes import Menu, get
from web.staff.texts import kind_words

PAGE = 50
"""Events on a page: what one looks through without losing one's place."""

WORDS_MAX_AGE_S = 600
"""Seconds a browser may keep the words of the live list."""


@get(
    "/handelser",
    "events",
    menu=Menu(40, "list", N_("Händelser")),
    examples=({}, {"slag": "alarm", "sok": "x", "fran": "2026-11-23"}),
)
def events(actor: Actor) -> str:
    """The page `/handelser`."""
    wanted = _filter()
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        names = lookups.names(conn, actor)
        lines = event_list.latest(conn, actor, wanted, PAGE + 1)
        more, lines = len(lines) > PAGE, lines[:PAGE]
        if actor.may(Right.SEE_CARE):
            reading.note(actor, {one.home for one in lines}, "events")
        groups = kind_words.GROUPS
        if not actor.may(Right.SEE_CARE):
            groups = {key: groups[key] for key in ("device", "system")}
        return page(
            "events.html",
            conn,
            actor,
            listing=event_list.listing(conn, actor, lines, places, names),
            places=places,
            groups=groups,
            wanted=request.args,
            older=_address(fore=str(lines[-1].cursor)) if more else None,
            newest=_address(fore=None) if wanted.older_than else None,
            first=wanted.older_than is None and not wanted.text and not wanted.until,
            **main_attributes(kinds=_prefixes() if wanted.older_than is None else "", home=_home()),
        )


@get("/handelser/ord.json", "events_words")
def event_words(actor: Actor) -> Response:
    """`/handelser/ord.json`: labels of kinds and homes for the rows that arrive live."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
    kinds = {
        kind: {"label": kind_words.kind_label(kind), "group": word.group}
        for kind, word in kind_words.KINDS.items()
        if kind not in event_list.QUIET and lookups.may_see_kind(actor, kind)
    }
    answer = jsonify(
        kinds=kinds,
        homes={place.id: place.who for place in places.values()},
        quiet=sorted(event_list.QUIET),
        unknown=actor.may(Right.SEE_CARE),
    )
    answer.headers["Cache-Control"] = f"private, max-age={WORDS_MAX_AGE_S}"
    return answer


def _prefixes() -> str:
    return " ".join(
        sorted({kind.partition(".")[0] for kind in KINDS if kind not in event_list.QUIET})
    )


def _home() -> str:
    return request.args.get("hem", "")


def _filter() -> event_list.Filter:
    asked = request.args
    home, group = asked.get("hem", ""), asked.get("slag", "")
    since, until = _day(asked.get("fran", "")), _day(asked.get("till", ""))
    return event_list.Filter(
        homes=(home,) if home else (),
        group=group if group in kind_words.GROUPS else "",
        text=asked.get("sok", "").strip()[:100],
        since=since,
        until=None if until is None else _next_day(until),
        older_than=event_list.Cursor.parse(asked.get("fore", "")),
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
