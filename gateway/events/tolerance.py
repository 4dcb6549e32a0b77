"""Reading what another version wrote: each field by itself, with what its declaration says it means
where it cannot be read (`base.Else`, `base.Coded`).

A field that this version does not know is passed over; a strict kind (`Data.STRICT`) is not read
at all then.  Parts of an event (the devices of a home) are read in the same way, and a part that
cannot be read is left out.  What is read here is slower than what is read whole, and rare: an
event comes here when it is not of this version, or is wrong.

Not for: the fast way, and JSON (`codec`).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateway.events.base import Coded, Else, Holds, Unread

_ABSENT = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """How one field is read.  `part` is the class of the parts that it lists, None: it lists none;
    `optional`: it may be left out."""

    name: str
    hint: Any
    otherwise: Else
    part: type | None
    optional: bool

    def read(self, given: object, at: datetime | None) -> Any:
        """The value in `given`, or what it means that there is none.  Raises `CannotRead`."""
        if given is not _ABSENT:
            try:
                if self.part is not None and isinstance(given, list | tuple):
                    return tuple(_parts(self.part, given, at))
                return _adapter(self.hint).validate_python(given)
            except ValidationError:
                pass
        meant = self.otherwise.value
        if meant is Unread.WHOLE or (meant is Unread.OWN_TIME and at is None):
            raise CannotRead(self.name)
        return at if meant is Unread.OWN_TIME else meant


class CannotRead(Exception):
    """A field that the event cannot do without."""


def read(cls: type, fields: Mapping[str, Any], at: datetime | None) -> Any:
    """The data of `cls` in `fields`, as far as it can be read; `at` is the event's time.  Raises
    `CannotRead`."""
    values = {
        one.name: one.read(fields.get(one.name, _ABSENT), at)
        for one in readers(cls)
        if one.name in fields or not one.optional
    }
    return cls(**values)


@cache
def readers(cls: type) -> tuple[Reader, ...]:
    """How each field of a kind, or of a part of one, is read."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(
        Reader(
            field.name,
            hints[field.name],
            _otherwise(hints[field.name], field.default),
            _part_of(hints[field.name]),
            field.default is not dataclasses.MISSING,
        )
        for field in dataclasses.fields(cls)
    )


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def _parts(cls: type, given: list[Any] | tuple[Any, ...], at: datetime | None) -> list[Any]:
    found = []
    for item in given:
        try:
            if isinstance(item, Mapping):
                found.append(read(cls, item, at))
        except CannotRead:
            continue
    return found


def _otherwise(hint: Any, default: Any) -> Else:
    """What a field is read as where it cannot be read (see `Else`)."""
    metadata = getattr(hint, "__metadata__", ())
    declared = next((said for said in metadata if isinstance(said, Else)), None)
    if declared is not None:
        return declared
    plain = tuple(_plain(hint))
    for one in plain:
        if isinstance(one, type) and issubclass(one, Coded):
            return Else(one.unread())
    if default is not dataclasses.MISSING:
        return Else(default)
    if type(None) in plain:
        return Else(None)
    return Else("") if Holds.PROSE in metadata else Else(Unread.WHOLE)


def _plain(hint: Any) -> Iterator[Any]:
    """The types that a hint stands for, without what is noted beside them."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        yield from _plain(args[0])
    elif origin in (typing.Union, types.UnionType):
        for arg in args:
            yield from _plain(arg)
    else:
        yield hint


def _part_of(hint: Any) -> type | None:
    """The class of the parts that a field lists."""
    if typing.get_origin(hint) is tuple:
        part = typing.get_args(hint)[0]
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            return part
    return None
