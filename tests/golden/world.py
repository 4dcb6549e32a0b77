"""A home's log in which everything happens: every kind, each of its words, with all its fields and
with those alone that must be there.

It is no night that could be: what matters is that each field of each kind is read.  What names
something names what was before in the log.  Not for: reading it (`fold`).
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from gateway.envelope import GENESIS, Draft, seal, to_json
from gateway.events import KINDS, AlarmType, By, Data, Holds, from_fields
from gateway.rules.common.silences import CLASSES_S

START = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
STEP = timedelta(minutes=1)
HOUR = timedelta(hours=1)

FIRST = ("gateway", "home.described", "page", "clock", "log", "grant", "codes", "server.key")
"""How the kinds begin that others rest on."""

LAST = ("absence.", "home.silent", "home.heard")

DEVICES = {
    "mat": "bed", "lock": "front", "unlock": "front", "relock": "front", "grant": "front",
    "codes": "front", "door": "door", "motion": "hall", "moisture": "wet", "contact": "chair",
    "seat": "chair", "temperature": "air", "button": "button", "pendant": "pendant",
    "device": "pendant", "fault": "bed",
}  # fmt: skip
"""Whom the kinds of a noun concern."""

ROLES = {
    "bed": ("mat_gpio", "sensor", "bed"), "front": ("lock_nuki", "lock", "front_door"),
    "door": ("door_gpio", "sensor", "front_door"), "hall": ("motion_gpio", "sensor", "motion"),
    "wet": ("moisture_gpio", "sensor", None), "chair": ("contact_gpio", "sensor", "seat"),
    "air": ("bthome", "sensor", None), "button": ("button_gpio", "sensor", "button"),
    "pendant": ("bthome", "sensor", "pendant"),
}  # fmt: skip

APART = {"alarm.acknowledged": 0, "alarm.cancelled": 2, "alarm.resolved": 5}
"""The first of the alarms that a kind is about: most stay open."""

TEXTS: Mapping[str, str] = {
    "action": "unlock", "reason": "service", "timezone": "Europe/Stockholm", "resident": "r-h1",
    "url": "https://192.0.2.7:8443", "month": "2026-02", "version": "0", "kid": "k1",
    "account": "p3", "organisation": "org1", "planned": "plan-1", "by": "button",
}  # fmt: skip
EARLIER = {"since", "empty_since", "quiet_since", "before", "not_before", "times"}
"""Times that lie before the event; others lie after it."""


class World:
    """Writes the log: numbers, seals, and remembers what was written."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.written: dict[str, list[str]] = {}
        self._heads: dict[str, tuple[int, bytes]] = {}
        self.at = START

    def write(self, kind: str, fields: dict[str, Any]) -> None:
        """Seal an event of this kind, by who writes it."""
        origin = "staff:h1" if KINDS[kind].BY is By.SERVER else "home:h1"
        seq, previous = self._heads.get(origin, (0, GENESIS))
        data = from_fields(kind, fields)
        if kind != data.KIND:
            raise ValueError(f"{kind} cannot be made of {fields}")
        event, _, digest = seal(
            Draft(data, device=DEVICES.get(kind.partition(".")[0]), person=_person(kind)),
            origin=origin,
            seq=seq + 1,
            at=self.at,
            clock="synced",
            boot="b1",
            mono_s=float(len(self.lines)),
            previous=previous,
        )
        self._heads[origin] = event.seq, digest
        self.written.setdefault(kind, []).append(event.ref)
        self.lines.append(to_json(event))
        self.at += STEP


def _person(kind: str) -> str | None:
    """A second person answers what one asked; a home's own events are nobody's, but for a turn and
    a visit."""
    if kind in ("grant.approved", "grant.refused", "event.set_aside", "event.aside_declined"):
        return "p2"
    server = KINDS[kind].BY is By.SERVER
    return "p1" if server or kind.startswith(("unlock.", "visit.", "page.opened")) else None


