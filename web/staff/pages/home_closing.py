"""A home that is used no more, one that is used again, a resident who moved out: the forms of *Hem
och arbetslag* and of a home's own page there.

Not for: what else is kept about homes (`homes_admin`), or what ends with it
(`web.staff.people.home_life`).
"""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue

from gateway.events import HomeClosedWhy
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages.account import proved
from web.staff.pages.forms import choice
from web.staff.pages.layout import refused
from web.staff.pages.routes import post
from web.staff.pages.staff_admin import changed
from web.staff.people import home_life


@post(
    "/administration/hem/<home>/stang",
    "places_close",
    right=Right.ADMINISTER,
    examples=({"why": "moved", "sure": "1"},),
)
@proved
def close(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/administration/hem/<home>/stang`: end the use of a home."""
    back = url_for("pages.places_one", home=home)
    why = choice(HomeClosedWhy, "why")
    if why is None or "sure" not in request.form:
        return refused(_("Välj en orsak och kryssa i att hemmet ska stängas."), back, 422)
    return changed(
        url_for("pages.places"),
        lambda: home_life.close(staff(), actor, home, why),
        _("Hemmet är stängt. Det kan öppnas igen här."),
    )


@post("/administration/hem/<home>/oppna", "places_reopen", right=Right.ADMINISTER)
@proved
def reopen(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/administration/hem/<home>/oppna`: use a closed home again."""
    return changed(
        url_for("pages.places"),
        lambda: home_life.reopen(staff(), actor, home),
        _("Hemmet är öppet igen. Gör en ny kod för hemmets enhet och välj vem som arbetar där."),
    )


@post(
    "/administration/hem/<home>/flyttat",
    "places_moved_out",
    right=Right.ASSIGN,
    examples=({"resident": "r-h1"},),
)
@proved
def move_out(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/administration/hem/<home>/flyttat`: a resident lives there no longer."""
    resident = request.form.get("resident", "")
    return changed(
        url_for("pages.places_one", home=home),
        lambda: home_life.move_out(staff(), actor, home, resident),
        _("Noterat: brukaren har flyttat ut."),
    )
