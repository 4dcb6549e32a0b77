"""What a person does about a night check: begin, answer, go there, tell why nobody needs to.

Not for: rights or rules (`web.staff.checks`, and the home decides), or showing anything
(`night_board`).
"""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue

from gateway.events import Finding, Looked, Settled
from web.staff.care.actions import Refused, Why
from web.staff.checks import claims, visits
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor
from web.staff.pages.forms import choice, refusal_text
from web.staff.pages.layout import answered, refused
from web.staff.pages.routes import post
from web.staff.texts import words


@post(
    "/tillsyn/svara",
    "answer_check",
    examples=({"finding": "ok", "looked": "phone"}, {"finding": "ok", "looked": "camera"}),
)
def answer_check(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/svara`: tell what a look found."""
    back = _back()
    finding, looked = choice(Finding, "finding"), choice(Looked, "looked")
    if looked is None and finding is Finding.COULD_NOT_LOOK:
        return refused(
            _("Välj först hur tillsynen försökte göras: ringde eller på plats."), back, 422
        )
    if looked is None:
        return refused(_("Välj först hur tillsynen gjordes: ringde eller på plats."), back, 422)
    if finding is None:
        return refused(_("Välj vad tillsynen visade."), back, 422)
    home, check = request.form.get("home", ""), request.form.get("check", "")
    try:
        claims.answer_check(staff(), actor, home, check, finding, looked)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), back)
    return answered(_("Svaret är sparat: %(found)s.", found=_(words.ENUMS[Finding][finding])), back)


@post("/tillsyn/borja", "start_check", examples=({}, {"over": "p7"}, {"again": "1"}))
def start_check(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/borja`: tell the others that you look; `over` takes it over from that person,
    `again` begins once more."""
    home, check = request.form.get("home", ""), request.form.get("check", "")
    over = request.form.get("over") or None
    try:
        claims.start_check(staff(), actor, home, check, over)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), _back())
    if over is not None:
        return answered(_("Du har tagit över tillsynen. Kollegan ser det."), _back())
    if request.form.get("again"):
        return answered(_("Du har tillsynen i fem minuter till."), _back())
    return answered(_("Du gör tillsynen nu. Kollegorna ser det."), _back())


@post("/tillsyn/besok", "take_visit", examples=({}, {"over": "p7"}, {"back": "shift"}))
def take_visit(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/besok`: I go there; `over` takes it over from that person."""
    home, check = request.form.get("home", ""), request.form.get("check", "")
    try:
        visits.take(staff(), actor, home, check, request.form.get("over") or None)
    except Refused as refusal:
        return refused(_visit_refusal(actor, refusal, home), _back())
    return answered(_("Du åker dit. Kollegorna ser det."), _back())


@post(
    "/tillsyn/inget-besok",
    "settle_visit",
    examples=({"why": "called"}, {"why": "other", "note": "x"}, {"why": "other"}, {}),
)
def settle_visit(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/inget-besok`: nobody needs to go there, and why."""
    home, check = request.form.get("home", ""), request.form.get("check", "")
    why = choice(Settled, "why")
    if why is None:
        return refused(_("Välj varför besöket inte behövs."), _back(), 422)
    try:
        visits.settle(staff(), actor, home, check, why, request.form.get("note", ""))
    except Refused as refusal:
        status = 422 if refusal.why is Why.NO_WORDS else 409
        return refused(_visit_refusal(actor, refusal, home), _back(), status)
    return answered(_("Sparat: besöket behövs inte."), _back())


def _visit_refusal(actor: Actor, refusal: Refused, home: str) -> str:
    if refusal.why is Why.CLOSED and not refusal.data.get("person"):
        return _("Besöket behövs inte längre: någon har varit där.")
    return refusal_text(actor, refusal, home)


def _back() -> str:
    """Where the form stood: the board, Mitt pass, or Nu."""
    home, check = request.form.get("home", ""), request.form.get("check", "")
    if request.form.get("back") == "board":
        return url_for("pages.night_board", oppna=f"{home}/{check}")
    if request.form.get("back") == "shift":
        return url_for("pages.shift", _anchor=f"home-{home}")
    return url_for("pages.now")
