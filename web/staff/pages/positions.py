"""Platser: where a home's residents are, while there is a cause; their consent, zones and
transponders; the organisation's own map.

Not for: who may look (`web.staff.places.looks`), what may be set (`web.staff.places.planning`), or
drawing (`zone_map`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, select

from gateway.events import ConsentAbout, ConsentHow
from web.staff.care.actions import Refused as NotAllowed
from web.staff.core.context import staff
from web.staff.core.i18n import day_of
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import layout, lookups, zone_forms, zone_map
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.lists import by_name
from web.staff.pages.lookups import Place
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import SENTENCES
from web.staff.people import accounts
from web.staff.people.accounts import Wrong
from web.staff.places import geometry, looks, planning, tiles
from web.staff.places.geometry import Circle, Shape
from web.staff.places.looks import LookWhy, Seen
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.place_tables import consent, outing, tracker, zone

TILE_MAX_AGE_S = 7 * 24 * 3600
"""Seconds that a browser may keep a tile: the organisation changes its map a few times a year."""

WAY = 12
"""Fixes that are told in words: the newest; all of them are drawn."""


@dataclass(frozen=True, slots=True)
class ZoneCard:
    """A zone as it is told."""

    id: str
    name: str
    told: str
    shape: Shape | None
    """None: of a form that only another version of the server knows."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A resident with all that is set about their places."""

    id: str
    name: str
    consent: Any
    """The row that stands; None: there is none."""
    asked_by: str
    zones: tuple[ZoneCard, ...]
    trackers: tuple[Any, ...]
    out_since: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """A fix in words."""

    who: str
    name: str
    at: datetime
    where: str
    ago: str
    acc_m: int | None


# --- all of them ----------------------------------------------------------------------------------


@get("/platser", "positions", right=Right.PLAN_PLACES)
def positions(actor: Actor) -> str:
    """The page `/platser`: whose places are watched, and for how long positions are kept."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        c = consent.c
        query = select(c.home_id).where(
            among(c.home_id, actor.homes),
            c.about == ConsentAbout.POSITION.value,
            c.withdrawn_at.is_(None),
        )
        homes = set(conn.execute(query).scalars())
        return page(
            "positions.html",
            conn,
            actor,
            watched=[place for place in places.values() if place.id in homes],
            days=planning.retain_days(conn, actor.org),
            bounds=(planning.RETAIN_DAYS_MIN, planning.RETAIN_DAYS_MAX),
            has_map=zone_map.chart_now() is not None,
        )


@post("/platser", "positions_days", right=Right.PLAN_PLACES, examples=({"days": "7"},))
def keep_for(actor: Actor) -> ResponseReturnValue:
    """POST `/platser`: for how many days positions are kept."""
    said = request.form.get("days", "")
    days = int(said) if said.isascii() and said.isdecimal() and len(said) < 4 else 0
    back = url_for("pages.positions")
    return _changed(back, lambda: planning.set_retain_days(staff(), actor, days), _("Sparat."))


# --- one home -------------------------------------------------------------------------------------


@get("/hem/<home>/platser", "positions_home", right=Right.SEE_CARE, under="homes")
def of_home(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/hem/<home>/platser`: positions while there is a cause, and what is set."""
    try:
        looked = looks.look(staff(), actor, home)
    except NotAllowed:
        abort(404)
    now = staff().clock.now()
    with staff().db.read() as conn:
        place = lookups.places(conn, actor).get(home)
        if place is None:
            abort(404)
        residents = _residents(conn, actor, home)
        point = planning.point_of(conn, home)
        names = {one.id: one.name for one in residents}
        seen = looked[1] if looked else []
        told = [_told(one, point, names, now) for one in reversed(seen)]
        shapes = [z.shape for one in residents for z in one.zones if z.shape is not None]
        drawn = zone_map.draw(point, shapes, seen, _said(place, told))
        return page(
            "positions_home.html",
            conn,
            actor,
            place=place,
            residents=residents,
            cause=looked[0] if looked else None,
            drawn=drawn,
            newest=_newest(told),
            way=told[:WAY],
            point=point,
            reasons=list(LookWhy),
            hows=ConsentHow.offered(),
            may_plan=actor.may(Right.PLAN_PLACES),
            silent_after_h=planning.SILENT_AFTER_H,
            **main_attributes(kinds="zone alarm consent places", home=home),
        )


