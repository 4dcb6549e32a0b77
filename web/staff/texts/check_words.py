"""Words for night checks: why somebody is asked, why somebody must go there, why one was missed.

As in `web.staff.texts.words`, the Swedish words are the message ids.  Not for: kinds of events and
their enums (`words`).
"""

from __future__ import annotations

from collections.abc import Mapping

from web.staff.core.i18n import N_

ASKED_WHY: Mapping[str, str] = {
    "bed_empty": N_("Sängen är tom"),
    "reading_stale": N_("Ingen signal från sensorn på länge"),
    "mat_faulty": N_("Sängmattan är trasig"),
    "no_sensor": N_("Hemmet har ingen sensor som kan svara"),
    "recheck": N_("Ny tillsyn: förra svaret var osäkert"),
    "camera": N_("Planen säger kamera"),
    "visit": N_("Planen säger besök"),
    "not_back": N_("Har lämnat sängen och inte kommit tillbaka"),
    "bed_doubtful": N_("Osäkert om någon ligger i sängen"),
    "all_silent": N_("Ingen aktivitet sedan sängen lämnades"),
    "bathroom_long": N_("Länge i badrummet"),
    "door_at_night": N_("Ytterdörren öppnades på natten"),
}

ESCALATED_WHY: Mapping[str, str] = {
    "help": N_("Hjälp behövs"),
    "unclear_twice": N_("Osäkert två gånger"),
    "could_not_look": N_("Tillsynen kunde inte göras"),
    "not_understood": N_("Svaret gick inte att läsa i hemmets enhet"),
    "no_answer": N_("Ingen svarade i tid"),
    "look_refused": N_("Hemmet nekade kameratillsynen"),
    "look_broke_off": N_("Kameratillsynen bröts utan svar"),
}

MISSED_WHY: Mapping[str, str] = {
    "absent": N_("Brukaren är bortrest"),
    "paused": N_("Tillsynen är pausad"),
    "too_late": N_("Tiden gick ut"),
}
