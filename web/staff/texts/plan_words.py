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
    # a calendar: what it is
    "The file is no iCalendar file: it is empty.": N_("Filen är tom."),
    "The file is no iCalendar file: line {number} is outside BEGIN:VCALENDAR.": N_(
        "Filen är ingen kalender (iCalendar): rad %(number)s står utanför kalendern."
    ),
    "it is not in UTF-8.": N_("radens tecken går inte att läsa. Spara filen som UTF-8."),
    "{name} is written in {said}; it must be plain UTF-8.": N_(
        "uppgiften %(name)s är kodad som %(said)s. Spara filen som UTF-8."
    ),
    "this is vCalendar; save it as iCalendar (VERSION:2.0).": N_(
        "filen är av den äldre sorten vCalendar. Spara den som iCalendar (VERSION:2.0)."
    ),
    "it begins inside the event on line {line}, which has no end.": N_(
        "besöket börjar inne i det på rad %(line)s, som saknar slut (END:VEVENT)."
    ),
    "{said!r} cannot be read.": N_("raden går inte att läsa: ”%(said)s”."),
    "{name} is not known.": N_("uppgiften %(name)s är okänd."),
    "{name} is there twice.": N_("uppgiften %(name)s finns två gånger i samma besök."),
    "{name} has no end; the file was cut off.": N_(
        "%(name)s har inget slut. Filen är avklippt: hämta den på nytt."
    ),
    "END:{name} ends what line {line} began otherwise.": N_(
        "END:%(name)s stämmer inte med det som började på rad %(line)s."
    ),
    "a calendar with METHOD:{name} is no plan.": N_(
        "kalendern är ett svar eller en fråga (METHOD:%(name)s), ingen plan."
    ),
    "CALSCALE:{name} is not known.": N_("kalendern räknar inte med vanliga datum (%(name)s)."),
    "a {name} is no visit; a VEVENT is.": N_(
        "%(name)s är inget besök. I planen får det bara finnas händelser (VEVENT)."
    ),
    # a calendar: a visit
    "the event has no UID.": N_("besöket saknar id (UID)."),
    "STATUS:{name} is not known.": N_("besökets läge ”%(name)s” är okänt (STATUS)."),
    "the event has no DTSTART.": N_("besöket saknar starttid (DTSTART)."),
    "the event has no end.": N_("besöket saknar sluttid (DTEND)."),
    "the event has both DTEND and DURATION.": N_(
        "besöket har både sluttid och längd (DTEND och DURATION). Det ska vara en av dem."
    ),
    "the event has a day and no time in {name}; a visit needs both.": N_(
        "besöket har en dag men inget klockslag (%(name)s). Det behöver båda."
    ),
    "the time zone {name!r} is not known; write Europe/Stockholm.": N_(
        "tidszonen ”%(name)s” är okänd. Skriv Europe/Stockholm."
    ),
    "{name} says that it is a {said}, and {text} is none.": N_(
        "%(name)s ska vara %(said)s, men ”%(text)s” är inte det."
    ),
    "{name} cannot be a {kind}.": N_("%(name)s kan inte vara %(kind)s."),
    "{name} has more than one time.": N_("%(name)s har mer än en tid."),
    "{name} has {text!r}, which is no time.": N_("”%(text)s” är ingen tid (%(name)s)."),
    "{name} has {text!r}, which is no day.": N_("”%(text)s” är ingen dag (%(name)s)."),
    "{name} has the year {year}.": N_("årtalet %(year)s kan inte stå i en plan (%(name)s)."),
    "{text!r} is no length of time; write it as PT45M.": N_(
        "”%(text)s” är ingen längd. 45 minuter skrivs PT45M."
    ),
    # a calendar: what repeats
    "the event repeats more often than daily.": N_(
        "besöket upprepas för ofta. Lägg in varje besök för sig."
    ),
    "the event has more than one rule to repeat.": N_(
        "besöket har mer än en regel för hur det upprepas. Dela upp det i flera."
    ),
    "the rule to repeat does not name the event's own beginning.": N_(
        "besökets första dag passar inte med hur det upprepas. Ändra starten eller upprepningen."
    ),
    "{name} cannot be read at {part!r}.": N_(
        "hur besöket upprepas går inte att läsa vid ”%(part)s” (%(name)s)."
    ),
    "{name} has no FREQ that is known.": N_(
        "det står inte hur ofta besöket upprepas (FREQ i %(name)s)."
    ),
    "{name} has {words}, which is not honoured here.": N_(
        "hur besöket upprepas har något som inte går att använda här: %(words)s (%(name)s)."
    ),
    "{key}={text} is no number from 1 to {most}.": N_(
        "hur besöket upprepas: %(key)s=%(text)s är inget tal från 1 till %(most)s."
    ),
    "{key}={text} is no such number.": N_(
        "hur besöket upprepas: %(key)s=%(text)s är inget tal som passar där."
    ),
    "{text!r} is no day of the week.": N_("hur besöket upprepas: ”%(text)s” är ingen veckodag."),
    "a {freq} rule cannot count the days of BYDAY.": N_(
        "hur besöket upprepas: veckodagar kan inte räknas med %(freq)s (BYDAY)."
    ),
    "a WEEKLY rule has no BYMONTHDAY.": N_(
        "hur besöket upprepas: varje vecka kan inte ha dagar i månaden (BYMONTHDAY)."
    ),
    "a {freq} rule has no BYYEARDAY.": N_(
        "hur besöket upprepas: %(freq)s kan inte ha dagar på året (BYYEARDAY)."
    ),
    "BYSETPOS chooses among nothing.": N_(
        "hur besöket upprepas: BYSETPOS har inget att välja bland."
    ),
    # a calendar: what stands for one visit of a series
    "RANGE={said} is not honoured.": N_(
        "ändringen gäller ”%(said)s”. Det går inte att använda här (RANGE)."
    ),
    "RECURRENCE-ID is a day, and its series is not there.": N_(
        "ändringen gäller en dag i en serie som inte finns i filen (RECURRENCE-ID)."
    ),
    "an event with RECURRENCE-ID has {name}; it is one visit.": N_(
        "ändringen gäller ett enda besök och kan inte upprepas (%(name)s)."
    ),
    "it changes the rest of a series, and the event does not repeat.": N_(
        "ändringen gäller resten av en serie, men besöket upprepas inte."
    ),
    "it changes the rest of a series that is cancelled.": N_(
        "ändringen gäller resten av en serie som är inställd."
    ),
    "it changes the rest of a series that is not in the file.": N_(
        "ändringen gäller resten av en serie som inte finns i filen."
    ),
    "it is not clear which series it belongs to.": N_(
        "det går inte att se vilket hems serie ändringen hör till."
    ),
    "it stands for the same visit as the event on line {line}.": N_(
        "samma besök ändras redan på rad %(line)s."
    ),
    "the series has no visit at {said}, which it would change.": N_(
        "serien har inget besök %(said)s, så ändringen går inte att placera (RECURRENCE-ID)."
    ),
    "on {day} the series has {count} visits, not one.": N_(
        "den %(day)s har serien %(count)s besök, så det går inte att se vilket som ändras."
    ),
    "the series has more than {most} cancelled visits.": N_(
        "serien har fler än %(most)s inställda besök. Ta bort gamla besök ur filen."
    ),
    "The series of this file began too long ago; send it in parts.": N_(
        "Filens upprepade besök började för länge sedan eller är för många. Dela upp filen."
    ),
}
"""By what the readers say."""


def flaw(text: str) -> str | None:
    """The same in the reader's language; None: there are no words for it."""
    known = FLAWS.get(getattr(text, "template", ""))
    return None if known is None else _(known, **getattr(text, "values", {}))
