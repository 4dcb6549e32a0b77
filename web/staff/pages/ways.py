"""Mina larmvägar: how alarms reach me when no page is open, each tried by myself.  Whoever says who
works where sees who has no way at all.

Not for: whom alarms go to, or keeping addresses (`web.staff.channels.points`).
"""

from __future__ import annotations

from collections.abc import Callable

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web.staff import channels
from web.staff.channels import points
from web.staff.channels.contract import Outcome, SendsCodes, Why
from web.staff.channels.points import Point, Refused, Wrong
from web.staff.channels.push import Push
from web.staff.core import i18n
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.ladders import provider_routes
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.lists import swedish
from web.staff.pages.routes import get, post
from web.staff.people import accounts

SENTENCES = {
    Wrong.NOT_FOUND: N_("Den larmvägen finns inte längre."),
    Wrong.NO_CHANNEL: N_("Servern kan inte skicka den vägen nu. Fråga den som sköter den."),
    Wrong.NO_NUMBER: N_("Det är inget mobilnummer. Skriv det som 070-123 45 67."),
    Wrong.NO_ADDRESS: N_("Det är ingen e-postadress."),
    Wrong.NO_DEVICE: N_("Webbläsaren gav inget att skicka till. Ladda om sidan och försök igen."),
    Wrong.TOO_MANY: N_("Du har redan tio larmvägar. Ta bort en först."),
    Wrong.TOO_MANY_CODES: N_("Det är många koder på ett dygn. Försök igen i morgon."),
    Wrong.WRONG_CODE: N_("Koden stämmer inte, eller är för gammal."),
}

FAILED = {
    Why.NO_CHANNEL: N_("servern kan inte skicka dit"),
    Why.GONE: N_("den finns inte längre"),
    Why.REFUSED: N_("leverantören släpper inte fram servern"),
    Why.BAD: N_("leverantören tog inte emot det"),
    Why.BUSY: N_("leverantören hann inte"),
    Why.UNREACHABLE: N_("leverantören svarar inte"),
    Why.NOT_DELIVERED: N_("det kom aldrig fram"),
    Why.UNKNOWN: N_("okänd orsak"),
}


@get("/larmvagar", "ways")
def ways(actor: Actor) -> ResponseReturnValue:
    """The page `/larmvagar`."""
    open_ = channels.here()
    push = open_.get("push")
    by_code = {
        "sms": {"heading": _("Mobilnummer"), "label": _("Nummer"), "type": "tel"},
        "email": {"heading": _("E-post"), "label": _("Adress"), "type": "email"},
    }
    with staff().db.read() as conn:
        outside = [name for name in open_ if name in (*by_code, "push")]
        may_see = actor.may(Right.ASSIGN) and bool(outside)
        without = points.without(conn, actor.org, outside) if may_see else None
        return page(
            "ways.html",
            conn,
            actor,
            mine=points.of(conn, current_user.id),
            channels=open_,
            broken=provider_routes.dispatcher().broken,
            by_code=by_code,
            push_key=push.application_key if isinstance(push, Push) else "",
            trial_text=_trial_text,
            without=without and sorted(without, key=lambda one: swedish(one[1])),
            **main_attributes(),
        )


def _trial_text(way: Point) -> str:
    trial = way.trial
    if trial is None:
        return ""
    sent = f"{i18n.local(trial.sent_at):%H:%M}"
    if trial.shown_at is not None:
        came = f"{i18n.local(trial.shown_at):%H:%M}"
        return _("Provlarm skickat %(sent)s, framme %(came)s.", sent=sent, came=came)
    if trial.failed is not None:
        why = _(FAILED[trial.failed])
        return _("Provlarm skickat %(sent)s kom inte fram: %(why)s.", sent=sent, why=why)
    if trial.delivered_at is not None:
        came = f"{i18n.local(trial.delivered_at):%H:%M}"
        return _("Provlarm skickat %(sent)s, framme %(came)s.", sent=sent, came=came)
    return _("Provlarm skickat %(sent)s, inte framme än.", sent=sent)


