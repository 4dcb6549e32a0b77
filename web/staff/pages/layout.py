"""What every page gets: the menu, the summary in the header, the time, the words, the assets.

Also the two ways that a form is answered: a JSON sentence for our script, a redirect with a message
for a browser without.  Not for: what a page shows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial, wraps
from pathlib import Path
from urllib.parse import urlsplit

from flask import (
    Flask,
    Response,
    abort,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import Connection, case, func, literal, select
from werkzeug.exceptions import Unauthorized

from gateway import events
from gateway.events import Severity, utc_text
from web import icons, shown_text
from web.staff.care import mass_alarms
from web.staff.care.mass_alarms import MassAlarm
from web.staff.core import i18n
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.doors import service_access
from web.staff.pages import event_list, live, not_saved, packed
from web.staff.pages.lookups import single_alarms
from web.staff.pages.routes import entry_of, get, menu_of
from web.staff.signin import sessions
from web.staff.signin.auth import current_actor
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.texts import (
    check_words,
    device_words,
    event_summary,
    kind_words,
    states,
    visit_words,
    words,
)

STATIC = Path(__file__).resolve().parents[1] / "static"

ASSET_MAX_AGE_S = 30 * 24 * 3600
"""Seconds a browser may keep an asset: its address changes when any of them does."""

THEMES = ("auto", "dark", "light")
"""Order of the button; the first is the default."""

THEME_COOKIE = "tema"

COOKIE_MAX_AGE_S = 365 * 24 * 3600
"""Seconds a choice of theme or language is kept."""

DUE_TOLD = timedelta(days=1, minutes=1)
"""How long before it is asked for a missing second factor or passkey is told on every page: all of
the default first day."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the header shows everywhere: open things, and how many alarms nobody has taken (those
    sound; routine ones never do)."""

    attention: int
    unacknowledged: int


def summarise(
    conn: Connection, actor: Actor, running: Sequence[MassAlarm] | None = None
) -> Summary:
    """Count the open alarms (those of many homes with one cause as one), for those who see care the
    checks that wait for a person, and the technicians that wait for an answer.  `running`: the mass
    alarms, where they have been read (None: they have not)."""
    if not actor.homes:
        return Summary(0, 0)
    alarm, check = tables.alarm, tables.night_check
    silent = (alarm.c.severity == Severity.ROUTINE.value) & alarm.c.acknowledged_at.is_(None)
    checks = (
        select(func.count())
        .select_from(check)
        .where(among(check.c.home_id, actor.homes), check.c.closed_at.is_(None))
        .where(check.c.state.in_(("asked", "started")))
    )
    waiting = service_access.waiting(actor, staff().clock.now())
    query = select(
        *(func.count(), func.count(alarm.c.acknowledged_at), func.count(case((silent, 1)))),
        checks.scalar_subquery() if actor.may(Right.SEE_CARE) else literal(0),
        waiting.scalar_subquery(),
    ).where(single_alarms(actor))
    opened, acknowledged, routine, asked, technicians = conn.execute(query).one()
    if running is None:
        running = mass_alarms.running(conn, actor)
    shared = [one for one in running if one.open]
    untaken = opened - acknowledged - routine + sum(one.rings for one in shared)
    return Summary(attention=opened + asked + technicians + len(shared), unacknowledged=untaken)


def signed_in(
    view: Callable[..., ResponseReturnValue], right: Right | None
) -> Callable[..., ResponseReturnValue]:
    """The view needs a signed-in person, with `right`: it is called with the `Actor` first."""

    @wraps(view)
    def guarded(*args: object, **kwargs: object) -> ResponseReturnValue:
        actor = maybe_actor()
        if actor is None:
            return signed_out()
        if right is not None:
            need(actor, right)
        return view(actor, *args, **kwargs)

    return guarded


def signed_out() -> ResponseReturnValue:
    """What who is not signed in gets instead of a page, or of what becomes of a form."""
    if sessions.only_to_set_up() and not wants_json():
        return redirect(url_for("pages.set_up"), 303)
    if wants_json():
        return answer_json(_("Du är utloggad. Logga in igen."), 401)
    if request.method == "POST":
        flash(_("Du var utloggad, så inget sparades. Logga in och gör det igen."), "error")
    return redirect(url_for("security.login", next=_asked_for()), 303)


def maybe_actor() -> Actor | None:
    """Who is signed in; None for nobody, and for an account that is gone."""
    if not current_user.is_authenticated:
        return None
    try:
        return current_actor()
    except Unauthorized:
        return None


def _asked_for() -> str | None:
    """Where to go on after signing in: a page, never a fragment; after a form the page that it
    stood on."""
    if is_fragment():
        return None
    if request.method == "GET":
        return request.full_path.rstrip("?")
    before = urlsplit(request.referrer or "")
    ours = before.netloc == request.host and re.match(r"/[^/\\]", before.path)
    return before.path + (f"?{before.query}" if before.query else "") if ours else None


def need(actor: Actor, right: Right) -> None:
    """Answer 403 unless one of the actor's roles has the right."""
    if not actor.may(right):
        abort(403)


