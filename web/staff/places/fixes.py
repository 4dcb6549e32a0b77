"""What OwnTracks and Traccar send, read as fixes.  Pure.

OwnTracks: the JSON of its HTTP mode (`_type`: a `location`, or a `transition` at a region's edge).
Traccar: the JSON of its position and event forwarding.  A fix has the time at which it was made;
what brings none makes no fix, for a time of arrival would be a guess.  What is no fix (waypoints,
commands, a card, an event without a position, a fix that Traccar sends once more as `outdated`) is
no fault: a phone that got an error for it would send it again before anything newer.

Not for: who sends (`trackers`), or whether a fix can be believed (`leaving`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from web.staff.places.geometry import Point

TEXT_MAX = 40
"""Characters of a number or a time that is written as text."""

AT_MIN, AT_MAX = 946_684_800, 4_102_444_800
"""Seconds since 1970 of a time that is one: the years 2000 to 2100."""

ACC_MAX_M = 1_000_000.0
"""A fix that may be anywhere within this is none."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Where something was at a time, to within `acc_m` metres (None: not said)."""

    at: datetime
    point: Point
    acc_m: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a message says: a fix, or none; the battery's level, or none."""

    fix: Fix | None = None
    battery_pct: int | None = None


def owntracks(said: Mapping[str, Any]) -> Told:
    """A message of OwnTracks (its booklet, "JSON")."""
    if said.get("_type") not in ("location", "transition"):
        return Told()
    at = _seconds(said.get("tst"))
    fix = _fix(at, said.get("lat"), said.get("lon"), said.get("acc"))
    return Told(fix, _percent(said.get("batt")))


def traccar(said: Mapping[str, Any]) -> Told:
    """A message of Traccar's forwarding (`forward.type` and `event.forward.type` json)."""
    position = said.get("position")
    if not isinstance(position, dict):
        return Told()
    attributes = position.get("attributes")  # a list when empty, in old versions
    level = attributes.get("batteryLevel") if isinstance(attributes, dict) else None
    battery = _percent(level)
    if position.get("outdated") is True or position.get("valid") is False:
        return Told(None, battery)
    at = _written(position.get("fixTime"))
    fix = _fix(at, position.get("latitude"), position.get("longitude"), position.get("accuracy"))
    return Told(fix, battery)


def token_within(said: Mapping[str, Any]) -> str | None:
    """The token in the attribute `tryggve` of a device of Traccar, which sends one header for all
    its devices."""
    device = said.get("device")
    attributes = device.get("attributes") if isinstance(device, dict) else None
    token = attributes.get("tryggve") if isinstance(attributes, dict) else None
    return token if isinstance(token, str) else None


def _fix(at: datetime | None, lat: object, lon: object, acc: object) -> Fix | None:
    north, east = _number(lat), _number(lon)
    if at is None or north is None or east is None:
        return None
    point = Point(north, east)
    within = _number(acc)
    if not point.is_real() or (within is not None and within > ACC_MAX_M):
        return None
    return Fix(at, point, within if within is not None and within > 0 else None)


def _number(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    if isinstance(said, str) and len(said) > TEXT_MAX:
        return None
    try:
        number = float(said)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _percent(said: object) -> int | None:
    number = _number(said)
    return round(number) if number is not None and 0 <= number <= 100 else None


def _seconds(said: object) -> datetime | None:
    number = _number(said)
    if number is None or not AT_MIN <= number <= AT_MAX:
        return None
    return datetime.fromtimestamp(math.floor(number * 1000) / 1000, UTC)


def _written(said: object) -> datetime | None:
    if not isinstance(said, str) or len(said) > TEXT_MAX:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    try:
        return _seconds(at.timestamp())
    except (ValueError, OverflowError):
        return None
