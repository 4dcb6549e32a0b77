"""Events as JSON: their fields written, and read back with nothing lost; also those of another
version (`tolerance`).

Not for: the envelope and its hash (`gateway.envelope`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateway.errors import BadEvent
from gateway.events import tolerance
from gateway.events.base import KINDS, Data, Unknown

RENAMED: Mapping[str, Mapping[str, str]] = {"alarm.raised": {"alarm": "type"}}
"""By kind: what a field was called once, and is called now.

A sealed event is never written anew: its hash is that of the JSON as it was sealed, and whoever
checks a chain or keeps a body takes that JSON.  So an old name is only ever read."""

_ADAPTERS: dict[str, TypeAdapter[Any]] = {}


_FIELDS = {kind: tuple(f.name for f in dataclasses.fields(cls)) for kind, cls in KINDS.items()}  # type: ignore[arg-type]
_EMPTY = {kind: KINDS[kind]() for kind, fields in _FIELDS.items() if not fields}
"""Kinds that carry nothing, as nine of ten events of a home (presses, motion): one of each is
enough."""


def _adapter(kind: str, cls: type[Data]) -> TypeAdapter[Any]:
    # made when first used: seventy of them at import would cost a Pi a third of its start
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(cls)
    return _ADAPTERS[kind]


# read from tables: every event has a time, and `isoformat` takes 1.8 µs where this takes 0.8
_TWO = tuple(f"{n:02d}" for n in range(60))
_MS = tuple(f"{n:03d}" for n in range(1000))


def utc_text(at: datetime) -> str:
    """`2026-11-23T13:23:01.123Z`: UTC with milliseconds, the one form of a time in an event."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return (
        f"{at.year:04d}-{_TWO[at.month]}-{_TWO[at.day]}T{_TWO[at.hour]}:{_TWO[at.minute]}:"
        f"{_TWO[at.second]}.{_MS[at.microsecond // 1000]}Z"
    )


def to_fields(data: Data) -> dict[str, Any]:
    """The JSON object of an event's data; times as `utc_text`, enums as their value."""
    if isinstance(data, Unknown):
        return dict(data.fields)
    names = _FIELDS[type(data).KIND]
    return {name: _plain(getattr(data, name)) for name in names} if names else {}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def from_fields(kind: str, fields: Mapping[str, Any], at: datetime | None = None) -> Data:
    """The data of `kind` read from its JSON object; `at` is the event's time.

    An unknown kind, or a known one that cannot be read, comes back as `Unknown`, whole.  Raises
    `BadEvent` when `fields` is no object.
    """
    return read_fields(kind, fields, at)[0]


def read_fields(kind: str, fields: Any, at: datetime | None) -> tuple[Data, bool]:
    """As `from_fields`, and whether this version would write the same: nothing was passed over or
    left out, no meaning was put in for what is not known, and no field is called otherwise."""
    if not isinstance(fields, Mapping):
        raise BadEvent(f"the data of {kind} is not an object")
    empty = _EMPTY.get(kind)
    if empty is not None:
        return empty, not fields
    cls = KINDS.get(kind)
    if cls is None:
        return Unknown(kind, dict(fields)), True
    renamed = kind in RENAMED
    present = _present(kind, fields) if renamed else dict(fields)
    try:
        data: Data = _adapter(kind, cls).validate_python(present)
    except ValidationError:
        return _tolerated(kind, cls, fields, at)
    whole = len(fields) == len(_FIELDS[kind])
    return data, whole and (not renamed or present.keys() == fields.keys())


def _tolerated(
    kind: str, cls: type[Data], fields: Mapping[str, Any], at: datetime | None
) -> tuple[Data, bool]:
    """What can be read of an event that is not as this version writes it."""
    if not cls.STRICT:
        try:
            return tolerance.read(cls, _present(kind, fields), at), False
        except tolerance.CannotRead:
            pass
    return Unknown(kind, dict(fields)), True


def _present(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` under the names of now; of one that stands under both, the name of now counts."""
    present = dict(fields)
    for old, new in RENAMED.get(kind, {}).items():
        if old in present:
            value = present.pop(old)
            present.setdefault(new, value)
    return present


def not_read(kind: str, fields: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """What of `fields` is not, or not in the same way, in the data that was read from it."""
    read = to_fields(data)
    present = _present(kind, fields)
    return {name: value for name, value in present.items() if read.get(name, ...) != value}


def names_of(kind: str, field: str) -> tuple[str, ...]:
    """What a field of `kind` is and was called in stored JSON, for whoever searches it."""
    before = (old for old, new in RENAMED.get(kind, {}).items() if new == field)
    return (field, *before)


def kind_of(data: Data) -> str:
    """The kind's name, also of an `Unknown`."""
    return data.kind if isinstance(data, Unknown) else type(data).KIND
