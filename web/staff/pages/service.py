"""Service: a technician asks to open a door, somebody of the care answers, the technician opens.

Those who answer see the same cards on Nu.  Not for: who may ask and answer
(`web.staff.doors.service_access`), or the turn itself (`forms.turn`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, select

from web.staff.care.actions import Refused, Why
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.doors import service_access
from web.staff.doors.revocation import ASKED_MIN
from web.staff.doors.service_access import NotedRequest, Standing
from web.staff.pages import lists, lock_progress, lookups
from web.staff.pages.forms import refusal_text
from web.staff.pages.home_choice import home_choice
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.lock_progress import Turn
from web.staff.pages.lookups import Place
from web.staff.pages.routes import Menu, get, post
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import DeviceRow, read_all
from web.staff.texts import door_words, words
from web.staff.texts.event_summary import clock

ENDED = 30
"""Requests of the last day that are over, on a sheet."""

LIVE = (Standing.WAITING, Standing.APPROVED)
"""Standings in which something can still be done."""


@dataclass(frozen=True, slots=True)
class AskCard:
    """A request with where it is, who asked and who answered.  `lock` is the device's row, None
    when the home has it no more; `turn` the asker's own newest turn there."""

    row: NotedRequest
    standing: Standing
    place: Place
    lock: DeviceRow | None
    who: str
    by: str | None
    mine: bool
    asked_until: datetime
    turn: Turn | None = None

    @property
    def why(self) -> str:
        return words.spoken(door_words.SERVICE_WHY, self.row.why)

    @property
    def word(self) -> str:
        return words.spoken(door_words.STANDING, self.standing.value)


@dataclass(frozen=True, slots=True)
class Door:
    """One lock that can be asked for."""

    key: str
    place: Place
    lock: DeviceRow
    others: tuple[DeviceRow, ...]


def oldest(card: AskCard) -> lists.Order:
    """The order of those that wait."""
    return lists.moment(card.row.asked_at), card.row.id


def newest(card: AskCard) -> lists.Order:
    """The order of those that are over."""
    return -lists.moment(card.row.asked_at), card.row.id


def part_of(asked: Iterable[AskCard], name: str) -> lists.Fold[AskCard]:
    """These requests as a part of a page, the oldest first."""
    return lists.fold(asked, name, oldest, lambda card: card.row.id, request.args)


def cards(
    conn: Connection,
    actor: Actor,
    places: dict[str, Place],
    names: dict[str, str],
    *,
    home: str | None = None,
) -> list[AskCard]:
    """The requests of the last day that this person asked or may answer, the newest first; `home`:
    only of this one."""
    now = staff().clock.now()
    answerable = service_access.answerable(actor)
    rows = service_access.recent(conn, answerable if home is None else answerable & {home}, now)
    if actor.may(Right.ASK_SERVICE):
        seen = {row.id for row in rows}
        homes = actor.homes if home is None else actor.homes & {home}
        asked = service_access.recent(conn, homes, now, person=actor.person)
        rows += [row for row in asked if row.id not in seen]
    rows.sort(key=lambda row: row.asked_at, reverse=True)
    devices = lookups.devices(conn, {row.home_id for row in rows})
    mine = {row.home_id for row in rows if row.person == actor.person}
    turns = lock_progress.newest(conn, actor, mine)
    return [
        AskCard(
            row=row,
            standing=service_access.standing(row, now),
            place=places[row.home_id],
            lock=devices.get((row.home_id, row.device)),
            who=names.get(row.person, row.person),
            by=names.get(row.answered_by, row.answered_by) if row.answered_by else None,
            mine=row.person == actor.person,
            asked_until=row.asked_at + timedelta(minutes=ASKED_MIN),
            turn=turns.get(row.home_id) if row.person == actor.person else None,
        )
        for row in rows
        if row.home_id in places
    ]


def to_answer(asked: list[AskCard]) -> list[AskCard]:
    """Those that wait for somebody else than the one who asked, the oldest first."""
    waiting = [card for card in asked if card.standing is Standing.WAITING and not card.mine]
    return waiting[::-1]


def _doors(conn: Connection, places: dict[str, Place]) -> list[Door]:
    c = t.device.c
    query = select(t.device).where(among(c.home_id, places), c.type == "lock", c.present)
    locks: dict[str, list[DeviceRow]] = {}
    for row in read_all(conn, DeviceRow, query.order_by(c.id)):
        locks.setdefault(row.home_id, []).append(row)
    return [
        Door(f"{home}/{lock.id}", place, lock, tuple(locks[home]))
        for home, place in places.items()
        for lock in locks.get(home, ())
    ]


