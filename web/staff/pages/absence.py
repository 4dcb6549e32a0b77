"""Frånvaro: when residents are away, told in advance; checks and rules in the home pause meanwhile.

Not for: what the home does then (its rules decide).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from web.staff.care.actions import Refused
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lists, lookups
from web.staff.pages.forms import number_of, refusal_text
from web.staff.pages.home_choice import asked_for, found_by, home_choice
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.routes import get, post
from web.staff.visits import plan, plan_import, visit_actions

AHEAD = timedelta(days=366)

PAGE = 50
"""Absences on a sheet."""


@get(
    "/franvaro",
    "visits_away",
    right=Right.CORRECT_VISIT,
    examples=({}, {"sok": "x"}, {"efter": "1_1"}),
)
def absences(actor: Actor) -> str:
    """The page `/franvaro`, a sheet of them; `?sok=` those of the homes with these words, and
    `?hem=` the home that somebody is going away from."""
    now, asked = staff().clock.now(), asked_for()
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        choice = home_choice(places)
        wanted = {place.id for place in lists.matching(places.values(), asked, found_by)}
        if choice.chosen is not None and not choice.few:
            wanted = {choice.chosen.id}
        rows = [row for row in plan.away(conn, wanted, now, now + AHEAD) if row.home_id in places]
        rows.sort(key=_order)
        begin = lists.cursor_of(request.args.get("efter", ""))
        sheet = lists.sheet(rows, PAGE, _order, lambda row: lists.cursor(_order(row)), begin)
        return page(
            "absence.html",
            conn,
            actor,
            sheet=sheet,
            choice=choice,
            onward=url_for("pages.visits_away", sok=asked or None, efter=sheet.after),
            places=places,
            names=lookups.names(conn, actor),
            **main_attributes(kinds="absence"),
        )


def _order(row: Any) -> lists.Order:
    return lists.moment(row.since), str(row.id)


@post(
    "/franvaro",
    "visits_away_add",
    examples=(
        {"since": "2026-11-23T12:00", "until": ""},
        {"since": "2026-11-23T12:00", "until": "2026-11-24T12:00"},
    ),
)
def add(actor: Actor) -> ResponseReturnValue:
    """POST `/franvaro`: somebody will be away."""
    form = request.form
    home, back = form.get("home", ""), url_for("pages.visits_away")
    with staff().db.read() as conn:
        place = lookups.places(conn, actor).get(home)
    zone = place.zone if place else "UTC"
    try:
        since = plan_import.to_utc(datetime.fromisoformat(form.get("since", "")), zone)
        said = form.get("until", "")
        until = plan_import.to_utc(datetime.fromisoformat(said), zone) if said else None
    except ValueError:
        return refused(_("Skriv tiden som 2026-11-24 08:00."), back, 422)
    try:
        visit_actions.note_absence(staff(), actor, home, since, until)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), back)
    return answered(_("Frånvaron är sparad."), back)


@post("/franvaro/slut", "visits_away_end")
def end(actor: Actor) -> ResponseReturnValue:
    """POST `/franvaro/slut`: back, or does not go."""
    back = url_for("pages.visits_away")
    number = number_of(request.form.get("absence", ""))
    if number < 0:
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    try:
        visit_actions.end_absence(staff(), actor, request.form.get("home", ""), number)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal), back)
    return answered(_("Frånvaron är avslutad."), back)
