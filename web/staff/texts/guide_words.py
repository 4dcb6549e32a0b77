"""What a driver says and asks while a device is paired or calibrated, in the reader's language; and
how strong the radio is.

Drivers speak English to who stands at the Pi's keyboard; here are the same sentences for who stands
there with a phone.  A test holds them to the drivers' own; what is not here is shown as it came.

Not for: what the home is told (`web.staff.installs.hearing`).
"""

from __future__ import annotations

from collections.abc import Mapping

from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.texts.states import State

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


STRENGTHS: Mapping[str, tuple[str, str, str]] = {
    "strong": (N_("mycket bra radio"), "signal", "ok"),
    "good": (N_("bra radio"), "signal", "ok"),
    "weak": (N_("svag radio: flytta hemmets enhet närmare"), "signal", "warn"),
    "too_weak": (N_("för svag radio: här fungerar den inte säkert"), "signal-off", "warn"),
}
"""By `web.staff.installs.naming.strength`: words, icon, tone."""


def strength(code: str) -> State:
    """How strong the radio is where a thing stands."""
    text, icon, tone = STRENGTHS[code]
    return State(_(text), icon, tone)


def said(text: str) -> str:
    """A sentence of a driver."""
    return _begins(SAID, text)


def asked(text: str) -> str:
    """A question of a driver."""
    return _begins(ASKED, text)


def failed(code: str) -> str:
    """Why it failed, and what to do."""
    return _(FAILED.get(code, N_("Det gick inte. Försök igen.")))


def _begins(table: Mapping[str, str], text: str) -> str:
    return next((_(word) for begin, word in table.items() if text.startswith(begin)), text)
