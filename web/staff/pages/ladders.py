"""Larmkedjor: whom alarms go to, in which order, where and when; who would be reached at an hour.

Not for: who is on call (`rotas`), or how far an alarm has come (its own page).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from sqlalchemy import Connection

from gateway.events import AlarmType, Severity
from web.staff import channels
from web.staff.core.context import staff
from web.staff.core.i18n import N_, local
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.ladders import built_in, choosing, definitions, foresight, ordering
from web.staff.ladders.definitions import Refused, Wrong
from web.staff.ladders.receivers import Reached, outside
from web.staff.ladders.rotas import Span
from web.staff.ladders.steps import Ladder
from web.staff.pages import ladder_form, lookups
from web.staff.pages.home_choice import home_choice
from web.staff.pages.ladder_form import NotRead
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.routes import get, post
from web.staff.pages.staff_admin import of_org
from web.staff.people import before
from web.staff.people.before import Changed, Thing
from web.staff.storage import tables
from web.staff.texts import words
from web.staff.visits import plan_import

SENTENCES = {
    Wrong.NO_RIGHT: N_("Din roll får inte göra det här."),
    Wrong.NOT_FOUND: N_("Det finns inte i din organisation."),
    Wrong.EMPTY: N_("Skriv ett namn först."),
    Wrong.TOO_LONG: N_("Texten är för lång."),
    Wrong.EXISTS: N_("Det finns redan."),
    Wrong.TOO_MANY: N_("Det finns för många redan. Ta bort någon först."),
    Wrong.OUT_OF_RANGE: N_("Välj minst en dag och ett steg, och en tid som finns."),
    Wrong.FOREIGN: N_("Kedjan nämner någon som inte finns i din organisation."),
    Wrong.MAY_NOT: N_("Kedjan nämner någon vars roll inte får ta sådana larm."),
    Wrong.CHANGED: N_("Någon har ändrat det efteråt, så det går inte att ångra längre."),
    Wrong.NOBODY: N_(
        "Kedjan når ingen: ingen i den har en larmväg som är provad. Den är inte sparad."
    ),
}

NOT_READ = N_("Sidan förstod inte det som skickades. Läs in sidan igen.")

WEEK = timedelta(days=7)

SEVERITIES = {
    Severity.CARE.value: N_("Omsorgslarm"),
    Severity.TECHNICAL.value: N_("Tekniska larm"),
}

DAYS = (N_("mån"), N_("tis"), N_("ons"), N_("tors"), N_("fre"), N_("lör"), N_("sön"))

WAYS = {
    "push": N_("notis"),
    "sms": N_("sms"),
    "email": N_("e-post"),
    "live_page": N_("öppen sida"),
    "scaip": N_("larmcentral"),
    "webhook": N_("annat system"),
    "mqtt": N_("annat system"),
}
"""What a way to reach somebody is called."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A ladder in the list: what it is for, and its steps in words."""

    id: str
    name: str
    about: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    own: bool


