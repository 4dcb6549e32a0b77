"""What a home hears, as a page lists it: what moves first, each with what it may be; and which
devices are paired or calibrated.

Not for: hearing (`gateway.services.hearing`), or setting a configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.installs import naming
from gateway.installs.naming import Use

NEW_S = 8.0
"""Seconds for which a thing that moved is the one in somebody's hand."""

GUIDED = {"lock": "pair", "bthome": "pair", "adc": "calibrate"}
"""What is done with devices of a driver with this word in its name."""


class Thing(Protocol):
    """A Bluetooth device that is heard (`gateway.wire.HeardThing`)."""

    @property
    def address(self) -> str: ...
    @property
    def driver(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def rssi(self) -> int: ...
    @property
    def moved_s(self) -> float | None: ...
    @property
    def wants(self) -> bool: ...


class Pin(Protocol):
    """A free pin (`gateway.wire.HeardPin`)."""

    @property
    def pin(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def moves(self) -> int: ...
    @property
    def moved_s(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Near:
    """A thing that the home hears; `known` is what it calls it already."""

    key: str
    thing: Thing | None
    pin: Pin | None
    known: str
    uses: tuple[Use, ...]

    @property
    def moves(self) -> bool:
        """Whether somebody touches it now; what waits to be paired waits for whoever does."""
        if self.thing is not None and self.thing.wants:
            return True
        moved_s = self.thing.moved_s if self.thing else self.pin.moved_s if self.pin else None
        return moved_s is not None and moved_s <= NEW_S

    def settings(self, use: Use, room: str) -> dict[str, Any]:
        """What it becomes in a home's configuration."""
        if self.thing is not None:
            return naming.by_radio(self.thing.address, self.thing.driver, use, room)
        return naming.on_pin(self.pin.pin if self.pin else 0, use, room)


_ON_PIN = naming.uses(naming.BY_PIN)


def near(
    things: Iterable[Thing], pins: Iterable[Pin], devices: Mapping[str, Mapping[str, Any]]
) -> list[Near]:
    """What moves first; of the pins only those that did.  `devices` are those of the home."""
    heard = list(things)
    names = naming.known(devices, [thing.driver for thing in heard])
    found = [
        Near(
            *(thing.address, thing, None, names.get(thing.address) or names.get(thing.driver, "")),
            naming.uses(naming.sort_of(thing.driver)),
        )
        for thing in heard
    ]
    found += [
        Near(*(f"pin-{pin.pin}", None, pin, names.get(f"pin-{pin.pin}", "")), _ON_PIN)
        for pin in pins
        if pin.moves
    ]
    return sorted(found, key=lambda one: not one.moves)


def guided(
    devices: Mapping[str, Mapping[str, Any]], unpaired: Iterable[str]
) -> list[tuple[str, str, bool]]:
    """Devices that are paired or calibrated: id, what is done, whether it must be; those first."""
    found, must = [], set(unpaired)
    for id_, keys in devices.items():
        parts = str(keys.get("driver", "")).split("_")
        action = next((GUIDED[part] for part in parts if part in GUIDED), None)
        if action is not None:
            found.append((id_, action, id_ in must))
    return sorted(found, key=lambda one: not one[2])
