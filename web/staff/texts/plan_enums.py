"""What the codes of a plan of night checks, and of consents to looks, are called on the screen.

Not for: the kinds themselves (`kind_words`), or what is wrong with a plan (`pages.plan_forms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from web.staff.core.i18n import N_

PLAN: Mapping[type[StrEnum], Mapping[str, str]] = {
    events.ConsentHow: {
        "spoken": N_("muntligt"),
        "written": N_("skriftligt"),
        "representative": N_("genom ställföreträdare"),
        "unknown": N_("okänt hur"),
    },
    events.Cohabitant: {
        "partner": N_("make, maka eller sambo"),
        "child": N_("barn"),
        "parent": N_("förälder"),
        "other": N_("annan som bor där"),
        "unknown": N_("någon som bor där"),
    },
    events.HouseholdChange: {
        "lives_there": N_("bor där, inte tillfrågad än"),
        "agreed": N_("har samtyckt till kameratillsyn"),
        "withdrew": N_("samtycker inte längre"),
        "moved_out": N_("bor inte kvar"),
        "unknown": N_("en annan uppgift"),
    },
    events.CheckMethod: {
        "sensor": N_("sensorn först"),
        "camera": N_("kamera"),
        "visit": N_("besök"),
        "unknown": N_("på ett sätt som servern inte känner till"),
    },
    events.Night: {
        "mon": N_("måndag"),
        "tue": N_("tisdag"),
        "wed": N_("onsdag"),
        "thu": N_("torsdag"),
        "fri": N_("fredag"),
        "sat": N_("lördag"),
        "sun": N_("söndag"),
        "unknown": N_("okänd dag"),
    },
    events.PlanRefusal: {
        "not_understood": N_("hemmets enhet har en äldre version och förstår inte planen"),
        "out_of_range": N_("något i planen ligger utanför det som hemmets enhet tillåter"),
        "unknown": N_("av ett skäl som servern inte känner till"),
    },
}
"""By enum; `words.ENUMS` has them."""
