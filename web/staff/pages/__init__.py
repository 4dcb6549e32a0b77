"""The pages that staff look at: one file a page, read queries only.

`register` is all that the composition root needs.  Writing goes through `web.staff.care.actions`,
from `forms`. Not for: the link to homes, or signing in.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, make_response, redirect, request, url_for

from web.staff.core import i18n
from web.staff.core.paths import safe_next
from web.staff.pages import (
    account,
    error_pages,
    events,
    forms,
    homes,
    homes_admin,
    layout,
    now,
    offline,
    person_access,
    service,
    shift,
    staff_admin,
    visit_routes,
)

blueprint = Blueprint("pages", __name__)


def start() -> Any:
    """`/`: the page that answers "is everything well?"."""
    return redirect(url_for("pages.now"))


def settings() -> Any:
    """POST `/installningar`: keep a choice of theme or language in a cookie, and go back."""
    answer = make_response(redirect(safe_next(request.form.get("next")), 303))
    for name, allowed in (("tema", layout.THEMES), ("sprak", tuple(i18n.LANGUAGES))):
        value = request.form.get(name, "")
        if value in allowed:
            answer.set_cookie(
                name,
                value,
                max_age=layout.COOKIE_MAX_AGE_S,
                samesite="Lax",
                secure=request.is_secure,
            )
    return answer


blueprint.before_request(layout.note_position)

blueprint.add_url_rule("/", "start", start)
blueprint.add_url_rule("/nu", "now", now.now)
blueprint.add_url_rule("/pass", "shift", shift.shift)
blueprint.add_url_rule("/hem", "homes", homes.homes)
blueprint.add_url_rule("/hem/<home>", "homes_one", homes.one_home)
blueprint.add_url_rule("/handelser", "events", events.events)
blueprint.add_url_rule("/handelser/ord.json", "events_words", events.event_words)
visit_routes.add_routes(blueprint)

blueprint.add_url_rule("/larm/ta", "acknowledge", forms.acknowledge, methods=["POST"])
blueprint.add_url_rule("/larm/avsluta", "resolve", forms.resolve, methods=["POST"])
blueprint.add_url_rule("/tillsyn/svara", "answer_check", forms.answer_check, methods=["POST"])
blueprint.add_url_rule("/tillsyn/borja", "start_check", forms.start_check, methods=["POST"])
blueprint.add_url_rule("/pass/<home>/las", "turn", forms.turn, methods=["POST"])
blueprint.add_url_rule("/pass/<home>/besok", "tap", forms.tap, methods=["POST"])

blueprint.add_url_rule("/service", "service", service.show)
blueprint.add_url_rule("/service/begar", "service_ask", service.ask, methods=["POST"])
blueprint.add_url_rule("/service/svara", "service_answer", service.answer, methods=["POST"])

blueprint.add_url_rule("/konto", "account", account.account)
blueprint.add_url_rule("/konto/session", "end_session", account.end_session, methods=["POST"])
blueprint.add_url_rule(
    "/konto/logga-ut-overallt", "end_sessions", account.end_sessions, methods=["POST"]
)
blueprint.add_url_rule("/administration", "people", staff_admin.people)
blueprint.add_url_rule("/administration/person", "people_add", staff_admin.add, methods=["POST"])
blueprint.add_url_rule("/administration/person/<person>", "people_one", staff_admin.one)
blueprint.add_url_rule(
    "/administration/person/<person>", "people_change", staff_admin.change, methods=["POST"]
)
blueprint.add_url_rule(
    "/administration/person/<person>/atkomst", "people_access", person_access.show
)
blueprint.add_url_rule(
    "/administration/person/<person>/atkomst",
    "people_take_back",
    person_access.take_back,
    methods=["POST"],
)
blueprint.add_url_rule("/administration/hem", "places", homes_admin.places)
blueprint.add_url_rule("/administration/hem", "places_add", homes_admin.add_home, methods=["POST"])
blueprint.add_url_rule(
    "/administration/hem/<home>", "places_change", homes_admin.change_home, methods=["POST"]
)
blueprint.add_url_rule(
    "/administration/grupper", "places_groups", homes_admin.change_groups, methods=["POST"]
)

blueprint.add_url_rule("/pass/utan-nat", "offline_shell", offline.shell)
blueprint.add_url_rule("/pass/koder", "codes", offline.codes, methods=["POST"])
blueprint.add_url_rule("/sw.js", "worker", offline.worker)
blueprint.add_url_rule("/manifest.webmanifest", "manifest", offline.manifest)

blueprint.add_url_rule("/installningar", "settings", settings, methods=["POST"])
blueprint.add_url_rule("/s/<version>/<path:filename>", "asset_file", layout.asset_file)


def register(app: Flask) -> None:
    """Add the pages, what their templates need, and the pages for what goes wrong."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(layout.context)
    layout.add_filters(app)
    app.register_blueprint(blueprint)
    error_pages.init_app(app)
