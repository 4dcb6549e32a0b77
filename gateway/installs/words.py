"""What whoever installs a home reads, at the server's page and at the Pi's: what to do, what a
driver says and asks, why something failed, what things and rooms are called.

Swedish; `N_` marks each for the server's catalogue, which both pages translate by.  Drivers speak
English to who stands at the Pi's keyboard; here are the same sentences for who stands there with a
phone.  A test holds them to the drivers' own; what is not here is shown as it came.

Not for: translating, or which step there is (`steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.events import SkipWhy, TrialStep


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Marks a text for the catalogue."""
    return text


DO: Mapping[TrialStep, str] = {
    TrialStep.STEPPED_ON: N_("Kliv på mattan."),
    TrialStep.STEPPED_OFF: N_("Kliv av mattan."),
    TrialStep.LAY_DOWN: N_("Lägg dig i sängen och ligg still tills det bockas av."),
    TrialStep.FELL: N_("Ligg kvar på mattan tills larmet går."),
    TrialStep.PRESSED: N_("Tryck på larmknappen."),
    TrialStep.CALLED: N_("Larmet ska komma fram hit."),
    TrialStep.ANSWERED: N_("Tryck på knappen."),
    TrialStep.OPENED: N_("Öppna dörren."),
    TrialStep.CLOSED: N_("Stäng dörren."),
    TrialStep.MOVED: N_("Gå förbi givaren."),
    TrialStep.HEARD: N_("Få givaren att höra av sig: tryck, öppna eller blås på den."),
    TrialStep.UNLOCKED: N_("Lås upp, gärna härifrån med tillträde, annars med vredet."),
    TrialStep.LOCKED: N_("Lås igen."),
    TrialStep.UNPLUGGED: N_("Dra ut hemmets enhet ur uttaget."),
    TrialStep.PLUGGED_IN: N_("Sätt i den igen."),
    TrialStep.UNKNOWN: N_("Ett prov som servern inte känner till."),
}

ON_BED: Mapping[TrialStep, str] = {
    TrialStep.STEPPED_ON: N_("Sätt dig på sängen, mitt över mattan."),
    TrialStep.STEPPED_OFF: N_("Res dig från sängen."),
}

ON_SEAT: Mapping[TrialStep, str] = {
    TrialStep.STEPPED_ON: N_("Sätt dig på stolen."),
    TrialStep.STEPPED_OFF: N_("Res dig från stolen."),
}

_BY_ROLE = {"bed": ON_BED, "seat": ON_SEAT}

SKIPS: Mapping[str, str] = {
    "not_here": N_("är inte på plats än"),
    "not_possible": N_("går inte att prova nu"),
    "not_wanted": N_("brukaren vill inte"),
    "broken": N_("fungerar inte"),
    "other": N_("annat"),
    "unknown": N_("av ett skäl som servern inte känner till"),
}
"""Why a step is left out, by `SkipWhy`."""

OFFERED_HERE = tuple(why for why in SkipWhy.offered() if why != SkipWhy.OTHER)
"""Reasons that need no words: a home keeps nobody's words."""

REFUSALS: Mapping[str, str] = {
    "no_reason": N_("Välj varför provet hoppas över."),
    "no_words": N_("Skriv varför provet hoppas över."),
    "not_all": N_("Allt är inte provat än. Prova det som är kvar, eller hoppa över det."),
    "no_trial": N_("Inget prov pågår i hemmet. Börja ett nytt."),
    "no_step": N_("Det provet finns inte längre. Se efter vad som är kvar."),
    "not_connected": N_("Hemmet är inte anslutet just nu. Inget skickades."),
    "not_hearing": N_("Hemmet lyssnar inte längre. Börja leta igen."),
    "no_device": N_("Hemmet har inte den utrustningen."),
    "no_devices": N_("Hemmet har inte berättat vilken utrustning det har."),
    "not_chosen": N_("Välj vad det är och var det sitter."),
    "used_up": N_("Koden gäller inte längre. Be om en ny, eller gå vidare på serverns sida."),
    "at_server": N_("Vilken utrustning hemmet har bestäms på serverns sida. Lägg till den där."),
    "busy": N_(
        "Inget lades till. Ett larm är öppet, ett lås vrids eller något annat pågår i hemmet. "
        "Försök igen när det är över."
    ),
    "not_fit": N_("Hemmet tog inte emot det. Utrustningen är som den var."),
    "not_written": N_("Hemmet kan inte skriva i sin logg just nu. Försök igen."),
}
"""By `web.staff.installs.trial.Fault`, and what the Pi's page refuses."""


SAID: Mapping[str, str] = {
    "Hold the lock's button for five seconds": N_(
        "Håll låsets knapp intryckt i fem sekunder, tills ringen lyser hela tiden."
    ),
    "Found ": N_("Låset är hittat. Det paras nu."),
    "Paired.": N_("Låset är parat."),
    "Make the device send": N_(
        "Få den att sända: tryck på knappen, öppna dörren eller rör dig framför den."
    ),
    "Heard: ": N_("Den hördes, och nyckeln stämmer."),
    "If its app has a beacon mode": N_(
        "Slå på läget för livstecken (beacon) i tillverkarens app, annars märks det inte om den är "
        "borta."
    ),
    "That is no key": N_("Det är ingen nyckel. Den har 32 tecken, 0–9 och a–f."),
    "Take the lock's handle": N_("Ta i låsets vred eller knacka på dörren så att det vaknar."),
    "The offline key and its slot": N_(
        "Nyckeln och dess plats finns hos tillverkaren; docs/locks.md säger hur du får dem."
    ),
    "Asking the vendor's cloud": N_("Hämtar låsets nyckel från tillverkaren."),
    "Now somebody lies down": N_("Nu ska någon lägga sig och vända sig en gång."),
    "Channel ": N_("En tryckcell är mätt."),
    "  A cut lead": N_("En avklippt kabel till cellen skulle se ut som en tom säng."),
}
"""By how a driver's sentence begins."""

