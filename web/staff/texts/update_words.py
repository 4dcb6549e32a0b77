"""What the codes of releases are called on the screen: a part of `web.staff.texts.words`.

Not for: the kinds themselves (`kind_words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _

UPDATE: Mapping[type[StrEnum], Mapping[str, str]] = {
    events.UpdateWhy: {
        "expired": N_("signaturerna har gått ut"),
        "rolled_back": N_("servern hade en äldre lista än den som hemmet redan sett"),
        "wrongly_signed": N_("den är inte signerad av dem som hemmet litar på"),
        "altered": N_("filen är inte hel eller inte den som signerades"),
        "too_large": N_("den är för stor"),
        "missing": N_("den finns inte för hemmets enhet"),
        "unreadable": N_("den går inte att läsa"),
        "unfit": N_("den är gjord för en annan sorts enhet"),
        "frame": N_("paketet på hemmets enhet måste uppgraderas först"),
        "no_root": N_("programmet saknar nycklarna som versioner signeras med"),
        "not_installed": N_("programmet är inte installerat från ett paket"),
        "no_room": N_("minneskortet är fullt"),
        "failed": N_("den gick inte att skriva på minneskortet"),
        "cannot_start": N_("den gick inte att starta"),
        "stopped": N_("den stannade gång på gång"),
        "not_proved": N_("den blev inte klar i tid"),
        "unknown": N_("av en orsak som servern inte känner till"),
    }
}
"""By enum; `words.ENUMS` has them."""

LACKED: Mapping[str, str] = {
    "server": N_("nådde inte servern"),
    "test": N_("provlarmet kom inte tillbaka"),
    "updates": N_("den kunde inte läsa listan över versioner"),
}
"""What a release lacked that was gone back from."""

STATES: Mapping[str, str] = {
    "wanted": N_("ska byta"),
    "off": N_("bytet är inställt"),
    "fetched": N_("hämtad, väntar på ett lugnt tillfälle"),
    "begun": N_("byter nu"),
    "refused": N_("godtogs inte"),
    "held": N_("fungerar"),
    "returned": N_("gick tillbaka till den förra"),
}
"""Of a home, as far as a release goes."""


def why(code: str | None, lacked: str | None = None) -> str:
    """Why a release was not taken or not kept; empty: it was."""
    if not code:
        return ""
    word = _(UPDATE[events.UpdateWhy].get(code, UPDATE[events.UpdateWhy]["unknown"]))
    missing = LACKED.get(lacked or "")
    return f"{word}: {_(missing)}" if missing else word


def system(told: events.UpdateSystemTold) -> str:
    """How the operating system's own security updates are."""
    parts = [_("installeras automatiskt") if told.automatic else _("installeras inte automatiskt")]
    if told.pending:
        parts.append(_("%(n)s väntar", n=told.pending))
    if told.restart:
        parts.append(_("enheten behöver startas om"))
    return ", ".join(parts)