def _told(one: Seen, point: geometry.Point | None, names: dict[str, str], now: datetime) -> Told:
    return Told(
        who=names.get(one.resident, ""),
        name=one.name,
        at=one.at,
        where=zone_map.where(point, one.point, one.acc_m),
        ago=zone_map.ago(one.at, now),
        acc_m=None if one.acc_m is None else round(one.acc_m),
    )


def _newest(told: list[Told]) -> list[Told]:
    """The newest of each transponder."""
    found: dict[tuple[str, str], Told] = {}
    for one in told:
        found.setdefault((one.who, one.name), one)
    return list(found.values())


def _said(place: Place, told: list[Told]) -> str:
    """What the drawing shows, for who cannot see it."""
    if not told:
        return _("Karta över hemmet och områdena. Samma uppgifter finns som text på sidan.")
    newest = told[0]
    return _("Karta: %(who)s är %(where)s, %(ago)s.", who=newest.who or place.who,
             where=newest.where, ago=newest.ago)  # fmt: skip


def _residents(conn: Connection, actor: Actor, home: str) -> list[Resident]:
    r, c, z, k, o = t.resident.c, consent.c, zone.c, tracker.c, outing.c
    names = lookups.staff_names(conn, actor)
    found = []
    people = by_name(conn.execute(select(t.resident).where(r.home_id == home)))
    for row in people:
        standing = conn.execute(
            select(consent).where(
                c.resident == row.id,
                c.about == ConsentAbout.POSITION.value,
                c.withdrawn_at.is_(None),
            )
        ).first()
        zones = conn.execute(
            select(zone).where(z.resident == row.id, z.removed_at.is_(None)).order_by(z.made_at)
        )
        trackers = conn.execute(
            select(tracker).where(k.resident == row.id, k.revoked_at.is_(None)).order_by(k.made_at)
        )
        out = select(o.left_at).where(o.resident == row.id, o.until.is_(None))
        found.append(
            Resident(
                id=row.id,
                name=row.name,
                consent=standing,
                asked_by=names.get(standing.asked_by, "") if standing else "",
                zones=tuple(_card(one) for one in zones.all()),
                trackers=tuple(trackers.all()),
                out_since=conn.execute(out.order_by(o.left_at).limit(1)).scalar_one_or_none(),
            )
        )
    return found


def _card(row: Any) -> ZoneCard:
    shape = geometry.from_text(row.shape)
    if shape is None:
        told = _("ritad i en nyare version av servern och visas inte på kartan här")
    elif isinstance(shape, Circle):
        told = _("%(far)s runt hemmet", far=zone_map.distance(shape.radius_m))
    else:
        told = _("%(n)s hörn", n=len(shape.corners))
    if row.from_min is None:
        when = _("dygnet runt")
    else:
        when = "–".join(f"{m // 60:02d}:{m % 60:02d}" for m in (row.from_min, row.to_min))
    return ZoneCard(row.id, row.name, f"{told}, {when}", shape)


