"""The Flask application of the home's own page; `create_app(port)` is all that others need.

Who has shown nothing sees what a stranger at the door may know: that it is Tryggve, and where to
type a code.  Not for: serving itself (`gateway.app.page_server`), the door's page
(`web.home.door`), the way in (`web.home.entry`).
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import (
    Flask,
    Response,
    abort,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)

from web import shown_text
from web.home import door, entry, guard, install
from web.home.port import Access, Health, HomePort, HomeState, InstallPort, TestResult
from web.home.sessions import Sessions, Who
from web.home.words import LANGUAGES, Words

TEST_EVERY_S = 15.0
"""Between self-tests: each asks every lock, which costs its battery; a restless finger, or another
page in the browser, must not."""

LANGUAGE_COOKIE_S = 365 * 86_400
"""A year: the Pi's page has nothing else to remember."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` makes a form's Origin "null"
    "Cache-Control": "no-store",
}


class _Tests:
    """The last self-test; one at a time."""

    def __init__(self, port: HomePort) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._ended_s: float | None = None
        self.results: tuple[TestResult, ...] = ()
        self.at: datetime | None = None

    def run(self) -> None:
        """Run it, unless one runs now or ran a moment ago: then that one's results are shown."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._ended_s is None or time.monotonic() - self._ended_s > TEST_EVERY_S:
                self.results = self._port.self_test()
                self.at = self._port.state().now
                self._ended_s = time.monotonic()
        finally:
            self._lock.release()


OPEN = frozenset(
    {
        *("static", "language", "door.door", "door.enter", "door.prove"),
        *("entry.enter", "entry.enter_to_install"),
    }
)
"""What is served without a session, beside the page of the entry itself."""

INSTALLERS = OPEN | {"entry.leave"}
"""What else is served to who installs the home: nothing of who lives there."""

ALARM_MAX_CHARS = 200
"""Of an alarm's reference."""

FORM_MAX_BYTES = 8_192
"""Of a form: a code, a proof, a token."""


def create_app(
    port: HomePort, sessions: Sessions | None = None, *, installs: InstallPort | None = None
) -> Flask:
    """The page over `port`; `installs` is what installs the home (None: not from here).  Holds no
    state but sessions and the last self-test."""
    app = Flask(__name__)
    shown_text.add_to(app.jinja_env)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.config.update(MAX_CONTENT_LENGTH=FORM_MAX_BYTES, PREFERRED_URL_SCHEME="https")
    tests = _Tests(port)
    sessions = sessions or Sessions()
    app.register_blueprint(door.blueprint(port, sessions, _page))
    app.register_blueprint(entry.blueprint(port, sessions, _page, installs))
    if installs is not None:
        install.add_to(app, port, installs, sessions, _language)

    @app.before_request
    def _only_who_may() -> Any:
        guard.check()
        who = sessions.who()
        g.inside = who in (Who.RESIDENT, Who.STAFF)
        g.installs = installs is not None and installs.may()
        if request.blueprint == "install":
            return None if who is Who.INSTALLER else redirect(url_for("home"), 303)
        if who is Who.INSTALLER:
            here = request.endpoint in INSTALLERS
            return None if here else redirect(url_for("install.trial"), 303)
        if g.inside or request.endpoint in OPEN:
            return None
        if request.endpoint == "home":
            return entry.ask(port, _page)
        if request.endpoint == "state_json":
            return jsonify(error="a code or a PIN first"), 401
        return redirect(url_for("home"), 303)

    @app.after_request
    def _harden(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "max-age=300"
        return response

    @app.get("/")
    def home() -> Response:
        by = _by(sessions)
        return _page("home.html", port.state(), by=by)

    @app.post("/alarm")
    def take_back() -> Any:
        by = _by(sessions)
        if not port.take_back(request.form.get("alarm", "")[:ALARM_MAX_CHARS], by):
            return _page("home.html", port.state(), 409, by=by, refused=True)
        return redirect(url_for("home"), 303)

    @app.get("/ledger")
    def ledger() -> Response:
        state = port.state()
        return _page("ledger.html", state, days=_by_day(port.ledger(), state.timezone))

    @app.get("/test")
    def test() -> Response:
        return _page("test.html", port.state(), results=tests.results, tested_at=tests.at)

    @app.post("/test")
    def run_test() -> Any:
        tests.run()
        return redirect(url_for("test"), 303)

    @app.get("/state.json")
    def state_json() -> Response:
        return jsonify(_plain(asdict(port.state())))

    @app.get("/language/<code>")
    def language(code: str) -> Any:
        if code not in LANGUAGES:
            abort(404)
        answer = redirect(url_for("home"), 303)
        answer.set_cookie(
            "language",
            code,
            max_age=LANGUAGE_COOKIE_S,
            samesite="Strict",
            httponly=True,
            secure=True,
        )
        return answer

    return app


def overall(state: HomeState) -> Health:
    """The home at one glance: the worst of what matters."""
    devices = {device.health for device in state.devices}
    link_down = state.link.configured and not state.link.up
    if state.log_problem or state.link.problem or Health.BAD in devices:
        return Health.BAD
    if link_down or not state.clock_synced or devices & {Health.WARN, Health.UNKNOWN}:
        return Health.WARN
    return Health.OK


def _by(sessions: Sessions) -> str:
    return "caregiver" if sessions.who() is Who.STAFF else "wearer"


def _language() -> str:
    chosen = request.cookies.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _page(template: str, state: HomeState, status: int = 200, **more: Any) -> Response:
    zone, token = ZoneInfo(state.timezone), guard.token()
    page = render_template(
        template,
        state=state,
        inside=g.inside,
        installs=g.installs,
        token=token,
        w=Words(_language()),
        overall=overall(state),
        local=lambda at: _local(at, state.now, zone),
        Health=Health,
        **more,
    )
    answer = Response(page, status)
    guard.remember(answer, token)
    return answer


def _by_day(
    rows: tuple[Access, ...], timezone: str
) -> list[tuple[datetime, list[tuple[str, Access]]]]:
    """The ledger's rows under their local days, newest first, each with its time of day."""
    zone = ZoneInfo(timezone)
    days: list[tuple[datetime, list[tuple[str, Access]]]] = []
    for row in rows:
        there = row.at.astimezone(zone)
        if not days or days[-1][0].date() != there.date():
            days.append((there, []))
        days[-1][1].append((f"{there:%H:%M}", row))
    return days


def _local(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Local time for a person: `14:05`, with the date when it is not today."""
    there, today = at.astimezone(zone), now.astimezone(zone)
    return f"{there:%H:%M}" if there.date() == today.date() else f"{there:%Y-%m-%d %H:%M}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"  # as in events
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
