"""Hitta utrustning: what a home hears while somebody installs it, each thing named by touching it,
locks paired and mats calibrated.

Nothing of what is heard is kept; what is named goes into the home's configuration.

Not for: the rest of a configuration (`equipment`), or the trial (`installing`).
"""

from __future__ import annotations

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from gateway.access.listen_orders import ListenAction
from gateway.events import ConfigWhy
from gateway.installs import naming
from gateway.installs import nearby as nearby_things
from gateway.installs.nearby import Near
from gateway.installs.words import called
from web.driver_words import DRIVERS
from web.staff.care.actions import Refused as NotDone
from web.staff.configs import changes
from web.staff.configs.model import BadConfig, HomeConfig
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.installs import hearing
from web.staff.installs.hearing import Heard
from web.staff.installs.trial import Fault, Refused
from web.staff.pages import equipment_words, lookups
from web.staff.pages.forms import number_of
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.routes import get, post
from web.staff.texts import guide_words, install_words, words

LOOK_EVERY_S = 1
"""Seconds between looks: whoever touches a thing waits for it to move on the screen."""


@get("/hem/<home>/installera/hitta", "nearby", right=Right.ENROLL, examples=({}, {"fragment": "1"}))
def nearby(actor: Actor, home: str) -> str:
    """The page `/hem/<home>/installera/hitta`."""
    if not actor.sees(home):
        abort(404)
    with staff().db.read() as conn:
        place = lookups.places(conn, actor).get(home)
        if place is None:
            abort(404)
        found = hearing.heard(conn, home)
        mine = found is not None and found.person == actor.person
        asked = changes.asked(conn, home)
        standing = changes.standing(conn, home, staff().clock.now())
        config = changes.going_on(conn, home, asked, standing)
        every = {"every-s": str(LOOK_EVERY_S)} if mine else {}
        return page(
            "nearby.html",
            conn,
            actor,
            place=place,
            heard=found if mine else None,
            other=lookups.staff_names(conn, actor).get(found.person) if found else None,
            near=_near(found, config) if mine else (),
            asked=asked,
            config=config,
            standing=standing,
            refused=equipment_words.refusal(standing.refusal),
            word=lambda code: words.enum_word(type(code), code),
            guided=nearby_things.guided(config.devices if config else {}, standing.unpaired),
            rooms=naming.ROOMS,
            strength=lambda rssi: guide_words.strength(naming.strength(rssi)),
            drivers=DRIVERS,
            name_of=lambda id_: called(config.devices if config else {}, id_, _),
            role_word=lambda code: words.spoken(words.ROLES, code),
            say=guide_words,
            **main_attributes(kinds="device config home gateway", home=home, **every),
        )


def _near(found: Heard | None, config: HomeConfig | None) -> list[Near]:
    signal = found.signal if found else None
    devices = config.devices if config else {}
    return [] if signal is None else nearby_things.near(signal.things, signal.pins, devices)


@post(
    "/hem/<home>/installera/hitta",
    "nearby_do",
    right=Right.ENROLL,
    examples=(
        {"do": "begin"},
        {"do": "go_on"},
        {"do": "add", "thing": "pin-4", "use": "bed", "room": "bedroom"},
        {"do": "pair", "device": "front"},
        {"do": "calibrate", "device": "bed"},
        {"do": "answer", "number": "1", "text": "x"},
        {"do": "end"},
    ),
)
def do(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/installera/hitta`: one of the page's forms, named by `do`."""
    form, back = request.form, url_for("pages.nearby", home=home)
    try:
        return _done(actor, home, form.get("do", ""), back)
    except Refused as refusal:
        if refusal.why is Fault.NO_HOME:
            abort(404)
        if refusal.why is Fault.NO_RIGHT:
            abort(403)
        return refused(install_words.refusal(refusal.why), back, 409)


def _done(actor: Actor, home: str, what: str, back: str) -> ResponseReturnValue:
    form, parts = request.form, staff()
    match what:
        case "begin":
            hearing.begin(parts, actor, home)
            return answered(_("Hemmet lyssnar."), back)
        case "go_on":
            hearing.go_on(parts, actor, home)
            return Response(status=204)
        case "end":
            hearing.end(parts, actor, home)
            return answered(
                _("Hemmet lyssnar inte längre."), url_for("pages.installing", home=home)
            )
        case "pair" | "calibrate":
            hearing.guide(parts, actor, home, ListenAction(what), form.get("device", ""))
            return answered(_("Hemmet börjar."), back)
        case "answer":
            said = form.get("number", "")
            number = number_of(said, none=0, digits=5)
            hearing.answer(parts, actor, home, number, form.get("text", ""))
            return answered(_("Skickat."), back)
        case "add":
            return _add(actor, home, back)
    return abort(400)


def _add(actor: Actor, home: str, back: str) -> ResponseReturnValue:
    """Put a thing that the home hears now into its configuration."""
    form, parts = request.form, staff()
    with parts.db.read() as conn:
        asked = changes.asked(conn, home)
        standing = changes.standing(conn, home, parts.clock.now())
        config = changes.going_on(conn, home, asked, standing) or HomeConfig()
        thing = form.get("thing", "")
        name = naming.known(config.devices, ()).get(thing)
        near = None if name else _heard_thing(conn, actor, home, thing, config)
    if near is None or near.known:  # a thumb that pressed twice, or somebody else was quicker
        name = near.known if near else name
        said = called(config.devices, name or "", _)
        return answered(_("Den finns redan i hemmet, som %(name)s.", name=said), back)
    use = next((one for one in near.uses if one.id == form.get("use")), None)
    room = form.get("room", "")
    if use is None or room not in naming.ROOMS:
        return refused(_("Välj vad det är och var det sitter."), back, 422)
    keys = near.settings(use, room)
    try:
        config = config.with_device(naming.free_id(use.id, config.devices), keys)
        changes.set_config(parts, actor, home, config, after=asked.number, why=ConfigWhy.NEW_DEVICE)
    except (BadConfig, NotDone):
        text = _("Någon annan ändrade hemmet samtidigt. Se efter vad som gäller, och försök igen.")
        return refused(text, back, 409)
    if standing.refusal is not None:
        text = _("Tillagt. Ändringen som hemmet inte tog emot är borttagen.")
        return answered(text, back)
    return answered(_("Tillagt. Hemmet börjar använda det inom några sekunder."), back)


def _heard_thing(conn: Connection, actor: Actor, home: str, key: str, config: HomeConfig) -> Near:
    """What this person's page shows under this key now.  Raises `Refused` (NOT_HEARING)."""
    found = hearing.heard(conn, home)
    mine = found if found is not None and found.person == actor.person else None
    near = next((one for one in _near(mine, config) if one.key == key), None)
    if near is None:
        raise Refused(Fault.NOT_HEARING)
    return near
