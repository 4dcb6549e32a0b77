"""Åtkomst: the access log, filtered and grouped, who was inside, the log as a file, and the monthly
sample that is checked.

Reading it is a read of what is kept about residents, and so a row of its own.  Not for: what is a
row (`access_log`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue

from gateway import events
from gateway.access import grants
from gateway.events import ACCESS_KINDS, CheckedAs
from web.staff.audit import access_export, access_groups, access_log, inside
from web.staff.audit.access_groups import AccessGroup
from web.staff.audit.access_log import AccessRow
from web.staff.audit.inside import Inside
from web.staff.care.actions import Refused
from web.staff.core.context import staff
from web.staff.core.i18n import day_of, local
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lists, lookups, reading
from web.staff.pages.forms import refusal_text
from web.staff.pages.home_choice import homes_asked
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.lookups import Place
from web.staff.pages.routes import get, post
from web.staff.pages.visit import file
from web.staff.pages.visits import midnight
from web.staff.storage.hours import hours_in
from web.staff.texts import device_words, visit_words, voice_words, words
from web.staff.texts.event_summary import clock

ROWS = 200
"""Rows on a page; the file has them all."""

DAYS = 7
"""Days shown when nobody said which."""


def why_text(row: AccessRow) -> str:
    """Why, in words: what was read, the grant's reason, the refusal, the stamp's source."""
    if row.action == "record.read":
        return words.spoken(visit_words.READ_WHAT, row.why)
    if row.action == "unlock.requested":
        why = words.enum_word(grants.Reason, row.why)
        return (
            f"{why}, {words.enum_word(events.LockOperationOutcome, row.outcome)}"
            if row.outcome
            else why
        )
    if row.action == "unlock.refused":
        return words.enum_word(events.Refusal, row.why)
    if row.action == "visit.started":
        return words.enum_word(events.Stamp, row.why)
    if row.action == "voice.begun":
        return voice_words.lasted(row.took_s)
    if row.action == "voice.refused":
        return words.enum_word(events.VoiceRefusal, row.why)
    if row.action == "look.begun":
        why = words.enum_word(events.LookWhy, row.why)
        if row.outcome == "unseen":
            how = _("ingen bild visades")
        else:
            how = words.enum_word(events.LookEnd, row.outcome) if row.outcome else ""
        return ", ".join(filter(None, (why, voice_words.lasted(row.took_s), how)))
    if row.action == "look.refused":
        return words.enum_word(events.LookRefusal, row.why)
    return row.why


def who_text(row: AccessRow, names: Mapping[str, str]) -> str:
    """Who it was, in words."""
    if row.person is not None:
        return names.get(row.person, row.person)
    return words.enum_word(events.VoiceParty, row.party).capitalize() if row.party else _("Okänd")


def _filter(
    actor: Actor, places: Mapping[str, Place]
) -> tuple[list[str], datetime, datetime, dict[str, str | None]]:
    asked, now = request.args, staff().clock.now()
    today = local(now).date()
    last = day_of(asked.get("till", "")) or today
    first = day_of(asked.get("fran", "")) or last - timedelta(days=DAYS - 1)
    meant = homes_asked(places)
    homes = [home for home in meant or sorted(actor.homes) if home in actor.homes]
    action = asked.get("slag", "")
    more = {
        "person": asked.get("person") or None,
        "action": action if action in ACCESS_KINDS else None,
    }
    start, end = midnight(first), midnight(last + timedelta(days=1))
    hours = hours_in(asked.get("timme", ""))
    if hours is not None:
        start, end = hours
    return homes, max(start, access_log.keeps_from(staff())), end, more


@get(
    "/atkomst",
    "access",
    right=Right.AUDIT_ACCESS,
    under="follow_up",
    examples=({}, {"visa": "alla"}, {"visa": "inne"}),
)
def log(actor: Actor) -> str:
    """The page `/atkomst`: repeated reads are one row, with `visa=alla` each is one; with
    `visa=inne` who was inside, and how they came in."""
    shown = request.args.get("visa", "")
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        homes, start, end, more = _filter(actor, places)
        person, action = more["person"], more["action"]
        groups: list[AccessGroup] = []
        visitors: list[Inside] = []
        if shown == "inne":
            visitors = inside.read(conn, homes, start, end, person=person, limit=ROWS + 1)
        elif shown == "alla":
            rows = access_log.read(
                conn, homes, start, end, limit=ROWS + 1, person=person, action=action
            )
            groups = [AccessGroup(row, 1, row.at, (), 0) for row in rows]
        else:
            groups = access_groups.read(
                conn, homes, start, end, limit=ROWS + 1, person=person, action=action
            )
        seen = {one.row.home for one in groups[:ROWS]} | {one.home for one in visitors[:ROWS]}
        reading.note(actor, seen, "access")
        return page(
            "access.html",
            conn,
            actor,
            groups=groups[:ROWS],
            visitors=visitors[:ROWS],
            shown=shown if shown in ("inne", "alla") else "",
            more=max(len(groups), len(visitors)) > ROWS,
            places=places,
            many=len(places) > lists.FEW,
            names=lookups.names(conn, actor),
            staff_names=lookups.staff_names(conn, actor),
            doors=device_words.device_names(
                lookups.devices(conn, {one.home for one in visitors}).values()
            ),
            samples=access_log.samples(conn, actor.org),
            kinds=sorted(ACCESS_KINDS),
            why_text=why_text,
            who_text=who_text,
            what_text=what_text,
            came_in=came_in,
            address=_address,
            wanted=request.args,
            first=local(start).date(),
            last=local(end - timedelta(seconds=1)).date(),
        )


def what_text(group: AccessGroup) -> str:
    """Why, in words, of a row that may stand for many: everything that was opened."""
    if len(group.whats) < 2:
        return why_text(group.row)
    return ", ".join(words.spoken(visit_words.READ_WHAT, code) for code in group.whats)


def came_in(one: Inside, doors: Mapping[tuple[str, str], str], zone: str | None) -> str:
    """By which door somebody came in, opened when and on what ground; where no turn of a lock is
    known, what the visit's beginning was taken from."""
    turn = one.turn
    if turn is None:
        source = one.visit.since_source if one.visit else None
        return words.enum_word(events.Stamp, source) if source else ""
    door = doors.get((one.home, turn.device or "")) or _("dörren")
    by = _("kod vid dörren") if one.by_code else words.enum_word(grants.Reason, turn.reason or "")
    maybe = turn.outcome == events.LockOperationOutcome.UNKNOWN
    at = clock(turn.step_at, zone)
    if maybe:
        return _("%(door)s, kanske upplåst %(at)s (%(why)s)", door=door, at=at, why=by)
    return _("%(door)s, upplåst %(at)s (%(why)s)", door=door, at=at, why=by)


