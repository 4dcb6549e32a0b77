"""Tala: a caregiver speaks with a home because of an open alarm there, and hears it.

The sound goes between the browser and the home (`static/js/talk.js`, `gateway.media`); what passes
here is how they find each other.  Signals are orders, below `/larm/`, and go before pages and
history (`web.staff.runtime.admission_gate`).

Not for: the alarm's own page, or who may (`web.staff.talk.calls`).
"""

from __future__ import annotations

import time

from flask import Response, abort, jsonify, make_response, request
from flask.typing import ResponseReturnValue

from web.staff.care.actions import Refused, Why
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import forms, lookups, media_answers, reading
from web.staff.pages.layout import is_fragment, main_attributes, page
from web.staff.pages.media_answers import Answers
from web.staff.pages.routes import get, post
from web.staff.talk import calls, media_sessions, relays
from web.staff.texts import voice_words
from web.staff.texts.event_summary import alarm_word

MICROPHONE = "camera=(), microphone=(self), geolocation=(), payment=()"
"""The one page that may ask for the microphone."""


@get("/tala", "talk", right=Right.ANSWER_CARE_ALARM, examples=({"larm": "home:h1/1"},))
def talk(actor: Actor) -> Response:
    """The page `/tala?larm=<alarm>`."""
    parts = staff()
    with parts.db.read() as conn:
        try:
            row = calls.alarm_of(conn, actor, request.args.get("larm", ""))
        except Refused:
            abort(404)
        reading.note(actor, {row.home_id}, "home")
        place = lookups.places(conn, actor, beyond=(row.home_id,))[row.home_id]
        shown = page(
            "talk.html",
            conn,
            actor,
            alarm=row,
            place=place,
            about=alarm_word(row.type),
            # an open page keeps its call's place, where it reads how that ended
            closed=row.closed_at is not None and not is_fragment(),
            has_voice=calls.has_voice(conn, row.home_id),
            **main_attributes(home=row.home_id),
        )
    answer = make_response(shown)
    answer.headers["Permissions-Policy"] = MICROPHONE
    return answer


@post("/larm/tala/vagar", "talk_ways", right=Right.ANSWER_CARE_ALARM)
def ways(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/tala/vagar`: what opens the relays for this person's next call."""
    config = staff().config
    until_s = time.time() + 2 * config.voice.limit_s + media_sessions.SETTING_UP_S
    found = relays.servers(config, actor.person, until_s)
    return media_answers.relays(found)


@post(
    "/larm/tala/borja",
    "talk_begin",
    right=Right.ANSWER_CARE_ALARM,
    examples=({"sdp": "v=0"},),
)
def begin(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/tala/borja`: send the page's offer to the home with a permit."""
    form = request.form
    try:
        call = calls.begin(staff(), actor, form.get("alarm", ""), form.get("sdp", ""))
    except Refused as error:
        return ANSWERS.refused(actor, error)
    return jsonify(call=call.id)


@post("/larm/tala/lage", "talk_state", right=Right.ANSWER_CARE_ALARM)
def state(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/tala/lage`: what has come of the call, with the home's answer."""
    try:
        call = calls.state(staff(), actor, ANSWERS.named)
    except Refused as error:
        return ANSWERS.refused(actor, error, 404)
    over = call.state in ("ended", "refused")
    text = voice_words.over(call.state, call.why) if over else ""
    return jsonify(state=call.state, answer=call.answer, text=text)


@post("/larm/tala/mer", "talk_more", right=Right.ANSWER_CARE_ALARM)
def more(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/tala/mer`: more ways to reach the page."""
    found = media_answers.ways()
    return ANSWERS.done(actor, lambda call: calls.add_ways(staff(), actor, call, found))


@post("/larm/tala/forlang", "talk_extend", right=Right.ANSWER_CARE_ALARM)
def extend(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/tala/forlang`: ask for as long again."""
    return ANSWERS.done(actor, lambda call: calls.extend(staff(), actor, call))


@post("/larm/tala/slut", "talk_end", right=Right.ANSWER_CARE_ALARM)
def end(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/tala/slut`: it is over; also the last word of a page that is closed."""
    return ANSWERS.done(actor, lambda call: calls.end(staff(), actor, call))


def _sentence(actor: Actor, error: Refused) -> str:
    if error.why is Why.NOT_CONNECTED:
        return _(voice_words.NOT_CONNECTED)
    return forms.refusal_text(actor, error)


ANSWERS = Answers("call", _sentence)