@post(
    "/hem/<home>/platser/visa",
    "positions_look",
    right=Right.SEE_CARE,
    examples=({"why": "search"},),
)
def look(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/platser/visa`: state why positions are to be shown."""
    back = url_for("pages.positions_home", home=home)
    try:
        why = LookWhy(request.form.get("why", ""))
    except ValueError:
        return refused(_("Välj först varför positionen ska visas."), back, 422)
    try:
        looks.state(staff(), actor, home, why)
    except NotAllowed:
        abort(404)
    return answered(_("Positionen visas i en kvart. Det står i åtkomstloggen."), back)


@post(
    "/hem/<home>/platser",
    "positions_set",
    right=Right.PLAN_PLACES,
    examples=(
        {"do": "agree", "resident": "r-h1", "asked_on": "2026-11-01", "how": "spoken"},
        {"do": "withdraw", "resident": "r-h1"},
        {"do": "point", "point": "57.7, 11.97"},
        {"do": "circle", "resident": "r-h1", "name": "x", "radius": "300"},
        {"do": "polygon", "resident": "r-h1", "name": "x", "corners": "57.7, 11.9"},
        {"do": "remove_zone", "zone": "zone-h1"},
        {"do": "add_tracker", "resident": "r-h1", "name": "x"},
        {"do": "revoke_tracker", "tracker": "tracker-h1"},
    ),
)
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/platser`: one of the page's forms, named by `do`."""
    back = url_for("pages.positions_home", home=home)
    form, parts = request.form, staff()
    what, resident = form.get("do", ""), form.get("resident", "")
    if what == "add_tracker":
        return _add_tracker(actor, home, resident, back)
    try:
        done = {
            "agree": lambda: _agree(actor, home, resident),
            "withdraw": lambda: planning.withdraw(parts, actor, home, resident),
            "point": lambda: _set_point(actor, home),
            "circle": lambda: _draw(actor, home, resident),
            "polygon": lambda: _draw(actor, home, resident),
            "remove_zone": lambda: planning.remove_zone(parts, actor, home, form.get("zone", "")),
            "revoke_tracker": lambda: planning.revoke_tracker(
                parts, actor, home, form.get("tracker", "")
            ),
        }[what]
    except KeyError:
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    text = _("Samtycket är återtaget och alla positioner är raderade.")
    return _changed(back, done, text if what == "withdraw" else _("Sparat."))


def _changed(back: str, act: Callable[[], object], text: str) -> ResponseReturnValue:
    try:
        act()
    except zone_forms.Unread as unread:
        return refused(_(str(unread)), back, 422)
    except accounts.Refused as refusal:
        if refusal.why is Wrong.NOT_FOUND:
            abort(404)
        return refused(_why(refusal.why), back, 403 if refusal.why is Wrong.NO_RIGHT else 409)
    return answered(text, back)


def _why(why: Wrong) -> str:
    if why is Wrong.OUT_OF_RANGE:
        return _("Det går inte: kontrollera datum, storlek, hörnens ordning och klockslag.")
    if why is Wrong.EXISTS:
        return _("Det finns redan, eller så många som får finnas.")
    return _(SENTENCES[why])


def _agree(actor: Actor, home: str, resident: str) -> None:
    asked_on = day_of(request.form.get("asked_on", ""))
    try:
        how = ConsentHow.chosen(request.form.get("how", ""))
    except ValueError:
        how = None
    if asked_on is None or how is None:
        raise accounts.Refused(Wrong.OUT_OF_RANGE)
    planning.agree(staff(), actor, home, resident, asked_on, how)


def _set_point(actor: Actor, home: str) -> None:
    point = zone_forms.point(request.form.get("point", ""))
    if point is None:
        raise zone_forms.Unread(zone_forms.POINT)
    planning.set_point(staff(), actor, home, point)


def _draw(actor: Actor, home: str, resident: str) -> None:
    form = request.form
    if not actor.sees(home):
        abort(404)
    with staff().db.read() as conn:
        point = planning.point_of(conn, home)
    if form.get("do") == "circle":
        shape = zone_forms.circle(form.get("radius", ""), point)
    else:
        shape = zone_forms.polygon(form.get("corners", ""), point)
    hours = zone_forms.hours(form.get("from", ""), form.get("to", ""))
    new = planning.NewZone(form.get("name", ""), shape, hours)
    planning.draw(staff(), actor, home, resident, new)


def _add_tracker(actor: Actor, home: str, resident: str, back: str) -> ResponseReturnValue:
    """The page with the token of a new transponder: shown once."""
    said = request.form.get("silent_after_h") or str(planning.SILENT_AFTER_H)
    hours = int(said) if said.isascii() and said.isdecimal() and len(said) < 5 else 0
    name = request.form.get("name", "")
    made: list[str] = []
    answer = _changed(
        back,
        lambda: made.append(planning.add_tracker(staff(), actor, home, resident, name, hours)),
        "",
    )
    if not made:
        return answer
    with staff().db.read() as conn:
        summary = layout.summarise(conn, actor)
    base = staff().config.public_url or request.url_root.rstrip("/")
    return render_template(
        "tracker_token.html",
        summary=summary,
        back=back,
        name=name,
        token=made[0],
        owntracks=f"{base}{url_for('positions_api.owntracks')}",
        traccar=f"{base}{url_for('positions_api.traccar')}",
        title=_("Ny positionsgivare"),
    )


# --- the map --------------------------------------------------------------------------------------


@get("/karta/<zoom>/<x>/<y>", "positions_tile", right=Right.SEE_CARE)
def tile(_actor: Actor, zoom: str, x: str, y: str) -> Response:
    """A tile of the organisation's own map."""
    chart = zone_map.chart_now()
    numbers = [int(n) if n.isascii() and n.isdecimal() and len(n) < 8 else -1 for n in (zoom, x, y)]
    found = None if chart is None else chart.tile(*numbers)
    if chart is None or found is None or len(found) > tiles.TILE_MAX_BYTES:
        abort(404)
    answer = Response(found, mimetype=chart.mimetype)
    answer.cache_control.private = True
    answer.cache_control.max_age = TILE_MAX_AGE_S
    return answer
