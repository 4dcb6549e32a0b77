"""What stands around an event's data, read field by field: as this version writes it, or as far as
it can be read.

Nobody gets past an event that is refused, neither a home nor its stream.  So what another version
writes otherwise is read as none and kept: a clock that is not known is not synced, a time that
cannot be read is `NO_TIME`.  Only what has no origin, no number or no kind is no event.

Not for: the event itself, or its hash (`gateway.envelope`), or its data (`gateway.events`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from gateway.errors import BadEvent
from gateway.events import Ref

ClockState = Literal["synced", "unsynced"]

SEQ_MAX = 2**63 - 1
"""What a database keeps of a number."""

NAME_MAX = 200
"""Characters of a text; a device's id has 64 at the most, and an index of PostgreSQL takes 2,704
bytes of one."""

MONO_MAX_S = 1e10
"""Seconds since a start, at the most: 300 years."""

VERSION_MAX = 2**31 - 1
"""The largest version of a rule."""

DEPTH_MAX = 40
"""How deep an event's data may be nested: nothing of ours goes a quarter as far.  What Python reads
at one place and not at another, some nine hundred deep, would be kept and darken its readers."""

NO_TIME = datetime(1900, 1, 1, tzinfo=UTC)
"""The time of an event whose own cannot be read: nothing is as old.  Who knows better, as when it
came, takes that."""

CLOCKS = ("synced", "unsynced")
NEEDED = frozenset(("origin", "seq", "at", "clock", "boot", "mono_s", "kind", "data"))
KNOWN = NEEDED | {"device", "person", "because", "hash"}

MALFORMED = (BadEvent, AttributeError, KeyError, TypeError, ValueError, OverflowError)
"""What a value of any form may raise when it is read as one of another."""


@dataclass(frozen=True, slots=True)
class Because:
    """Why a decision was made: the rule, its version, and the events that it rests on."""

    rule: str
    version: int
    events: tuple[Ref, ...]


_WHY = ("rule", "version", "events")


def text(value: Any) -> str:
    """A text of the envelope.  This and the others raise one of `MALFORMED`."""
    if not isinstance(value, str) or len(value) > NAME_MAX:
        raise BadEvent(f"a text of at most {NAME_MAX} characters was expected in an event")
    return value


def text_or_none(value: Any) -> str | None:
    """The same, where it may be left out."""
    return None if value is None else text(value)


def mono_s(value: Any) -> float:
    """Seconds since a start."""
    if not isinstance(value, int | float) or not -MONO_MAX_S <= value <= MONO_MAX_S:
        raise BadEvent("an event's mono_s is no number of seconds")
    return float(value)


def because(value: Any) -> Because | None:
    """Why it was decided."""
    if value is None:
        return None
    version, events = value["version"], value["events"]
    if type(version) is not int or abs(version) > VERSION_MAX or not isinstance(events, list):
        raise BadEvent("an event's reason is none of this version")
    if len(value) != len(_WHY):
        raise BadEvent("an event's reason says more than this version knows")
    return Because(text(value["rule"]), version, tuple(text(ref) for ref in events))


def hash_text(value: Any) -> str:
    """The event's hash, whatever it holds."""
    if not isinstance(value, str):
        raise BadEvent("an event's hash is no text")
    return value


def require_shallow(value: Any) -> None:
    """Raise `BadEvent` for what lies too deep."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise BadEvent("its data lie too deep")


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise BadEvent("an event's time has no offset")
    return at.astimezone(UTC)


def _clock(value: Any) -> Any:
    if value not in CLOCKS:
        raise BadEvent("an event's clock is neither synced nor unsynced")
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadEvent("an event's data are no object")
    return value


_EACH: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "at": (_time, NO_TIME),
    "clock": (_clock, "unsynced"),
    "boot": (text, ""),
    "mono_s": (mono_s, 0.0),
    "device": (text_or_none, None),
    "person": (text_or_none, None),
    "because": (because, None),
    "data": (_object, {}),
}
"""How each field is read, and what it is where it cannot be."""


def tolerated(obj: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of an envelope that is not as this version writes it, and those of them that are
    not read, as they came.  Raises `BadEvent` for what is no event."""
    if not isinstance(obj, Mapping):
        raise BadEvent("it is no JSON object")
    origin, seq, kind = obj.get("origin"), obj.get("seq"), obj.get("kind")
    if not isinstance(origin, str):
        raise BadEvent("an event has no origin")
    if type(seq) is not int or not 1 <= seq <= SEQ_MAX:
        raise BadEvent(f"an event's seq is not a whole number from 1 to {SEQ_MAX}")
    if not isinstance(kind, str) or len(kind) > NAME_MAX:
        raise BadEvent(f"an event's kind is no text of at most {NAME_MAX} characters")
    read: dict[str, Any] = {"origin": origin, "seq": seq, "kind": kind}
    around = {name: value for name, value in obj.items() if name not in KNOWN}
    for name, (how, otherwise) in _EACH.items():
        read[name] = otherwise
        if name in obj:
            try:
                read[name] = how(obj[name])
            except MALFORMED:
                around[name] = obj[name]
    if "because" in around:
        read["because"] = _why_of(obj["because"])
    return read, around


def _why_of(value: Any) -> Because | None:
    """What can be read of a reason that says more."""
    try:
        return because({name: value[name] for name in _WHY})
    except MALFORMED:
        return None
