"""Kameratillsyn: a person looks into a home, at a night check, because of an alarm, or on a reason.

No page of its own: the panel (`parts/look_panel.html`, `static/js/look.js`) stands in the board and
on the alarm's page, and asks here.  The picture goes between browser and home, or sealed past us
(`bild`).  Signals are orders, below `/tillsyn/`, and go before pages and history
(`web.staff.runtime.admission_gate`).

Not for: who may (`web.staff.looks`), or what was seen (`forms.answer_check`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from gateway.events import LookWhy
from gateway.wire import PICTURE_HEADER
from web.staff.care.actions import Refused, Why
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.looks import grounds, sessions
from web.staff.looks.grounds import Wish
from web.staff.looks.sessions import LookState
from web.staff.pages import forms, lookups, media_answers
from web.staff.pages.layout import maybe_actor
from web.staff.pages.media_answers import Answers
from web.staff.pages.routes import post
from web.staff.texts import device_words, look_words


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel shows: itself, or only words for why not, or nothing (`words` empty)."""

    shown: bool
    words: str
    cameras: list[tuple[str, str]]
    pictures: Mapping[str, str]


NO_PANEL = Panel(shown=False, words="", cameras=[], pictures={})


def panel(look_for: Mapping[str, str | None]) -> Panel:
    """For `parts/look_panel.html`: whether whoever is signed in may look into `home` at all."""
    actor, home = maybe_actor(), look_for["home"] or ""
    if actor is None:
        return NO_PANEL
    try:
        grounds.require_person(actor, home)
        with staff().db.read() as conn:
            found = grounds.require_home(conn, home)
    except Refused as error:
        words = forms.refusal_text(actor, error) if error.why is Why.NO_CONSENT else ""
        return Panel(shown=False, words=words, cameras=[], pictures={})
    names = device_words.device_names(found)
    cameras = [(one.id, names[home, one.id]) for one in found]
    pictures = {kind: _(words) for kind, words in look_words.PICTURES.items()}
    return Panel(shown=True, words="", cameras=cameras, pictures=pictures)


@post("/tillsyn/titta/forbered", "look_prepare", right=Right.LOOK)
def prepare(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/forbered`: somebody may look soon; what opens the relays."""
    try:
        found = sessions.prepare(staff(), actor, request.form.get("home", ""))
    except Refused as error:
        return ANSWERS.refused(actor, error)
    return media_answers.relays(found)


@post(
    "/tillsyn/titta/borja",
    "look_begin",
    right=Right.LOOK,
    examples=({"sdp": "v=0", "why": "worry", "seen": "1"}, {"check": "natt@x", "sdp": "v=0"}),
)
def begin(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/borja`: send the page's offer to the home with a permit."""
    form = request.form
    wish = Wish(
        home=form.get("home", ""),
        check=form.get("check") or None,
        alarm=form.get("alarm") or None,
        why=_own_reason(form.get("why", "")),
        camera=form.get("camera", ""),
        seen="seen" in form,
    )
    try:
        look = sessions.begin(staff(), actor, wish, form.get("sdp", ""), form.get("key", ""))
    except Refused as error:
        return ANSWERS.refused(actor, error)
    return jsonify(look=look.id)


@post("/tillsyn/titta/lage", "look_state", right=Right.LOOK)
def state(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/lage`: what has come of the look, with the home's answer or key."""
    try:
        look = sessions.state(staff(), actor, ANSWERS.named)
    except Refused as error:
        return ANSWERS.refused(actor, error, 404)
    return _told(look)


@post("/tillsyn/titta/bild", "look_picture", right=Right.LOOK, examples=({"after": "0"},))
def picture(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/bild`: the newest sealed picture after a number, or how it stands."""
    after = request.form.get("after", "0")
    number = forms.number_of(after, none=0, digits=8)
    try:
        found = sessions.picture(staff(), actor, ANSWERS.named, number)
    except Refused as error:
        return ANSWERS.refused(actor, error, 404)
    if isinstance(found, LookState):
        return _told(found)
    response = Response(found[1], mimetype="application/octet-stream")
    response.headers[PICTURE_HEADER] = str(found[0])
    response.headers["Cache-Control"] = "no-store"
    return response


@post("/tillsyn/titta/mer", "look_more", right=Right.LOOK)
def more(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/mer`: more ways to reach the page."""
    found = media_answers.ways()
    return ANSWERS.done(actor, lambda look: sessions.add_ways(staff(), actor, look, found))


@post("/tillsyn/titta/rela", "look_relay", right=Right.LOOK)
def relay(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/rela`: the page finds no way, and wants sealed pictures."""
    key = request.form.get("key", "")
    return ANSWERS.done(actor, lambda look: sessions.go_over(staff(), actor, look, key))


@post("/tillsyn/titta/forlang", "look_extend", right=Right.LOOK)
def extend(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/forlang`: ask for 30 seconds more, once."""
    return ANSWERS.done(actor, lambda look: sessions.extend(staff(), actor, look))


@post("/tillsyn/titta/slut", "look_end", right=Right.LOOK)
def end(actor: Actor) -> ResponseReturnValue:
    """POST `/tillsyn/titta/slut`: it is over; also the last word of a page that is closed."""
    return ANSWERS.done(actor, lambda look: sessions.end(staff(), actor, look))


def _own_reason(word: str) -> LookWhy | None:
    return next((why for why in (*grounds.OWN, grounds.TRIAL) if why.value == word), None)


def _told(look: LookState) -> Response:
    text = look_words.over(look.state, look.why) if look.over else ""
    said = {"state": look.state, "over": look.over, "why": look.why, "text": text}
    return jsonify(answer=look.answer, key=look.key, kind=look.picture, **said)


def _sentence(actor: Actor, error: Refused) -> str:
    if error.why is Why.NOT_CONNECTED:
        return _(look_words.NOT_CONNECTED)
    if error.why is Why.LOOKING:
        person = str(error.data["person"])
        with staff().db.read() as conn:
            who = lookups.names(conn, actor).get(person, person)
        return _("%(who)s ser redan genom kameran. Försök igen om en stund.", who=who)
    return forms.refusal_text(actor, error)


ANSWERS = Answers("look", _sentence)
