"""Plan för nattillsyn: when a home is looked in on, how, when not; the coming nights; who changed
what.

Not for: the checks themselves (*Nattillsyn*), or what a plan may hold (`gateway.night_plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date

from gateway.errors import BadPlan
from gateway.events import CheckMethod, Night, PlanTerms
from gateway.night_plan import PlanFault, evening_of, night_plan
from web.staff.care.actions import Refused
from web.staff.care.look_consent import looks_agreed
from web.staff.checks import plans
from web.staff.checks.plans import Ahead, SetPlan
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups, plan_forms, reading
from web.staff.pages.forms import not_saved, number_of, with_former
from web.staff.pages.layout import answered, page
from web.staff.pages.routes import get, post
from web.staff.texts import words

NIGHTS = 4
"""Nights that are shown beforehand: a weekend, and the days before it."""

HISTORY = 20
"""Plans that are shown, the newest first."""


@dataclass(frozen=True, slots=True)
class Evening:
    """A night to come: the evening on which it begins, in words, and its slots."""

    told: str
    slots: tuple[Ahead, ...]
    paused: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One plan in the history: `what` it changed of the one before."""

    plan: SetPlan
    what: str
    told: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wrote and did not save: an `error`, or to be looked at."""

    terms: PlanTerms
    error: str


@get("/hem/<home>/tillsyn", "check_plan", right=Right.SEE_CARE, under="homes")
def of_home(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/hem/<home>/tillsyn`."""
    return _page(actor, home, None)


@post(
    "/hem/<home>/tillsyn",
    "check_plan_set",
    right=Right.PLAN_CHECKS,
    examples=(
        {"do": "show", "times": "02:00", "night": "mon", "method": "sensor", "recheck": "15",
         "tolerance": "0"},
        {"do": "set", "times": "02:00", "night": "mon", "method": "sensor", "recheck": "15",
         "tolerance": "10", "after": "0"},
        {"do": "pause", "first": "2026-12-01", "last": "2026-12-02", "after": "1"},
        {"do": "unpause", "first": "2026-12-01", "last": "2026-12-02", "after": "2"},
        {"do": "undo", "number": "1", "after": "2"},
    ),
)  # fmt: skip
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/tillsyn`: set the plan, look at what it would be, pause, go on, put an
    older one back."""
    if not actor.sees(home):
        abort(404)
    form = request.form
    what = form.get("do", "")
    with staff().db.read() as conn:
        now = plans.newest(conn, home)
        former = plans.one(conn, home, number_of(form.get("number", "")))
    terms = now.terms if now else plan_forms.EMPTY
    if what == "undo":
        if former is None:
            abort(404)
        terms = former.terms
    elif what in ("set", "show"):
        terms = plan_forms.read(form, terms.pauses)
    elif what in ("pause", "unpause"):
        act = plan_forms.with_pause if what == "pause" else plan_forms.without_pause
        terms = act(terms, form.get("first", ""), form.get("last", ""))
    else:
        abort(400)
    if what == "show":
        return _shown(actor, home, terms)
    try:
        plans.set_plan(staff(), actor, home, terms, after=number_of(form.get("after", "")))
    except BadPlan as bad:
        return _again(actor, home, terms, _sentence(bad))
    except Refused as refusal:
        text = _("Någon annan har ändrat planen. Läs in sidan och gör om ändringen.")
        return _again(actor, home, terms, *not_saved(actor, refusal, home, text))
    back = url_for("pages.check_plan", home=home)
    return answered(_("Planen är sparad och gäller från nästa tillsyn."), back)


def _shown(actor: Actor, home: str, terms: PlanTerms) -> ResponseReturnValue:
    try:
        night_plan(terms)
    except BadPlan as bad:
        return _again(actor, home, terms, _sentence(bad))
    return _page(actor, home, Draft(terms, ""))


def _again(
    actor: Actor, home: str, terms: PlanTerms, error: str, status: int = 422
) -> ResponseReturnValue:
    """The page with what was written, and what is wrong with it."""
    return _page(actor, home, Draft(terms, error)), status


def _sentence(bad: BadPlan) -> str:
    text = _(plan_forms.SENTENCES[PlanFault(bad.why)])
    return f"{text} ({bad.what})" if bad.what else text


def _page(actor: Actor, home: str, draft: Draft | None) -> str:
    if not actor.sees(home):
        abort(404)
    reading.note(actor, [home], "home")
    with staff().db.read() as conn:
        place = lookups.places(conn, actor)[home]
        found = plans.history(conn, home, HISTORY + 1)
        now = found[0] if found else None
        terms = draft.terms if draft else (now.terms if now else plan_forms.EMPTY)
        shown = terms if draft and not draft.error else (now.terms if now else None)
        return page(
            "check_plan.html",
            conn,
            actor,
            place=place,
            plan=now,
            terms=terms,
            draft=draft,
            told=plan_forms.told,
            word=lambda code: words.enum_word(type(code), code),
            nights=Night.offered(),
            methods=CheckMethod.offered(),
            standing=plans.standing(conn, home),
            agreed=looks_agreed(conn, home),
            ahead=_evenings(shown, place.zone, staff().clock.now()),
            changes=_changes(found)[:HISTORY],
            people=lookups.names(conn, actor),
            may_plan=actor.may(Right.PLAN_CHECKS),
            may_absent=actor.may(Right.CORRECT_VISIT),
        )


def _evenings(terms: PlanTerms | None, zone: str, now: datetime) -> list[Evening]:
    """The nights to come, each with its slots."""
    if terms is None:
        return []
    plan = night_plan(terms)
    by_day: dict[date, list[Ahead]] = {}
    for one in plans.ahead(terms, zone, now, NIGHTS):
        by_day.setdefault(evening_of(plan, zone, one.slot.at), []).append(one)
    return [
        Evening(format_date(day, "EEEE d MMMM"), tuple(slots), plan.paused(day))
        for day, slots in by_day.items()
    ]


def _changes(found: Sequence[SetPlan]) -> list[Change]:
    return [
        Change(
            plan, plan_forms.changed(old.terms if old else None, plan.terms),
            plan_forms.told(plan.terms),
        )
        for plan, old in with_former(found)
    ]  # fmt: skip
