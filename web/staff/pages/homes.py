"""Hem: the list of homes, searched, filtered, a sheet at a time; and one home: its picture of the
last day and night, its devices, the latest that happened.

Opening one home writes `record.read`; the live refresh of an open page does not write it again.
Not for: drawing (`timeline`), or changing anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from flask import abort, request, url_for
from sqlalchemy import Connection, select

from web.staff.care.look_consent import looks_withdrawn
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import (
    calm,
    chain_state,
    event_list,
    incidents,
    lists,
    lookups,
    night_rows,
    reading,
    service,
)
from web.staff.pages.calm import Standing
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.lookups import Place
from web.staff.pages.now import tiles
from web.staff.pages.routes import Menu, get
from web.staff.pages.row_guard import attempt
from web.staff.pages.timeline import NARROW, WIDE, draw, read_day
from web.staff.people import access_revocation
from web.staff.storage import tables as t

PAGE = 60
"""Homes on a sheet of the list: a few screens, and as much as somebody looks through for a home."""

SHOWN = 20
"""Open alarms and checks of a home on its page, the most urgent; Nu and Nattillsyn have the
others."""

OPENERS = 40
"""People on a sheet of those who may open: a large team is on one."""

LATEST = 25
"""Events shown on a home's own page; the rest is in Händelser."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to look at the list: its `?visa=`, what it is called, the homes in it."""

    key: str
    text: str
    homes: tuple[str, ...]


@get(
    "/hem",
    "homes",
    menu=Menu(30, "home", N_("Hem")),
    examples=({}, {"sok": "x"}, {"visa": "avviker"}, {"visa": "lugna"}, {"efter": "h1"}),
)
def homes(actor: Actor) -> str:
    """The page `/hem`, a sheet of the list; `?sok=` and `?omrade=` choose homes, `?visa=` how they
    stand, and the list goes on after the home that `?efter=` names."""
    asked, area = request.args.get("sok", "").strip()[:100], request.args.get("omrade", "")
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        areas = {home: at for home, at in lookups.areas(conn, actor).items() if home in places}
        wanted = [
            place
            for place in lists.matching(places.values(), asked, partial(_told, areas))
            if not area or str(areas.get(place.id, (0,))[0]) == area
        ]
        wanted.sort(key=_order)
        here = {place.id: place for place in wanted}
        choices = _choices(calm.standing(conn, actor, here), here)
        chosen = next((one for one in choices if one.key == request.args.get("visa")), choices[0])
        after = places.get(request.args.get("efter", ""))
        sheet = lists.sheet(
            [places[home] for home in chosen.homes],
            PAGE,
            _order,
            lambda place: place.id,
            None if after is None else _order(after),
        )
        shown = {place.id: place for place in sheet.rows}
        return page(
            "homes.html",
            conn,
            actor,
            sheet=sheet,
            tiles=tiles(conn, actor, shown, lookups.names(conn, actor)),
            many=len(places) > lists.FEW,
            everywhere=actor.may(Right.SEE_ALL_HOMES),
            asked=asked,
            area=area,
            areas=sorted(set(areas.values()), key=lambda at: lists.swedish(at[1])),
            choices=[one for one in choices if one.homes or one is chosen],
            chosen=chosen,
            address=_address,
            care=actor.may(Right.SEE_CARE),
            **main_attributes(kinds="bed lock home visit device log gateway power"),
        )


def _order(place: Place) -> tuple[str, str]:
    return lists.swedish(place.label), place.id


def _told(areas: Mapping[str, tuple[int, str]], place: Place) -> Iterable[str]:
    """What a home is found by."""
    return place.who, place.label, place.address, areas.get(place.id, (0, ""))[1]


def _choices(standing: Standing, every: Iterable[str]) -> list[Choice]:
    return [
        Choice("", _("Alla"), tuple(every)),
        Choice("avviker", _("Något avviker"), standing.differs),
        Choice("olast", _("Upplåst dörr"), standing.unlocked),
        Choice("lugna", _("Lugna"), standing.calm),
        Choice("ejanslutna", _("Inte anslutna än"), standing.unconnected),
    ]


