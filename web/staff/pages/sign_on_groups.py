"""Grupper som ger behörighet: which groups of the organisation's single sign-on give which roles
and teams, and whether who is in one gets an account.

Not for: the provider itself (`sign_on`), or what one person has (`staff_admin`).
"""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue

from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right, Role
from web.staff.pages.account import proved
from web.staff.pages.layout import page, refused
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import changed, numbers, of_org
from web.staff.people import sign_on_groups
from web.staff.signin import providers
from web.staff.storage import tables
from web.staff.texts import words


@get(
    "/administration/egen-inloggning/grupper",
    "sign_on_groups",
    right=Right.ADMINISTER,
    under="administration",
    examples=({}, {"grupp": "x"}),
)
def show(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/egen-inloggning/grupper`; with `grupp=` one of them to change."""
    with staff().db.read() as conn:
        kept = sign_on_groups.kept(conn, actor.org)
        used = providers.used_of(conn, staff(), actor.org)
        teams = of_org(conn, tables.team, actor)
        names = {team.id: team.name for team in teams}
        chosen = request.args.get("grupp", "")
        return page(
            "sign_on_groups.html",
            conn,
            actor,
            groups=kept,
            chosen=next((one for one in kept if one.id == chosen), None),
            providers=used,
            labels={one.bare_issuer(): one.label for one in used.values()},
            teams=teams,
            team_names=lambda ids: [names[one] for one in ids if one in names],
            known_roles=list(Role),
            allowed=words.ALLOWED,
            adds=sign_on_groups.adds(conn, actor.org),
            full=len(kept) >= sign_on_groups.KEPT_MAX,
        )


@post(
    "/administration/egen-inloggning/grupper",
    "sign_on_groups_change",
    right=Right.ADMINISTER,
    examples=(
        {"do": "add", "provider": "x", "name": "x", "role": "caregiver"},
        {"do": "change", "group": "x", "role": "caregiver"},
        {"do": "remove", "group": "x"},
        {"do": "adds", "on": "yes"},
        {"do": "adds"},
    ),
)
@proved
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/egen-inloggning/grupper`: one of the page's forms, named by `do`."""
    back, form, parts = url_for("pages.sign_on_groups"), request.form, staff()
    roles = [Role(name) for name in form.getlist("role") if name in set(Role)]
    teams, group = numbers("team"), form.get("group", "")
    what = form.get("do", "")
    if what == "add":
        provider, name = form.get("provider", ""), form.get("name", "")
        return changed(
            back,
            lambda: sign_on_groups.add(parts, actor, provider, name, roles, teams),
            _("Sparat. Det gäller från var och ens nästa inloggning."),
        )
    if what == "change":
        return changed(
            back,
            lambda: sign_on_groups.change(parts, actor, group, roles, teams),
            _("Sparat. Det gäller genast för dem som var med i gruppen när de senast loggade in."),
        )
    if what == "remove":
        return changed(back, lambda: sign_on_groups.remove(parts, actor, group), _("Borttaget."))
    if what == "adds":
        on = form.get("on") == "yes"
        return changed(back, lambda: sign_on_groups.set_adds(parts, actor, on), _("Sparat."))
    return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
