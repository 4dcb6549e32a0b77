"""One visit: its original stamps, every correction, and correcting it; approving, locking, and the
files for other programs.

Not for: whether somebody may (`visit_actions`), or the list (`visits`).
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, select

from gateway.events import Ref, Undone, VisitCorrected
from web.staff.care.actions import Refused
from web.staff.core.context import staff
from web.staff.core.i18n import day_of, local
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups, reading
from web.staff.pages.forms import refusal_text
from web.staff.pages.layout import answered, main_attributes, page, refused
from web.staff.pages.routes import get, post
from web.staff.pages.visits import midnight, read_days
from web.staff.storage import event_store
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.plan_tables import visit_note
from web.staff.storage.rows import VisitRow, read_one
from web.staff.texts import visit_words
from web.staff.visits import plan_import, visit_actions, visit_export

EXPORT_DAYS_MAX = 92
"""Days in one file: a quarter, which is what is sent on."""


@get("/besok/ett", "visits_one", right=Right.SEE_CARE)
def one(actor: Actor) -> str:
    """The page `/besok/ett?besok=<reference>`."""
    parts = staff()
    with parts.db.read() as conn:
        row = _visit(conn, actor, request.args.get("besok", ""))
        reading.note(actor, {row.home_id}, "visits")
        place = lookups.places(conn, actor)[row.home_id]
        before = visit_actions.locked_before(parts, conn, row.home_id)
        times = visit_actions.times_of(row)
        return page(
            "visit.html",
            conn,
            actor,
            row=row,
            times=times,
            place=place,
            names=lookups.names(conn, actor),
            history=_history(conn, row.home_id, row.id),
            locked=before is not None and times.since is not None and times.since < before,
            may_correct=visit_actions.may_correct(parts, actor, row),
            may_approve=actor.may(Right.CORRECT_VISIT),
            reasons={code: _(text) for code, text in visit_words.CORRECTED_WHY.items()},
            field=lambda at: "" if at is None else f"{local(at, place.zone):%Y-%m-%dT%H:%M}",
            **main_attributes(kinds="visit", home=row.home_id),
        )


def _visit(conn: Connection, actor: Actor, ref: Ref) -> VisitRow:
    v = t.visit.c
    query = select(t.visit).where(v.id == ref, among(v.home_id, actor.homes))
    row = read_one(conn, VisitRow, query)
    if row is None:
        abort(404)
    return row


def _history(conn: Connection, home: str, ref: Ref) -> list[dict[str, object]]:
    """Every correction of the visit, oldest first, each with its note."""
    e, n = t.event.c, visit_note.c
    query = select(e.body, e.hash, e.corrected_at).where(
        e.origin == f"staff:{home}", e.kind == "visit.corrected"
    )
    lines = []
    for row in conn.execute(query.order_by(e.seq)):
        event = event_store.to_event(row.body, row.hash)
        if isinstance(event.data, VisitCorrected) and event.data.visit == ref:
            lines.append(event)
    refs = [event.ref for event in lines]
    notes = {
        row.ref: row.text for row in conn.execute(select(n.ref, n.text).where(among(n.ref, refs)))
    }
    return [{"event": event, "note": notes.get(event.ref, "")} for event in lines]


@post(
    "/besok/ratta",
    "visits_correct",
    examples=(
        {"reason": "x", "since": "20:00", "until": "20:30", "note": "x"},
        {"reason": "x", "since": "20:00", "back": "shift"},
    ),
)
def correct(actor: Actor) -> ResponseReturnValue:
    """POST `/besok/ratta`: what the times were."""
    form = request.form
    ref = form.get("visit", "")
    back = url_for("pages.visits_one", besok=ref)
    if form.get("back") == "shift":
        back = url_for("pages.shift")
    with staff().db.read() as conn:
        row = _visit(conn, actor, ref)
        zone = lookups.places(conn, actor)[row.home_id].zone
    if form.get("reason") not in visit_words.CORRECTED_WHY:
        return refused(_("Välj först orsak."), back, 422)
    times = visit_actions.times_of(row)
    try:
        done = visit_actions.correct(
            staff(),
            actor,
            ref,
            since=_said(form.get("since", ""), times.since, zone),
            until=_said(form.get("until", ""), times.until, zone),
            reason=form.get("reason", ""),
            note=form.get("note", ""),
        )
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, row.home_id), back)
    except ValueError:
        return refused(_("Skriv tiden som 2026-11-24 08:00."), back, 422)
    return answered(_("Besöket är rättat. Originalet finns kvar."), back, ref=done.ref)


def _said(text: str, known: datetime | None, zone: str) -> datetime | None:
    """The time in a form; None for an empty one, and for the minute that it is already."""
    if not text:
        return None
    at = plan_import.to_utc(datetime.fromisoformat(text), zone)
    if known is not None and known.replace(second=0, microsecond=0) == at:
        return None
    return at


@post("/besok/godkann", "visits_approve", examples=({"back": "2026-11-23"},))
def approve(actor: Actor) -> ResponseReturnValue:
    """POST `/besok/godkann`: hold the times of these visits to be right."""
    back = request.form.get("back", "")
    day = day_of(back)
    to = url_for("pages.visits", dag=day, vecka=request.form.get("week") or None)
    try:
        count = visit_actions.approve(staff(), actor, request.form.getlist("visit"))
    except Refused as refusal:
        return refused(refusal_text(actor, refusal), to)
    return answered(_("%(n)s besök godkända.", n=count), to)


@post("/besok/las", "visits_lock", right=Right.CORRECT_VISIT, examples=({"before": "2026-11-23"},))
def lock(actor: Actor) -> ResponseReturnValue:
    """POST `/besok/las`: from now on nothing changes before a day, in the organisation's homes."""
    back = url_for("pages.visits")
    day = day_of(request.form.get("before", ""))
    if day is None:
        return refused(_("Välj först en dag."), back, 422)
    try:
        moved = visit_actions.lock(staff(), actor.person, sorted(actor.homes), midnight(day))
    except Refused as refusal:
        return refused(refusal_text(actor, refusal), back)
    answer = _("Besök före %(day)s är låsta i %(n)s hem.", day=day, n=moved)
    return answered(answer, back)


