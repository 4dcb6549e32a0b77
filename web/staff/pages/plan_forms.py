"""A plan of night checks as a form has it, and in words: read, told, and what is wrong with one.

Not for: what a plan may hold (`gateway.night_plan`), or setting it (`web.staff.checks.plans`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from werkzeug.datastructures import MultiDict

from gateway.events import CheckMethod, Night, PlanPause, PlanTerms
from gateway.night_plan import PlanFault
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.pages.forms import number_of
from web.staff.texts import words

EMPTY = PlanTerms(nights=Night.offered(), tolerance_min=10)
"""What the form shows where no plan was set."""

_TIME = re.compile(r"(\d{1,2})[.:](\d{2})")
_NUMBER_MAX = 5
"""Digits of a number in the form: more is none that a plan may have."""

SENTENCES: Mapping[PlanFault, str] = {
    PlanFault.TIME: N_("Skriv klockslagen som 23:00, 02:30."),
    PlanFault.TIMES_MANY: N_("Högst 24 klockslag. Använd ett intervall i stället."),
    PlanFault.INTERVAL_PARTS: N_(
        "Ett intervall behöver tre uppgifter: hur ofta, från klockan och till klockan."
    ),
    PlanFault.INTERVAL_RANGE: N_("Intervallet ska vara mellan 15 och 720 minuter."),
    PlanFault.WINDOW: N_(
        "Intervallets tider ska ligga i samma natt: från tidigast klockan 12 till senast klockan "
        "12 dagen efter."
    ),
    PlanFault.NIGHTS: N_("Välj minst en natt."),
    PlanFault.METHOD: N_("Välj hur tillsynen görs."),
    PlanFault.RECHECK: N_("Ny tillsyn görs efter 1 till 240 minuter."),
    PlanFault.TOLERANCE: N_("En tillsyn får komma högst 60 minuter senare än planerat."),
    PlanFault.DATE: N_("Skriv datum som 2026-11-24."),
    PlanFault.PAUSE_ORDER: N_("Pausen slutar innan den börjar."),
    PlanFault.PAUSES_MANY: N_("Högst 50 pauser. Ta bort de som är över."),
}

PARTS: Mapping[str, str] = {
    "times": N_("klockslag"),
    "every_min": N_("intervall"),
    "begins": N_("intervallets början"),
    "ends": N_("intervallets slut"),
    "nights": N_("nätter"),
    "method": N_("sätt"),
    "recheck_min": N_("tid till ny tillsyn"),
    "tolerance_min": N_("hur sent den får komma"),
    "offset_min": N_("hemmets minut"),
    "pauses": N_("pauser"),
}
"""What of a plan can change."""


def read(form: MultiDict[str, str], pauses: tuple[PlanPause, ...]) -> PlanTerms:
    """What somebody wrote, with the pauses that there are; what is no number or no time stands as
    what no plan may have."""
    every = form.get("every", "").strip()
    begins, ends = (form.get(name, "").strip() or None for name in ("begins", "ends"))
    method = form.get("method", "")
    nights = tuple(night for night in Night.offered() if night.value in form.getlist("night"))
    return PlanTerms(
        times=_times(form.get("times", "")),
        every_min=_number(every) if every else None,
        begins=begins and _time(begins),
        ends=ends and _time(ends),
        nights=nights,
        method=CheckMethod(method) if method in CheckMethod.offered() else CheckMethod.UNKNOWN,
        recheck_min=_number(form.get("recheck", "")),
        tolerance_min=_number(form.get("tolerance", "")),
        pauses=pauses,
    )


def with_pause(terms: PlanTerms, first: str, last: str) -> PlanTerms:
    """The same with a pause more; no last day: one night."""
    pause = PlanPause(first=first.strip(), last=last.strip() or first.strip())
    return replace(terms, pauses=tuple(sorted({*terms.pauses, pause}, key=lambda one: one.first)))


def without_pause(terms: PlanTerms, first: str, last: str) -> PlanTerms:
    """The same with this pause taken away."""
    left = tuple(one for one in terms.pauses if (one.first, one.last) != (first, last))
    return replace(terms, pauses=left)


def told(terms: PlanTerms) -> str:
    """A plan in a line: `23:00, 02:30 · var 60:e minut 22:00–06:00 · sensorn först`."""
    parts = [", ".join(terms.times)] if terms.times else []
    if terms.every_min is not None:
        every = _("var %(n)s:e minut", n=terms.every_min)
        parts.append(f"{every} {terms.begins}–{terms.ends}")
    if not parts:
        return _("ingen tillsyn")
    if set(terms.nights) != set(Night.offered()):
        parts.append(", ".join(words.enum_word(Night, night) for night in terms.nights))
    parts.append(words.enum_word(CheckMethod, terms.method))
    return " · ".join(parts)


def changed(before: PlanTerms | None, now: PlanTerms) -> str:
    """What of a plan another one changed, in words."""
    if before is None:
        return _("första planen")
    names = [name for name in PARTS if getattr(before, name) != getattr(now, name)]
    return ", ".join(_(PARTS[name]) for name in names)


def _times(text: str) -> tuple[str, ...]:
    return tuple(sorted({_time(one) for one in re.split(r"[\s,;]+", text) if one}))


def _time(text: str) -> str:
    """`7.30` as `07:30`; what is no time as it stands."""
    found = _TIME.fullmatch(text)
    return f"{int(found[1]):02d}:{found[2]}" if found else text


def _number(text: str) -> int:
    return number_of(text, digits=_NUMBER_MAX - 1)
