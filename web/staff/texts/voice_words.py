"""What calls with a home are called on the screen: how one ended, and why one was refused.

As in `web.staff.texts.words`, the Swedish words are the message ids.  Not for: the pages' own
texts.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway import events
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.texts import words

NOT_CONNECTED = N_("Hemmet är inte anslutet just nu, så det går inte att tala med det.")

ENDED: Mapping[str, str] = {
    "hung_up": N_("Samtalet är avslutat."),
    "viewer_lost": N_("Samtalet bröts: sidan stängdes eller tappade kontakten."),
    "ice_timeout": N_("Det gick inte att få ljud mellan hemmet och din enhet. Ring i stället."),
    "limit_reached": N_("Samtalet avslutades av hemmet: tiden är ute."),
    "alarm_closed": N_("Samtalet avslutades av hemmet: larmet är avslutat."),
    "sound_failed": N_("Hemmets mikrofon eller högtalare fungerar inte."),
    "media_stuck": N_("Samtalet bröts av ett fel i hemmets enhet."),
    "media_died": N_("Samtalet bröts av ett fel i hemmets enhet."),
    "stopped": N_("Samtalet bröts: hemmets enhet stängdes av."),
    "restarted": N_("Samtalet bröts: hemmets enhet startade om."),
    "refused": N_("Samtalet blev inte av."),
    "unknown": N_("Samtalet är avslutat."),
}
"""Sentences for whoever speaks; by `gateway.events.VoiceEnd`."""


def over(state: str, why: str) -> str:
    """Why a call is over, in a sentence that says what to do, from what the home said."""
    if why == "not_connected":
        return _(NOT_CONNECTED)
    if state == "refused":
        return words.enum_word(events.VoiceRefusal, why)
    return words.spoken(ENDED, why or "unknown")


def lasted(seconds: float | None) -> str:
    """How long somebody listened; empty where nobody knows."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return _("%(s)s s", s=rest)
    return _("%(min)s min %(s)s s", min=minutes, s=rest)