ASKED: Mapping[str, str] = {
    "Bind key": N_("Nyckeln från tillverkarens app (32 tecken)"),
    "Offline key": N_("Låsets nyckel (32 tecken, 0–9 och a–f)"),
    "Slot of the key": N_("Nyckelns plats, till exempel 1"),
    "The lock's serial number (as": N_("Låsets serienummer eller Bluetooth-adress"),
    "The lock's serial number, 12": N_("Låsets serienummer (12 tecken, 0–9 och a–f)"),
    "File of the certificate": N_("Fil i hemmets enhet med tillverkarens certifikat"),
    "User name": N_("Användarnamn hos tillverkaren"),
    "Password": N_("Lösenord hos tillverkaren (används en gång och sparas inte)"),
    "Make the bed as usual": N_("Bädda som vanligt, låt ingen röra sängen och tryck på Klart."),
    "Press Enter when somebody lies": N_("Tryck på Klart när någon ligger där."),
}

FAILED: Mapping[str, str] = {
    "timeout": N_("Det tog för lång tid. Försök igen."),
    "not_paired": N_("Nyckeln stämmer inte med låset."),
    "not_supported": N_("Den sortens lås stöds inte."),
    "wrong_key": N_("Den hörs, men nyckeln stämmer inte."),
    "not_encrypted": N_("Den sänder utan kryptering. Slå på kryptering i tillverkarens app."),
    "encrypted": N_("Den sänder krypterat: ta bort encrypted = false under Utrustning."),
    "no_key": N_("Ingen nyckel skrevs. Den finns i tillverkarens app."),
    "not_calibrated": N_("Ingen tryckcell märkte skillnad. Inget ändrades: flytta mattan."),
    "DeviceUnavailable": N_("Den hittades inte. Gå närmare med hemmets enhet, och försök igen."),
    "DeviceRefused": N_("Den sa nej. Försök igen."),
    "RadioAway": N_("Hemmets radio svarar inte."),
    "UserError": N_("Ingen svarade på frågan i tid. Försök igen."),
}
"""By the error's word, else its class."""


NO_ANSWER = N_("Hemmet svarar inte just nu. Försök igen om en stund.")

FAILED_SOMEHOW = N_("Det gick inte. Försök igen.")

STRENGTHS: Mapping[str, tuple[str, str, str]] = {
    "strong": (N_("mycket bra radio"), "signal", "ok"),
    "good": (N_("bra radio"), "signal", "ok"),
    "weak": (N_("svag radio: flytta hemmets enhet närmare"), "signal", "warn"),
    "too_weak": (N_("för svag radio: här fungerar den inte säkert"), "signal-off", "warn"),
}
"""By `gateway.installs.naming.strength`: words, icon, tone."""


ROLES: Mapping[str, str] = {
    "bed": N_("säng"),
    "front_door": N_("ytterdörr"),
    "terrace_door": N_("altandörr"),
    "store_door": N_("förrådsdörr"),
    "bathroom": N_("badrum"),
    "kitchen": N_("kök"),
    "hall": N_("hall"),
    "bedroom": N_("sovrum"),
    "living_room": N_("vardagsrum"),
    "toilet": N_("toalett"),
    "floor": N_("golv"),
    "button": N_("svarsknapp"),
    "pendant": N_("larmknapp"),
    "motion": N_("rörelse"),
    "seat": N_("stol"),
}
"""What a thing may be for, and rooms (`gateway.installs.naming`)."""


LOCK = N_("lås")

Say = Callable[[str], str]
"""A text of this module in the reader's language."""


def called(devices: Mapping[str, Mapping[str, Any]], id_: str, say: Say) -> str:
    """What a device of a configuration is called by who installs it: what it is for and where it
    is, a lock as a lock; its id where nobody said.  Of several ids, each."""
    return "; ".join(_called(devices.get(one, {}), say) or one for one in id_.split(", "))


def _called(keys: Mapping[str, Any], say: Say) -> str:
    words = [LOCK] if str(keys.get("driver", "")).startswith("lock_") else []
    words += [
        ROLES[code] for code in map(str, (keys.get("role"), keys.get("room"))) if code in ROLES
    ]
    return ", ".join(say(word) for word in words)


def to_do(step: TrialStep, role: str | None) -> str:
    """What to do for a step, with a thing of this role."""
    return _BY_ROLE.get(role or "", {}).get(step, DO[step])


def said(text: str) -> str:
    """A sentence of a driver."""
    return _begins(SAID, text)


def asked(text: str) -> str:
    """A question of a driver."""
    return _begins(ASKED, text)


def wants_words(text: str) -> bool:
    """Whether a driver's question is answered in words, or only by saying that one is ready."""
    return "press enter" not in text.lower()


def failed(code: str) -> str:
    """Why it failed, and what to do."""
    return FAILED.get(code, FAILED_SOMEHOW)


def _begins(table: Mapping[str, str], text: str) -> str:
    return next((word for begin, word in table.items() if text.startswith(begin)), text)
