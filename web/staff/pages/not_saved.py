"""What every page says while the server can save nothing, or passes no alarm on, and the alarms
that ring unsaved then.

Not for: whether it saves (`web.staff.storage.saving`), or pages while the database is away
(`web.staff.pages.error_pages`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.events import AlarmRaised, CheckAsked, Severity
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.homelink import unsaved_alarms
from web.staff.pages import lookups
from web.staff.realtime.unsaved import Unsaved
from web.staff.storage.outage import Refusal
from web.staff.texts.event_summary import alarm_word
from web.staff.texts.kind_words import kind_label

CAUSES = {
    Refusal.FULL: N_("Serverns disk är full."),
    Refusal.READ_ONLY: N_("Serverns disk går inte att skriva på."),
    Refusal.BROKEN: N_("Serverns disk svarar med fel."),
}


@dataclass(frozen=True, slots=True)
class Ringing:
    """An alarm that is not saved, as a page shows it."""

    key: str
    home: str
    who: str
    where: str
    what: str
    at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class NotSaved:
    """`cause` is a sentence; None: the server saves.  `stands`: it passes no alarm on."""

    cause: str | None
    since: datetime | None
    ringing: tuple[Ringing, ...]
    stands: bool = False


def shown(actor: Actor | None) -> NotSaved | None:
    """What the page says to this person (None: nobody is signed in); None when all is saved."""
    parts = staff()
    state = parts.db.saving.now
    ringing = () if actor is None else _ringing(actor)
    stands = actor is not None and parts.ladders_stand
    if state is None and not ringing and not stands:
        return None
    if state is None:
        return NotSaved(None, None, ringing, stands)
    return NotSaved(_(CAUSES[state.why]), state.since, ringing, stands)


def _ringing(actor: Actor) -> tuple[Ringing, ...]:
    """The alarms of this person's homes that are not stored by now."""
    kept = [one for one in staff().unsaved.of(actor.homes) if _may_see(actor, one)]
    if not kept:
        return ()
    with staff().db.read() as conn:
        stored = unsaved_alarms.stored(conn, kept)
        places = lookups.places(conn, actor)
    found = []
    for one in kept:
        place = places.get(one.home)
        if one.key in stored or place is None:
            continue
        data = one.event.data
        what = (
            alarm_word(data.type) if isinstance(data, AlarmRaised) else kind_label(one.event.kind)
        )
        key = f"{one.event.origin}-{one.event.seq}"
        found.append(Ringing(key, one.home, place.who, place.where, what, one.event.at, place.zone))
    return tuple(found)


def _may_see(actor: Actor, one: Unsaved) -> bool:
    """As `lookups.open_alarms`: without the right to care, technical ones only."""
    data = one.event.data
    if actor.may(Right.SEE_CARE):
        return True
    return not isinstance(data, CheckAsked) and getattr(data, "severity", "") == Severity.TECHNICAL
