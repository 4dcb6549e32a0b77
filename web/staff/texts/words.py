"""What everything is called on the screen: reasons, findings, outcomes, states.

The Swedish words are the message ids, so that Swedish shows even where no catalogue is installed;
English is in `translations/en`.  A word that a home sends and this table does not know is shown as
it came, never hidden (`spoken`).  Tests hold the table to `gateway.events`.

Not for: kinds of events (`kind_words`), sentences about one event (`event_summary`), or page texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from gateway.access import grants
from gateway.events import AlarmType
from gateway.installs import words as install_words
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as gettext
from web.staff.texts.config_enums import CONFIG
from web.staff.texts.install_enums import INSTALL
from web.staff.texts.look_enums import LOOK
from web.staff.texts.plan_enums import PLAN
from web.staff.texts.ssh_words import SSH
from web.staff.texts.update_words import UPDATE
from web.staff.texts.voice_enums import VOICE

ALARMS: Mapping[str, str] = {
    AlarmType.BED_EXIT: N_("Har lämnat sängen och inte kommit tillbaka"),
    AlarmType.ON_FLOOR: N_("Troligt fall: ligger på golvet"),
    AlarmType.BATHROOM_LONG: N_("Länge i badrummet"),
    AlarmType.LEFT_ZONE: N_("Har lämnat sitt område"),
    AlarmType.TRACKER_SILENT: N_("Ingen kontakt med positionsgivaren"),
    AlarmType.TRACKER_BATTERY: N_("Positionsgivarens batteri är lågt: ladda den"),
    AlarmType.WANDERING: N_("Ute ur hemmet på natten"),
    AlarmType.DOOR_LEFT_OPEN: N_("Ytterdörren står öppen"),
    AlarmType.INACTIVITY: N_("Ingen aktivitet på länge"),
    AlarmType.MOISTURE: N_("Fukt: dags att byta"),
    AlarmType.TOO_COLD: N_("För kallt i hemmet för länge"),
    AlarmType.TOO_HOT: N_("För varmt i hemmet för länge"),
    AlarmType.MAT_POOR: N_("Sängmattan reagerar dåligt: flytta eller byt den"),
    AlarmType.MAT_FAULTY: N_("Sängmattan går inte att lita på: byt den"),
    AlarmType.MAT_REVERSED: N_("Sängmattan är omvänt kopplad: vänd normally_closed eller kablarna"),
    AlarmType.MAT_DRIFTED: N_("Sängmattans nolläge har ändrats: kalibrera om den"),
    AlarmType.MAT_UNFELT: N_("Sängmattan har inte reagerat på någon: kontrollera var den ligger"),
    AlarmType.MAT_UNFIT: N_("Sängmattan passar inte den här sängen: byt lösning"),
    AlarmType.CONTACT_REVERSED: N_(
        "Ytterdörrens givare visar öppet hela tiden: kontrollera den, vänd eller byt"
    ),
    AlarmType.CAMERA_OPEN: N_("Kamerans lucka går inte igen: täck kameran och laga luckan"),
    AlarmType.CAMERA_COVERED: N_("Kamerans lucka öppnas inte: tillsyn med kamera går inte"),
    AlarmType.FAULT_RECURRING: N_("Samma fel tre gånger på 30 dagar: byt utrustningen"),
    AlarmType.CHECK_HELP: N_("Behöver hjälp enligt tillsyn"),
    AlarmType.CHECK_UNCLEAR: N_("Tillsyn osäker två gånger"),
    AlarmType.CHECK_NO_ANSWER: N_("Ingen svarade på tillsynen"),
    AlarmType.CHECK_UNREPORTED: N_("Tillsyn ej rapporterad från hemmet"),
    AlarmType.DEVICE_DOWN: N_("Utrustning fungerar inte"),
    AlarmType.LOCK_JAMMED: N_("Låset har fastnat"),
    AlarmType.LOCK_UNKNOWN: N_("Låsläge okänt"),
    AlarmType.BATTERY_LOW: N_("Lågt batteri"),
    AlarmType.SECOND_PATH_DOWN: N_("Hemmets reservväg för larm fungerar inte"),
    AlarmType.CHAIN_BROKEN: N_("Larmkedjan är bruten: ett provlarm kom inte fram"),
    AlarmType.RADIO_DOWN: N_("Hemmets radio svarar inte"),
    AlarmType.RADIO_MISSED: N_("Larmknapp eller lås nås inte: hemmets radio svarar inte"),
    AlarmType.HOME_SILENT: N_("Ingen kontakt med hemmet"),
    AlarmType.HOME_TAMPERED: N_("Hemmets logg stämmer inte"),
    AlarmType.HOME_OVERSTEPPED: N_("Hemmets enhet skickade otillåtna uppgifter"),
    AlarmType.NOT_UNDERSTOOD: N_("Larm som servern inte förstår: ta reda på hur brukaren mår"),
    AlarmType.HOME_UNREAD: N_("Servern kan inte läsa allt som hemmets enhet skickar"),
    AlarmType.LOCK_OPEN: N_("Ytterdörren har varit olåst för länge"),
    AlarmType.CODE_GUESSING: N_("Någon har knappat in fel kod vid dörren flera gånger"),
    AlarmType.POWER_LOST: N_("Strömmen försvann"),
    AlarmType.POWER_FAILING: N_("Strömavbrott, larmen går på batteri"),
    AlarmType.POWER_WEAK: N_("Hemmets enhet har för låg spänning"),
    AlarmType.LOG_IN_MEMORY: N_("Minneskortet i hemmets enhet tar inte emot: byt kort"),
    AlarmType.HOME_FELL_BACK: N_("Hemmets enhet har en skadad fil: laga den"),
    AlarmType.PENDANT: N_("Larmknappen trycktes"),
}
"""What alarms are about; another word is that of a newer home."""

MARKS: Mapping[str, str] = {
    "not_its_kind": N_("Räknas inte: sådant skriver bara servern, men hemmets enhet skickade det"),
    "foreign_ref": N_("Räknas inte: gäller något som inte hör till det här hemmet"),
    "foreign_person": N_("Räknas inte: gäller någon som inte hör till hemmets organisation"),
    "bad_value": N_("Räknas inte: ett värde är orimligt stort"),
    "set_aside": N_("Undanlagd: visas inte och räknas inte"),
    "far_time": N_("Hemmets klocka gick fel; tiden är när händelsen kom fram"),
}
"""What is odd about an event that a home sent (`web.staff.events.judgement.Mark`)."""

ENUMS: Mapping[type[StrEnum], Mapping[str, str]] = {
    AlarmType: ALARMS,
    events.AsideWhy: {
        "wrong": N_("det hände inte"),
        "unreadable": N_("den går inte att läsa"),
        "other_person": N_("den nämner någon som den inte ska"),
        "unknown": N_("av en orsak som servern inte känner till"),
    },
    events.PreviousRun: {
        "none": N_("första starten"),
        "clean": N_("efter ett ordnat stopp"),
        "cut": N_("efter ett avbrott"),
        "unknown": N_("okänt hur den slutade förra gången"),
    },
    events.HomeClosedWhy: {
        "moved": N_("har flyttat"),
        "died": N_("har avlidit"),
        "ended": N_("insatsen är avslutad"),
        "mistake": N_("upplagt av misstag"),
        "unknown": N_("okänd orsak"),
    },
    events.HomeField: {
        "label": N_("visningsnamnet"),
        "address": N_("adressen"),
        "fallback": N_("reservrutinen"),
        "resident": N_("brukarens namn"),
        "unknown": N_("en annan uppgift"),
    },
    events.LadderOrderChange: {
        "earlier": N_("en kedja frågas tidigare"),
        "later": N_("en kedja frågas senare"),
        "put_back": N_("den förra ordningen gäller igen"),
        "unknown": N_("en annan ändring"),
    },
    events.RotaChange: {
        "made": N_("en ny jour"),
        "shift_added": N_("pass lades till"),
        "shift_removed": N_("ett pass togs bort"),
        "imported": N_("pass lästes in från en kalender"),
        "removed": N_("jouren togs bort"),
        "unknown": N_("en annan ändring"),
    },
    events.ConsentAbout: {
        "position": N_("position"),
        "relative": N_("besked till anhörig"),
        "look": N_("kameratillsyn"),
        "unknown": N_("något som servern inte känner till"),
    },
    events.PlaceField: {
        "point": N_("var hemmet ligger"),
        "zone_drawn": N_("nytt område"),
        "zone_removed": N_("område borttaget"),
        "tracker_added": N_("ny positionsgivare"),
        "tracker_revoked": N_("positionsgivare spärrad"),
        "unknown": N_("en annan uppgift"),
    },
    events.MatFault: {
        "cut": N_("kabeln är av eller urdragen"),
        "stuck": N_("har legat nedtryckt orimligt länge"),
        "flapping": N_("glappkontakt"),
        "unknown": N_("ett fel som servern inte känner till"),
    },
    events.MatQuality: {
        "learning": N_("lär sig ännu"),
        "good": N_("fungerar bra"),
        "poor": N_("reagerar dåligt"),
        "faulty": N_("går inte att lita på"),
        "unfelt": N_("har inte reagerat på någon"),
        "unknown": N_("okänt skick"),
    },
    events.PressHow: {
        "once": N_("en gång"),
        "twice": N_("två gånger"),
        "thrice": N_("tre gånger"),
        "long": N_("länge"),
        "held": N_("hölls inne"),
        "other": N_("på annat sätt"),
    },
    events.ContactFault: {
        "flapping": N_("glappkontakt"),
        "stuck": N_("knappen har fastnat"),
        "tampered": N_("har öppnats eller tagits ned"),
        "unproven": N_("äktheten går inte att kontrollera, para om"),
        "unknown": N_("ett fel som servern inte känner till"),
    },
    events.Severity: {
        "care": N_("Omsorg"),
        "technical": N_("Teknik"),
        "routine": N_("Vid nästa besök"),
    },
    events.AlarmOutcome: {
        "helped": N_("Hjälp behövdes och gavs"),
        "no_need": N_("Kontrollerat, ingen hjälp behövdes"),
        "false": N_("Falsklarm, sensorn eller regeln hade fel"),
        "mended": N_("Felet är lagat"),
        "unknown": N_("Avslutat, orsaken är okänd"),
    },
    events.AlarmFinding: {
        "fall": N_("Hade ramlat"),
        "needed_help": N_("Behövde hjälp med annat"),
        "no_need": N_("Kontrollerat, ingen hjälp behövdes"),
        "false_press": N_("Tryckte av misstag"),
        "sensor_wrong": N_("Sensorn eller regeln hade fel"),
        "test": N_("Provlarm"),
        "technical": N_("Tekniskt fel"),
        "other": N_("Annat"),
        "unknown": N_("Avslutat, orsaken är okänd"),
    },
    events.Climbed: {
        "begun": N_("Först på tur"),
        "timed_out": N_("Ingen svarade i tid"),
        "undelivered": N_("Ingen gick att nå"),
        "lapsed": N_("Den som tog larmet kom inte"),
        "repeated": N_("Ingen har svarat, larmar igen"),
        "unknown": N_("Av okänt skäl"),
    },
    events.PathChannel: {
        "sms": N_("SMS"),
        "scaip": N_("larmcentral"),
        "unknown": N_("annat sätt"),
    },
    events.TestWhy: {
        "daily": N_("dagligt prov"),
        "started": N_("efter omstart"),
        "updated": N_("efter uppdatering"),
        "unknown": N_("av annan orsak"),
    },
    events.Looked: {
        "phone": N_("Ringde"),
        "in_person": N_("På plats"),
        "camera": N_("Kamera"),
        "unknown": N_("Okänt hur"),
    },
    events.Finding: {
        "ok": N_("Allt är bra"),
        "unclear": N_("Osäkert, ny tillsyn"),
        "help": N_("Behöver hjälp nu"),
        "could_not_look": N_("Tillsynen kunde inte göras"),
        "unknown": N_("Svaret går inte att läsa här"),
    },
    events.Settled: {
        "called": N_("Allt var bra på telefon"),
        "somebody_there": N_("Någon är redan där"),
        "away": N_("Brukaren är inte hemma"),
        "other": N_("Annat"),
        "unknown": N_("Okänd orsak"),
    },
    events.CheckBy: {
        "sensor": N_("sensorn"),
        "watcher": N_("personalen"),
        "unknown": N_("okänt vem"),
    },
    events.Refusal: {
        "forged": N_("Hemmet godtog inte begäran."),
        "expired": N_("Begäran blev för gammal. Tryck igen."),
        "not_yet": N_("Begäran gäller inte än."),
        "replayed": N_("Begäran är redan använd. Tryck igen om dörren är låst."),
        "other_home": N_("Begäran gällde ett annat hem."),
        "other_device": N_("Begäran gällde ett annat lås."),
        "other_action": N_("Begäran gällde något annat än låset."),
        "revoked": N_("Din rätt att öppna har dragits in. Ring samordnaren."),
        "alarm_closed": N_("Larmet är avslutat, så rätten att öppna har upphört."),
        "clock_uncertain": N_("Hemmet vet inte vad klockan är och öppnar inte."),
        "busy": N_("Låset vrids redan. Vänta och se vad som händer."),
        "not_recorded": N_("Hemmet kunde inte skriva i sin logg och öppnar inte."),
        "check_closed": N_("Besöket efter tillsynen är utfört, så rätten att öppna har upphört."),
        "not_approved": N_("Ingen annan har godkänt att låset vrids för service."),
        "wrong_code": N_("Fel kod."),
        "not_understood": N_("Hemmets enhet är äldre än servern och förstod inte begäran."),
        "unknown": N_("Hemmet nekade, av en orsak som servern inte känner till."),
    },
    events.LockOperationStep: {
        "waking": N_("Väcker låset"),
        "connecting": N_("Ansluter"),
        "turning": N_("Vrider"),
        "asking": N_("Frågar låset"),
        "unknown": N_("Låset arbetar"),
    },
    events.LockOperationOutcome: {
        "done": N_("Klart"),
        "failed": N_("Misslyckades"),
        "unknown": N_("Okänt"),
    },
    events.Stamp: {
        "unlock": N_("upplåsning"),
        "lock": N_("låsning"),
        "tap": N_("tryck i telefonen"),
        "tag": N_("tagg"),
        "unknown": N_("okänt hur"),
    },
    events.Tap: {
        "arrive": N_("Ankomst"),
        "leave": N_("Avgång"),
        "unknown": N_("Okänt om ankomst eller avgång"),
    },
    events.Undone: {
        "declined": N_("Brukaren tackade nej"),
        "absent": N_("Brukaren var inte hemma"),
        "other": N_("Annan orsak"),
    },
    events.CheckedAs: {
        "in_order": N_("Befogad"),
        "asked": N_("Personen har tillfrågats"),
        "wrong": N_("Obefogad, utreds enligt rutin"),
        "unknown": N_("Utfallet går inte att läsa här"),
    },
    events.UnreadWhy: {
        "kind": N_("typen är okänd för servern"),
        "data": N_("innehållet går inte att läsa"),
        "unknown": N_("okänt varför"),
    },
    **VOICE,
    **INSTALL,
    **LOOK,
    **PLAN,
    **CONFIG,
    **UPDATE,
    **SSH,
    grants.Action: {
        "unlock": N_("låsa upp"),
        "lock": N_("låsa"),
        "look": N_("tillsyn"),
    },
    grants.Reason: {
        "planned_visit": N_("planerat besök"),
        "alarm": N_("larm"),
        "check": N_("tillsyn"),
        "service": N_("service"),
    },
}

CANCELLED_WHY: Mapping[str, str] = {
    "recovered": N_("fungerar igen"),
    "home_heard": N_("kontakt med hemmet igen"),
    "closed": N_("dörren är stängd igen"),
    "normal": N_("värdet är normalt igen"),
    "learned_good": N_("mattan fungerar bra igen"),
    "told_again": N_("sägs på nytt: felet är kvar"),
    "power_restored": N_("strömmen är tillbaka"),
    "dry": N_("torrt igen"),
    "back_inside": N_("tillbaka inom sitt område"),
    "not_left": N_("positioner som kom sent visar att området inte lämnades"),
    "charged": N_("batteriet är laddat"),
    "stopped": N_("positioner tas inte längre emot"),
    "wearer": N_("brukaren tog tillbaka larmet"),
    "caregiver": N_("personal på plats tog tillbaka larmet"),
}

RULES: Mapping[str, str] = {
    "alarm_way": N_("larmkedjan"),
    "at_home": N_("hemma eller ute"),
    "bathroom": N_("länge i badrummet"),
    "check_unreported": N_("nattillsyn som inte rapporterats"),
    "device_silent": N_("utrustning som tystnat"),
    "door_open": N_("ytterdörr som står öppen"),
    "fell_back": N_("skadade filer i hemmets enhet"),
    "inactivity": N_("ingen aktivitet på dagen"),
    "log_in_memory": N_("minneskort som inte tar emot"),
    "look": N_("extra tillsyn, utlöst av regel"),
    "mat_quality": N_("sängmattans skick"),
    "contact_reversed": N_("omvänd dörrgivare"),
    "mat_reversed": N_("omvänt kopplad sängmatta"),
    "mat_drift": N_("sängmattans nolläge"),
    "mat_unfit": N_("sängmatta som inte räcker till"),
    "seat": N_("sittplats"),
    "shutter": N_("kamerans lucka"),
    "moisture": N_("fukt"),
    "on_floor": N_("på golvet"),
    "pendant": N_("larmknapp"),
    "power": N_("ström"),
    "radio": N_("hemmets radio"),
    "recurrence": N_("fel som kommer tillbaka"),
    "temperature": N_("temperatur"),
    "wandering": N_("ytterdörr på natten"),
    "bed": N_("säng"),
    "bed_exit": N_("uppe ur sängen på natten"),
    "device_health": N_("utrustningens skick"),
    "night_check": N_("nattillsyn"),
    "plan": N_("plan för nattillsyn"),
    "deviation": N_("dörr som inte går att öppna"),
    "lock_open": N_("dörr som är olåst för länge"),
    "relock": N_("låsning av sig självt"),
    "visit": N_("besök"),
}

OFFLINE_WHY: Mapping[str, str] = {
    "silent": N_("Inte hört på länge"),
    "radio": N_("Hemmets radio svarar inte"),
}
"""`gateway.events.Offline`."""

ROLES: Mapping[str, str] = {
    **install_words.ROLES,
    "door": N_("dörr"),
    "lock": N_("lås"),
    "outdoor": N_("utomhus"),
    "listening": N_("lyser när någon lyssnar"),
    "looking": N_("lyser vid kameratillsyn"),
}
"""What a device is for, and rooms; other words are shown as the home's configuration has them."""

TYPES: Mapping[str, str] = {
    "sensor": N_("Sensor"),
    "lock": N_("Lås"),
    "indicator": N_("Lampa"),
    "speaker": N_("Högtalare"),
    "camera": N_("Kamera"),
}

ALLOWED: Mapping[str, str] = {
    "caregiver": N_("omvårdnadspersonal"),
    "night_watcher": N_("nattpatrull"),
    "coordinator": N_("samordnare"),
    "technician": N_("tekniker"),
    "administrator": N_("administratör"),
}
"""Roles of the staff (DESIGN, "People")."""


def spoken(table: Mapping[str, str], code: str | None) -> str:
    """The word for `code` in the reader's language; an unknown code is shown as it came."""
    code = code or ""
    return gettext(table[code]) if code in table else code.replace("_", " ")


def enum_word(enum: type[StrEnum], code: str | None) -> str:
    """The word for one value of an enum of `gateway.events` or `gateway.access.grants`."""
    return spoken(ENUMS[enum], code)
