"""What the codes of SSH for an hour are called on the screen: a part of `web.staff.texts.words`.

Not for: the kinds themselves (`kind_words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from web.staff.core.i18n import N_

SSH: Mapping[type[StrEnum], Mapping[str, str]] = {
    events.SshWhy: {
        "fault": N_("något fungerar inte"),
        "set_up": N_("hemmet installeras"),
        "security": N_("någon kan ha varit åt enheten"),
        "unknown": N_("av ett skäl som servern inte känner till"),
    },
    events.SshEnd: {
        "time": N_("timmen är slut"),
        "asked": N_("någon avslutade det"),
        "restarted": N_("hemmets enhet startades om"),
        "failed": N_("det slutade fungera"),
        "unknown": N_("av ett skäl som servern inte känner till"),
    },
    events.SshRefusal: {
        "no_unit": N_("enheten är inte startad från Tryggves minneskort och kan inte öppna SSH"),
        "bad_key": N_("nyckeln godtogs inte"),
        "too_late": N_("förfrågan kom fram för sent, fråga igen"),
        "time_unknown": N_("enheten vet inte vad klockan är"),
        "called_off": N_("det avslutades innan det öppnades"),
        "failed": N_("det gick inte på enheten"),
        "unknown": N_("av ett skäl som servern inte känner till"),
    },
}
"""By enum; `words.ENUMS` has them."""