def _address(**changed: str | None) -> str:
    """This list with other queries, from its top."""
    asked = {k: v for k, v in request.args.items() if v and k not in ("fragment", "efter")}
    return url_for("pages.homes", **{k: v for k, v in (asked | changed).items() if v})  # type: ignore[arg-type]


def _openers(conn: Connection, actor: Actor, home: str) -> lists.Sheet[Any]:
    """Who may open a home's door, by name, a sheet at a time (`?efter=<person>`)."""
    people = access_revocation.who_may_open(conn, home, actor.org)
    people.sort(key=_by_name)
    after = [_by_name(one) for one in people if one.person_id == request.args.get("efter")]
    begin = after[0] if after else None
    return lists.sheet(people, OPENERS, _by_name, lambda one: str(one.person_id), begin)


def _by_name(one: Any) -> tuple[str, str]:
    return lists.swedish(one.name), one.person_id


def _by_haste(alarm: Any) -> tuple[int, int, str]:
    """Care before the rest, and of each the newest first."""
    return incidents.haste(alarm.severity), -lists.moment(alarm.raised_at), alarm.id


@get("/hem/<home>", "homes_one", examples=({}, {"fragment": "1"}, {"efter": "p7"}))
def one_home(actor: Actor, home: str) -> str:
    """The page `/hem/<home>`."""
    if not actor.sees(home):
        abort(404)
    care = actor.may(Right.SEE_CARE)
    if care:
        reading.note(actor, {home}, "home")
    now = staff().clock.now()
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        place = places.get(home)
        if place is None:
            abort(404)
        names = lookups.names(conn, actor)
        tile = tiles(conn, actor, {home: place}, names)[0]
        devices = conn.execute(
            select(t.device)
            .where(t.device.c.home_id == home, t.device.c.present)
            .order_by(t.device.c.type, t.device.c.id)
        ).all()
        day = (
            attempt(lambda: read_day(conn, home, now - timedelta(hours=24), now)) if care else None
        )
        wide, narrow = (
            attempt(partial(draw, day, place.zone, size)) if day else None
            for size in (WIDE, NARROW)
        )
        found = (
            [
                *night_rows.tasks(conn, actor, places, names, [home]),
                *night_rows.open_checks(conn, actor, places, names, [home]),
            ]
            if care
            else []
        )
        checks = list({card.key: card for card in found}.values())
        ringing = select(t.alarm).where(lookups.open_alarms(actor), t.alarm.c.home_id == home)
        open_alarms = sorted(conn.execute(ringing).all(), key=_by_haste)
        lines = event_list.latest(conn, actor, event_list.Filter(homes=(home,)), LATEST)
        return page(
            "home.html",
            conn,
            actor,
            place=place,
            tile=tile,
            devices=devices,
            care=care,
            no_looks=looks_withdrawn(conn, [home] if care else []),
            day=day,
            checks=checks[:SHOWN],
            more_checks=max(0, len(checks) - SHOWN),
            wide=wide,
            narrow=narrow,
            may_ask=actor.may(Right.ASK_SERVICE),
            may_configure=actor.may(Right.CONFIGURE),
            invites=actor.may(Right.INVITE_RELATIVES),
            tunes=actor.may(Right.PLAN_CHECKS) or actor.may(Right.ENROLL),
            shows_ids=actor.may(Right.ENROLL),  # who mounts needs the configuration's own words
            asks=[
                card
                for card in service.cards(conn, actor, places, names, home=home)
                if card.standing in service.LIVE and not card.mine
            ],
            chain=chain_state.chain_shown(conn, home, place.zone, now),
            openers=_openers(conn, actor, home) if actor.may(Right.ASSIGN) else None,
            listing=event_list.listing(conn, actor, lines, places, names),
            open_alarms=open_alarms[:SHOWN],
            more_alarms=max(0, len(open_alarms) - SHOWN),
            **main_attributes(
                kinds="bed mat door lock unlock grant visit check alarm device home gateway power "
                "clock log absence motion moisture pendant contact server",
                home=home,
            ),
        )
