"""The words of what calls with a home say in codes: a part of `web.staff.texts.words`.

Not for: the sentences for whoever speaks (`web.staff.texts.voice_words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from web.staff.core.i18n import N_

VOICE: Mapping[type[StrEnum], Mapping[str, str]] = {
    events.VoiceParty: {
        "staff": N_("personalen"),
        "alarm_centre": N_("larmcentralen"),
        "unknown": N_("okänt vem"),
    },
    events.VoiceRefusal: {
        "forged": N_("Hemmet godtog inte samtalet."),
        "not_understood": N_("Hemmets enhet är äldre än servern och förstod inte begäran."),
        "other_home": N_("Samtalet gällde ett annat hem."),
        "clock_uncertain": N_("Hemmet vet inte vad klockan är och tar inte emot samtal."),
        "not_yet": N_("Samtalet gäller inte än."),
        "expired": N_("Det tog för lång tid. Tryck en gång till."),
        "replayed": N_("Samtalet är redan använt. Tryck en gång till."),
        "alarm_closed": N_("Larmet är avslutat, så det går inte längre att tala med hemmet."),
        "busy": N_("Någon annan talar redan med hemmet."),
        "no_speaker": N_("Hemmets högtalare fungerar inte."),
        "no_light": N_(
            "Lampan som visar att någon lyssnar fungerar inte, så samtalet blev inte av."
        ),
        "no_tone": N_("Signalen före samtalet gick inte att spela, så samtalet blev inte av."),
        "no_media": N_("Hemmets enhet saknar det som behövs för samtal, eller kunde inte börja."),
        "bad_offer": N_("Webbläsaren kunde inte börja ett samtal. Läs in sidan igen."),
        "not_recorded": N_("Hemmet kunde inte skriva i sin logg och tar inte emot samtal."),
        "not_asked": N_("Någon ringde som inget larm har bett om att ringa."),
        "unknown": N_("Hemmet nekade, av en orsak som servern inte känner till."),
    },
    events.VoiceEnd: {
        "hung_up": N_("avslutat"),
        "viewer_lost": N_("sidan försvann"),
        "ice_timeout": N_("ingen väg för ljudet"),
        "limit_reached": N_("tiden var ute"),
        "alarm_closed": N_("larmet avslutades"),
        "sound_failed": N_("mikrofon eller högtalare fungerade inte"),
        "media_stuck": N_("fel i hemmets enhet"),
        "media_died": N_("fel i hemmets enhet"),
        "stopped": N_("hemmets enhet stängdes av"),
        "restarted": N_("hemmets enhet startade om"),
        "refused": N_("blev inte av"),
        "unknown": N_("okänt hur"),
    },
}