@post("/pass/<home>/avbojt", "visit_decline", examples=({"why": "declined"}, {"why": "absent"}))
def decline(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/pass/<home>/avbojt`: a visit does not take place."""
    back = url_for("pages.shift", _anchor=f"home-{home}")
    try:
        why = Undone.chosen(request.form.get("why", ""))
    except ValueError:
        return refused(_("Välj först orsak."), back, 422)
    try:
        visit_actions.decline(staff(), actor, home, why, request.form.get("planned") or None)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), back)
    return answered(_("Sparat. Samordnaren ser det."), back)


@get(
    "/besok/fil",
    "visits_file",
    right=Right.CORRECT_VISIT,
    examples=({}, {"form": "csv"}, {"form": "fhir"}),
)
def export(actor: Actor) -> Response:
    """`/besok/fil?form=csv&fran=…&till=…`: the visits as a file (`csv` or `fhir`)."""
    first, last = _span()
    form = request.args.get("form", "csv")
    parts = staff()
    with parts.db.read() as conn:
        places = lookups.places(conn, actor)
        days = read_days(conn, actor, midnight(first), midnight(last + timedelta(days=1)))
        reading.note(actor, {line.home for line in days.lines}, "visits_file")
        if form == "csv":
            zones = {home: place.zone for home, place in places.items()}
            return file(visit_export.to_csv(days, zones), f"besok-{first}-{last}.csv", "text/csv")
        r = t.resident.c
        rows = conn.execute(select(r.home_id, r.id).where(among(r.home_id, actor.homes)))
        residents = {row.home_id: row.id for row in rows}
    bundle = visit_export.to_fhir(days, residents, at=parts.clock.now())
    data = json.dumps(bundle, ensure_ascii=False).encode()
    return file(data, f"besok-{first}-{last}.json", "application/fhir+json")


def _span() -> tuple[date, date]:
    first, last = day_of(request.args.get("fran", "")), day_of(request.args.get("till", ""))
    if first is None or last is None or not timedelta() <= last - first < _MOST:
        abort(404)
    return first, last


_MOST = timedelta(days=EXPORT_DAYS_MAX)


def file(data: bytes, name: str, kind: str) -> Response:
    """An answer that a browser saves."""
    answer = Response(data, mimetype=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
