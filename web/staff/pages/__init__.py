"""The pages that staff look at: one file a page, read queries only.

`register` is all that the composition root needs.  Writing goes through `web.staff.actions`, from
`deeds`.
Not for: the link to homes, or signing in.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, make_response, redirect, request, url_for

from web.staff import i18n
from web.staff.pages import (
    access_of,
    account,
    deeds,
    events,
    faults,
    frame,
    homes,
    now,
    offline,
    people,
    places,
    service,
    shift,
    visit_routes,
)
from web.staff.paths import safe_next

blueprint = Blueprint("pages", __name__)


def start() -> Any:
    """`/`: the page that answers "is everything well?"."""
    return redirect(url_for("pages.now"))


def settings() -> Any:
    """POST `/installningar`: keep a choice of theme or language in a cookie, and go back."""
    answer = make_response(redirect(safe_next(request.form.get("next")), 303))
    for name, allowed in (("tema", frame.THEMES), ("sprak", tuple(i18n.LANGUAGES))):
        value = request.form.get(name, "")
        if value in allowed:
            answer.set_cookie(
                name,
                value,
                max_age=frame.COOKIE_MAX_AGE_S,
                samesite="Lax",
                secure=request.is_secure,
            )
    return answer


blueprint.before_request(frame.note_position)

blueprint.add_url_rule("/", "start", start)
blueprint.add_url_rule("/nu", "now", now.now)
blueprint.add_url_rule("/pass", "shift", shift.shift)
blueprint.add_url_rule("/hem", "homes", homes.homes)
blueprint.add_url_rule("/hem/<home>", "homes_one", homes.one_home)
blueprint.add_url_rule("/handelser", "events", events.events)
blueprint.add_url_rule("/handelser/ord.json", "events_words", events.event_words)
visit_routes.add_routes(blueprint)

blueprint.add_url_rule("/larm/ta", "acknowledge", deeds.acknowledge, methods=["POST"])
blueprint.add_url_rule("/larm/avsluta", "resolve", deeds.resolve, methods=["POST"])
blueprint.add_url_rule("/tillsyn/svara", "answer_check", deeds.answer_check, methods=["POST"])
blueprint.add_url_rule("/tillsyn/borja", "start_check", deeds.start_check, methods=["POST"])
blueprint.add_url_rule("/pass/<home>/las", "turn", deeds.turn, methods=["POST"])
blueprint.add_url_rule("/pass/<home>/besok", "tap", deeds.tap, methods=["POST"])

blueprint.add_url_rule("/service", "service", service.show)
blueprint.add_url_rule("/service/begar", "service_ask", service.ask, methods=["POST"])
blueprint.add_url_rule("/service/svara", "service_answer", service.answer, methods=["POST"])

blueprint.add_url_rule("/konto", "account", account.account)
blueprint.add_url_rule("/konto/session", "end_session", account.end_session, methods=["POST"])
blueprint.add_url_rule(
    "/konto/logga-ut-overallt", "end_sessions", account.end_sessions, methods=["POST"]
)
blueprint.add_url_rule("/administration", "people", people.people)
blueprint.add_url_rule("/administration/person", "people_add", people.add, methods=["POST"])
blueprint.add_url_rule("/administration/person/<person>", "people_one", people.one)
blueprint.add_url_rule(
    "/administration/person/<person>", "people_change", people.change, methods=["POST"]
)
blueprint.add_url_rule("/administration/person/<person>/atkomst", "people_access", access_of.show)
blueprint.add_url_rule(
    "/administration/person/<person>/atkomst",
    "people_take_back",
    access_of.take_back,
    methods=["POST"],
)
blueprint.add_url_rule("/administration/hem", "places", places.places)
blueprint.add_url_rule("/administration/hem", "places_add", places.add_home, methods=["POST"])
blueprint.add_url_rule(
    "/administration/hem/<home>", "places_change", places.change_home, methods=["POST"]
)
blueprint.add_url_rule(
    "/administration/grupper", "places_groups", places.change_groups, methods=["POST"]
)

blueprint.add_url_rule("/pass/utan-nat", "offline_shell", offline.shell)
blueprint.add_url_rule("/pass/koder", "codes", offline.codes, methods=["POST"])
blueprint.add_url_rule("/sw.js", "worker", offline.worker)
blueprint.add_url_rule("/manifest.webmanifest", "manifest", offline.manifest)

blueprint.add_url_rule("/installningar", "settings", settings, methods=["POST"])
blueprint.add_url_rule("/s/<version>/<path:filename>", "asset_file", frame.asset_file)


def register(app: Flask) -> None:
    """Add the pages, what their templates need, and the pages for what goes wrong."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(frame.context)
    frame.add_filters(app)
    app.register_blueprint(blueprint)
    faults.init_app(app)
