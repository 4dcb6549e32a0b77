"""A person's access to homes: what can be opened now, and taking it back.

Two steps: the page says what would happen, then it is done.  Not for: what is done
(`web.staff.people.access_revocation`), or giving access (`staff_admin`).
"""

from __future__ import annotations

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from sqlalchemy import select

from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.doors import revocation
from web.staff.pages import lists, lookups
from web.staff.pages.account import proved
from web.staff.pages.home_choice import home_choice
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import changed
from web.staff.people import access_revocation, accounts
from web.staff.people.access_revocation import Effect, Scope
from web.staff.signin import sessions
from web.staff.storage import tables as t

NAMED = 20
"""Homes that are named in a sentence; of more it says how many."""

NOTICES = 30
"""Homes on a sheet of what was taken back."""


def _some(labels: list[str]) -> str:
    """The first of them by name, and how many more there are."""
    more = len(labels) - NAMED
    if more <= 1:
        return ", ".join(labels)
    return _("%(some)s och %(n)s hem till", some=", ".join(labels[:NAMED]), n=more)


def _scope(wanted: str | None) -> Scope | None:
    try:
        return Scope(wanted or "")
    except ValueError:
        return None


@get(
    "/administration/person/<person>/atkomst",
    "people_access",
    right=Right.ASSIGN,
    examples=({}, {"vad": "phone"}, {"vad": "home"}, {"vad": "all"}),
)
@proved
def show(actor: Actor, person: str) -> ResponseReturnValue:
    """The page `/administration/person/<person>/atkomst`; `?vad=` (a `Scope`) and `?hem=` ask what
    would happen."""
    scope, home = _scope(request.args.get("vad")), request.args.get("hem")
    now = staff().clock.now()
    with staff().db.read() as conn:
        u, h = t.user.c, t.home.c
        row = conn.execute(
            select(u.id, u.person_id, u.name, u.active).where(
                u.person_id == person, u.org_id == actor.org
            )
        ).one_or_none()
        if row is None:
            abort(404)
        would = None
        if scope is not None:
            try:
                would = access_revocation.effect(conn, actor, person, scope, home, now)
            except accounts.Refused as refusal:
                abort(404 if refusal.why is accounts.Wrong.NOT_FOUND else 403)
        of_org = conn.execute(select(h.id, h.label).where(h.org_id == actor.org))
        homes = lists.by_name(of_org, "label")
        labels = {one.id: one.label for one in homes}
        works = access_revocation.assigned(conn, actor, row.id)
        places = lookups.places(conn, actor)
        notices = lists.fold(
            access_revocation.home_notices(conn, person, now),
            "aterkallat",
            lambda one: (-lists.moment(one.at), one.home),
            lambda one: one.home,
            request.args,
            whole=0,
            rows=NOTICES,
        )
        live = revocation.live_of(conn, person, now)
        return page(
            "person_access.html",
            conn,
            actor,
            row=row,
            live=live,
            code_homes=sorted({one.home_id for one in live.codes}),
            open_sessions=sessions.count(conn, row.id),
            works=[one.id for one in homes if one.id in works],
            labels=labels,
            labels_of=lambda ids: _some([labels[one] for one in ids if one in labels]),
            choice=home_choice({one: places[one] for one in places if one in works}),
            may_all=access_revocation.may_revoke_all(conn, actor, row.id),
            notices=notices,
            names=lookups.names(conn, actor),
            would=would,
            home=home,
            **main_attributes(kinds="grant codes"),
        )


@post(
    "/administration/person/<person>/atkomst",
    "people_revoke_access",
    right=Right.ASSIGN,
    examples=({"scope": "home"}, {"scope": "phone"}, {"scope": "all"}),
)
@proved
def revoke(actor: Actor, person: str) -> ResponseReturnValue:
    """POST to the same address: do it."""
    scope = _scope(request.form.get("scope"))
    if scope is None:
        abort(422)
    done: list[Effect] = []

    def act() -> None:
        home = request.form.get("home") or None
        done.append(access_revocation.revoke(staff(), actor, person, scope, home))

    return changed(url_for("pages.people_access", person=person), act, lambda: _done_text(done[0]))


def _done_text(done: Effect) -> str:
    """What was taken back, in numbers: no names in the cookie that carries it to the page."""
    live = done.live
    counted = (
        (len(live.turns), ngettext("%(num)s upplåsning", "%(num)s upplåsningar", len(live.turns))),
        (len(live.codes), ngettext("%(num)s kod", "%(num)s koder", len(live.codes))),
        (
            len(live.requests),
            ngettext("%(num)s begäran", "%(num)s begäranden", len(live.requests)),
        ),
        (len(done.ends), _("%(n)s hem", n=len(done.ends))),
        (
            done.sessions,
            ngettext("%(num)s inloggning", "%(num)s inloggningar", done.sessions),
        ),
    )
    parts = [text for count, text in counted if count]
    if not parts:
        return _("Åtkomsten är återkallad. Inget pågick just nu.")
    return _("Åtkomsten är återkallad: %(what)s.", what=", ".join(parts))
