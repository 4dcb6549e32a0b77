"""Batterier: which must be changed when, by what they told; one home's batteries with their history
and that of their radio; a change planned into a visit.

Nothing is guessed: where there is too little to go by, the page says so.  Not for: the forecast
itself (`web.staff.foresight.batteries`), or devices that are out of order (*Hem*).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from sqlalchemy import Connection, func, select

from gateway.events import DeviceOffline
from web.staff.care.actions import Refused
from web.staff.core.context import staff
from web.staff.core.i18n import N_, local
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.foresight import batteries, changing
from web.staff.foresight.batteries import Forecast, Point, Why
from web.staff.foresight.changing import Change
from web.staff.pages import lookups
from web.staff.pages.forms import refusal_text
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.lookups import Place
from web.staff.pages.routes import get, post
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.plan_tables import plan_visit
from web.staff.storage.rows import DeviceRow
from web.staff.texts import device_words
from web.staff.visits import plan

SHOWN = 200
"""Batteries on the list, those first that are to be changed first."""

SOON = timedelta(days=21)
"""How long before it a change stands among those to be planned: a home is visited meanwhile."""

RADIO = timedelta(days=30)
"""How far back the page looks for a device that was not heard."""

VISITS, VISITS_AHEAD = 10, timedelta(days=14)
"""Visits of the plan that are offered for a change."""

LEVELS = 12
"""Levels that are listed, the newest: a quarter of a year, where one was told a week."""

SAID = {
    Why.NONE: N_("Har inte rapporterat någon batterinivå."),
    Why.FEW: N_("För få mätningar än för en prognos."),
    Why.FLAT: N_("Nivån sjunker inte: ingen prognos."),
}


@dataclass(frozen=True, slots=True)
class Battery:
    """One device's battery.  `lost`: how often its radio was not heard in the last 30 days, None
    where that is not asked for."""

    place: Place
    device: DeviceRow
    name: str
    forecast: Forecast
    change: Change | None
    visit: str
    lost: int | None = None

    @property
    def low(self) -> bool:
        return self.device.battery == "low"

    @property
    def told(self) -> str:
        """The forecast in words."""
        on = self.forecast.on
        if self.low:
            return _("Lågt nu: byt vid nästa besök.")
        if on is not None:
            return _("Räcker till omkring %(day)s.", day=format_date(on, "d MMMM y"))
        return _(SAID[self.forecast.why or Why.FEW])

    @property
    def levels(self) -> tuple[Point, ...]:
        """The newest levels of this battery."""
        return self.forecast.levels[-LEVELS:]


def _may(actor: Actor) -> None:
    if not changing.plans(actor):
        abort(403)


@get("/administration/batterier", "batteries", under="administration")
def every(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/batterier`."""
    _may(actor)
    today = staff().clock.now().date()
    with staff().db.read() as conn:
        found = sorted(_read(conn, actor, actor.homes), key=_first)
        return page(
            "batteries.html",
            conn,
            actor,
            batteries=found[:SHOWN],
            more=len(found) > SHOWN,
            soon=today + SOON,
        )


def _first(one: Battery) -> tuple[bool, date, str, str]:
    on = one.forecast.on or date.max
    return not one.low, on, one.place.label, one.name


@get("/hem/<home>/batterier", "batteries_home", under="homes")
def of_home(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/hem/<home>/batterier`."""
    _may(actor)
    if not actor.sees(home):
        abort(404)
    now = staff().clock.now()
    with staff().db.read() as conn:
        place = lookups.places(conn, actor)[home]
        visits = plan.planned(conn, [home], now, now + VISITS_AHEAD) if _knows(actor) else []
        return page(
            "batteries_home.html",
            conn,
            actor,
            place=place,
            batteries=sorted(_read(conn, actor, [home], radio=True), key=_first),
            visits=[one for one in visits if not one.withdrawn][:VISITS],
        )


def _knows(actor: Actor) -> bool:
    """Whether this person may know when somebody is visited."""
    return actor.may(Right.SEE_CARE)


def _read(
    conn: Connection, actor: Actor, homes: Collection[str], *, radio: bool = False
) -> list[Battery]:
    now = staff().clock.now()
    places = lookups.places(conn, actor)
    devices = lookups.devices(conn, homes)
    names = device_words.device_names(devices.values())
    points = batteries.points(conn, homes, now)
    changes = {(one.home, one.device): one for one in changing.open_changes(conn, homes)}
    visits = _visits(conn, changes.values()) if _knows(actor) else {}
    lost = _lost(conn, homes, now) if radio else {}
    return [
        Battery(
            place=places[key[0]],
            device=device,
            name=names[key],
            forecast=batteries.forecast(points.get(key, ()), now),
            change=(change := changes.get(key)),
            visit=_visit(change, visits),
            lost=lost.get(key[1], 0) if radio else None,
        )
        for key, device in devices.items()
        if device.present and (device.battery != "unknown" or key in points) and key[0] in places
    ]


def _visits(conn: Connection, changes: Iterable[Change]) -> dict[str, datetime]:
    """When the visits begin in which these changes are to be done, by their ids in the plan; those
    that were taken out of it are not there."""
    p = plan_visit.c
    wanted = {one.planned for one in changes if one.planned is not None}
    query = select(p.id, p.since).where(among(p.id, wanted), p.withdrawn_at.is_(None))
    return {row.id: row.since for row in conn.execute(query)}


def _visit(change: Change | None, visits: Mapping[str, datetime]) -> str:
    """In which visit it is to be done, in words."""
    if change is None:
        return ""
    since = visits.get(change.planned or "")
    if since is None:
        return _("Inplanerat i nästa besök.")
    return _("Inplanerat i besöket %(day)s.", day=format_date(local(since).date(), "d MMMM"))


def _lost(conn: Connection, homes: Collection[str], now: datetime) -> dict[str, int]:
    """How often each device of one home was not heard any more."""
    e = t.event.c
    (home,) = homes
    query = (
        select(e.device, func.count())
        .where(e.home_id == home, e.corrected_at > now - RADIO, e.kind == DeviceOffline.KIND)
        .group_by(e.device)
    )
    return {device: count for device, count in conn.execute(query) if device is not None}


@post(
    "/hem/<home>/batterier",
    "batteries_change",
    examples=({"do": "plan", "visit": "next"}, {"do": "done"}, {"do": "end"}),
)
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/batterier`: plan a change into a visit, say that it is done, or that it
    need not be done."""
    form = request.form
    what, device, visit = form.get("do"), form.get("device", ""), form.get("visit", "")
    back = url_for("pages.batteries_home", home=home)
    if form.get("back") == "shift":
        back = url_for("pages.shift")
    if what not in ("plan", "done", "end") or (what == "plan" and not visit):
        return refused(_("Välj först i vilket besök det ska göras."), back, 422)
    try:
        if what == "plan":
            planned = None if visit == "next" else visit
            changing.ask(staff(), actor, home, device, planned)
            return answered(_("Inplanerat. Den som gör besöket ser det på Mitt pass."), back)
        changing.end(staff(), actor, home, device, done=what == "done")
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), back, 403)
    if what == "done":
        return answered(_("Tack. Batteriet är noterat som bytt."), back)
    return answered(_("Bytet är borttaget."), back)