def page(template: str, conn: Connection, actor: Actor, **values: object) -> str:
    """Render a page, or with `?fragment=1` only the parts that the live refresh swaps.  A page that
    has its `summary` gives it."""
    if "summary" not in values:
        values["summary"] = summarise(conn, actor)
    return render_template(template, fragment=request.args.get("fragment") == "1", **values)


def is_fragment() -> bool:
    """Whether the live refresh asks, not a person."""
    return request.args.get("fragment") == "1"


# --- answers to forms -----------------------------------------------------------------------------


def wants_json() -> bool:
    """Whether our script sent the form."""
    return request.accept_mimetypes.best == "application/json"


def answer_json(text: str, status: int = 200, **more: str) -> Response:
    """A sentence for our script to show."""
    answer = jsonify(text=shown_text.seen(text), **more)
    answer.status_code = status
    return answer


def answered(text: str, back: str, **more: str) -> ResponseReturnValue:
    """The action was done: tell it, and go back to the page."""
    if wants_json():
        return answer_json(text, 200, **more)
    flash(text, "success")
    return redirect(back, 303)


def refused(text: str, back: str, status: int = 409) -> ResponseReturnValue:
    """The action was refused: tell why in a sentence."""
    if wants_json():
        return answer_json(text, status)
    flash(text, "error")
    return redirect(back, 303)


# --- assets ---------------------------------------------------------------------------------------


