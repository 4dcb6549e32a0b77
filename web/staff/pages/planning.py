"""Planering: a file with the plan of visits, checked and looked at before it is saved.

Another system of the organisation brings its plan by itself (`plan_api`, with a key of
*Anslutningar*).  Not for: what a file may hold (`web.staff.visits.plan_reading`), or night checks
(`check_plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from gateway.errors import UserError
from web.staff.care.actions import Refused, Why
from web.staff.core.context import staff
from web.staff.core.i18n import day_of
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups
from web.staff.pages.forms import refusal_text
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.lookups import Place
from web.staff.pages.routes import get, post
from web.staff.texts import plan_words
from web.staff.visits import plan_upload
from web.staff.visits.plan_api import BODY_MAX_BYTES
from web.staff.visits.plan_import import ERRORS_MAX, TEXT_MAX, PlanRefused
from web.staff.visits.plan_store import Compared, Kept, Outcome
from web.staff.visits.plan_upload import Asked, Upload

LINES = 30
"""Visits of each sort that a preview names; the numbers above them count all."""

NAME_MAX = 100
"""Characters of a file's name that are kept."""


@dataclass(frozen=True, slots=True)
class Line:
    """A visit of the preview."""

    place: Place | None
    home: str
    since: datetime
    until: datetime
    what: str
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Visits of the preview that share what happens to them; `count` is all of them."""

    key: str
    title: str
    icon: str
    lines: tuple[Line, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: the line (None: the whole file), and a sentence; `foreign` has it in English,
    for whoever keeps the system that made the file."""

    line: int | None
    text: str
    foreign: bool


@get("/administration/planering", "planning", right=Right.ASSIGN, under="administration",
     examples=({}, {"fil": "x"}))  # fmt: skip
def planning(actor: Actor) -> ResponseReturnValue:
    """The page `/administration/planering`; with `fil=` what a file would change."""
    asked = request.args.get("fil", "")
    with staff().db.read() as conn:
        upload = plan_upload.one(conn, actor, asked) if asked else None
    if asked and upload is None:
        abort(404)
    return _page(actor, upload)


@post(
    "/administration/planering",
    "planning_change",
    right=Right.ASSIGN,
    file_max=BODY_MAX_BYTES,
    examples=({"do": "check"}, {"do": "save", "upload": "x"}, {"do": "undo", "upload": "x"}),
)
def change(actor: Actor) -> ResponseReturnValue:
    """POST `/administration/planering`: check a file, save what was looked at, or take it back."""
    what, upload = request.form.get("do", ""), request.form.get("upload", "")
    back = url_for("pages.planning")
    try:
        if what == "check":
            return _checked(actor, back)
        if what == "save":
            done = plan_upload.save(staff(), actor, upload)
            return answered(_("Planen är sparad: %(what)s.", what=_told(done)), back)
        if what == "undo":
            done = plan_upload.undo(staff(), actor, upload)
            return answered(_("Planen är som före filen: %(what)s.", what=_told(done)), back)
    except UserError as error:  # a home was closed, or an account, since the file was looked at
        return _page(actor, None, error)
    except Refused as refusal:
        if refusal.why is Why.NO_PLAN:
            abort(404)
        if refusal.why is Why.NOT_FIRST:
            text = _("Planen har ändrats efter filen, så det går inte att ångra längre.")
            return refused(text, back)
        return refused(refusal_text(actor, refusal), back)
    return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)


def _checked(actor: Actor, back: str) -> ResponseReturnValue:
    form, file = request.form, request.files.get("file")
    data = b"" if file is None else file.stream.read(BODY_MAX_BYTES + 1)
    if file is None or not data:
        return refused(_("Välj en fil först."), back, 422)
    if len(data) > BODY_MAX_BYTES:
        return refused(_("Filen är för stor: högst åtta megabyte."), back, 422)
    first, last = (form.get(name, "").strip() for name in ("first", "last"))
    days = (day_of(first), day_of(last)) if first or last else None
    if days is not None and not _are_days(days):
        return refused(_("Skriv både första och sista dagen, i ordning."), back, 422)
    asked = Asked(
        name=(file.filename or "plan")[-NAME_MAX:],
        data=data,
        source=form.get("source", "").strip()[:TEXT_MAX] or None,
        home=form.get("home") or None,
        days=days,  # type: ignore[arg-type]  # both are days, as asked above
    )
    if asked.home is not None and not asked.ical:
        return refused(_("I en CSV-fil står hemmet på varje rad. Välj inget hem."), back, 422)
    kept = plan_upload.keep(staff(), actor, asked)
    text = _("Filen går att läsa. Inget är sparat än.")
    return answered(text, url_for("pages.planning", fil=kept))


def _are_days(days: tuple[date | None, date | None]) -> bool:
    first, last = days
    return first is not None and last is not None and first <= last and last.year < date.max.year


def _page(
    actor: Actor, upload: Upload | None, error: UserError | None = None
) -> ResponseReturnValue:
    compared = None
    with staff().db.read() as conn:
        if upload is not None and upload.saved_at is None:
            try:
                compared = plan_upload.preview(conn, staff(), actor, upload)
            except UserError as wrong:
                error, upload = wrong, None
        places = lookups.places(conn, actor)
        body = page(
            "planning.html",
            conn,
            actor,
            upload=upload,
            compared=compared,
            groups=[] if compared is None else _groups(compared, places, actor),
            faults=_faults(error),
            faults_most=ERRORS_MAX,
            last=plan_upload.last_saved(conn, actor),
            homes=list(places.values()),
            names=lookups.staff_names(conn, actor),
        )
    return body if error is None else (body, 422)


def _told(done: Outcome) -> str:
    return _(
        "nya besök: %(added)s, ändrade: %(changed)s, borttagna: %(withdrawn)s",
        added=done.added,
        changed=done.changed,
        withdrawn=done.withdrawn,
    )


def _groups(compared: Compared, places: dict[str, Place], actor: Actor) -> list[Group]:
    """What a plan would change, in words; what is done at a visit only for whoever sees care."""
    care = actor.may(Right.SEE_CARE)

    def kept(one: Kept) -> Line:
        row = one.row
        what = row.what if care else ""
        place = places.get(row.home_id)
        return Line(place, row.home_id, row.since, row.until, what, one.people)

    sent = [*compared.added, *(new for _old, new in compared.changed)]
    lines = [
        Line(
            places.get(one.home),
            one.home,
            one.values["since"],
            one.values["until"],
            one.values["what"] if care else "",
            one.people,
        )
        for one in sent
    ]
    count = len(compared.added)
    return [
        _group("added", _("Nya besök"), "check", lines[:count]),
        _group("changed", _("Ändrade besök"), "pen", lines[count:]),
        _group("withdrawn", _("Tas bort ur planen"), "cross", list(map(kept, compared.withdrawn))),
    ]


def _group(key: str, title: str, icon: str, lines: Sequence[Line]) -> Group:
    ordered = sorted(lines, key=lambda one: (one.since, one.home))
    return Group(key, title, icon, tuple(ordered[:LINES]), len(lines))


def _faults(error: UserError | None) -> list[Fault]:
    if error is None:
        return []
    if not isinstance(error, PlanRefused):
        return [_fault(None, error.text)]
    return [_fault(one.line, one.text) for one in error.lines[:ERRORS_MAX]]


def _fault(line: int | None, text: str) -> Fault:
    said = plan_words.flaw(text)
    return Fault(line, text if said is None else said, said is None)
