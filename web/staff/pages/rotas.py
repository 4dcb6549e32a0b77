"""Jour: who is on call, written in the page or read from a calendar, and where nobody is.

Not for: whom an alarm goes to (`ladders`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from gateway.errors import UserError
from web.staff.core.context import staff
from web.staff.core.i18n import N_, ZONE
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.ladders import rotas as keeping
from web.staff.ladders.rotas import Refused, Span, Wrong
from web.staff.pages import lookups
from web.staff.pages.ladders import NOT_READ
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.lists import by_name
from web.staff.pages.routes import get, post
from web.staff.storage.ladder_tables import rota
from web.staff.visits import plan_import
from web.staff.visits.plan_import import PlanRefused

AHEAD = timedelta(days=31)
"""How far ahead the page shows a rota: as far as one is filled in at a time."""

SHOWN_MAX = 200

FILE_MAX_BYTES = 1_000_000
"""Of a calendar: a rota of a year has some thousand lines."""

LINES_TOLD = 3
"""Lines of a calendar that are told to be wrong: who mends these finds the rest."""

SENTENCES = {
    Wrong.NO_RIGHT: N_("Din roll får inte göra det här."),
    Wrong.NOT_FOUND: N_("Det finns inte i din organisation."),
    Wrong.EMPTY: N_("Skriv ett namn först."),
    Wrong.TOO_LONG: N_("Texten är för lång."),
    Wrong.EXISTS: N_("Det finns redan."),
    Wrong.TOO_MANY: N_("Det finns för många redan. Ta bort någon först."),
    Wrong.ORDER: N_("Passet ska sluta efter att det börjar, och vara högst en månad."),
    Wrong.IN_USE: N_("Jouren används i larmkedjan %(about)s. Ändra den först."),
    Wrong.WHO: N_("Rad %(line)s: %(about)s finns inte bland personalen. Inget är ändrat."),
}


@get("/jour", "rotas", right=Right.ASSIGN, under="administration", examples=({}, {"jour": "rota"}))
def rotas(actor: Actor) -> str:
    """The page `/jour?jour=…`: a rota's shifts and gaps; the first one where none is named."""
    now, r = staff().clock.now(), rota.c
    with staff().db.read() as conn:
        query = select(r.id, r.name).where(r.org_id == actor.org)
        known = by_name(conn.execute(query))
        asked = request.args.get("jour", "")
        chosen = next((one for one in known if one.id == asked), known[0] if known else None)
        shifts, gaps = [], []
        if chosen is not None:
            shifts = keeping.shifts(conn, chosen.id, now, now + AHEAD)
            gaps = list(keeping.gaps(shifts, now, now + AHEAD))
        return page(
            "rotas.html",
            conn,
            actor,
            rotas=known,
            chosen=chosen,
            shifts=shifts[:SHOWN_MAX],
            gaps=gaps[:SHOWN_MAX],
            people=lookups.staff_names(conn, actor),
            zone=ZONE,
            weeks_max=keeping.WEEKS_MAX,
            **main_attributes(),
        )


@post(
    "/jour",
    "rotas_change",
    right=Right.ASSIGN,
    examples=(
        {"do": "make", "name": "Natt"},
        {"do": "add", "since": "2026-11-24T21:00", "until": "2026-11-25T07:00", "weeks": "2"},
        {"do": "add", "since": "x", "until": "2026-11-25T07:00"},
        {"do": "take"},
        {"do": "remove"},
        {"do": "x"},
    ),
)
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/jour`: one of the page's forms, named by `do`."""
    form = request.form
    chosen = form.get("rota", "")[:100]
    back = url_for("pages.rotas", jour=chosen or None)
    does: dict[str, Callable[[], object]] = {
        "make": lambda: keeping.make(staff(), actor, form.get("name", "")),
        "add": lambda: _add(actor, chosen),
        "take": lambda: keeping.remove_shift(staff(), actor, chosen, form.get("shift", "")),
        "remove": lambda: keeping.remove(staff(), actor, chosen),
    }
    do = does.get(form.get("do", ""))
    if do is None:
        return refused(_(NOT_READ), back, 422)
    try:
        made = do()
    except Refused as refusal:
        return refused(_sentence(refusal), back, 422)
    except (ValueError, OverflowError):  # also a week after the end of the calendar
        return refused(_("Skriv tiden som 2026-11-24 08:00."), back, 422)
    if isinstance(made, str):
        back = url_for("pages.rotas", jour=made)
    return answered(_("Sparat."), back)


@post("/jour/kalender", "rotas_calendar", right=Right.ASSIGN, file_max=FILE_MAX_BYTES)
def calendar(actor: Actor) -> ResponseReturnValue:
    """POST `/jour/kalender`: read shifts from an iCalendar file."""
    chosen, file = request.form.get("rota", "")[:100], request.files.get("file")
    back = url_for("pages.rotas", jour=chosen or None)
    data = b"" if file is None else file.stream.read(FILE_MAX_BYTES + 1)
    if not data:
        return refused(_("Välj en kalenderfil först."), back, 422)
    if len(data) > FILE_MAX_BYTES:
        return refused(_("Kalenderfilen är för stor: högst en megabyte."), back, 422)
    try:
        count = keeping.take_calendar(staff(), actor, chosen, data)
    except Refused as refusal:
        return refused(_sentence(refusal), back, 422)
    except PlanRefused as error:
        told = " ".join(f"{one.line}: {one.text}" for one in error.lines[:LINES_TOLD])
        return refused(_("Kalendern går inte att läsa. Rad %(told)s", told=told), back, 422)
    except UserError as error:
        return refused(_("Kalendern går inte att läsa. %(told)s", told=error.text), back, 422)
    return answered(_("%(n)s pass är inlästa.", n=count), back)


def _add(actor: Actor, chosen: str) -> None:
    """Raises `ValueError` for a time that is none."""
    form = request.form
    first, last = (datetime.fromisoformat(form.get(name, "")) for name in ("since", "until"))
    weeks = min(max(int(form.get("weeks") or 1), 1), keeping.WEEKS_MAX)
    spans = []
    for week in range(weeks):  # by the clock on the wall, each time
        later = timedelta(weeks=week)
        since, until = (plan_import.to_utc(at + later, ZONE) for at in (first, last))
        spans.append(Span(since, until))
    keeping.add_shift(staff(), actor, chosen, form.get("person", ""), spans)


def _sentence(refusal: Refused) -> str:
    return _(SENTENCES[refusal.why], about=refusal.about, line=refusal.line)