@get(
    "/larmkedjor",
    "ladders",
    right=Right.ASSIGN,
    under="administration",
    examples=({}, {"nar": "2026-11-24T02:00"}, {"nar": "x", "larm": "technical"}),
)
def ladders(actor: Actor) -> str:
    """The page `/larmkedjor`; `?hem=`, `?nar=` and `?larm=` ask who would be reached."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        choice = home_choice(places)
        names = _receiver_names(conn, actor)
        areas = {row.id: row.name for row in of_org(conn, tables.area, actor)}
        own = choosing.of_orgs(conn, [actor.org]).get(actor.org, [])
        shown = [_shown(one, names, areas) for one in own]
        usual = [_shown(one, names, areas) for one in (built_in.CARE, built_in.TECHNICAL)]
        home = choice.chosen or (choice.few[0] if choice.few else None)
        severity = request.args.get("larm", "")
        severity = severity if severity in SEVERITIES else Severity.CARE.value
        zone = home.zone if home else None
        when = _moment(request.args.get("nar", ""), zone)
        foreseen, holes = None, []
        if home is not None:
            ways, now = outside(channels.here()), staff().clock.now()
            foreseen = foresight.at(conn, ways, home.id, when, severity)
            first = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
            holes = foresight.holes(conn, ways, home.id, first, first + WEEK, severity)
        return page(
            "ladders.html",
            conn,
            actor,
            ladders=shown,
            usual=usual,
            severities=SEVERITIES,
            severity=severity,
            choice=choice,
            home=home,
            when=local(when, zone).strftime("%Y-%m-%dT%H:%M"),
            foreseen=foreseen,
            reached=_reached(foreseen, names) if foreseen else [],
            holes=[_hole(one, zone) for one in holes],
            name_of=lambda one: one.name or _(SEVERITIES[one.id]),
            changed=before.offered(conn, staff(), actor.org, [Thing.LADDER, Thing.LADDER_ORDER]),
            called=called,
            again=again,
            staff_names=lookups.staff_names(conn, actor),
            **main_attributes(),
        )


@get(
    "/larmkedjor/en",
    "ladders_one",
    right=Right.ASSIGN,
    examples=({}, {"kedja": "ladder"}, {"sok": "a"}),
)
def one(actor: Actor) -> str:
    """The page `/larmkedjor/en?kedja=…`: a ladder to be changed; without an id a new one."""
    asked = request.args.get("kedja", "")
    with staff().db.read() as conn:
        own = {one.id: one for one in choosing.of_orgs(conn, [actor.org]).get(actor.org, [])}
        ladder = own.get(asked)
        if asked and ladder is None:
            abort(404)
        chosen = ladder.steps if ladder else built_in.CARE.steps
        named = {ladder_form.word_of(one) for step in chosen for one in step.receivers}
        wanted = request.args.get("sok", "")[:80]
        people, count = ladder_form.people(conn, actor, named, wanted)
        return page(
            "ladder.html",
            conn,
            actor,
            ladder=ladder,
            groups=ladder_form.groups(conn, actor, people),
            wanted=wanted,
            many_people=count > ladder_form.PEOPLE_FEW,
            places=ladder_form.places(chosen),
            timeouts=ladder_form.timeouts(chosen),
            areas=of_org(conn, tables.area, actor),
            severities=SEVERITIES,
            types=[(one.value, words.ALARMS[one]) for one in AlarmType if _rings(one)],
            days=DAYS,
            clock_of=ladder_form.clock_of,
            **main_attributes(),
        )


def _rings(about: AlarmType) -> bool:
    return about.severity is not Severity.ROUTINE


@post(
    "/larmkedjor",
    "ladders_save",
    right=Right.ASSIGN,
    examples=(
        {"name": "Natt", "day": "0", "step-1": "role:coordinator", "timeout-1": "120"},
        {"name": "", "day": "0", "step-1": "assigned"},
        {"name": "x", "day": "x"},
    ),
)
def save(actor: Actor) -> ResponseReturnValue:
    """POST `/larmkedjor`: make or change a ladder."""
    back = url_for("pages.ladders_one", kedja=request.form.get("ladder") or None)
    try:
        wanted = ladder_form.read(request.form)
    except NotRead:
        return refused(_(NOT_READ), back, 422)
    try:
        definitions.save(staff(), actor, wanted, outside(channels.here()))
    except Refused as refusal:
        return refused(_(SENTENCES[refusal.why]), back, 422)
    return answered(_("Larmkedjan är sparad."), url_for("pages.ladders"))


@post(
    "/larmkedjor/andra",
    "ladders_change",
    right=Right.ASSIGN,
    examples=(
        {"do": "earlier", "ladder": "x"},
        {"do": "later", "ladder": "x"},
        {"do": "remove", "ladder": "x"},
    ),
)
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/larmkedjor/andra`: ask a ladder earlier or later than its neighbour, or take it
    away."""
    back, ladder = url_for("pages.ladders"), request.form.get("ladder", "")
    does = {
        "earlier": ordering.ask_earlier,
        "later": ordering.ask_later,
        "remove": definitions.remove,
    }
    do = does.get(request.form.get("do", ""))
    if do is None:
        return refused(_(NOT_READ), back, 422)
    try:
        do(staff(), actor, ladder)
    except Refused as refusal:
        return refused(_(SENTENCES[refusal.why]), back)
    return answered(_("Sparat."), back)


