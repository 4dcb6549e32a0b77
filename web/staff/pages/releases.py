"""Versioner: which release the homes run, and one decision that they are to run another.

Not for: the releases themselves (`tryggve staff release`), or how a home takes one
(`gateway.updates`).
"""

from __future__ import annotations

from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row, select

from gateway.events import UpdateSystemTold
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.homelink.mirror import Mirror
from web.staff.pages import lookups
from web.staff.pages.account import proved
from web.staff.pages.forms import number_of
from web.staff.pages.layout import page, refused
from web.staff.pages.lists import by_name, matching
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import changed
from web.staff.pages.visit import file
from web.staff.people.accounts import Refused, Wrong
from web.staff.releases import plans, rounds
from web.staff.storage import tables
from web.staff.texts import update_words

SHOWN_MAX = 60
"""Homes on the page, each with its buttons: more are found by a search."""

RING_WORDS = {1: N_("Provhem"), 2: N_("De första"), 3: N_("Övriga hem")}

STATE_WORDS = {
    "running": N_("pågår"),
    "stopped": N_("stoppat"),
    "done": N_("klart"),
    "off": N_("avbrutet"),
}

REFUSED = {
    Wrong.NOT_FOUND: N_("Välj en version som finns på servern."),
    Wrong.OUT_OF_RANGE: N_("Andelen är 0–50 procent och väntan högst 336 timmar."),
    Wrong.EXISTS: N_("Ett byte pågår redan. Avbryt det först."),
    Wrong.EMPTY: N_("Välj först ett hem som provar versionen före de andra."),
}


@get(
    "/administration/versioner",
    "releases",
    right=Right.ADMINISTER,
    under="administration",
    examples=({}, {"sok": "x"}),
)
def releases(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/versioner`; with `sok=` the homes of which these words are told."""
    asked = request.args.get("sok", "")
    with staff().db.read() as conn:
        plan = plans.last(conn, actor.org)
        now = staff().clock.now()
        mirror = Mirror(staff().config.releases)
        versions = mirror.versions()
        of_plan = [] if plan is None else rounds.members(conn, plan, now)
        homes = matching(_homes(conn, actor), asked, lambda row: (row.id, row.label, row.version))
        return page(
            "releases.html",
            conn,
            actor,
            listed=mirror.releases(),
            withdrawn=plan is not None and versions is not None and plan.version not in versions,
            now=now,
            plan=plan,
            is_open=plan is not None and plan.state in plans.OPEN,
            by=lookups.names(conn, actor),
            counts=_counts(of_plan),
            homes=homes[:SHOWN_MAX],
            more=len(homes) > SHOWN_MAX,
            rings=plans.rings(conn, actor.org),
            ring_words={ring: _(word) for ring, word in RING_WORDS.items()},
            state_words={state: _(word) for state, word in STATE_WORDS.items()},
            limit_pct=plans.LIMIT_PCT,
            wait_h=plans.WAIT_H,
            asked=asked,
            told=_told,
            system=_system,
            is_able=rounds.is_able,
        )


def _homes(conn: Connection, actor: Actor) -> list[Row[Any]]:
    h, s, u = tables.home.c, tables.home_state.c, tables.home_update
    query = (
        select(h.id, h.label, s.version, s.silent_since, *[c for c in u.c if c.name not in OWN])
        .add_columns(u.c.version.label("wanted"))
        .select_from(tables.home)
        .outerjoin(tables.home_state, s.home_id == h.id)
        .outerjoin(u, u.c.home_id == h.id)
        .where(h.org_id == actor.org)
        .order_by(h.id)
    )
    return by_name((row for row in conn.execute(query) if actor.sees(row.id)), "label")


OWN = ("home_id", "version")


def _counts(members: list[rounds.Member]) -> dict[int, dict[str, int]]:
    """Homes of each ring: done, failed, under way (of these, late), and those to come."""
    found: dict[int, dict[str, int]] = {}
    for one in members:
        of_ring = found.setdefault(one.ring, {})
        words = ["left" if one.state in ("new", "off") else one.state, *["late"] * one.late]
        for word in words:
            of_ring[word] = of_ring.get(word, 0) + 1
    return dict(sorted(found.items()))


def _told(row: Row[Any]) -> str:
    """What came of the last release that a home was to take, in words."""
    if row.state is None:
        return ""
    words = f"{row.wanted} {_(update_words.STATES.get(row.state, row.state))}"
    why = update_words.why(row.why, row.missing)
    return f"{words}: {why}" if why else words


def _system(row: Row[Any]) -> str:
    """How a home's operating system is kept up to date, in words."""
    if row.system_at is None:
        return ""
    told = UpdateSystemTold(
        automatic=bool(row.system_automatic),
        pending=row.system_pending,
        restart=bool(row.system_restart),
    )
    return update_words.system(told)


@get(
    "/administration/versioner/innehall",
    "release_bill",
    right=Right.ADMINISTER,
    examples=({"version": "0.3.0"},),
)
def release_bill(_actor: Actor) -> ResponseReturnValue:
    """GET `/administration/versioner/innehall`: what a release is made of (CycloneDX), as it was
    signed."""
    version = request.args.get("version", "")
    bill = Mirror(staff().config.releases).sbom(version)
    if bill is None:
        abort(404)
    return file(bill, f"tryggve-gateway-{version}.cdx.json", "application/json")


@post(
    "/administration/versioner",
    "releases_change",
    right=Right.ADMINISTER,
    examples=(
        {"do": "start", "version": "0.3.0", "limit_pct": "5", "wait_h": "24"},
        {"do": "stop"},
        {"do": "go_on"},
        {"do": "call_off"},
        {"do": "ring", "home": "h1", "ring": "1"},
    ),
)
@proved
def change_releases(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/versioner`: one of the page's forms, named by `do`."""
    back, form, parts = url_for("pages.releases"), request.form, staff()
    what = form.get("do")
    if what == "start":
        return _start(actor, back)
    if what == "ring":
        home, ring = form.get("home", ""), _number("ring")
        return changed(back, lambda: plans.set_ring(parts, actor, home, ring), _("Sparat."))
    if what == "stop":
        return changed(
            back,
            lambda: plans.stop(parts, actor),
            _("Stoppat. Hem som inte har börjat byta väntar."),
        )
    if what == "go_on":
        return changed(back, lambda: plans.go_on(parts, actor), _("Bytet fortsätter."))
    return changed(
        back,
        lambda: plans.call_off(parts, actor),
        _("Avbrutet. Hem som redan har bytt behåller versionen."),
    )


def _start(actor: Actor, back: str) -> ResponseReturnValue:
    limit_pct, wait_h = _number("limit_pct"), _number("wait_h")
    version = request.form.get("version", "")
    try:
        plans.start(staff(), actor, version, limit_pct=limit_pct, wait_h=wait_h)
    except Refused as refusal:
        if refusal.why not in REFUSED:
            raise
        return refused(_(REFUSED[refusal.why]), back, 422)
    return changed(back, lambda: None, _("Bytet börjar i provhemmen."))


def _number(name: str) -> int:
    """What was typed; -1, which is nowhere allowed, for what is no number."""
    return number_of(request.form.get(name, ""), digits=6)
