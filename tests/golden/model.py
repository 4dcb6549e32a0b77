"""What the kinds of a version are, as JSON: fields, types, words, defaults; and what of it another
version has no longer.

Not for: values (`world`).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from gateway.events import KINDS

Model = dict[str, Any]


def described() -> Model:
    """Every kind of this version."""
    return {
        name: {
            "by": cls.BY.value,
            "urgent": cls.URGENT,
            "fields": fields_of(cls),
        }
        for name, cls in KINDS.items()
    }


def fields_of(cls: type) -> Model:
    """The fields of a kind, or of a part of one."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = {}
    for field in dataclasses.fields(typing.cast(Any, cls)):
        told: Model = {"type": type_of(hints[field.name])}
        if field.default is not dataclasses.MISSING:
            told["default"] = _plain(field.default)
        words = sorted(set(_words(hints[field.name])))
        if words:
            told["words"] = words
        part = _part(hints[field.name])
        if part is not None:
            told["part"] = fields_of(part)
        found[field.name] = told
    return found


def type_of(hint: Any) -> str:
    """`text`, `time or none`, `list of word` …"""
    return " or ".join(sorted(set(_types(hint)), key=lambda one: (one == "none", one)))


def _types(hint: Any) -> Iterator[str]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        yield from _types(args[0])
    elif origin in (typing.Union, types.UnionType):
        for arg in args:
            yield from _types(arg)
    elif origin is tuple:
        yield f"list of {type_of(args[0])}"
    elif isinstance(hint, type) and issubclass(hint, Enum):
        yield "word"
    elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield "part"
    elif isinstance(hint, type) and issubclass(hint, str):
        yield "text"
    else:
        names = {bool: "true or false", int: "whole number", float: "number", type(None): "none"}
        yield names.get(hint, "time")


def _words(hint: Any) -> Iterator[str]:
    for one in (hint, *typing.get_args(hint)):
        if isinstance(one, type) and issubclass(one, Enum):
            yield from (member.value for member in one)
        elif one is not hint:
            yield from _words(one)


def _part(hint: Any) -> type | None:
    for one in typing.get_args(hint):
        if isinstance(one, type) and dataclasses.is_dataclass(one):
            return one
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


# --- two versions ---------------------------------------------------------------------------------


def taken_away(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """What of `old` is not so in `new`, by `kind` or `kind.field`: what a reader of both versions
    could trip over.  What is added is not in it, but for a field that must be there."""
    found: dict[str, str] = {}
    for kind, before in old.items():
        after = new.get(kind)
        if after is None:
            found[kind] = "the kind is gone"
            continue
        for what in ("by", "urgent"):
            if before[what] != after[what]:
                found[f"{kind}.{what}"] = f"{before[what]} is {after[what]} now"
        _fields_away(kind, before["fields"], after["fields"], found)
    return found


def _fields_away(
    where: str, old: Mapping[str, Any], new: Mapping[str, Any], found: dict[str, str]
) -> None:
    for name, before in old.items():
        place, after = f"{where}.{name}", new.get(name)
        if after is None:
            found[place] = "the field is gone"
            continue
        if before["type"] != after["type"]:
            found[place] = f"{before['type']} is {after['type']} now"
        gone = sorted(set(before.get("words", ())) - set(after.get("words", ())))
        if gone:
            found[place] = f"the words {', '.join(gone)} are gone"
        if ("default" in before) != ("default" in after) or (
            "default" in before and before["default"] != after["default"]
        ):
            found[place] = "another default"
        if "part" in before and "part" in after:
            _fields_away(place, before["part"], after["part"], found)
    for name in new.keys() - old.keys():
        if "default" not in new[name]:
            found[f"{where}.{name}"] = "a new field that older versions do not write"