# --- what can be put back -------------------------------------------------------------------------


def called(change: Changed) -> str:
    """What the ladder of a change is called, or was."""
    if change.what is Thing.LADDER_ORDER:
        return _("Ordningen")
    return str((change.after or change.before)["name"])


def again(change: Changed) -> str:
    """What it would be again, if the change were put back."""
    if change.what is Thing.LADDER_ORDER:
        return _("som den var")
    if change.before is None:
        return _("borttagen")
    return _("tillbaka") if change.after is None else _("som den var")


# --- in words -------------------------------------------------------------------------------------


def _receiver_names(conn: Connection, actor: Actor) -> dict[str, str]:
    """What receivers are called, by their words in the form."""
    groups = ladder_form.groups(conn, actor, lookups.staff_names(conn, actor))
    return {word: name for group in groups for word, name in group.choices}


def _shown(ladder: Ladder, names: dict[str, str], areas: dict[int, str]) -> Shown:
    about = [words.spoken(SEVERITIES, ladder.severity)] if ladder.severity else []
    about += [words.spoken(words.ALARMS, one) for one in sorted(ladder.types)]
    if ladder.area is not None:
        about.append(areas.get(ladder.area, _("ett område")))
    if ladder.days != 127:
        about.append(", ".join(_(day) for n, day in enumerate(DAYS) if ladder.days >> n & 1))
    if (ladder.from_min, ladder.until_min) != (0, 0):
        clock = ladder_form.clock_of
        about.append(f"{clock(ladder.from_min)}–{clock(ladder.until_min)}")
    steps = tuple(
        (
            ", ".join(
                names.get(ladder_form.word_of(one), _("någon okänd")) for one in step.receivers
            ),
            ladder_form.waits(step.timeout_s),
        )
        for step in ladder.steps
    )
    name = ladder.name or words.spoken(SEVERITIES, ladder.id)
    return Shown(ladder.id, name, tuple(about), steps, own=not ladder.built_in)


def _reached(found: foresight.Foreseen, names: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Each step of what was foreseen: how long it waits, and who is told by what."""
    return [
        (ladder_form.waits(step.timeout_s), [_by_what(one, names) for one in told])
        for step, told in found.steps
    ]


def _by_what(one: Reached, names: dict[str, str]) -> str:
    word = one.key if one.person is None else f"person:{one.person}"
    name = names.get(word, _("någon okänd"))
    ways = [_(WAYS.get(way, way)) for way in dict.fromkeys(c.channel for c in one.contacts)]
    said = ", ".join(ways) or _("har ingen larmväg")
    return f"{name} ({said})"


def _moment(said: str, zone: str | None) -> datetime:
    """The time that is asked about; now, where it is none."""
    now = staff().clock.now()
    try:
        return plan_import.to_utc(datetime.fromisoformat(said), zone or "UTC") if said else now
    except (ValueError, OverflowError):
        return now


def _hole(hole: Span, zone: str | None) -> str:
    """`torsdag 26 nov 02:00–07:00`."""
    since, until = local(hole.since, zone), local(hole.until, zone)
    begins = f"{format_date(since.date(), 'EEEE d MMM')} {since:%H:%M}"
    if since.date() == until.date():
        return f"{begins}–{until:%H:%M}"
    return f"{begins} – {format_date(until.date(), 'EEEE d MMM')} {until:%H:%M}"
