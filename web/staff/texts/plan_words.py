"""What is wrong with a plan that was brought in, as the page says it.

The readers of a plan say it in English, to the command line and to other programs
(`web.staff.visits.plan_import.Flaw`); here is the same for people.  What has no words here is a
matter of the system that made the file, and is shown as it was said.

Not for: finding what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _

FLAWS: Mapping[str, str] = {
    "A plan needs a source: a short word for the system it comes from.": N_(
        "Skriv vad systemet heter, med högst 200 tecken."
    ),
    "A plan has at most {most} visits; send it in parts.": N_(
        "Filen har fler än %(most)s besök. Dela upp den."
    ),
    "The file is not in UTF-8; save it as “CSV UTF-8”.": N_(
        "Filens tecken går inte att läsa. Spara den som ”CSV UTF-8”."
    ),
    "it is no CSV: {why}.": N_("raden följer inte formatet CSV (%(why)s)."),
    "line 1: the column {name!r} is not known; there are {known}.": N_(
        "Rad 1: kolumnen ”%(name)s” är okänd. Det här kan kolumnerna heta: %(known)s."
    ),
    "line 1: the column {name!r} is missing.": N_("Rad 1: kolumnen ”%(name)s” saknas."),
    "line 1: a column is there twice.": N_("Rad 1: en kolumn finns två gånger."),
    "it has {count} columns, and the header {head}.": N_(
        "raden har %(count)s kolumner, rubriken har %(head)s."
    ),
    "the number of staff {said!r} is no number.": N_("antalet ”%(said)s” är inget tal."),
    "the start {said!r} is no time; write it as 2026-11-24 08:00.": N_(
        "starten ”%(said)s” är ingen tid. Skriv den som 2026-11-24 08:00."
    ),
    "the end {said!r} is no time; write it as 2026-11-24 08:00.": N_(
        "slutet ”%(said)s” är ingen tid. Skriv det som 2026-11-24 08:00."
    ),
    "the end {said!r} is no time; write it as 08:45.": N_(
        "slutet ”%(said)s” är ingen tid. Skriv det som 08:45."
    ),
    "the time has the year {year}.": N_("tiden har årtalet %(year)s."),
    "the year {year} is none of a plan.": N_("årtalet %(year)s kan inte stå i en plan."),
    "the visit {id} is on line {line} already.": N_(
        "besöket ”%(id)s” finns redan på rad %(line)s."
    ),
    "there is no home {home!r} in this organisation.": N_(
        "hemmet ”%(home)s” finns inte i organisationen."
    ),
    "the visit needs an id of at most {most} characters.": N_(
        "besöket behöver ett id med högst %(most)s tecken."
    ),
    "what is to be done has more than {most} characters.": N_(
        "insatsen har fler än %(most)s tecken."
    ),
    "it holds a character that no text has.": N_("raden har ett tecken som ingen text har."),
    "there is no active account {name!r} in this organisation.": N_(
        "ingen i personalen har ett öppet konto som heter ”%(name)s”."
    ),
    "there is no team {team!r} in this organisation.": N_(
        "arbetslaget ”%(team)s” finns inte i organisationen."
    ),
    "a visit takes 1 to {most} persons, not {needed}.": N_(
        "ett besök kan ha 1 till %(most)s personer, inte %(needed)s."
    ),
    "{named} persons are named, and {needed} are needed.": N_(
        "%(named)s personer är angivna, men besöket ska ha %(needed)s."
    ),
    "the visit ends when it begins.": N_("besöket slutar när det börjar."),
    "the visit ends before it begins.": N_("besöket slutar innan det börjar."),
    "the visit is longer than {hours} hours.": N_("besöket är längre än %(hours)s timmar."),
}
"""By what the readers say."""


def flaw(text: str) -> str | None:
    """The same in the reader's language; None: there are no words for it."""
    known = FLAWS.get(getattr(text, "template", ""))
    return None if known is None else _(known, **getattr(text, "values", {}))