def lines() -> list[str]:
    """The log: one sealed event a line, as the home has it (its own and the server's)."""
    world = World()
    for kind in sorted(KINDS, key=_order):
        for number, fields in enumerate(variants(KINDS[kind], world)):
            made = json.loads(json.dumps(fields).replace("<n>", str(number)))
            world.write(kind, _referring(kind, made, number, world))
    return [
        json.dumps(one, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        for one in world.lines
    ]


def _order(kind: str) -> tuple[int, int]:
    place = list(KINDS).index(kind)
    if kind.startswith(LAST):
        return len(FIRST) + 1, place
    begins = [number for number, word in enumerate(FIRST) if kind.startswith(word)]
    return begins[0] if begins else len(FIRST), place


def variants(cls: type[Data], world: World) -> Iterator[dict[str, Any]]:
    """With everything; with what must be there; with each word of each field that has words."""
    full = whole(cls, world)
    yield full
    optional = {
        field.name
        for field in dataclasses.fields(typing.cast(Any, cls))
        if field.default is not dataclasses.MISSING
    }
    if optional:
        yield {name: value for name, value in full.items() if name not in optional}
    for name, hint in typing.get_type_hints(cls).items():
        if name in full and cls.KIND != "fault.counted":
            yield from ({**full, name: value} for value in _others(hint, full[name]))
    if "grant" in full or "check" in full:
        yield from [full] * 2  # more of those that others go on from


def _others(hint: Any, known: Any) -> Iterator[Any]:
    for one in (hint, *typing.get_args(hint)):
        if one is bool:
            yield not known
        elif isinstance(one, type) and issubclass(one, Enum):
            yield from (member.value for member in one if member.value != known)


def whole(cls: type, world: World) -> dict[str, Any]:
    """Every field with a value."""
    if getattr(cls, "KIND", "") == "home.described":
        told = [
            {"id": name, "driver": driver, "type": kind, "role": role, "room": None}
            for name, (driver, kind, role) in ROLES.items()
        ]
        return {"devices": told, "timezone": TEXTS["timezone"], "resident": TEXTS["resident"]}
    hints = typing.get_type_hints(cls, include_extras=True)
    return {
        field.name: _value(field.name, hints[field.name], world)
        for field in dataclasses.fields(typing.cast(Any, cls))
    }


def _value(name: str, hint: Any, world: World) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return "<ref>" if Holds.EVENT in hint.__metadata__ else _value(name, args[0], world)
    if origin in (typing.Union, types.UnionType):
        return _value(name, next(arg for arg in args if arg is not type(None)), world)
    if origin is tuple:
        many = len(CLASSES_S) + 1 if name == "counts" else 1
        return [_value(name, args[0], world)] * many
    if isinstance(hint, type) and issubclass(hint, Enum):
        return AlarmType.PENDANT.value if hint is AlarmType else next(iter(hint)).value
    if dataclasses.is_dataclass(hint):
        return whole(typing.cast(type, hint), world)
    if hint in (str, int, float, bool):
        plain: dict[Any, Any] = {int: 12, float: 0.0 if name == "offset_s" else 12.5, bool: True}
        return plain.get(hint) or plain.get(hint, TEXTS.get(name, f"{name}-<n>"))
    away = -10 * STEP if name in EARLIER else HOUR
    return (world.at + away).isoformat()


def _referring(kind: str, fields: dict[str, Any], number: int, world: World) -> dict[str, Any]:
    """The same with the events that it is about."""
    about = {
        "alarm": "alarm.raised", "visit": "visit.started", "sample": "access.sampled",
        "request": "event.aside_asked" if kind.startswith("event.") else "grant.requested",
    }  # fmt: skip

    def ref(name: str) -> str:
        known = world.written.get(about.get(name, ""), ["home:h1/1"])
        return known[(number + APART.get(kind, 0)) % len(known)]

    return {
        name: ref(name) if value == "<ref>" else [ref(name)] if value == ["<ref>"] else value
        for name, value in fields.items()
    }