@cache
def assets_version() -> str:
    """A short hash over every static file: part of their address, modules' imports included."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(STATIC).as_posix().encode() + path.read_bytes())
    digest.update(icons.sprite().encode())
    return digest.hexdigest()[:12]


@get("/s/<version>/<path:filename>", "asset_file", public=True)
def asset_file(version: str, filename: str) -> Response:  # noqa: ARG001 - part of the address
    """One static file, or the icons, under an address that changes with its content."""
    small = _packed().get(filename) if request.accept_encodings.quality("gzip") > 0 else None
    if small is not None:
        answer = Response(small.body, mimetype=small.type, headers={"Content-Encoding": "gzip"})
    elif filename == icons.FILE:
        answer = Response(icons.sprite(), mimetype="image/svg+xml")
    else:
        answer = send_from_directory(STATIC, filename)
    answer.cache_control.public = True
    answer.cache_control.max_age = ASSET_MAX_AGE_S
    answer.cache_control.no_cache = None
    answer.vary.add("Accept-Encoding")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@cache
def _packed() -> Mapping[str, packed.Packed]:
    sprite = packed.packed(icons.FILE, icons.sprite().encode())
    return {**packed.files(STATIC), icons.FILE: sprite}


def asset(path: str) -> str:
    """The address of a static file."""
    return url_for("pages.asset_file", version=assets_version(), filename=path)


def note_position() -> None:
    """Before a page reads anything: where the live stream is to go on, so that nothing that is
    committed while the page is made can fall between the two."""
    g.live_position = staff().broker.position()


# --- what templates are given ---------------------------------------------------------------------


def theme() -> str:
    """`auto`, `dark` or `light`, from the cookie."""
    wish = request.cookies.get(THEME_COOKIE)
    return wish if wish in THEMES else THEMES[0]


def _main_attributes(**values: str) -> Callable[[], Markup]:
    def attributes() -> Markup:
        parts = staff()
        data = {"now": utc_text(parts.clock.now()), "rate": str(parts.clock.rate()), **values}
        return Markup("").join(
            Markup(' data-{}="{}"').format(name, value) for name, value in data.items() if value
        )

    return attributes


def main_attributes(**values: str) -> dict[str, object]:
    """For `page(**…)`: the `data-` attributes of `<main>` (`kinds`, `home`), see `refresh.js`."""
    return {"main_attributes": _main_attributes(**values)}


def iso(at: datetime | None) -> str:
    """A time for the scripts and for `<time datetime>`."""
    return "" if at is None else utc_text(at)


def context() -> dict[str, object]:
    """What every template is given."""
    actor = maybe_actor()
    if sessions.only_to_set_up():
        actor = None  # nothing of the work is shown before a second factor or a passkey
    parts = staff()
    shown = theme()
    given: dict[str, object] = {
        "actor": actor,
        "icon": partial(icons.icon, asset(icons.FILE)),
        "asset": asset,
        "words": words,
        "iso": iso,
        "now": parts.clock.now(),
        "rate": parts.clock.rate(),
        "zone": i18n.ZONE,
        "language": i18n.language(),
        "languages": i18n.LANGUAGES,
        "theme": shown,
        "next_theme": THEMES[(THEMES.index(shown) + 1) % len(THEMES)],
        "here": request.full_path.rstrip("?") if request.method == "GET" else "/",
        "fragment": False,
        "summary": Summary(0, 0),
        "main_attributes": _main_attributes(),
        "title": "Tryggve",
        "not_saved": not_saved.shown(actor),
        "factor_due": _soon(sessions.due()),
    }
    if actor is not None:
        given |= _for_actor(actor)
    return given


def _soon(due: datetime | None) -> datetime | None:
    """A time that is near enough to be told on every page; None: not yet."""
    return due if due is not None and due - datetime.now(UTC) < DUE_TOLD else None


def _for_actor(actor: Actor) -> dict[str, object]:
    mine = menu_of(actor.may)
    current = entry_of(request.endpoint or "", {route.name for route, _entry in mine})
    menu = [
        {
            "endpoint": f"pages.{route.name}",
            "icon": entry.icon,
            "label": _(entry.label),
            "current": route.name == current,
        }
        for route, entry in mine
    ]
    roles = [words.spoken(words.ALLOWED, role.value) for role in sorted(actor.roles)]
    return {
        "menu": menu,
        "roles_text": ", ".join(roles),
        "position": g.get("live_position") or staff().broker.position(),
        "live_url": url_for("pushed.live"),
        "heartbeat_s": live.HEARTBEAT_S,
    }


# --- filters --------------------------------------------------------------------------------------


def add_filters(app: Flask) -> None:
    """What templates say about times and codes."""
    filters = app.jinja_env.filters
    filters["hm"] = lambda at, zone=None: f"{i18n.local(at, zone):%H:%M}"
    filters["hms"] = lambda at, zone=None: f"{i18n.local(at, zone):%H:%M:%S}"
    filters["day"] = _day_text
    filters["weekday"] = lambda date: format_date(date, "EEEE d MMMM y")
    filters["hm_day"] = _hm_day
    filters["hm_on"] = _hm_on
    filters["date_in"] = lambda at, zone=None: i18n.local(at, zone).date()
    filters["kind_label"] = kind_words.kind_label
    filters["alarm_word"] = _once(event_summary.alarm_word)
    filters["device_name"] = device_words.device_name
    filters["door_name"] = device_words.door_name
    filters["rule_word"] = lambda code: words.spoken(words.RULES, code)
    filters["asked_why"] = lambda code: words.spoken(check_words.ASKED_WHY, code)
    filters["escalated_why"] = lambda code: words.spoken(check_words.ESCALATED_WHY, code)
    filters["missed_why"] = lambda code: words.spoken(check_words.MISSED_WHY, code)
    filters["stamp"] = lambda code: words.enum_word(events.Stamp, code)
    filters["deviation"] = lambda code: words.spoken(visit_words.DEVIATIONS, code)
    filters["corrected_why"] = lambda code: words.spoken(visit_words.CORRECTED_WHY, code)
    filters["aside_why"] = lambda code: words.enum_word(events.AsideWhy, code)
    filters["undone"] = lambda code: words.enum_word(events.Undone, code)
    filters["finding"] = lambda code: words.enum_word(events.Finding, code)
    filters["looked"] = lambda code: words.enum_word(events.Looked, code)
    filters["settled"] = lambda code: words.enum_word(events.Settled, code)
    filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    filters["consent_how"] = lambda code: words.enum_word(events.ConsentHow, code)
    filters["cancelled_why"] = lambda code: words.spoken(words.CANCELLED_WHY, code)
    filters["month_word"] = lambda date: format_date(date, "LLLL y")
    filters["short_date"] = lambda date: format_date(date, "d MMM")
    filters["found"] = lambda code: words.enum_word(events.AlarmFinding, code)
    filters["outcome"] = lambda code: words.enum_word(events.AlarmOutcome, code)
    app.jinja_env.globals["because_of"] = event_list.because_of
    for name in (
        "lock_word",
        "bed_word",
        "device_word",
        "health_word",
        "health_why",
        "battery_word",
    ):
        app.jinja_env.globals[name] = getattr(states, name)


def _once(say: Callable[[str | None], str]) -> Callable[[str | None], str]:
    """The same, worked out once a request for each code: rows by the thousand say the same."""

    def said(code: str | None) -> str:
        known: dict[str | None, str] = g.setdefault(f"once_{say.__name__}", {})
        if code not in known:
            known[code] = say(code)
        return known[code]

    return said


def _day_text(at: datetime, zone: str | None = None) -> str:
    return str(format_date(i18n.local(at, zone).date(), "EEEE d MMMM"))


def _hm_on(at: datetime, day: date, zone: str | None = None) -> str:
    """`02:14` on `day`, with the date on any other."""
    here = i18n.local(at, zone)
    if here.date() == day:
        return f"{here:%H:%M}"
    return f"{format_date(here.date(), 'd MMM')} {here:%H:%M}"


def _hm_day(at: datetime, zone: str | None = None) -> str:
    """`02:14` today, with the date on any other day."""
    return _hm_on(at, i18n.local(staff().clock.now(), zone).date(), zone)
