"""What each kind of event is called on the screen, and how it looks in a list.

A new kind is one line here; what it belongs to and how it is drawn follow from its noun.  As in
`web.staff.texts.words`, the Swedish words are the message ids.  Tests hold the table to
`gateway.events`.

Not for: what stands after the kind (`event_summary`), or the words of codes (`words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from web.staff.core.i18n import N_
from web.staff.core.i18n import say as gettext


@dataclass(frozen=True, slots=True)
class KindWord:
    """One kind of event: what it is called, its tone, and where they are not those of its noun its
    icon and its group (a key of `GROUPS`)."""

    label: str
    tone: str = "quiet"
    """`quiet`, `ok`, `warn` or `alarm`: never the only sign, always beside an icon and a word."""
    icon: str = ""
    group: str = ""
    aside: bool = False
    """Left out of the list unless its group is asked for: it would drown the rest."""
    reading: bool = False
    """Comes by the hundred in a night: a home's own page shows what they came to mean."""


GROUPS: Mapping[str, str] = {
    "alarm": N_("Larm"),
    "check": N_("Tillsyn"),
    "door": N_("Lås och dörr"),
    "visit": N_("Besök"),
    "bed": N_("Säng och sensorer"),
    "device": N_("Utrustning"),
    "system": N_("System och åtkomst"),
}

NOUNS: Mapping[str, tuple[str, str]] = {
    "gateway": ("system", "box"),
    "home": ("system", "box"),
    "rule": ("system", "cross"),
    "page": ("system", "box"),
    "clock": ("system", "clock"),
    "log": ("system", "box"),
    "power": ("device", "plug"),
    "device": ("device", "signal"),
    "mat": ("bed", "mat"),
    "door": ("door", "door-open"),
    "motion": ("bed", "motion"),
    "moisture": ("bed", "drop"),
    "temperature": ("bed", "dot"),
    "button": ("bed", "hand"),
    "contact": ("bed", "dot"),
    "pendant": ("alarm", "hand"),
    "bed": ("bed", "bed-empty"),
    "seat": ("bed", "dot"),
    "activity": ("bed", "bell"),
    "fault": ("device", "dot"),
    "alarm": ("alarm", "bell"),
    "check": ("check", "eye"),
    "plan": ("check", "list"),
    "config": ("device", "box"),
    "household": ("visit", "person-check"),
    "unlock": ("door", "key"),
    "codes": ("system", "key"),
    "relock": ("door", "lock"),
    "lock": ("door", "lock-unknown"),
    "visit": ("visit", "walk"),
    "visits": ("visit", "lock"),
    "grant": ("system", "key"),
    "server": ("system", "key"),
    "absence": ("visit", "away"),
    "consent": ("visit", "person-check"),
    "places": ("visit", "pen"),
    "zone": ("visit", "walk"),
    "record": ("system", "eye"),
    "access": ("system", "search"),
    "event": ("system", "list"),
    "account": ("system", "person-check"),
    "voice": ("system", "sound"),
    "look": ("check", "eye"),
    "camera": ("device", "eye"),
    "install": ("device", "box"),
    "ladder": ("system", "list"),
    "rota": ("system", "clock"),
    "update": ("system", "box"),
    "ssh": ("system", "key"),
}
"""The group and the icon of a noun's kinds, where a kind has none of its own."""

