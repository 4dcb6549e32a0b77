"""What a thing that a home hears becomes in its configuration: what it is for, where it is.

Not for: hearing it (`gateway.services.hearing`), or setting a configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BY_PIN, BY_RADIO, LOCKS = "pin", "radio", "lock"


@dataclass(frozen=True, slots=True)
class Use:
    """What a thing may be for.  `id` begins its name in the configuration, `picture` is an icon,
    `pin_driver` what reads it on a pin (empty: it is on none); `by` what it may be."""

    id: str
    role: str
    picture: str
    pin_driver: str
    by: frozenset[str]


def _use(id_: str, role: str, picture: str, pin_driver: str, *by: str) -> Use:
    return Use(id_, role, picture, pin_driver, frozenset(by))


USES = (
    _use("bed", "bed", "bed", "mat_gpio", BY_PIN),
    _use("floor", "floor", "mat", "mat_gpio", BY_PIN),
    _use("seat", "seat", "chair", "mat_gpio", BY_PIN),
    _use("pendant", "pendant", "pendant", "button_gpio", BY_PIN, BY_RADIO),
    _use("button", "button", "hand", "button_gpio", BY_PIN, BY_RADIO),
    _use("front", "front_door", "door", "door_gpio", BY_PIN, BY_RADIO, LOCKS),
    _use("terrace", "terrace_door", "door-open", "door_gpio", BY_PIN, BY_RADIO, LOCKS),
    _use("store", "store_door", "box", "door_gpio", BY_PIN, BY_RADIO, LOCKS),
    _use("motion", "motion", "motion", "motion_gpio", BY_PIN, BY_RADIO),
)
"""In the order of the pictures."""

ROOMS = {
    "bedroom": "bed-empty",
    "living_room": "sofa",
    "kitchen": "stove",
    "bathroom": "bath",
    "hall": "hanger",
    "toilet": "toilet",
}
"""Rooms, each with its picture."""

STRONG_DBM, GOOD_DBM, WEAK_DBM = -60, -72, -82
"""From here up the radio is very good, good, weak; below that too weak.  A receiver may need -70 by
the specification (Core, vol 6 part A, 4.1) and a good one -95; a door that is shut or a person in
between takes 10 to 20 of what is left."""


def uses(by: str) -> tuple[Use, ...]:
    """What a thing of this sort may be for."""
    return tuple(use for use in USES if by in use.by)


def sort_of(driver: str) -> str:
    """What sort a Bluetooth device of this driver is."""
    return LOCKS if driver.startswith("lock_") else BY_RADIO


def strength(rssi: int) -> str:
    """How strong the radio is where it stands: `strong`, `good`, `weak`, `too_weak`."""
    if rssi >= STRONG_DBM:
        return "strong"
    if rssi >= GOOD_DBM:
        return "good"
    return "weak" if rssi >= WEAK_DBM else "too_weak"


def free_id(wanted: str, taken: Collection[str]) -> str:
    """`bed`, or `bed_2` … where there is one already."""
    names = (wanted if n == 1 else f"{wanted}_{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def on_pin(pin: int, use: Use, room: str) -> dict[str, Any]:
    """The settings of a thing on a pin."""
    return {"driver": use.pin_driver, **_placed(use, room), "pin": pin}


BY_ADDRESS = frozenset({"bthome", "lock_nuki"})
"""Drivers whose settings hold the address that was heard; any other finds its device again by what
it learns when they are paired."""


def by_radio(address: str, driver: str, use: Use, room: str) -> dict[str, Any]:
    """The settings of a Bluetooth device."""
    keys = {"driver": driver, **_placed(use, room)}
    if driver in BY_ADDRESS:
        keys["address"] = address
    return keys


def known(devices: Mapping[str, Mapping[str, Any]], heard: Sequence[str]) -> dict[str, str]:
    """What the home calls a thing already, by its address or `pin-17`; and by its driver, of those
    whose settings hold no address, where it has as many of them as there are in `heard` (drivers,
    one for each thing): which of two is which, only their pairing tells."""
    found, without = {}, dict[str, list[str]]()
    for id_, keys in devices.items():
        driver = str(keys.get("driver", ""))
        if "address" in keys:
            found[str(keys["address"]).upper()] = id_
        elif "pin" in keys:
            found[f"pin-{keys['pin']}"] = id_
        elif driver not in BY_ADDRESS:
            without.setdefault(driver, []).append(id_)
    for driver, ids in without.items():
        if 0 < heard.count(driver) <= len(ids):
            found[driver] = ", ".join(ids)
    return found


def _placed(use: Use, room: str) -> dict[str, Any]:
    return {"role": use.role} | ({"room": room} if room in ROOMS else {})