def _address(**changed: str | None) -> str:
    """This page with other queries."""
    asked = {k: v for k, v in request.args.items() if v and k != "fragment"} | changed
    return url_for("pages.access", **{k: v for k, v in asked.items() if v is not None})  # type: ignore[arg-type]


@get("/atkomst/fil", "access_file", right=Right.AUDIT_ACCESS)
def log_file(actor: Actor) -> Response:
    """`/atkomst/fil`: the filtered rows as CSV."""
    with staff().db.read() as conn:
        homes, start, end, more = _filter(actor, lookups.places(conn, actor))
        rows = access_log.read(
            conn, homes, start, end, person=more["person"], action=more["action"]
        )
        reading.note(actor, {row.home for row in rows}, "access_file")
    days: tuple[date, date] = (local(start).date(), local(end).date() - timedelta(days=1))
    name = f"atkomst-{days[0]}-{days[1]}.csv"
    return file(access_export.to_csv(rows, actor.org), name, "text/csv")


@get("/atkomst/stickprov", "access_sample", right=Right.AUDIT_ACCESS)
def sample(actor: Actor) -> str:
    """The page `/atkomst/stickprov?ref=staff/12`."""
    wanted = request.args.get("ref", "")
    with staff().db.read() as conn:
        chosen = {one.ref: one for one in access_log.samples(conn, actor.org)}.get(wanted)
        if chosen is None:
            abort(404)
        rows = access_log.read_refs(conn, actor.homes, chosen.data.rows)
        reading.note(actor, {row.home for row in rows}, "access")
        return page(
            "sample.html",
            conn,
            actor,
            sample=chosen,
            rows=sorted(rows, key=lambda row: row.at),
            places=lookups.places(conn, actor),
            names=lookups.names(conn, actor),
            why_text=why_text,
            who_text=who_text,
            found_as=CheckedAs.offered(),
            found_word=lambda code: words.enum_word(CheckedAs, code),
        )


@post("/atkomst/stickprov", "access_check", examples=({"found": "in_order"},))
def check(actor: Actor) -> ResponseReturnValue:
    """POST `/atkomst/stickprov`: one row was checked."""
    form = request.form
    back = url_for("pages.access_sample", ref=form.get("sample", ""))
    try:
        outcome = CheckedAs.chosen(form.get("found", ""))
    except ValueError:
        return refused(_("Välj först vad kontrollen visade."), back, 422)
    try:
        access_log.check(staff(), actor, form.get("sample", ""), form.get("row", ""), outcome)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal), back)
    return answered(_("Kontrollen är sparad."), back)
