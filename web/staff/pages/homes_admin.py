"""Administration: the organisation's homes, areas and teams, and the codes that enroll a gateway.

Not for: people (`staff_admin`), or what happens in a home.
"""

from __future__ import annotations

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from gateway.errors import UserError
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.homelink import enrolment
from web.staff.pages import layout
from web.staff.pages.account import proved
from web.staff.pages.layout import answered, need, page, refused
from web.staff.pages.routes import Menu, get, post
from web.staff.pages.staff_admin import changed, numbers, of_org
from web.staff.people import accounts
from web.staff.people import registry as adding
from web.staff.storage import tables


@get("/administration/hem", "places", menu=Menu(90, "box", N_("Installation"), Right.ENROLL))
def places(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/hem`."""
    if not (actor.may(Right.ASSIGN) or actor.may(Right.ENROLL)):
        abort(403)
    with staff().db.read() as conn:
        h, c = tables.area_home, tables.team_area
        return page(
            "places.html",
            conn,
            actor,
            homes=of_org(conn, tables.home, actor, "label"),
            areas=of_org(conn, tables.area, actor),
            teams=of_org(conn, tables.team, actor),
            area_of={row.home_id: row.area_id for row in conn.execute(select(h)).all()},
            covers={(row.team_id, row.area_id) for row in conn.execute(select(c)).all()},
            may_assign=actor.may(Right.ASSIGN),
            may_enroll=actor.may(Right.ENROLL),
            may_administer=actor.may(Right.ADMINISTER),
        )


@post("/administration/hem", "places_add", right=Right.ADMINISTER, examples=({"label": "x"},))
@proved
def add_home(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/hem`: a new home."""
    back = url_for("pages.places")
    form = request.form
    label, home = form.get("label", "").strip(), form.get("home", "").strip()
    if not label:
        return refused(_("Skriv vad hemmet ska kallas."), back, 422)
    try:
        adding.add_home(
            staff().db,
            home,
            org=actor.org,
            label=label,
            address=form.get("address", "").strip(),
            fallback=form.get("fallback", "").strip(),
        )
    except UserError:
        text = _("Id:t går inte att använda. Skriv ett annat, med små bokstäver och siffror.")
        return refused(text, back, 422)
    with staff().write() as tx:
        accounts.note(staff(), tx, actor, "home")
    return answered(_("Hemmet är tillagt."), back)


@post(
    "/administration/hem/<home>",
    "places_change",
    examples=({"do": "area"}, {"do": "code"}, {"do": "area", "area": ""}),
)
@proved
def change_home(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/administration/hem/<home>`: its area, or a code for its gateway, named by `do`."""
    back = url_for("pages.places")
    if request.form.get("do") == "code":
        need(actor, Right.ENROLL)
        if not actor.sees(home):
            abort(404)
        code = enrolment.new_code(staff().db, staff().keys, home)
        with staff().write() as tx:
            accounts.note(staff(), tx, actor, "enrol_code")
        with staff().db.read() as conn:
            summary = layout.summarise(conn, actor)
            label = conn.execute(
                select(tables.home.c.label).where(tables.home.c.id == home)
            ).scalar_one()
        return render_template(
            "code.html", summary=summary, label=label, code=code, title=_("Kod för gatewayen")
        )
    wanted = numbers("area")
    area = wanted[0] if request.form.get("area") else None
    return changed(
        back,
        lambda: accounts.set_home_area(staff(), actor, home, area),
        _("Hemmets område är ändrat."),
    )


@post(
    "/administration/grupper",
    "places_groups",
    examples=({"do": "covers"}, {"do": "team", "name": "x"}, {"do": "area", "name": "x"}),
)
@proved
def change_groups(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/grupper`: add a team or an area, or say what a team covers."""
    back = url_for("pages.places")
    what, name = request.form.get("do", ""), request.form.get("name", "")
    if what in ("team", "area"):
        return changed(back, lambda: accounts.add_group(staff(), actor, what, name), _("Tillagt."))
    team = (numbers("team") or [-1])[0]
    return changed(
        back,
        lambda: accounts.set_team_areas(staff(), actor, team, numbers("area")),
        _("Arbetslagets områden är ändrade."),
    )
