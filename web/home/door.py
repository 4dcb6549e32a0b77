"""The door's page: a one-time code opens it when the internet is down.

Eight digits, or the proof of the phone that holds them.  Whoever opened the door sees how far the
lock is; the digits are in no address, no log and no page.

Not for: judging a code (`gateway.doors.code_entry`), or who may send a form (`web.home.guard`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, redirect, request, url_for

from web.home.entry import STATUS, TYPED_MAX_CHARS
from web.home.port import Answered, HomePort
from web.home.sessions import Sessions, Who

PROOF_MAX_CHARS = 200
"""Of each part of a proof: a signature has 128."""


def blueprint(port: HomePort, sessions: Sessions, page: Callable[..., Response]) -> Blueprint:
    """The routes over `port`; `page` renders a template with the home's state."""
    routes = Blueprint("door", __name__)

    def shown(what: Answered | None) -> Response:
        status = 200 if what is None else STATUS.get(what, 422)
        return page("door.html", port.state(), status, door=port.door(), answered=what)

    def after(what: Answered) -> Any:
        if what is not Answered.ACCEPTED:
            return shown(what)
        answer = redirect(url_for("door.door"), 303)  # so that a reload types nothing again
        return answer if g.inside else sessions.begin(answer, Who.STAFF)

    @routes.get("/door")
    def door() -> Response:
        return shown(None)

    @routes.post("/door")
    def enter() -> Any:
        typed = request.form.get("code", "")
        if len(typed) > TYPED_MAX_CHARS:
            return shown(Answered.MALFORMED)
        return after(port.enter_code(typed, request.remote_addr or ""))

    @routes.post("/door/phone")
    def prove() -> Any:
        parts = [request.form.get(name, "") for name in ("id", "word", "signature")]
        if not all(0 < len(part) <= PROOF_MAX_CHARS for part in parts):
            return shown(Answered.WRONG)
        id_, word, signature = parts
        return after(port.prove(id_, word, signature, request.remote_addr or ""))

    return routes
