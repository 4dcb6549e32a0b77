"""Regler: what a home's rules mean, and what other settings would have meant in its own last weeks.

The counting is done in a process of its own (`web.staff.foresight.trials`); the page says how far
it has come.  What was tried can be saved, as a configuration of the home (`web.staff.configs`).
Not for: rules that only an installer sets, or the plan of night checks (`check_plan`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import abort, current_app, make_response, request, url_for
from flask.typing import ResponseReturnValue

from gateway.events import ConfigWhy
from web.staff.care.actions import Refused
from web.staff.configs import changes
from web.staff.configs.changes import Asked
from web.staff.configs.model import BadConfig
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.foresight import trials
from web.staff.foresight.knobs import BY_RULE, TUNABLE, Tunable
from web.staff.foresight.trials import State, Trial, Trials
from web.staff.pages import lookups, reading
from web.staff.pages.forms import not_saved, number_of, refusal_text
from web.staff.pages.layout import answered, page, refused
from web.staff.pages.routes import get, post

AGAIN_S = 3
"""Seconds until a page that waits for a trial is loaded again."""

NAMED = 10
"""Alarms that are named, of those that come and of those that go."""

Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Count:
    """How often one thing is told: with what is set, and with what is tried."""

    what: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Named:
    """One alarm that comes, or that does not come any more."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Staffed:
    """What staff do in a run: to how many alarms and looks what they did then (`real`), to how many
    what is assumed, and how many are `left` until they end."""

    real: int
    assumed: int
    left: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial; `days` None: there was nothing to count.  `staffed` is of what is set,
    and of what is tried; None: another version counted, which assumed all of it."""

    days: float | None
    counts: tuple[Count, ...]
    before: int
    after: int
    more: tuple[Named, ...]
    less: tuple[Named, ...]
    staffed: tuple[Staffed, Staffed] | None


def _works_here(actor: Actor, home: str) -> None:
    """Who plans care, and who sets up homes; in one of their homes."""
    if not (actor.may(Right.PLAN_CHECKS) or actor.may(Right.ENROLL)):
        abort(403)
    if not actor.sees(home):
        abort(404)


@get("/hem/<home>/regler", "rules", under="homes", examples=({}, {"prov": "x"}))
def rules(actor: Actor, home: str) -> ResponseReturnValue:
    """The page `/hem/<home>/regler`; with `prov=` what came of a trial."""
    _works_here(actor, home)
    trial = trials.of_id(staff(), home, request.args.get("prov", ""))
    if trial is not None and trial.rule not in BY_RULE:
        trial = None
    care, now, outcome = actor.may(Right.SEE_CARE), staff().clock.now(), None
    try:
        outcome = _outcome(trial, care=care)
    except (AttributeError, KeyError, TypeError, ValueError):  # as another version answers
        trial = trial and replace(trial, state=State.UNKNOWN)
    if care and trial is not None and trial.state is State.DONE:
        reading.note(actor, [home], "home")
    with staff().db.read() as conn:
        asked = changes.asked(conn, home)
        answer = make_response(
            page(
                "rules.html",
                conn,
                actor,
                place=lookups.places(conn, actor)[home],
                tunable=TUNABLE,
                values=_values(_settings(asked), trial),
                known=asked.config is not None,
                after=asked.number,
                may_save=actor.may(Right.CONFIGURE)
                and asked.config is not None
                and changes.standing(conn, home, now).takes_any,
                trial=trial,
                outcome=outcome,
                states=State,
            )
        )
    if trial is not None and trial.state is State.RUNNING:
        answer.headers["Refresh"] = str(AGAIN_S)
    return answer


def _settings(asked: Asked) -> Settings:
    """What the home has set, as far as it is known, by rule; what is missing has its default."""
    return asked.config.rules if asked.config is not None else {}


def _values(settings: Settings, trial: Trial | None) -> dict[tuple[str, str], str]:
    """What stands in each field: what was tried last, else what is set, else the default."""
    values = {}
    for one in TUNABLE:
        said = dict(settings.get(one.rule, {}))
        if trial is not None and trial.rule == one.rule:
            said |= trial.change
        for knob in one.knobs:
            values[one.rule, knob.key] = knob.shown(said.get(knob.key, knob.default))
    return values


def _outcome(trial: Trial | None, *, care: bool) -> Outcome | None:
    if trial is None or trial.result is None or trial.result.get("wrong"):
        return None
    result = trial.result
    before, after = result["before"], result["after"]
    counts = [
        Count(what, before.get(what, 0), after.get(what, 0)) for what in sorted({*before, *after})
    ]
    counts.sort(key=lambda one: (one.before == one.after, -max(one.before, one.after), one.what))
    return Outcome(
        days=result["days"],
        counts=tuple(counts),
        before=sum(before.values()),
        after=sum(after.values()),
        more=_named(result["more"]) if care else (),
        less=_named(result["less"]) if care else (),
        staffed=_staffed(result),
    )


def _staffed(result: Mapping[str, Any]) -> tuple[Staffed, Staffed] | None:
    said = result.get("staffed")
    if said is None:
        return None
    now, then = (Staffed(one["real"], one["assumed"], one["left"]) for one in said)
    return now, then


def _named(found: list[Mapping[str, str]]) -> tuple[Named, ...]:
    newest = found[-NAMED:]
    return tuple(Named(datetime.fromisoformat(one["at"]), one["what"]) for one in newest)


@post(
    "/hem/<home>/regler",
    "rules_try",
    examples=(
        {"do": "try", "rule": "x"},
        {"do": "cancel", "trial": "x"},
        {"do": "save", "rule": "door_open", "open_min": "30", "after": "0"},
    ),
)
def change(actor: Actor, home: str) -> ResponseReturnValue:
    """POST `/hem/<home>/regler`: count what these settings would have meant, stop counting, or save
    them."""
    _works_here(actor, home)
    back = url_for("pages.rules", home=home)
    if request.form.get("do") == "cancel":
        current_app.extensions[trials.EXTENSION].cancel(actor, request.form.get("trial", ""))
        return answered(_("Servern räknar inte längre."), back)
    one = BY_RULE.get(request.form.get("rule", ""))
    if one is None:
        return refused(_("Sidan förstod inte det som skickades. Läs in sidan igen."), back, 422)
    said, wrong = one.read(request.form)
    if wrong is not None:
        return refused(_("%(what)s: värdet går inte att använda.", what=_(wrong)), back, 422)
    if request.form.get("do") == "save":
        return _save(actor, home, one, said)
    return _try(actor, home, one, said)


def _save(
    actor: Actor, home: str, one: Tunable, said: Mapping[str, float | str]
) -> ResponseReturnValue:
    """Let these settings hold in the home, after the configuration that the page showed."""
    back, after = url_for("pages.rules", home=home), request.form.get("after", "")
    with staff().db.read() as conn:
        config = changes.asked(conn, home).config
        takes_any = changes.standing(conn, home, staff().clock.now()).takes_any
    if config is None or not takes_any:
        return refused(_("Hemmets enhet tar inte emot inställningar från servern."), back)
    try:
        wanted = config.with_rule(one.rule, {**config.rules.get(one.rule, {}), **said})
        done = changes.set_config(
            staff(), actor, home, wanted, after=number_of(after), why=ConfigWhy.SETTINGS
        )
    except BadConfig:
        return refused(_("De värdena går inte att använda tillsammans."), back, 422)
    except Refused as refusal:
        text = _("Någon annan har ändrat under tiden. Läs in sidan och gör om ändringen.")
        why, status = not_saved(actor, refusal, home, text)
        return refused(why, back, status)
    text = _("Inget är ändrat.") if done is None else _("Sparat. Hemmet får det direkt.")
    return answered(text, back)


def _try(
    actor: Actor, home: str, one: Tunable, said: Mapping[str, float | str]
) -> ResponseReturnValue:
    back = url_for("pages.rules", home=home)
    with staff().db.read() as conn:
        settings = _settings(changes.asked(conn, home))
    runs: Trials = current_app.extensions[trials.EXTENSION]
    try:
        trial = runs.begin(actor, home, one.rule, said, settings)
    except trials.Busy:
        return refused(_("Servern räknar redan. Försök igen om en minut."), back)
    except Refused as refusal:
        return refused(refusal_text(actor, refusal, home), back, 403)
    where = url_for("pages.rules", home=home, prov=trial, _anchor=f"h-{one.rule}")
    return answered(_("Räknar på hemmets senaste veckor."), where)
