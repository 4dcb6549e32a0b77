"""The door's page: a one-time code opens it when the internet is down.

One form, eight digits.  Another site cannot send it: the form's token must be the one in a cookie
that no other site's form brings along, and the browser must not say that it comes from elsewhere.
The digits are in no address, no log and no page.

Not for: judging a code (`gateway.doors.code_entry`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, make_response, request
from werkzeug.wrappers import Response

from web.home.port import Answered, HomePort

COOKIE = "door"
"""The form's token; a browser's session long."""

CODE_MAX_CHARS = 20
"""Eight digits, and what people type between them."""

STATUS = {
    Answered.ACCEPTED: 200,
    Answered.PAUSED: 429,
    Answered.NO_CLOCK: 503,
    Answered.NOT_RECORDED: 503,
}
"""Everything else is 422: what was typed does not open."""


def blueprint(port: HomePort, page: Callable[..., str]) -> Blueprint:
    """The routes over `port`; `page` renders a template with the home's state."""
    routes = Blueprint("door", __name__)

    @routes.get("/door")
    def door() -> Response:
        token = request.cookies.get(COOKIE) or secrets.token_urlsafe(16)
        answer = make_response(_render(page, port, token, None))
        answer.set_cookie(COOKIE, token, samesite="Strict", httponly=True, path="/door")
        return answer

    @routes.post("/door")
    def enter() -> Any:
        token = request.cookies.get(COOKIE, "")
        if not _ours() or not token or request.form.get("token") != token:
            abort(403)
        typed = request.form.get("code", "")
        what = Answered.MALFORMED
        if len(typed) <= CODE_MAX_CHARS:
            what = port.enter_code(typed)
        return make_response(_render(page, port, token, what), STATUS.get(what, 422))

    return routes


def _render(page: Callable[..., str], port: HomePort, token: str, what: Answered | None) -> str:
    return page("door.html", port.state(), door=port.door(), answered=what, token=token)


def _ours() -> bool:
    """Whether the form was sent from this page, as far as the browser says."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
