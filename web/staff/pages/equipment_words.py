"""What a home's configuration is called on its page: drivers, what changed, what is wrong with one.

A test holds the drivers' names to the drivers that there are.  Not for: devices that a home has
told of (`texts.device_words`), or codes (`texts.config_enums`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.events import ConfigFault
from web.staff.configs.changes import ConfigRefusal
from web.staff.configs.model import Fault, HomeConfig, lines
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.texts import words

ROOMS: Sequence[str] = (
    "bedroom",
    "bathroom",
    "hall",
    "kitchen",
    "living_room",
    "toilet",
    "outdoor",
)

USES: Sequence[str] = (
    *("bed", "floor", "seat", "front_door", "terrace_door", "store_door", "bathroom", "motion"),
    *("pendant", "button", "listening", "looking"),
)
"""What a device can be for, of the words in `words.ROLES`."""

WRITTEN_WRONG: Mapping[Fault, str] = {
    Fault.NAME: N_("Namnet får bara ha a–z, 0–9, - och _, som sangmatta eller las-ute."),
    Fault.DRIVER: N_("Välj vad det är för utrustning."),
    Fault.WORD: N_("Välj användning och rum ur listorna."),
    Fault.SETTINGS: N_('Skriv en inställning per rad, som pin = 17 eller address = "AA:BB".'),
    Fault.TAKEN: N_("Det finns redan utrustning med det namnet."),
    Fault.GONE: N_("Den finns inte längre. Läs in sidan igen."),
    Fault.MANY: N_("Ett hem kan ha högst 100 apparater."),
    Fault.LONG: N_("Det blev för mycket text. Ta bort inställningar som inte behövs."),
}

_FIELD = {ConfigFault.KEY, ConfigFault.MISSING, ConfigFault.VALUE, ConfigFault.FILE_ONLY}
"""Faults that are about one setting."""


def refused(why: ConfigFault, about: str | None, field: str | None) -> str:
    """Why a home did not take a configuration, by device and setting: `bed, pin: värdet går
    inte`."""
    where = [about] if about else []
    if field and why in _FIELD:
        where.append(field)
    text = words.enum_word(ConfigFault, why)
    return f"{', '.join(where)}: {text}" if where else text


def refusal(said: ConfigRefusal | None) -> str:
    """The same of what a home said; empty where it refused nothing."""
    return "" if said is None else refused(said.why, said.about, said.field)


def changed(before: HomeConfig | None, now: HomeConfig) -> str:
    """What of a configuration another one changed, in words."""
    if before is None:
        return _("första gången från servern")
    parts = [_("%(what)s ny", what=name) for name in now.devices if name not in before.devices]
    parts += [
        _("%(what)s borttagen", what=name) for name in before.devices if name not in now.devices
    ]
    for name, keys in now.devices.items():
        old = before.devices.get(name)
        if old is not None and old != keys:
            parts.append(f"{name}: {_keys(old, keys)}")
    for name in sorted({*before.rules, *now.rules}):
        one, other = before.rules.get(name, {}), now.rules.get(name, {})
        if one != other:
            parts.append(_("regeln %(what)s: %(keys)s", what=name, keys=_keys(one, other)))
    return "; ".join(parts)


def _keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return ", ".join(f"{key} {_value(before, key)} → {_value(now, key)}" for key in names)


def _value(keys: Mapping[str, Any], key: str) -> str:
    return lines({"": keys[key]}).partition("= ")[2] if key in keys else "–"