@get(
    "/service",
    "service",
    menu=Menu(50, "plug", N_("Service"), Right.ASK_SERVICE),
    examples=({}, {"sok": "x"}, {"hem": "h1"}, {"del": "tidigare", "efter": "-1_x"}),
)
def show(actor: Actor) -> str:
    """The page `/service`; `?hem=` chooses a home in the form, `?sok=` looks for one."""
    if not any(actor.may(r) for r in (Right.ASK_SERVICE, Right.TURN_LOCK, Right.CORRECT_VISIT)):
        abort(403)
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        asked = cards(conn, actor, places, lookups.names(conn, actor))
        may_ask = actor.may(Right.ASK_SERVICE)
        live = [card for card in asked if card.standing in LIVE]
        running = [c for c in live if not c.mine and c.standing is not Standing.WAITING]
        over = [card for card in asked if card.standing not in LIVE]
        choice = home_choice(places)
        near = choice.few or ([choice.chosen] if choice.chosen else [])
        doors = _doors(conn, {place.id: place for place in near}) if may_ask else []
        return page(
            "service.html",
            conn,
            actor,
            waiting=part_of(to_answer(asked), "vantar"),
            mine=lists.fold(
                [card for card in live if card.mine], "mina", newest, _key, request.args
            ),
            running=part_of(running, "godkanda"),
            ended=lists.fold(over, "tidigare", newest, _key, request.args, whole=0, rows=ENDED),
            may_ask=may_ask,
            may_answer=bool(service_access.answerable(actor)),
            doors=doors,
            choice=choice,
            chosen=choice.chosen.id if choice.chosen else "",
            reasons=door_words.SERVICE_WHY,
            note_max=service_access.NOTE_MAX_CHARS,
            **main_attributes(kinds="grant unlock lock device"),
        )


def _key(card: AskCard) -> str:
    return card.row.id


# --- forms ----------------------------------------------------------------------------------------


@post("/service/begar", "service_ask", examples=({"why": "test", "note": "x"},))
def ask(actor: Actor) -> ResponseReturnValue:
    """POST `/service/begar`: a technician asks."""
    back = url_for("pages.service")
    form = request.form
    home, _slash, device = form.get("door", "").partition("/")
    if form.get("why") not in service_access.WHY:
        return refused(_("Välj först vad som ska göras."), back, 422)
    try:
        asked = service_access.request(
            staff(), actor, home, device, why=form["why"], note=form.get("note", "")
        )
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), back)
    if asked.fresh:
        return answered(_("Begäran är skickad. Svaret kommer här."), back)
    return answered(_("Du har redan begärt tillträde där. Begäran står överst på sidan."), back)


@post(
    "/service/svara",
    "service_answer",
    examples=({"do": "yes"}, {"do": "no"}, {"do": "withdraw"}, {"do": "yes", "back": "now"}),
)
def answer(actor: Actor) -> ResponseReturnValue:
    """POST `/service/svara`: yes or no to a technician, or (`do`=`withdraw`) the technician takes
    the request back."""
    form = request.form
    what, home, ref = form.get("do", ""), form.get("home", ""), form.get("request", "")
    back = url_for("pages.now" if form.get("back") == "now" else "pages.service")
    if what not in ("yes", "no", "withdraw"):
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    try:
        if what == "withdraw":
            service_access.withdraw(staff(), actor, home, ref)
            return answered(_("Begäran är återtagen."), back)
        done = service_access.answer(staff(), actor, home, ref, yes=what == "yes")
    except Refused as refusal:
        return refused(_refusal(actor, refusal, home), back)
    if what == "no":
        return answered(_("Begäran nekad. Dörren öppnas inte."), back)
    until = done.at + timedelta(minutes=service_access.APPROVED_MIN)
    return answered(
        _("Godkänt. Teknikern får öppna till %(at)s.", at=_at(actor, home, until)), back
    )


def _at(actor: Actor, home: str, at: datetime) -> str:
    with staff().db.read() as conn:
        place = lookups.places(conn, actor).get(home)
    return clock(at, place.zone if place else None)


def _refusal(actor: Actor, refusal: Refused, home: str) -> str:
    person = refusal.data.get("person")
    if refusal.why is not Why.CLOSED or person is None:
        return refusal_text(actor, refusal, home)
    with staff().db.read() as conn:
        who = lookups.names(conn, actor).get(person, person)
    at = _at(actor, home, refusal.data["at"])
    return _("%(who)s har redan svarat, %(at)s.", who=who, at=at)
