"""What the codes of a home's configuration are called on the screen.

Not for: sentences about one (`config_words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from web.staff.core.i18n import N_

CONFIG: Mapping[type[StrEnum], Mapping[str, str]] = {
    events.ConfigWhy: {
        "new_device": N_("ny utrustning"),
        "device_replaced": N_("utrustning bytt"),
        "device_moved": N_("utrustning flyttad"),
        "device_removed": N_("utrustning borttagen"),
        "mended": N_("fel rättat"),
        "settings": N_("inställning efter behov"),
        "undone": N_("ändring ångrad"),
        "unknown": N_("av ett skäl som servern inte känner till"),
    },
    events.ConfigFault: {
        "not_understood": N_("hemmets enhet har en äldre version och förstår inte"),
        "driver": N_("drivrutinen finns inte i hemmets enhet"),
        "key": N_("inställningen finns inte"),
        "missing": N_("inställningen saknas"),
        "value": N_("värdet går inte"),
        "name": N_("namnet går inte"),
        "pin": N_("stiftet används redan av annan utrustning"),
        "pins": N_("hemmets egen fil säger inte att enheten har stift"),
        "rule": N_("regeln finns inte i hemmets enhet"),
        "file_only": N_("det får bara stå i hemmets egen fil"),
        "unknown": N_("av ett skäl som servern inte känner till"),
    },
    events.StartFile: {
        "home_file": N_("hemmets egen fil"),
        "enrolment": N_("uppgiften om vilken server hemmet hör till"),
        "home_key": N_("hemmets egen nyckel"),
        "configuration": N_("hemmets inställningar"),
        "key": N_("en utrustnings nyckel eller ett lösenord"),
        "page": N_("certifikatet för hemmets egen sida"),
        "unknown": N_("en fil som servern inte känner till"),
    },
    events.StandIn: {
        "copy": N_("en kopia används"),
        "itself": N_("den kunde rättas och används"),
        "part": N_("det som går att läsa används"),
        "least": N_("bara det nödvändigaste används"),
        "nothing": N_("inget ersätter den"),
        "unknown": N_("på ett sätt som servern inte känner till"),
    },
    events.ConfigWait: {
        "lock": N_("ett lås vrids"),
        "look": N_("kameratillsyn pågår"),
        "call": N_("ett samtal pågår"),
        "alarm": N_("ett larm pågår"),
        "check": N_("en tillsyn pågår"),
        "card": N_("minneskortet i hemmets enhet tar inte emot"),
        "unknown": N_("något pågår som servern inte känner till"),
    },
}
"""By enum; `words.ENUMS` has them."""
