"""Mass alarms on the pages: one card for what rang in many homes, and the whole list on a page of
its own.

Which homes come first is who may need somebody first: one to which somebody set out and did not
come, an own open alarm, then a check that waits or comes soon.  Not for: which alarms are one,
rights, or writing (`web.staff.care.mass_alarms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, literal, or_, select

from gateway.events import AlarmOutcome, Severity
from web.staff.care import mass_alarms
from web.staff.care.actions import Refused
from web.staff.care.mass_alarms import GATHERED, MassAlarm, still_silent
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import forms, lookups
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.lookups import Place
from web.staff.pages.routes import get, post
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.texts.event_summary import alarm_word

FIRST = 10
"""Homes in a card: those that may need somebody first; the others are a page away."""

A_PAGE = 50
"""Homes on one page of the list."""

SOON = timedelta(hours=3)
"""A check that is planned within this makes its home one of the first."""

LAPSED, OWN_ALARM, CHECK, NOTHING = range(4)
"""Why a home stands where it does."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A home of a mass alarm; `need` says why it comes where it comes."""

    place: Place
    since: datetime | None
    need: int
    taken: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A mass alarm as it is shown.  `outcomes`: with what it may be closed; none: not by this
    person."""

    mass: MassAlarm
    title: str
    homes: tuple[Listed, ...]
    may_answer: bool
    outcomes: tuple[str, ...]

    @property
    def tone(self) -> str:
        """The card's classes, as an incident's."""
        if not self.mass.rings:
            return "acknowledged"
        return "warn" if self.mass.severity is Severity.TECHNICAL else "alarm"

    @property
    def state(self) -> str:
        return "open" if self.mass.rings else "acknowledged"


def cards(
    conn: Connection, actor: Actor, found: Sequence[MassAlarm], places: Mapping[str, Place]
) -> list[Card]:
    """These mass alarms as cards, each with its first homes."""
    if not found:
        return []
    homes = listed(conn, actor, [one.id for one in found], places, first=1, last=FIRST)
    return [_card(actor, one, homes.get(one.id, ())) for one in found]


def _card(actor: Actor, one: MassAlarm, homes: Sequence[Listed]) -> Card:
    may = bool(one.open) and mass_alarms.may_answer(actor, one)
    outcomes: tuple[str, ...] = ("no_need", "mended", "false")
    if one.severity is Severity.TECHNICAL:
        outcomes = ("mended", "false")
    return Card(
        mass=one,
        title=title(one),
        homes=tuple(homes),
        may_answer=may,
        outcomes=outcomes if may and one.care else (),
    )


def title(one: MassAlarm) -> str:
    """What it is, in a few words."""
    if one.is_silence:
        return str(
            ngettext("Ingen kontakt med %(num)s hem", "Ingen kontakt med %(num)s hem", one.total)
        )
    return _("%(what)s i %(n)s hem", what=alarm_word(one.about), n=one.open or one.total)


def listed(
    conn: Connection,
    actor: Actor,
    masses: Sequence[str],
    places: Mapping[str, Place],
    *,
    first: int,
    last: int,
) -> dict[str, list[Listed]]:
    """The homes number `first` to `last` of each of these, as this person sees them."""
    part, a, h, s = t.mass_alarm_member.c, t.alarm.c, t.home.c, t.home_state.c
    need = _need() if actor.may(Right.SEE_CARE) else literal(NOTHING)
    order = (need, h.label, h.id, a.id)
    numbered = (
        select(
            part.mass_id,
            part.home_id,
            func.coalesce(a.since, a.raised_at, type_=a.since.type).label("since"),
            need.label("need"),
            a.acknowledged_at.is_not(None).label("taken"),
            func.row_number().over(partition_by=part.mass_id, order_by=order).label("number"),
        )
        .select_from(t.mass_alarm_member)
        .join(t.alarm, a.id == part.alarm)
        .join(t.home, h.id == part.home_id)
        .outerjoin(t.home_state, s.home_id == part.home_id)
        .where(among(part.mass_id, masses), among(part.home_id, actor.homes))
        .where(or_(a.closed_at.is_(None), still_silent()))
        .subquery()
    )
    c = numbered.c
    query = select(numbered).where(c.number.between(first, last)).order_by(c.mass_id, c.number)
    found: dict[str, list[Listed]] = {}
    for row in conn.execute(query):
        if row.home_id in places:
            line = Listed(places[row.home_id], row.since, row.need, row.taken)
            found.setdefault(row.mass_id, []).append(line)
    return found


def _need() -> ColumnElement[int]:
    """How soon a home may need somebody, beside what it has in common with the others."""
    part, other, check = t.mass_alarm_member.c, t.alarm.alias("other").c, t.night_check.c
    a = t.alarm.c
    lapsed = and_(a.lapsed_at.is_not(None), a.acknowledged_at.is_(None), a.closed_at.is_(None))
    own = exists().where(
        other.home_id == part.home_id,
        other.closed_at.is_(None),
        other.severity == Severity.CARE.value,
        or_(other.type.is_(None), other.type.not_in(GATHERED)),
    )
    soon = and_(check.state == "planned", check.slot < staff().clock.now() + SOON)
    looked_after = exists().where(
        check.home_id == part.home_id,
        check.closed_at.is_(None),
        or_(check.state.in_(("asked", "started", "unreported")), soon),
    )
    return case((lapsed, LAPSED), (own, OWN_ALARM), (looked_after, CHECK), else_=NOTHING)


@get("/larm/gemensamt/<mass>", "mass_alarm", examples=({}, {"sida": "2"}))
def show(actor: Actor, mass: str) -> str:
    """The page `/larm/gemensamt/<mass>`: every home of it."""
    text = request.args.get("sida", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    with staff().db.read() as conn:
        found = mass_alarms.running(conn, actor, mass=mass)
        if not found:
            abort(404)
        places = lookups.places(conn, actor)
        first = (max(number, 1) - 1) * A_PAGE + 1
        lines = listed(conn, actor, [mass], places, first=first, last=first + A_PAGE - 1)
        card = _card(actor, found[0], lines.get(mass, ()))
        count = card.mass.goes_on if card.mass.is_silence else card.mass.open
        return page(
            "mass_alarm.html",
            conn,
            actor,
            card=card,
            names=lookups.staff_names(conn, actor),
            alone_after_min=round(staff().config.mass_alarm.alone_after_min),
            newer=_address(mass, number - 1) if number > 1 else None,
            older=_address(mass, number + 1) if count > first + A_PAGE - 1 else None,
            **main_attributes(kinds="alarm home check"),
        )


def _address(mass: str, number: int) -> str:
    return url_for("pages.mass_alarm", mass=mass, sida=number)


@post("/larm/gemensamt/ta", "mass_take", examples=({}, {"back": "shift"}))
def take(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/gemensamt/ta`: take a mass alarm on."""
    try:
        mass_alarms.take(staff(), actor, request.form.get("mass", ""))
    except Refused as refusal:
        return refused(forms.refusal_text(actor, refusal), _back())
    return answered(_("Du har tagit larmet."), _back())


@post("/larm/gemensamt/avsluta", "mass_close", examples=({"outcome": "mended"},))
def close(actor: Actor) -> ResponseReturnValue:
    """POST `/larm/gemensamt/avsluta`: close a mass alarm with what it turned out to be."""
    said = request.form.get("outcome", "")
    if said not in {outcome.value for outcome in AlarmOutcome}:
        return refused(_("Välj först orsaken till larmet."), _back(), 422)
    try:
        mass_alarms.close(staff(), actor, request.form.get("mass", ""), AlarmOutcome(said))
    except Refused as refusal:
        return refused(forms.refusal_text(actor, refusal), _back())
    return answered(_("Larmet är avslutat."), _back())


def _back() -> str:
    """Where the form stood: Nu or Mitt pass."""
    return url_for("pages.shift" if request.form.get("back") == "shift" else "pages.now")
