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
