"""Hem: the list of homes, and one home: its picture of the last day and night, its devices, the
latest that happened.

Opening one home writes `record.read`; the live refresh of an open page does not write it again.
Not for: drawing (`timeline`), or changing anything.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from flask import abort
from sqlalchemy import select

from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.rights import Actor, Right
from web.staff.pages import event_list, lookups, reading, service
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.now import tiles
from web.staff.pages.routes import Menu, get
from web.staff.pages.row_guard import attempt
from web.staff.pages.timeline import NARROW, WIDE, draw, read_day
from web.staff.people import access_revocation
from web.staff.storage import tables as t

LATEST = 25
"""Events shown on a home's own page; the rest is in Händelser."""


@get("/hem", "homes", menu=Menu(30, "home", N_("Hem")))
def homes(actor: Actor) -> str:
    """The page `/hem`."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        return page(
            "homes.html",
            conn,
            actor,
            tiles=tiles(conn, actor, places, lookups.names(conn, actor)),
            care=actor.may(Right.SEE_CARE),
            **main_attributes(kinds="bed lock home visit device log gateway power"),
        )


@get("/hem/<home>", "homes_one", examples=({}, {"fragment": "1"}))
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
        lines = event_list.latest(conn, actor, event_list.Filter(homes=(home,)), LATEST)
        return page(
            "home.html",
            conn,
            actor,
            place=place,
            tile=tile,
            devices=devices,
            care=care,
            day=day,
            wide=wide,
            narrow=narrow,
            may_ask=actor.may(Right.ASK_SERVICE),
            shows_ids=actor.may(Right.ENROLL),  # who mounts needs the configuration's own words
            asks=[
                card
                for card in service.cards(conn, actor, places, names, home=home)
                if card.standing in service.LIVE and not card.mine
            ],
            openers=access_revocation.who_may_open(conn, home, actor.org)
            if actor.may(Right.ASSIGN)
            else None,
            listing=event_list.listing(conn, actor, lines, places, names),
            open_alarms=conn.execute(
                select(t.alarm).where(lookups.open_alarms(actor), t.alarm.c.home_id == home)
            ).all(),
            **main_attributes(
                kinds="bed mat door lock unlock grant visit check alarm device home gateway power "
                "clock log absence motion moisture pendant contact",
                home=home,
            ),
        )
