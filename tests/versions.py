"""What a newer version could write, made from the kinds of this one: every kind with a field more,
with a word that is not known in each coded field, without each field that may be missing, and with
a value of another form in each.

Not for: kinds that only a newer version has (the tests name some), or what an older one wrote
(`tests/golden`).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from gateway.envelope import canonical, chained
from gateway.events import KINDS, AnyAlarmType, Coded, Data, Holds

AT = "2026-11-23T20:30:00.000Z"
NEW_FIELD, NEW_WORD = "zz_new", "zz_word"
PRESENT = {"text": "of a newer version", "many": [1, 2.5, None, True]}
"""The value of a new field."""


@dataclasses.dataclass(frozen=True)
class Newer:
    """One event of a newer version: its data as JSON, and what is new in it: `field`, `word`,
    `missing` or `form`, and where."""

    kind: str
    fields: Mapping[str, Any]
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.where} ({self.what})"


def whole(cls: type, ref: str = "home:h1/1") -> dict[str, Any]:
    """Every field of a kind, or of a part of one, with a value that this version knows; whatever
    names an event names `ref`."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {
        one.name: _value(one.name, hints[one.name], ref)
        for one in dataclasses.fields(typing.cast(Any, cls))
    }


def _value(name: str, hint: Any, ref: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint == AnyAlarmType:
        return "bed_exit"
    if origin is typing.Annotated:
        return ref if Holds.EVENT in hint.__metadata__ else _value(name, args[0], ref)
    if origin in (typing.Union, types.UnionType):
        return _value(name, next(arg for arg in args if arg is not type(None)), ref)
    if origin is tuple:
        return [_value(name, args[0], ref)]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint)).value
    if dataclasses.is_dataclass(hint):
        return whole(typing.cast(type, hint), ref)
    plain = {str: f"a-{name}", int: 1, float: 1.5, bool: True}
    return plain.get(hint, AT)


def coded(cls: type) -> Iterator[tuple[str, type[Coded]]]:
    """The fields of a kind that are one of a few words."""
    for name, hint in typing.get_type_hints(cls).items():
        for one in (hint, *typing.get_args(hint)):
            if isinstance(one, type) and issubclass(one, Coded):
                yield name, one


def newer_of(cls: type[Data], ref: str = "home:h1/1") -> Iterator[Newer]:
    """What a newer version could write of this kind."""
    kind, known = cls.KIND, whole(cls, ref)
    yield Newer(kind, {**known, NEW_FIELD: PRESENT}, "field", NEW_FIELD)
    for name, value in known.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            inside = [{**value[0], NEW_FIELD: PRESENT}]
            yield Newer(kind, {**known, name: inside}, "field", f"{name}.{NEW_FIELD}")
    for name, _ in coded(cls):
        yield Newer(kind, {**known, name: NEW_WORD}, "word", name)
    for one in dataclasses.fields(typing.cast(Any, cls)):
        rest = {name: value for name, value in known.items() if name != one.name}
        yield Newer(kind, rest, "missing", one.name)
        yield Newer(kind, {**known, one.name: {"another": "form"}}, "form", one.name)


def all_newer(ref: str = "home:h1/1") -> list[Newer]:
    """What a newer version could write, of every kind."""
    return [one for cls in KINDS.values() for one in newer_of(cls, ref)]


# --- the envelope ---------------------------------------------------------------------------------

ABSENT = object()
"""In place of a value: the field is not there."""

ENVELOPES: Mapping[str, Mapping[str, Any]] = {
    "a field more": {NEW_FIELD: PRESENT},
    "another clock": {"clock": "gps"},
    "a clock of another form": {"clock": {"state": "synced", "off_ms": 3}},
    "no clock": {"clock": ABSENT},
    "a time of another form": {"at": {"utc": AT, "sure_ms": 5}},
    "a time without an offset": {"at": "2026-11-23T20:30:00"},
    "a second between two days": {"at": "2026-12-31T23:59:60Z"},
    "no time": {"at": ABSENT},
    "another boot": {"boot": 7},
    "a boot out of measure": {"boot": "x" * 5000},
    "no boot": {"boot": ABSENT},
    "a count of another form": {"mono_s": "1.5 s"},
    "a count out of measure": {"mono_s": 1e300},
    "no count": {"mono_s": ABSENT},
    "a device of another form": {"device": {"id": "bed", "part": 2}},
    "a device out of measure": {"device": "x" * 5000},
    "a person of another form": {"person": {"id": "p1"}},
    "a reason in words": {"because": "x"},
    "a reason with a field more": {
        "because": {"rule": "bed", "version": 1, "events": [], NEW_FIELD: PRESENT}
    },
    "a reason with another version": {"because": {"rule": "bed", "version": "2.1", "events": []}},
    "a reason out of measure": {"because": {"rule": "x" * 5000, "version": 2**40, "events": []}},
    "a reason with other events": {"because": {"rule": "x", "version": 1, "events": [{"ref": 1}]}},
    "a reason that rests on one": {"because": {"rule": "x", "version": 1, "events": "home:h1/1"}},
    "data of another form": {"data": ["x"]},
    "no data": {"data": ABSENT},
}
"""What a newer version could write around an event, by a name for it."""


def around(obj: Mapping[str, Any], change: Mapping[str, Any], previous: bytes) -> dict[str, Any]:
    """The event as a newer version would have written and sealed it after `previous`."""
    other = {name: value for name, value in {**obj, **change}.items() if value is not ABSENT}
    return other | {"hash": chained(previous, canonical(other)).hex()}
