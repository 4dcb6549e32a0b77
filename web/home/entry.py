"""The way in to the Pi's page: a code of the staff's, the resident's own PIN, or the code of who
installs the home.

Before that nothing is told that a stranger at the door may not know.  Not for: the door itself
(`web.home.door`: whoever opened it with a code is in as well).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from web.home.guard import is_near
from web.home.port import Answered, HomePort, InstallPort
from web.home.sessions import Sessions, Who

TYPED_MAX_CHARS = 20
"""Eight digits, and what people type between them."""

INSTALL_MAX_CHARS = 200
"""The code of who installs, as a camera reads it: with the server's address."""

STATUS = {
    Answered.ACCEPTED: 200,
    Answered.PAUSED: 429,
    Answered.GUESSED: 429,
    Answered.NO_CLOCK: 503,
    Answered.NOT_RECORDED: 503,
}
"""Everything else is 422: what was typed does not open."""


def blueprint(
    port: HomePort,
    sessions: Sessions,
    page: Callable[..., Response],
    install: InstallPort | None,
) -> Blueprint:
    """The routes over `port`; `page` renders a template with the home's state."""
    routes = Blueprint("entry", __name__)

    @routes.post("/in")
    def enter() -> Any:
        place = request.remote_addr or ""
        pin, code = request.form.get("pin", ""), request.form.get("code", "")
        what = Answered.MALFORMED
        if pin and len(pin) <= TYPED_MAX_CHARS:
            what = port.enter_pin(pin, place)
        elif code and len(code) <= TYPED_MAX_CHARS:
            what = port.look(code, place)
        if what is not Answered.ACCEPTED:
            return ask(port, page, what, by="pin" if pin else "code")
        answer = redirect(url_for("home"), 303)
        return sessions.begin(answer, Who.RESIDENT if pin else Who.STAFF)

    @routes.post("/in/install")
    def enter_to_install() -> Any:
        typed, what = request.form.get("install", ""), Answered.WRONG
        place = request.remote_addr or ""
        if install is not None and is_near(place) and 0 < len(typed) <= INSTALL_MAX_CHARS:
            what = install.enter(typed, place)
        if what is not Answered.ACCEPTED:
            return ask(port, page, what, by="install")
        return sessions.begin(redirect(url_for("install.trial"), 303), Who.INSTALLER)

    @routes.post("/out")
    def leave() -> Any:
        return sessions.end(redirect(url_for("home"), 303))

    return routes


def ask(
    port: HomePort, page: Callable[..., Response], what: Answered | None = None, by: str = ""
) -> Response:
    """The page that asks; `what` became of what was typed."""
    status = 200 if what is None else STATUS.get(what, 422)
    return page("entry.html", port.state(), status, answered=what, by=by)
