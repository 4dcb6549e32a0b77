"""The pages of who installs the home, where there is no server to ask: what the home hears, what a
thing is and where, pairing, calibrating, and the trial that the home's own events tick.

The forms, their words, the drawings and the look are those of the server's pages, read from where
those keep them; nothing of the server's program runs here.  A session is begun by the home's code
(`web.home.entry`) and sees nothing else of the home.

Not for: doing any of it (`gateway.app.install_page`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader

import web
from gateway.installs import naming, words
from gateway.installs.trial import Trial
from web import icons
from web.driver_words import DRIVERS
from web.home import guard
from web.home.catalogue import Translate, translator
from web.home.port import HomePort, InstallPort, InstallState
from web.home.sessions import Sessions

STAFF = Path(web.__file__).parent / "staff"
"""Where the server's pages are kept: the same package holds both."""

LOOK_MS = 1000
"""Between looks while the home hears or is tried: whoever touches a thing waits for it to move."""

TEXT_MAX = 200
"""Characters of an answer: a key of 32 digits, a password, a file's name."""

FIELD_MAX = 100
"""Characters of what a form says beside that."""

STYLES = ("tokens", "base", "controls", "parts", "pages", "rows", "install")
"""The server's stylesheets that these pages wear."""

ASSETS = {f"{name}.css": f"css/{name}.css" for name in STYLES} | {"morph.js": "js/morph.js"}
"""Files of the server's that are shown here, and no others."""


class Sentences:
    """A driver's sentences in the reader's language."""

    def __init__(self, say: Translate) -> None:
        self._say = say

    def said(self, text: str) -> str:
        return self._say(words.said(text))

    def asked(self, text: str) -> str:
        return self._say(words.asked(text))

    def failed(self, code: str) -> str:
        return self._say(words.failed(code))

    def wants_words(self, text: str) -> bool:
        return words.wants_words(text)


def add_to(
    app: Flask,
    port: HomePort,
    install: InstallPort,
    sessions: Sessions,
    language: Callable[[], str],
) -> None:
    """Give the application these pages: over `install`, in the reader's `language`, with those
    parts of the server's templates that both show."""
    shared = PrefixLoader({"parts": FileSystemLoader(STAFF / "templates" / "parts")})
    own = app.jinja_loader
    assert own is not None  # noqa: S101 - Flask makes one
    app.jinja_loader = ChoiceLoader([own, shared])
    filters = app.jinja_env.filters
    filters["hms"] = lambda at, zone: f"{at.astimezone(zone):%H:%M:%S}"
    filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    app.register_blueprint(_blueprint(port, install, sessions, language))


def _blueprint(
    port: HomePort, install: InstallPort, sessions: Sessions, language: Callable[[], str]
) -> Blueprint:
    routes = Blueprint("install", __name__, url_prefix="/install")

    def shown(template: str, status: int = 200, refused: str = "", **more: Any) -> Response:
        _ = translator(language())
        why = _(words.REFUSALS[refused]) if refused else ""
        token, state = guard.token(), port.state()
        answer = Response(
            render_template(
                template,
                _=_,
                lang=language(),
                home=state,
                styles=STYLES,
                token=token,
                refused=why,
                every_ms=LOOK_MS,
                zone=ZoneInfo(state.timezone),
                icon=lambda name: icons.icon(url_for("install.asset", name=icons.FILE), name),
                **_said(_),
                **more,
            ),
            status,
        )
        guard.remember(answer, token)
        return answer

    def trial_page(status: int = 200, refused: str = "") -> Response:
        state = install.state(sessions.name())
        return shown(
            "install_trial.html",
            status,
            refused,
            state=state,
            trial=state.trial,
            things=_things(state.trial),
            roles={id_: keys.get("role") for id_, keys in state.devices.items()},
            name_of=_named(state),
            reasons=words.OFFERED_HERE,
        )

    def near_page(status: int = 200, refused: str = "") -> Response:
        state = install.state(sessions.name())
        return shown(
            *("install_near.html", status, refused),
            state=state,
            rooms=naming.ROOMS,
            name_of=_named(state),
        )

    def _named(state: InstallState) -> Callable[[str], str]:
        say = translator(language())
        return lambda id_: words.called(state.devices, id_, say)

    @routes.before_request
    def _only_near() -> None:
        if not guard.is_near(request.remote_addr or ""):
            abort(403)

    @routes.errorhandler(TimeoutError)
    def no_answer(_error: TimeoutError) -> Response:
        said = translator(language())(words.NO_ANSWER)
        return Response(f"{said}\n", 503, mimetype="text/plain")

    @routes.get("")
    def trial() -> Response:
        return trial_page()

    @routes.post("")
    def do_trial() -> Any:
        if not install.may():
            return trial_page(409, "used_up")
        refused = _tried(install, _field("do"))
        return trial_page(409, refused) if refused else redirect(url_for("install.trial"), 303)

    @routes.get("/near")
    def near() -> Response:
        return near_page()

    @routes.post("/near")
    def do_near() -> Any:
        if not install.may():
            return near_page(409, "used_up")
        refused = _heard(install, sessions.name(), _field("do"))
        return near_page(409, refused) if refused else redirect(url_for("install.near"), 303)

    @routes.get("/files/<name>")
    def asset(name: str) -> Response:
        if name == icons.FILE:
            return Response(icons.sprite(), mimetype="image/svg+xml")
        if name not in ASSETS:
            abort(404)
        return send_from_directory(STAFF / "static", ASSETS[name])

    return routes


def _field(name: str, longest: int = FIELD_MAX) -> str:
    return request.form.get(name, "")[:longest]


def _tried(install: InstallPort, what: str) -> str:
    """Why it was refused; empty: done."""
    match what:
        case "begin":
            return install.begin()
        case "retry":
            return install.retry(_field("device"))
        case "skip":
            return install.skip(_field("step"), _field("why"))
        case "accept":
            return install.accept()
    return abort(400)


def _heard(install: InstallPort, page: str, what: str) -> str:
    """Why it was refused; empty: done."""
    match what:
        case "begin":
            install.hear(page)
        case "end":
            install.end(page)
        case "pair" | "calibrate":
            return install.guide(page, _field("device"))
        case "answer":
            said = _field("number")
            number = int(said) if said.isascii() and said.isdecimal() and len(said) < 6 else 0
            install.answer(page, number, _field("text", TEXT_MAX))
        case "add":
            return install.add(page, _field("thing"), _field("use"), _field("room"))
        case _:
            abort(400)
    return ""


def _said(say: Translate) -> dict[str, Any]:
    """What the shared parts ask for words."""

    def strength(rssi: int) -> dict[str, str]:
        text, icon, tone = words.STRENGTHS[naming.strength(rssi)]
        return {"text": say(text), "icon": icon, "tone": tone}

    return {
        "strength": strength,
        "drivers": DRIVERS,
        "say": Sentences(say),
        "to_do": lambda step, role: say(words.to_do(step, role)),
        "word": lambda why: say(words.SKIPS[str(why)]),
        "role_word": lambda code: say(words.ROLES[code]) if code in words.ROLES else code or "",
    }


def _things(trial: Trial | None) -> list[tuple[str | None, list[Any]]]:
    """The steps under what they are of, in the order of the trial."""
    if trial is None:
        return []
    order = dict.fromkeys(one.step.device for one in trial.steps)
    return [(device, [one for one in trial.steps if one.step.device == device]) for device in order]
