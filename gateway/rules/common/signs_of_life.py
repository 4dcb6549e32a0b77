"""Which events are signs of life, and where in the home.  Helps rules and is none.

A sign is something that a person did: moved, opened or closed a door, sat down or rose, flushed,
pressed a button.  That a motion detector's hold time ran out is none, nor is a sensor that goes on
saying "on": who fell in front of it leaves it so.  Nor is a pulse of a seat's mat: it pulses by
itself, and whether somebody sits there the rule `seat` concludes.  The bed's own mats are not here
(`mat_states`).

Not for: what signs mean, or who made them; two people may live in a home.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.envelope import Event
from gateway.events import ContactChanged, SeatLeft
from gateway.rules import DeviceFacts, HomeFacts

KINDS = frozenset(
    {
        "motion.detected",
        "door.opened",
        "door.closed",
        "contact.changed",
        "button.pressed",
        "pendant.pressed",
        "mat.pressed",
        "mat.released",
        "seat.taken",
        "seat.left",
    }
)

_SEAT = frozenset({"seat.taken", "seat.left"})


COARSE_S = 30.0
"""Seconds within which a further sign tells a rule that counts in hours nothing new: a home with
many detectors says a hundred thousand things a month."""


class Place(StrEnum):
    """Where a sign was."""

    BEDROOM = "bedroom"
    """The room of the bed: turning over and getting up look the same there."""
    ELSEWHERE = "elsewhere"
    """Another room, or none that the configuration names."""
    FRONT = "front"
    """The door out of the home."""


def place(event: Event, home: HomeFacts) -> Place | None:
    """Where `event` shows somebody; None when it is no sign, is of a bed mat, or of a device that
    the home does not know."""
    if event.kind not in KINDS:
        return None
    facts = home.devices.get(event.device or "")
    if facts is None or facts.role == "bed" or may_be_noise(event, facts):
        return None
    if facts.role == "front_door":
        return Place.FRONT
    if facts.room == "bedroom":
        return Place.BEDROOM
    return Place.ELSEWHERE


def may_be_noise(event: Event, facts: DeviceFacts) -> bool:
    """Whether `event` is a seat's own word: no sign of anybody until the rule `seat` says so."""
    return facts.role == "seat" and event.kind not in _SEAT


def bathroom(facts: DeviceFacts) -> bool:
    """Whether a device is in the bathroom or is the toilet."""
    return facts.room == "bathroom" or facts.role in ("toilet", "bathroom")


def can_show(home: HomeFacts) -> bool:
    """Whether the home has any sensor but bed mats and the front door's lock that could show
    somebody up and about."""
    return any(
        facts.type == "sensor" and facts.role not in ("bed", "button", "pendant", "outdoor")
        for facts in home.devices.values()
    )


def watched_inside(home: HomeFacts) -> bool:
    """Whether the home's rooms are watched well enough that silence says something: by a motion
    detector, or by three other sensors of what people do."""
    inside = [
        one
        for one in home.devices.values()
        if one.type == "sensor"
        and one.role not in ("bed", "floor", "front_door", "button", "pendant", "outdoor")
    ]
    return any(one.role == "motion" for one in inside) or len(inside) >= 3


def is_on(event: Event) -> bool:
    """Whether a contact says on, or a seat was taken; True for every other kind of sign."""
    if isinstance(event.data, ContactChanged):
        return event.data.on
    return not isinstance(event.data, SeatLeft)