def _done(act: Callable[[], str]) -> ResponseReturnValue:
    """Do it and tell, or tell why not."""
    back = url_for("pages.ways")
    try:
        return answered(act(), back)
    except Refused as error:
        return refused(_(SENTENCES[error.why]), back, 422)


@post("/larmvagar/ny", "ways_add", examples=({"channel": "sms", "value": "070-123 45 67"},))
def ways_add(actor: Actor) -> ResponseReturnValue:
    """POST `/larmvagar/ny`: a device, a number or an address; a code or a test alarm goes there."""

    def act() -> str:
        channel = request.form.get("channel", "")
        if channel not in channels.here():
            raise Refused(Wrong.NO_CHANNEL)
        with staff().write() as tx:
            value, label = request.form.get("value", ""), request.form.get("label", "")
            way = points.add(staff(), tx, current_user.id, channel, value, label)
            accounts.note(staff(), tx, actor, "contact", actor.person)
        if isinstance(channels.here()[channel], SendsCodes):
            return _code_told(points.send_code(staff(), channels.here(), current_user.id, way))
        return _trial_told(_try(actor, way))

    return _done(act)


def _code_told(outcome: Outcome) -> str:
    if outcome.why is not None:
        return _("Koden kunde inte skickas: %(why)s.", why=_(FAILED[outcome.why]))
    return _("En kod är skickad. Skriv in den här.")


def _try(actor: Actor, way: str) -> Outcome:
    base = staff().config.public_url or request.url_root.rstrip("/")
    url = f"{base}{url_for('pages.ways')}"
    parts, me = staff(), current_user.id
    return points.try_out(parts, channels.here(), me, way, org=actor.org, url=url)


def _trial_told(outcome: Outcome) -> str:
    if outcome.why is not None:
        return _("Provlarmet kom inte iväg: %(why)s.", why=_(FAILED[outcome.why]))
    return _("Provlarm skickat. Här nedanför syns när det är framme.")


@post("/larmvagar/kod", "ways_code", examples=({"way": "x", "code": "123456"},))
def ways_code(actor: Actor) -> ResponseReturnValue:  # noqa: ARG001 - a form has an actor
    """POST `/larmvagar/kod`: the code that came to a number or an address."""

    def act() -> str:
        code = request.form.get("code", "")
        points.prove(staff(), current_user.id, request.form.get("way", ""), code)
        return _("Klart. Larm kan skickas hit.")

    return _done(act)


@post("/larmvagar/ny-kod", "ways_code_again", examples=({"way": "x"},))
def ways_code_again(actor: Actor) -> ResponseReturnValue:  # noqa: ARG001 - a form has an actor
    """POST `/larmvagar/ny-kod`: another code."""
    way, me = request.form.get("way", ""), current_user.id
    return _done(lambda: _code_told(points.send_code(staff(), channels.here(), me, way)))


@post("/larmvagar/prova", "ways_try", examples=({"way": "x"},))
def ways_try(actor: Actor) -> ResponseReturnValue:
    """POST `/larmvagar/prova`: a test alarm to one of my ways."""
    return _done(lambda: _trial_told(_try(actor, request.form.get("way", ""))))


@post("/larmvagar/upp", "ways_up", examples=({"way": "x"},))
def ways_up(actor: Actor) -> ResponseReturnValue:  # noqa: ARG001 - a form has an actor
    """POST `/larmvagar/upp`: try this one earlier."""

    def act() -> str:
        with staff().write() as tx:
            points.move_up(tx, current_user.id, request.form.get("way", ""))
        return _("Ordningen är ändrad.")

    return _done(act)


@post("/larmvagar/ta-bort", "ways_remove", examples=({"way": "x"},))
def ways_remove(actor: Actor) -> ResponseReturnValue:
    """POST `/larmvagar/ta-bort`: no alarms to this one any more."""

    def act() -> str:
        with staff().write() as tx:
            points.remove(tx, current_user.id, request.form.get("way", ""))
            accounts.note(staff(), tx, actor, "contact", actor.person)
        return _("Larmvägen är borttagen.")

    return _done(act)
