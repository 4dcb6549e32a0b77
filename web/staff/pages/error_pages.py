"""Pages for what goes wrong, in plain words: no permission, not found, too much, a fault of ours.

Not for: the API's own answers, which stay JSON.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.pages.layout import answer_json, asset, maybe_actor, signed_out, wants_json
from web.staff.pages.routes import file_max
from web.staff.storage.outage import FAULTS, is_away, is_crowded, refusal_of

log = logging.getLogger(__name__)

AWAY_S = 10
"""Seconds after which a page that found no database is asked for again."""

AWAY = (
    "Servern når inte sin databas",
    "Inget är sparat, och nya larm syns inte här. Följ rutinen för avbrott. Sidan försöker igen.",
)
"""Heading and what to do.  In Swedish for everybody: the reader's language stands in the database
that is away."""

NOT_SAVED = (
    "Servern kan inte spara just nu",
    (
        "Inget av det du gjorde är sparat. Ring i stället, och anteckna för hand vad du gör och "
        "när. Säg till den som sköter servern nu. Hemmen behåller sina larm och skickar dem igen."
    ),
)
"""The same for a database that reads and saves nothing."""

CROWDED_S = 3
"""Seconds after which a page that found no connection free is asked for again."""

CROWDED = (
    "Många gör det här just nu",
    "Inget är sparat. Larmen tas emot som vanligt. Sidan försöker igen om en stund.",
)
"""Heading and what to do, when the database has more to do than it can."""

API = "/api/"
"""Where programs ask; they get what the API itself answers."""

TEXTS = {
    400: (
        N_("Sidan förstod inte det som skickades"),
        N_("Sidan kan ha legat öppen för länge. Gå tillbaka, läs in sidan igen och försök."),
    ),
    403: (
        N_("Du får inte öppna den här sidan"),
        N_("Din roll räcker inte hit. Behöver du sidan i ditt arbete, prata med samordnaren."),
    ),
    404: (
        N_("Sidan finns inte"),
        N_("Adressen är fel, eller så hör hemmet inte till dig."),
    ),
    405: (
        N_("Sidan finns inte"),
        N_("Adressen är fel, eller så hör hemmet inte till dig."),
    ),
    413: (
        N_("Det var för mycket på en gång"),
        N_("Det du skickade är för stort."),
    ),
    429: (
        N_("För många försök"),
        N_("Vänta en stund och försök igen."),
    ),
    503: (
        N_("Många gör det här just nu"),
        N_("Ingenting är fel. Försök igen om en stund."),
    ),
    500: (
        N_("Fel hos oss"),
        N_(
            "Servern kunde inte visa sidan. Larm i hemmen påverkas inte, men du ser dem inte här. "
            "Följ rutinen för avbrott och försök igen."
        ),
    ),
}
"""HTTP status to heading and what to do."""


def init_app(app: Flask) -> None:
    """Answer every fault of a page with a page."""
    app.register_error_handler(HTTPException, _known)
    for fault in FAULTS:
        app.register_error_handler(fault, _database)
    if not app.testing:
        app.register_error_handler(Exception, _unknown)


def _known(error: HTTPException) -> ResponseReturnValue | HTTPException:
    if error.response is not None or request.path.startswith(API):
        return error
    if error.code == 413 and file_max(request.endpoint) and maybe_actor() is None:
        return signed_out()  # nobody's file is let in: it may be of the right size
    answer = make_response(error_page(error.code or 500))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def _database(error: Exception) -> ResponseReturnValue:
    """503 while the database is away, not a fault of ours; anything else is one."""
    if not is_away(error):
        if current_app.testing:
            raise error
        return _unknown(error)
    if is_crowded(error):  # said in the log by who counts it (`web.staff.storage.shares`)
        (head, text), again_s = CROWDED, CROWDED_S
    elif refusal_of(error) is not None:  # told once, when it begins (`storage.saving`)
        (head, text), again_s = NOT_SAVED, AWAY_S
    else:
        log.warning("the database is away: %s", type(error).__name__)
        (head, text), again_s = AWAY, AWAY_S
    later = {"Retry-After": str(again_s)}
    if wants_json() or request.path.startswith(API):
        return {"error": "unavailable", "text": f"{head}. {text}"}, 503, later
    page = current_app.jinja_env.get_template("away.html")
    return page.render(head=head, text=text, again_s=again_s, asset=asset), 503, later


def _unknown(error: Exception) -> ResponseReturnValue:
    # the edge of the web server: what nobody expected is logged, and told without a traceback
    if request.path.startswith(API):
        raise error
    log.error("a page failed", exc_info=error, extra={"endpoint": request.endpoint})
    return error_page(500)


def error_page(code: int) -> tuple[str, int] | Response:
    """The page (or the sentence, for our script) for an HTTP status."""
    head, text = TEXTS.get(code, TEXTS[500 if code >= 500 else 400])
    if wants_json():
        return answer_json(f"{_(head)}. {_(text)}", code)
    return render_template("error.html", head=_(head), text=_(text), code=code), code
