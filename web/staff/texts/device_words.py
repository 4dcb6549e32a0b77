"""What a device is called on the screen: never by its id.

Ids (`door_terrace`) are the technician's: they stand in the home's configuration.  Everybody else
is told what the device is for and where it is, and of two that are called alike, which.  What the
home did not say is derived from the driver.

Not for: what a device tells (`states`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.texts import words


class Device(Protocol):
    """What a name is made from: a row of `tables.device`."""

    @property
    def home_id(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def driver(self) -> str | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def role(self) -> str | None: ...
    @property
    def room(self) -> str | None: ...


DRIVERS: Mapping[str, str] = {
    "mat": N_("Matta"),
    "door": N_("Dörrgivare"),
    "motion": N_("Rörelsegivare"),
    "button": N_("Knapp"),
    "bthome": N_("Trådlös givare"),
    "indicator": N_("Lampa"),
    "speakerphone": N_("Högtalare"),
    "camera": N_("Kamera"),
    "lock": N_("Lås"),
}
"""What a device is whose use nobody configured, by a word in its driver's name."""


def device_names(devices: Iterable[Device]) -> dict[tuple[str, str], str]:
    """By home and id, the names of devices that are shown together; alike ones are numbered."""
    return _numbered(devices, _called)


def device_name(device: Device, beside: Iterable[Device] = ()) -> str:
    """What one device is called; `beside`: those of its home that it is not to be taken for."""
    return device_names({one.id: one for one in (*beside, device)}.values())[_key(device)]


def door_name(lock: Device, locks: Iterable[Device]) -> str:
    """Which of a home's doors a lock is on; empty where there is one only."""
    every = list(locks)
    return _numbered(every, _door)[_key(lock)] if len(every) > 1 else ""


def _key(device: Device) -> tuple[str, str]:
    return device.home_id, device.id


def _numbered(
    devices: Iterable[Device], called: Callable[[Device], str]
) -> dict[tuple[str, str], str]:
    alike: dict[tuple[str, str], list[Device]] = {}
    for device in sorted(devices, key=_key):
        alike.setdefault((device.home_id, called(device)), []).append(device)
    return {
        _key(device): f"{name} {number}" if len(same) > 1 else name
        for (_home, name), same in alike.items()
        for number, device in enumerate(same, 1)
    }


def _door(lock: Device) -> str:
    return (_role(lock) or words.spoken(words.ROLES, lock.room) or _("Lås")).capitalize()


def _role(device: Device) -> str:
    """What it is for, in words; empty for a role that only the home's own rules know."""
    return words.spoken(words.ROLES, device.role) if device.role in words.ROLES else ""


def _called(device: Device) -> str:
    role, room = _role(device), words.spoken(words.ROLES, device.room)
    kind = words.spoken(words.TYPES, device.type) if device.type in words.TYPES else ""
    if not role or not kind:
        kind = _derived(device.driver) or kind
    if role and room and role != room:
        return f"{kind}, {role} ({room})" if kind else f"{role} ({room})"
    where = role or room
    if where:
        return f"{kind}, {where}" if kind else where
    return kind or _("Utrustning")


def _derived(driver: str | None) -> str:
    parts = (driver or "").split("_")
    return next((_(text) for word, text in DRIVERS.items() if word in parts), "")