_WORDS: Mapping[str, KindWord] = {
    "gateway.started": KindWord(N_("Hemmets enhet startade")),
    "gateway.fell_back": KindWord(N_("Hemmets enhet startade utan en av sina filer"), "warn"),
    "gateway.stopped": KindWord(N_("Hemmets enhet stoppades"), "warn"),
    "home.described": KindWord(N_("Utrustning inläst")),
    "page.described": KindWord(N_("Hemmets egen sida inläst"), aside=True),
    "page.opened": KindWord(N_("Hemmets egen sida öppnades med en kod"), icon="eye"),
    "rule.failed": KindWord(N_("Tekniskt fel i en larmregel"), "alarm"),
    "clock.stepped": KindWord(N_("Klockan ställdes om"), "warn"),
    "clock.synced": KindWord(N_("Klockan ställdes")),
    "log.recovered": KindWord(N_("Ny logg påbörjad efter fel"), "warn"),
    "log.stalled": KindWord(N_("Loggen kunde inte skrivas"), "alarm"),
    "log.left_disk": KindWord(N_("Minneskortet tar inte emot, loggen skrivs i minnet"), "alarm"),
    "log.returned": KindWord(N_("Minneskortet tar emot igen, loggen är sparad"), "ok"),
    "log.thinned": KindWord(N_("Minnet är fullt, givarnas händelser sparas inte"), "warn"),
    "power.lost": KindWord(N_("Strömmen försvann"), "warn"),
    "power.restored": KindWord(N_("Strömmen kom tillbaka"), "ok"),
    "power.battery_low": KindWord(N_("Reservbatteriet är snart slut"), "alarm"),
    "power.undervolted": KindWord(N_("Hemmets enhet har för låg spänning"), "warn"),
    "power.steadied": KindWord(N_("Hemmets enhet har rätt spänning igen"), "ok"),
    "device.online": KindWord(N_("Utrustning svarar igen"), "ok"),
    "device.offline": KindWord(N_("Utrustning svarar inte"), "warn", icon="signal-off"),
    "device.failed": KindWord(N_("Fel i utrustning"), "warn", icon="signal-off"),
    "device.battery_low": KindWord(N_("Lågt batteri"), "warn", icon="battery-low"),
    "device.battery_ok": KindWord(N_("Batteriet är bra igen"), "ok", icon="battery"),
    "device.battery_told": KindWord(N_("Batterinivå"), icon="battery", aside=True),
    "device.change_planned": KindWord(N_("Batteribyte inplanerat"), icon="battery-low"),
    "device.change_ended": KindWord(N_("Batteribyte avslutat"), icon="battery"),
    "mat.pressed": KindWord(N_("Mattan trycktes"), reading=True),
    "mat.released": KindWord(N_("Mattan släpptes"), reading=True),
    "mat.loaded": KindWord(N_("Belastningen på mattan ändrades"), reading=True),
    "mat.learned": KindWord(N_("Mattans skick bedömt"), group="device"),
    "mat.drifted": KindWord(N_("Mattans nolläge"), group="device"),
    "mat.faulted": KindWord(N_("Fel på mattan"), "warn", group="device"),
    "camera.shutter_stuck": KindWord(N_("Kamerans lucka har fastnat"), "warn", icon="signal-off"),
    "camera.shutter_well": KindWord(N_("Kamerans lucka fungerar"), "ok"),
    "door.opened": KindWord(N_("Dörren öppnades")),
    "door.closed": KindWord(N_("Dörren stängdes"), icon="door"),
    "motion.detected": KindWord(N_("Rörelse"), reading=True),
    "motion.cleared": KindWord(N_("Ingen rörelse längre"), reading=True),
    "moisture.detected": KindWord(N_("Fukt upptäcktes"), "warn"),
    "moisture.cleared": KindWord(N_("Torrt igen")),
    "temperature.measured": KindWord(N_("Temperaturen mättes"), reading=True),
    "button.pressed": KindWord(N_("En knapp trycktes")),
    "device.heard": KindWord(N_("Utrustningen har kontakt"), reading=True),
    "contact.changed": KindWord(N_("Sensor ändrades"), reading=True),
    "contact.faulted": KindWord(N_("Fel på sensor"), "warn", icon="signal-off", group="device"),
    "pendant.pressed": KindWord(N_("Larmknappen trycktes"), "alarm"),
    "bed.entered": KindWord(N_("Lade sig i sängen"), icon="bed"),
    "bed.left": KindWord(N_("Gick upp ur sängen")),
    "bed.doubted": KindWord(N_("Osäkert om någon ligger i sängen"), "warn"),
    "seat.taken": KindWord(N_("Satte sig"), reading=True),
    "seat.left": KindWord(N_("Reste sig"), reading=True),
    "activity.prewarned": KindWord(N_("Brukaren tillfrågades om allt är bra"), "warn"),
    "activity.answered": KindWord(N_("Brukaren svarade att allt är bra"), "ok", icon="check"),
    "home.emptied": KindWord(N_("Ingen är hemma"), icon="away", group="visit"),
    "home.occupied": KindWord(N_("Någon är hemma igen"), icon="home", group="visit"),
    "fault.counted": KindWord(N_("Upprepat fel noterat")),
    "alarm.raised": KindWord(N_("Larm"), "alarm"),
    "alarm.acknowledged": KindWord(N_("Larm kvitterat"), icon="person-check"),
    "alarm.cancelled": KindWord(N_("Larm återtaget"), icon="bell-off"),
    "alarm.resolved": KindWord(N_("Larm avslutat"), "ok", icon="check"),
    "alarm.sent": KindWord(N_("Larm skickat"), icon="bell"),
    "alarm.delivered": KindWord(N_("Larm framme"), icon="bell"),
    "alarm.shown": KindWord(N_("Larm visat"), icon="eye"),
    "alarm.undelivered": KindWord(N_("Larm kom inte fram"), "warn", icon="bell-off"),
    "alarm.escalated": KindWord(N_("Larm gick vidare"), "warn", icon="bell"),
    "alarm.lapsed": KindWord(N_("Larm släppt, ingen kom"), "warn", icon="bell"),
    "alarm.responder_departed": KindWord(N_("På väg till larm"), icon="walk"),
    "alarm.arrival_asked": KindWord(
        N_("Frågade om någon är framme vid larm"), "warn", icon="clock"
    ),
    "alarm.arrival_answered": KindWord(N_("Svarade om framkomst till larm"), icon="walk"),
    "alarm.responder_arrived": KindWord(N_("Framme vid larm"), "ok", icon="person-check"),
    "alarm.noted": KindWord(N_("Anteckning till larm"), icon="list"),
    "alarm.explained": KindWord(N_("Larmets orsak"), icon="check"),
    "alarm.repeated": KindWord(N_("Larm igen"), "alarm"),
    "home.second_path_set": KindWord(N_("Hemmets reservväg för larm ändrad")),
    "gateway.message_sent": KindWord(N_("Hemmet larmade själv"), group="alarm", icon="bell"),
    "gateway.message_delivered": KindWord(N_("Hemmets larm framme"), group="alarm", icon="bell"),
    "gateway.message_failed": KindWord(
        N_("Hemmets larm kom inte fram"), "warn", group="alarm", icon="bell-off"
    ),
    "gateway.message_answered": KindWord(
        N_("Hemmets larm besvarat"), "ok", group="alarm", icon="person-check"
    ),
    "gateway.second_path_failed": KindWord(N_("Hemmets reservväg fungerar inte"), "warn"),
    "gateway.second_path_ready": KindWord(N_("Hemmets reservväg fungerar"), "ok"),
    "gateway.test_sent": KindWord(N_("Provlarm skickat"), aside=True),
    "gateway.test_passed": KindWord(N_("Larmkedjan provad"), "ok"),
    "gateway.test_failed": KindWord(N_("Provlarmet kom inte tillbaka"), "warn"),
    "server.test_answered": KindWord(N_("Provlarm besvarat"), aside=True),
    "home.test_missed": KindWord(N_("Provlarmet uteblev"), "warn"),
    "check.planned": KindWord(N_("Tillsyn planerad"), icon="clock"),
    "check.withdrawn": KindWord(N_("Planerad tillsyn togs bort"), icon="clock", aside=True),
    "check.due": KindWord(N_("Dags för tillsyn"), icon="clock"),
    "check.asked": KindWord(N_("Tillsyn väntar på svar"), "warn"),
    "check.started": KindWord(N_("Tillsyn påbörjad")),
    "check.answered": KindWord(N_("Tillsyn registrerad"), icon="person-check"),
    "check.done": KindWord(N_("Tillsyn utförd"), "ok", icon="check"),
    "check.missed": KindWord(N_("Tillsyn uteblev"), "alarm", icon="cross"),
    "check.unreported": KindWord(N_("Tillsyn ej rapporterad från hemmet"), "alarm", icon="cross"),
    "check.claim_lapsed": KindWord(N_("Tillsynen blev ledig igen"), "warn", icon="clock"),
    "check.visit_asked": KindWord(N_("Någon behöver åka dit"), "alarm", icon="walk"),
    "check.visit_taken": KindWord(N_("Någon åker dit"), icon="walk"),
    "check.visit_settled": KindWord(N_("Besöket behövs inte"), icon="check"),
    "check.escalated": KindWord(N_("Tillsyn kräver besök"), "alarm", icon="walk"),
    "plan.set": KindWord(N_("Plan för nattillsyn ändrad"), icon="pen"),
    "plan.held": KindWord(N_("Hemmet bekräftade vad det följer"), icon="check", aside=True),
    "plan.refused": KindWord(N_("Hemmet följer inte den nya planen"), "warn", icon="cross"),
    "config.set": KindWord(N_("Hemmets utrustning eller regler ändrade"), icon="pen"),
    "config.held": KindWord(
        N_("Hemmet meddelade vilka inställningar som gäller"), icon="check", aside=True
    ),
    "config.refused": KindWord(
        N_("Hemmet tog inte emot de nya inställningarna"), "warn", icon="cross"
    ),
    "config.waiting": KindWord(N_("Nya inställningar väntar i hemmet"), icon="clock", aside=True),
    "unlock.requested": KindWord(N_("Begäran till låset")),
    "unlock.refused": KindWord(N_("Begäran till låset nekades"), "warn", icon="lock"),
    "unlock.progressed": KindWord(N_("Låset arbetar"), aside=True),
    "unlock.ended": KindWord(N_("Låset har svarat")),
    "unlock.deviated": KindWord(
        N_("Dörren gick inte att öppna som den ska"), "warn", icon="lock-unknown"
    ),
    "codes.issued": KindWord(N_("Engångskoder utlämnade")),
    "codes.given": KindWord(N_("Koder till dörren utlämnade"), aside=True),
    "codes.missed": KindWord(N_("Fel kod vid dörren"), "warn", icon="lock", aside=True),
    "codes.paused": KindWord(
        N_("Kodinmatningen vid dörren är spärrad"), "alarm", icon="lock", group="door"
    ),
    "relock.ordered": KindWord(N_("Dags att låsa igen")),
    "lock.unlocked": KindWord(N_("Upplåst"), icon="lock-open"),
    "lock.locked": KindWord(N_("Låst"), "ok", icon="lock"),
    "lock.jammed": KindWord(N_("Låset har fastnat"), "alarm"),
    "lock.asleep": KindWord(N_("Låset sover"), icon="moon"),
    "lock.awake": KindWord(N_("Låset har kontakt igen"), icon="lock"),
    "lock.unreachable": KindWord(N_("Låset svarar inte"), "warn"),
    "lock.unknown": KindWord(N_("Låset gav inget besked"), "warn"),
    "install.begun": KindWord(N_("Prov av hemmet påbörjat")),
    "install.retried": KindWord(N_("Utrustning provas om"), aside=True),
    "install.skipped": KindWord(N_("Prov hoppades över"), "warn"),
    "install.accepted": KindWord(N_("Hemmet är provat och klart"), "ok", icon="check"),
    "visit.tapped": KindWord(N_("Registrerat i telefonen"), icon="phone"),
    "visit.started": KindWord(N_("Besök påbörjat")),
    "visit.ended": KindWord(N_("Besök avslutat")),
    "visit.overdue": KindWord(N_("Besök saknar sluttid"), "warn", icon="clock"),
    "visit.corrected": KindWord(N_("Besökstid rättad"), icon="pen"),
    "visit.declined": KindWord(N_("Besök ej utfört"), "warn", icon="away"),
    "visit.plan_changed": KindWord(N_("Planerade besök ändrade"), icon="pen"),
    "visit.approved": KindWord(N_("Besökstid godkänd"), "ok", icon="check"),
    "visits.locked": KindWord(N_("Besökstider låsta")),
    "grant.issued": KindWord(N_("Behörighet till låset utfärdad")),
    "grant.revoked": KindWord(N_("Behörighet till låset återkallad"), "warn"),
    "grant.acute": KindWord(N_("Akut upplåsning utan att vara inplanerad"), "warn", group="door"),
    "grant.requested": KindWord(N_("Tekniker begärde tillträde"), "warn"),
    "grant.approved": KindWord(N_("Teknikerns begäran godkändes"), icon="person-check"),
    "grant.refused": KindWord(N_("Teknikerns begäran nekades"), "warn", icon="cross"),
    "server.key_added": KindWord(N_("Servern bytte nyckel")),
    "server.key_trusted": KindWord(N_("Hemmet litar på serverns nya nyckel")),
    "server.key_refused": KindWord(
        N_("Hemmet nekade en nyckel som sades vara serverns"), "alarm", icon="cross"
    ),
    "server.unread": KindWord(N_("Hemmets enhet kan inte läsa något som servern beslutat"), "warn"),
    "home.enrolled": KindWord(N_("Hemmets enhet anslöts")),
    "home.protection_set": KindWord(N_("Skyddade personuppgifter ändrades"), icon="pen"),
    "home.closed": KindWord(N_("Hemmet stängdes"), "warn", icon="cross"),
    "home.reopened": KindWord(N_("Hemmet öppnades igen"), icon="home"),
    "home.moved_out": KindWord(N_("En brukare har flyttat ut"), icon="walk"),
    "home.changed": KindWord(N_("Uppgifter om hemmet ändrades"), icon="pen"),
    "home.silent": KindWord(
        N_("Ingen kontakt med hemmet"), "alarm", icon="signal-off", group="device"
    ),
    "home.heard": KindWord(N_("Kontakt med hemmet igen"), "ok", icon="signal", group="device"),
    "home.tampered": KindWord(N_("Hemmets logg stämmer inte"), "alarm", icon="cross"),
    "home.overstepped": KindWord(
        N_("Hemmets enhet skickade otillåtna uppgifter"), "alarm", icon="cross"
    ),
    "home.unread": KindWord(N_("Servern kan inte läsa en händelse från hemmet"), "warn"),
    "absence.started": KindWord(N_("Bortrest")),
    "absence.ended": KindWord(N_("Hemma igen"), icon="home"),
    "consent.given": KindWord(N_("Samtycke")),
    "consent.withdrawn": KindWord(N_("Samtycke återtaget"), "warn", icon="person-off"),
    "consent.settled": KindWord(N_("Samlat samtycke för hemmet"), icon="eye"),
    "household.changed": KindWord(N_("Samtycke från den som bor i hemmet")),
    "places.changed": KindWord(N_("Områden eller positionsgivare ändrade"), aside=True),
    "zone.left": KindWord(N_("Utanför sitt område"), "warn"),
    "zone.returned": KindWord(N_("Inom sitt område igen"), "ok", icon="home"),
    "record.read": KindWord(N_("Uppgifter om en brukare lästes"), aside=True),
    "access.sampled": KindWord(N_("Stickprov drogs ur åtkomstloggen")),
    "event.aside_asked": KindWord(N_("Någon vill lägga undan en händelse"), "warn"),
    "event.set_aside": KindWord(N_("En händelse lades undan"), "warn"),
    "event.aside_declined": KindWord(N_("Händelsen fick stå kvar")),
    "access.checked": KindWord(N_("Stickprov kontrollerat"), icon="check"),
    "voice.permitted": KindWord(N_("Någon bad att få tala med hemmet"), aside=True),
    "voice.admitted": KindWord(N_("Hemmet tog emot ett samtal"), aside=True),
    "voice.begun": KindWord(N_("Någon började lyssna och tala i hemmet"), "warn", group="alarm"),
    "voice.extended": KindWord(N_("Samtalet förlängdes"), group="alarm"),
    "voice.ended": KindWord(N_("Ingen lyssnar i hemmet längre"), "ok", group="alarm"),
    "voice.refused": KindWord(N_("Samtal med hemmet nekades"), "warn", group="alarm"),
    "ssh.wanted": KindWord(N_("SSH ska öppnas för en tekniker"), "warn"),
    "ssh.called_off": KindWord(N_("SSH ska stängas")),
    "ssh.opened": KindWord(N_("SSH öppnat i en timme"), "warn", icon="lock-open"),
    "ssh.closed": KindWord(N_("SSH stängt"), icon="lock"),
    "ssh.refused": KindWord(N_("SSH öppnades inte"), icon="lock"),
    "update.wanted": KindWord(N_("Hemmets enhet ska byta version")),
    "update.called_off": KindWord(N_("Versionsbytet är inställt")),
    "update.fetched": KindWord(N_("Ny version hämtad, väntar på ett lugnt tillfälle")),
    "update.refused": KindWord(N_("Hemmets enhet godtog inte den nya versionen"), "warn"),
    "update.begun": KindWord(N_("Hemmets enhet byter version")),
    "update.held": KindWord(N_("Den nya versionen fungerar"), "ok"),
    "update.returned": KindWord(
        N_("Den nya versionen fungerade inte, den förra är tillbaka"), "warn"
    ),
    "update.system_told": KindWord(N_("Operativsystemets säkerhetsuppdateringar"), aside=True),
    "look.permitted": KindWord(N_("Kameratillsyn begärdes"), aside=True),
    "look.admitted": KindWord(N_("Hemmet tog emot en kameratillsyn"), aside=True),
    "look.begun": KindWord(N_("Kameratillsyn började"), "warn"),
    "look.extended": KindWord(N_("Kameratillsynen förlängdes")),
    "look.ended": KindWord(N_("Kameratillsynen är slut och kameran stängd"), "ok"),
    "look.refused": KindWord(N_("Kameratillsyn nekades"), "warn"),
    "account.signed_in": KindWord(N_("Inloggning")),
    "ladder.saved": KindWord(N_("Larmkedja sparad"), icon="pen"),
    "ladder.removed": KindWord(N_("Larmkedja borttagen"), icon="pen"),
    "ladder.order_changed": KindWord(N_("Larmkedjornas ordning ändrad"), icon="pen"),
    "rota.changed": KindWord(N_("Jour ändrad"), icon="pen"),
    "account.changed": KindWord(N_("Konto eller arbetslag ändrat"), icon="pen"),
    "account.settled": KindWord(
        N_("Behörighet enligt organisationens inloggning"), icon="person-check"
    ),
    "account.refused": KindWord(N_("Misslyckad inloggning"), "warn", icon="person-off"),
}


REFUSED = KindWord(N_("Räknas inte"), "warn", icon="cross", group="system")
"""What a home sent and may not say: kept, and nothing more."""

UNSHOWN = KindWord(N_("En händelse som inte kan visas"), "warn", icon="cross", group="system")


def placed(kind: str, word: KindWord) -> KindWord:
    """The word with its noun's group and icon, where it has none of its own."""
    group, icon = NOUNS[kind.partition(".")[0]]
    return replace(word, group=word.group or group, icon=word.icon or icon)


KINDS: Mapping[str, KindWord] = {kind: placed(kind, word) for kind, word in _WORDS.items()}
"""Every kind's word, with its group and icon."""

NOT_CARE = frozenset(
    kind
    for kind, word in KINDS.items()
    if word.group in ("device", "system") and kind != "record.read"
)
"""Kinds that say nothing of the resident's day: what those see who may not see care."""


def kind_word(kind: str) -> KindWord:
    """The word for a kind, also for one that this version does not know (shown as it came)."""
    return KINDS.get(kind) or KindWord(kind, icon="dot", group="system")


def kind_label(kind: str) -> str:
    """What a kind is called, in the reader's language."""
    return gettext(kind_word(kind).label)
