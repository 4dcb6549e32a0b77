"""Lägg undan en händelse: one person asks, another one says yes (`web.staff.audit.setting_aside`).

What the event says is not shown here: it may be the very thing that cannot be shown.  Not for: the
list of events (`events`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import request, url_for
from flask.typing import ResponseReturnValue

from gateway.events import AsideWhy
from web.staff.audit import setting_aside
from web.staff.care.actions import Refused
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lists, lookups
from web.staff.pages.forms import refusal_text
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.lookups import Place
from web.staff.pages.routes import get, post
from web.staff.storage.rows import AsideRow


@dataclass(frozen=True, slots=True)
class AsideCard:
    """A request that waits: what event it is about, without what it says."""

    row: AsideRow
    place: Place | None
    who: str
    mine: bool
    kind: str
    at: datetime | None


@get(
    "/handelser/undan",
    "set_aside",
    right=Right.SET_ASIDE,
    under="events",
    examples=({}, {"ref": "home:h1/1"}),
)
def waiting(actor: Actor) -> str:
    """The page `/handelser/undan`; `?ref=` fills in the form."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        names = lookups.names(conn, actor)
        part = lists.fold(
            setting_aside.waiting(conn, actor), "undan", _oldest, lambda row: row.id, request.args
        )
        shown = [*part.whole, *part.sheet.rows]
        known = setting_aside.told_of(conn, [row.event for row in shown])
        cards = {row.id: _card(actor, row, places, names, known.get(row.event)) for row in shown}
        return page(
            "set_aside.html",
            conn,
            actor,
            part=part,
            cards=cards,
            ref=request.args.get("ref", "")[:200],
            reasons=AsideWhy.offered(),
            **main_attributes(kinds="event"),
        )


def _oldest(row: AsideRow) -> lists.Order:
    return lists.moment(row.asked_at), row.id


def _card(
    actor: Actor,
    row: AsideRow,
    places: dict[str, Place],
    names: dict[str, str],
    told: tuple[str, datetime] | None,
) -> AsideCard:
    return AsideCard(
        row=row,
        place=places.get(row.home_id),
        who=names.get(row.asked_by, row.asked_by),
        mine=row.asked_by == actor.person,
        kind=told[0] if told else "",
        at=told[1] if told else None,
    )


@post(
    "/handelser/undan",
    "set_aside_ask",
    right=Right.SET_ASIDE,
    examples=({"ref": "home:h1/1", "why": "wrong"},),
)
def ask(actor: Actor) -> ResponseReturnValue:
    """POST `/handelser/undan`: somebody asks."""
    back = url_for("pages.set_aside")
    try:
        why = AsideWhy.chosen(request.form.get("why", ""))
    except ValueError:
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    try:
        setting_aside.ask(staff(), actor, request.form.get("ref", "").strip(), why)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal), back)
    return answered(_("Begäran är sparad. Nu behöver en kollega säga ja."), back)


@post(
    "/handelser/undan/svar",
    "set_aside_answer",
    right=Right.SET_ASIDE,
    examples=({"do": "yes"}, {"do": "no"}),
)
def answer(actor: Actor) -> ResponseReturnValue:
    """POST `/handelser/undan/svar`: a second person answers."""
    back = url_for("pages.set_aside")
    yes = request.form.get("do") == "yes"
    try:
        setting_aside.answer(staff(), actor, request.form.get("aside", ""), yes=yes)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal), back)
    if yes:
        return answered(_("Händelsen är undanlagd. Den räknas inte och visas inte längre."), back)
    return answered(_("Händelsen står kvar."), back)
