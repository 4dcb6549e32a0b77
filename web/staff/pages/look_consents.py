"""Samtycke till kameratillsyn: who lives in a home, who of them agreed to looks, when, asked by
whom and how; and that they agree no longer.

Not for: looking, or what the home does when one agrees no longer (the home decides).
"""

from __future__ import annotations

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from gateway.events import Cohabitant, ConsentHow
from web.staff.care.look_consent import looks_agreed
from web.staff.core.context import staff
from web.staff.core.i18n import day_of
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups, reading
from web.staff.pages.forms import number_of
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import SENTENCES
from web.staff.people import accounts, look_consents
from web.staff.people.accounts import Wrong
from web.staff.storage.tables import plan_state
from web.staff.texts import words


@get("/hem/<home>/samtycke", "look_consents", right=Right.SEE_CARE, under="homes")
def of_home(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/hem/<home>/samtycke`."""
    if not actor.sees(home):
        abort(404)
    reading.note(actor, [home], "home")
    with staff().db.read() as conn:
        s = plan_state.c
        told = select(s.held_looks).where(s.home_id == home)
        return page(
            "look_consents.html",
            conn,
            actor,
            place=lookups.places(conn, actor)[home],
            parties=look_consents.parties(conn, home),
            agreed=looks_agreed(conn, home),
            home_knows=conn.execute(told).scalar_one_or_none(),
            people=lookups.names(conn, actor),
            roles=Cohabitant.offered(),
            hows=ConsentHow.offered(),
            word=lambda code: words.enum_word(type(code), code),
            now=staff().clock.now(),
            may_plan=actor.may(Right.PLAN_CHECKS),
            may_try=actor.may(Right.LOOK) and home in actor.assigned,
        )


@post(
    "/hem/<home>/samtycke",
    "look_consents_set",
    right=Right.PLAN_CHECKS,
    examples=(
        {"do": "agree", "resident": "r-h1", "asked_on": "2026-11-01", "how": "spoken"},
        {"do": "withdraw", "resident": "r-h1"},
        {"do": "add", "role": "partner"},
        {"do": "agree", "number": "1", "asked_on": "2026-11-01", "how": "spoken"},
        {"do": "withdraw", "number": "1"},
        {"do": "gone", "number": "1"},
    ),
)
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/samtycke`: one of the page's forms, named by `do`."""
    if not actor.sees(home):
        abort(404)
    back = url_for("pages.look_consents", home=home)
    what = request.form.get("do", "")
    try:
        _act(actor, home, what)
    except accounts.Refused as refusal:
        if refusal.why is Wrong.NOT_FOUND:
            abort(404)
        return refused(_why(refusal.why), back, 403 if refusal.why is Wrong.NO_RIGHT else 409)
    if what == "withdraw":
        return answered(_("Samtycket är återtaget. Ingen kan se genom kameran längre."), back)
    return answered(_("Sparat."), back)


def _act(actor: Actor, home: str, what: str) -> None:
    form, parts = request.form, staff()
    resident = form.get("resident", "")
    typed = number_of(form.get("number", ""))
    number = typed if typed >= 0 else None
    if what == "agree":
        asked_on, how = day_of(form.get("asked_on", "")), form.get("how", "")
        if asked_on is None or how not in ConsentHow.offered():
            raise accounts.Refused(Wrong.OUT_OF_RANGE)
        if number is None:
            look_consents.agree(parts, actor, home, resident, asked_on, ConsentHow(how))
        else:
            given = (number, asked_on, ConsentHow(how))
            look_consents.cohabitant_agrees(parts, actor, home, *given)
    elif what == "withdraw" and number is None:
        look_consents.withdraw(parts, actor, home, resident)
    elif what == "withdraw" and number is not None:
        look_consents.cohabitant_withdraws(parts, actor, home, number)
    elif what == "gone" and number is not None:
        look_consents.moved_out(parts, actor, home, number)
    elif what == "add" and form.get("role", "") in Cohabitant.offered():
        look_consents.lives_there(parts, actor, home, Cohabitant(form["role"]))
    else:
        abort(400)


def _why(why: Wrong) -> str:
    if why is Wrong.OUT_OF_RANGE:
        return _("Välj en dag som har varit, och hur samtycket gavs.")
    if why is Wrong.EXISTS:
        return _("Det finns redan, eller så många som får finnas.")
    return _(SENTENCES[why])
