"""Installera: a home's first hour on the technician's phone, and the protocol of its trial.

Nothing is ticked here: a step is done when the home tells of it (`web.staff.installs.trial`).

Not for: what a home consists of (its equipment has a page of its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, select

from gateway.envelope import Event
from gateway.events import InstallAccepted, InstallSkipped, SkipWhy, Tried
from gateway.installs.trial import Standing, Trial
from gateway.origin import is_origin_of
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.installs import trial as trials
from web.staff.installs.trial import Fault
from web.staff.pages import lookups
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.routes import get, post
from web.staff.storage import tables as t
from web.staff.storage.rows import DeviceRow
from web.staff.texts import install_words, words

LOOK_EVERY_S = 2
"""Seconds between looks while a trial goes on: what mats and beds say is care, and is not told to a
technician's screen by itself."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A device with its steps, or the home's own (`device` None)."""

    device: DeviceRow | None
    steps: tuple[Standing, ...]


@get(
    "/hem/<home>/installera",
    "installing",
    right=Right.ENROLL,
    under="homes",
    examples=({}, {"fragment": "1"}),
)
def installing(actor: Actor, home: str) -> str:
    """The page `/hem/<home>/installera`."""
    if not actor.sees(home):
        abort(404)
    now = staff().clock.now()
    with staff().db.read() as conn:
        trial = trials.latest(conn, home)
        here = trials.devices(conn, home)
        running = trial is not None and trial.goes_on(now)
        key, state = t.gateway_key.c, t.home_state.c
        enrolled = select(key.version, key.enrolled_at).where(
            key.home_id == home, key.revoked_at.is_(None)
        )
        place = lookups.places(conn, actor).get(home)
        if place is None:
            abort(404)
        asked = {"every-s": str(LOOK_EVERY_S)} if running else {}
        return page(
            "installing.html",
            conn,
            actor,
            place=place,
            gateway=conn.execute(enrolled).first(),
            state=conn.execute(select(t.home_state).where(state.home_id == home)).first(),
            devices=here,
            trial=trial if running else None,
            things=_things(trial, here) if trial is not None and running else (),
            notes=trials.notes(conn, trial.skips) if trial is not None else {},
            reasons=SkipWhy.offered(),
            accepted=trials.acceptances(conn, home),
            at_home=lambda event: is_origin_of(event.origin, home),
            people=lookups.staff_names(conn, actor),
            to_do=install_words.to_do,
            word=lambda code: words.enum_word(type(code), code),
            **main_attributes(
                kinds="install device home gateway power lock config", home=home, **asked
            ),
        )


def _things(trial: Trial, here: Sequence[DeviceRow]) -> list[Thing]:
    """The steps under what they are of, in the order of the trial."""
    by_id = {device.id: device for device in here}
    order = dict.fromkeys(one.step.device for one in trial.steps)
    return [
        Thing(
            by_id.get(device or ""), tuple(one for one in trial.steps if one.step.device == device)
        )
        for device in order
    ]


@post(
    "/hem/<home>/installera",
    "installing_do",
    right=Right.ENROLL,
    examples=(
        {"do": "begin"},
        {"do": "retry", "device": "bed"},
        {"do": "skip", "step": "unplugged", "why": "not_possible"},
        {"do": "accept"},
    ),
)
def do(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/installera`: one of the page's forms, named by `do`."""
    form, parts = request.form, staff()
    back = url_for("pages.installing", home=home, _anchor="h-trial")
    try:
        match form.get("do"):
            case "begin":
                trials.begin(parts, actor, home)
                return answered(_("Provet har börjat."), back)
            case "retry":
                trials.retry(parts, actor, home, form.get("device", ""))
                return answered(_("Prova en gång till."), back)
            case "skip":
                reason = form.get("why", ""), form.get("words", "")
                trials.skip(parts, actor, home, form.get("step", ""), *reason)
                return answered(_("Överhoppat. Skälet står i protokollet."), back)
            case "accept":
                event = trials.accept(parts, actor, home)
                to = url_for("pages.install_protocol", home=home, number=event.seq)
                return answered(_("Hemmet är provat och klart."), to, go=to)
            case _:
                abort(400)
    except trials.Refused as refusal:
        if refusal.why is Fault.NO_HOME:
            abort(404)
        if refusal.why is Fault.NO_RIGHT:
            abort(403)
        return refused(install_words.refusal(refusal.why), back, 409)


# --- the protocol ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a protocol: what ticked it, or who skipped it and what they wrote."""

    tried: Tried
    seen: Event | None
    skipped: Event | None
    note: str


@get(
    "/hem/<home>/installera/protokoll/<number>",
    "install_protocol",
    right=Right.ENROLL,
    under="homes",
)
def protocol(actor: Actor, home: str, number: str) -> str:
    """The page of one accepted trial, to print."""
    known = number.isascii() and number.isdecimal() and len(number) < trials.NUMBER_DIGITS
    if not actor.sees(home) or not known:
        abort(404)
    with staff().db.read() as conn:
        event = trials.accepted(conn, home, int(number), request.args.get("logg", ""))
        place = lookups.places(conn, actor).get(home)
        if event is None or place is None or not isinstance(event.data, InstallAccepted):
            abort(404)
        begun = lookups.events_by_ref(conn, [event.data.begun], [home]).get(event.data.begun)
        devices = {one.id: one for one in lookups.devices(conn, [home]).values()}
        return page(
            "install_protocol.html",
            conn,
            actor,
            place=place,
            event=event,
            begun=begun,
            lines=_lines(conn, home, event, event.data),
            devices=devices,
            people=lookups.staff_names(conn, actor),
            at_home=is_origin_of(event.origin, home),
            word=lambda code: words.enum_word(type(code), code),
        )


def _lines(conn: Connection, home: str, event: Event, data: InstallAccepted) -> list[Line]:
    seen = lookups.events_by_ref(conn, [one.seen for one in data.steps if one.seen], [home])
    skips = trials.skips(conn, home, event)
    notes = trials.notes(conn, skips)
    by_step = {
        (skip.data.step, skip.device): skip
        for skip in skips
        if isinstance(skip.data, InstallSkipped)
    }
    lines = []
    for one in data.steps:
        skip = None if one.seen is not None else by_step.get((one.step, one.device))
        note = "" if skip is None else notes.get(skip.ref, "")
        lines.append(Line(one, seen.get(one.seen or ""), skip, note))
    return lines
