"""Utrustning: what a home consists of, edited here; what holds, is asked for, and was refused.

Not for: what may stand in a configuration (the home says), or the first hour in a home.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from gateway.events import ConfigWhy
from web.driver_words import DRIVERS
from web.staff.care.actions import Refused
from web.staff.configs import changes, model
from web.staff.configs.changes import SetConfig
from web.staff.configs.model import BadConfig, Fault, HomeConfig
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import equipment_words, forms, lookups, reading
from web.staff.pages.layout import answered, main_attributes, page
from web.staff.pages.routes import get, post
from web.staff.texts import words

HISTORY = 20
"""Configurations that are shown, the newest first."""

LINES_MAX = 4_000
"""Characters of settings in one form: a lock has ten lines."""

WHYS = tuple(why for why in ConfigWhy.offered() if why is not ConfigWhy.UNDONE)
"""Why somebody changes something; what is undone says so itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """One configuration in the history: `what` it changed of the one before."""

    set: SetConfig
    what: str


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote and is not saved: an `error`, and the form's fields."""

    error: str
    device: str
    driver: str
    role: str
    room: str
    lines: str


@get("/hem/<home>/utrustning", "equipment", right=Right.CONFIGURE, under="homes")
def of_home(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/hem/<home>/utrustning`."""
    return _page(actor, home, None)


@post(
    "/hem/<home>/utrustning",
    "equipment_change",
    right=Right.CONFIGURE,
    examples=(
        {"do": "device", "device": "golv", "driver": "mat_gpio", "role": "floor", "new": "1",
         "room": "bedroom", "lines": "pin = 22", "why": "new_device", "after": "0"},
        {"do": "rule", "rule": "bed_exit", "lines": "enabled = true", "why": "settings",
         "after": "1"},
        {"do": "remove", "device": "golv", "why": "device_removed", "after": "2"},
        {"do": "undo", "number": "1", "after": "3"},
    ),
)  # fmt: skip
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/utrustning`: a device more, changed or less; a rule; an older one back."""
    if not actor.sees(home):
        abort(404)
    form = request.form
    after, number = (forms.number_of(form.get(name, "")) for name in ("after", "number"))
    undo = form.get("do") == "undo"
    why = ConfigWhy.UNDONE if undo else forms.choice(ConfigWhy, "why")
    with staff().db.read() as conn:
        now = changes.one(conn, home, number) if undo else changes.asked(conn, home).config
        takes_any = changes.standing(conn, home, staff().clock.now()).takes_any
    if now is None or not takes_any:
        return _again(actor, home, _("Hemmets enhet tar inte emot inställningar från servern."))
    if why is None or (why is ConfigWhy.UNDONE and not undo):
        return _again(actor, home, _("Välj varför du ändrar."))
    try:
        config = now if undo else _edited(now)
        done = changes.set_config(
            staff(), actor, home, config, after=after, why=why, undoes=number if undo else None
        )
    except BadConfig as bad:
        return _again(actor, home, _(equipment_words.WRITTEN_WRONG[bad.why]))
    except Refused as refusal:
        text = _("Någon annan har ändrat under tiden. Läs in sidan och gör om ändringen.")
        return _again(actor, home, *forms.not_saved(actor, refusal, home, text))
    text = _("Inget är ändrat.") if done is None else _("Sparat. Hemmet får det direkt.")
    return answered(text, url_for("pages.equipment", home=home))


def _edited(now: HomeConfig) -> HomeConfig:
    """What the form makes of the configuration.  Raises `BadConfig`."""
    form = request.form
    what, device = form.get("do", ""), form.get("device", "").strip()
    if what == "remove":
        return now.without_device(device)
    lines = form.get("lines", "")
    if len(lines) > LINES_MAX:
        raise BadConfig(Fault.LONG)
    if what == "rule":
        return now.with_rule(form.get("rule", "").strip(), model.settings(lines))
    if what != "device":
        abort(400)
    if form.get("new") and device in now.devices:
        raise BadConfig(Fault.TAKEN)
    if not form.get("new") and device not in now.devices:
        raise BadConfig(Fault.GONE)
    own = model.settings(lines)
    if set(own) & set(model.COMMON):
        raise BadConfig(Fault.SETTINGS)
    said = {name: form.get(name, "").strip() for name in model.COMMON}
    said["driver"] = said["driver"] or form.get("other", "").strip()
    return now.with_device(device, {**{k: v for k, v in said.items() if v}, **own})


def _again(actor: Actor, home: str, error: str, status: int = 422) -> ResponseReturnValue:
    """The page with what was written, and what is wrong with it."""
    form = request.form
    names = ("device", "driver", "role", "room", "lines")
    said = {name: form.get(name, "")[:LINES_MAX] for name in names}
    if form.get("do") == "rule":
        said["device"] = form.get("rule", "")[:LINES_MAX]
    return _page(actor, home, Written(error, **said)), status


def _page(actor: Actor, home: str, written: Written | None) -> str:
    if not actor.sees(home):
        abort(404)
    if actor.may(Right.SEE_CARE):  # then the resident's name stands on it
        reading.note(actor, [home], "home")
    with staff().db.read() as conn:
        place = lookups.places(conn, actor)[home]
        found = changes.history(conn, home, HISTORY + 1)
        file = changes.one(conn, home, 0)
        asked = changes.asked(conn, home)
        standing = changes.standing(conn, home, staff().clock.now())
        return page(
            "equipment.html",
            conn,
            actor,
            place=place,
            ssh=actor.may(Right.ADMINISTER),
            asked=asked,
            standing=standing,
            refused=equipment_words.refusal(standing.refusal),
            written=written,
            changes=_changes(found, file)[:HISTORY],
            has_file=file is not None,
            people=lookups.names(conn, actor),
            drivers=DRIVERS,
            rooms=equipment_words.ROOMS,
            uses=equipment_words.USES,
            whys=WHYS,
            lines=model.lines,
            said=_said,
            word=lambda code: words.enum_word(type(code), code),
            **main_attributes(kinds="config", home=home),
        )


def _said(code: str | None) -> str:
    """A driver, a use or a room in words."""
    table = DRIVERS if code in DRIVERS else words.ROLES
    return words.spoken(table, code)


def _changes(found: Sequence[SetConfig], file: HomeConfig | None) -> list[Change]:
    return [
        Change(one, equipment_words.changed(old.config if old else file, one.config))
        for one, old in forms.with_former(found)
    ]
