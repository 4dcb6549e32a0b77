"""What a home may say: judged event by event, before anything is made of it.

A home writes about itself.  An event that is of a kind of the server's, that names an event of
another home or a person of another organisation, or that holds a value which cannot be meant, is
kept whole (the chain goes on) under the kind `REFUSED_KIND`: no page, table or log of accesses
that asks for a kind finds it, and the list of events shows it as what it is.  One whose times are
far from the server's counts, with the time at which the server had it.  An alarm rings whatever
else it says, and a home's description counts whoever it says lives there: what they may not name is
left out of what counts.

The same is asked again when a home's tables are made anew, so that this also mends a database
that was written before it was asked.  Not for: whether a chain holds, or the envelope
(`web.staff.homelink.ingest`).
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, select

from gateway.envelope import Event
from gateway.events import (
    KINDS,
    AlarmRaised,
    By,
    Holds,
    HomeDescribed,
    Unknown,
    alarm_type,
    not_read,
    to_fields,
)
from gateway.origin import is_origin_of
from web.staff.storage import tables

REFUSED_KIND = "refused"
"""The column `kind` of an event that does not count; its body says what it was to be."""

SET_ASIDE_KIND = "set_aside"
"""The column `kind` of an event that was set aside."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""A Pi without a clock of its own begins here; nothing is older."""

AHEAD_MAX = timedelta(days=1)
"""How far a home's clock may be ahead of the server's: more than any zone taken for another."""

NAMED_AHEAD_MAX = timedelta(days=31)
"""How far ahead a time may lie that a home names: slots and deadlines lie within two days."""

INT_MAX = 2**31 - 1
"""The largest whole number in an event's data: what a column of them holds (PostgreSQL)."""

FLOAT_MAX = 4e9
"""The largest other number: 127 years in seconds, more than any clock is off."""

TEXT_MAX = 600
"""Characters of a text in an event's data: an index of PostgreSQL takes 2,704 bytes of one."""

PROSE_MAX = 20_000
"""Characters of what a program says in words; an error with its whole trace is shorter.  Of a kind
that is not known any text may be that."""

BODY_MAX = 64_000
"""Characters of an event, all in all: a home with three hundred devices describes itself in 40,000.
A larger one counts for nothing, as it would be read with every page that lists it."""

FIELD_SHOWN_MAX = 60
"""Characters of a field's name that are told: in a kind that is not known it may be anything."""

_REF = re.compile(r"(?P<origin>(?:home|staff):[^/]*)/[0-9]{1,19}(?:~[0-9a-f]{8})?")
_LIKE_REF = re.compile(r"(?:home|staff):[^/]*/[0-9]")


class Mark(StrEnum):
    """What is odd about an event that a home sent."""

    NOT_ITS_KIND = "not_its_kind"
    """Only the server writes this kind."""
    FOREIGN_REF = "foreign_ref"
    """It names an event that is none of this home's."""
    FOREIGN_PERSON = "foreign_person"
    """It names somebody who is not of the home's organisation."""
    BAD_VALUE = "bad_value"
    """A number or a text is larger than it can be."""
    SET_ASIDE = "set_aside"
    """Two people set it aside (`web.staff.audit.setting_aside`): no home's list has it."""
    FAR_TIME = "far_time"
    """A time is far from the server's: it counts, with the time at which it came."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an event: `event` is as it counts, `field` what the mark is about; `counts`:
    all the same, without that."""

    event: Event
    mark: Mark | None = None
    field: str = ""
    counts: bool = False

    @property
    def overstepped(self) -> bool:
        """Whether it says what the home may not say."""
        return self.mark is not None and self.mark is not Mark.FAR_TIME

    @property
    def refused(self) -> bool:
        """Whether it is kept and nothing more."""
        return self.overstepped and not self.counts


def is_ref_of(ref: str, home: str) -> bool:
    """Whether `ref` names an event of this home, written there or decided about it."""
    match = _REF.fullmatch(ref)
    if match is None:
        return False
    origin = match["origin"]
    return origin == f"staff:{home}" or is_origin_of(origin, home)


@dataclass(frozen=True, slots=True)
class Persons:
    """Whom a home names, and may: `staff` of its organisation, its own `residents`; `others` are
    somebody's name all the same."""

    staff: frozenset[str] = frozenset()
    residents: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


def named_in(events: Iterable[Event]) -> frozenset[str]:
    """Everybody whom these events name."""
    return frozenset(
        person
        for event in events
        for person in (event.person, getattr(event.data, "resident", None))
        if isinstance(person, str)
    )


def known_persons(conn: Connection, home: str, persons: Collection[str]) -> Persons:
    """Who `persons` are to a home."""
    if not persons:
        return Persons()
    names = sorted(name for name in persons if "\x00" not in name)
    u, h, r = tables.user.c, tables.home.c, tables.resident.c
    ours = select(h.org_id).where(h.id == home).scalar_subquery()
    accounts = select(u.person_id, u.org_id == ours).where(u.person_id.in_(names))
    staff = {person: bool(own) for person, own in conn.execute(accounts)}
    lives = select(r.id, r.home_id == home).where(r.id.in_(names))
    residents = {person: bool(own) for person, own in conn.execute(lives)}
    return Persons(
        frozenset(name for name, own in staff.items() if own),
        frozenset(name for name, own in residents.items() if own),
        frozenset(staff.keys() | {name for name, own in residents.items() if not own}),
    )


def judge(event: Event, home: str, persons: Persons, came_at: datetime, size: int = 0) -> Verdict:
    """What becomes of an event of this home that came at `came_at`.  `persons` are those whom it
    names (`known_persons`), `size` the characters of its body."""
    counted = in_time(event, came_at)
    for mark, field in _refusals(event, home, persons, size):
        rings = isinstance(counted.data, AlarmRaised)
        return Verdict(_ringing(counted), mark, field[:FIELD_SHOWN_MAX], counts=rings)
    far = counted is not event
    data = counted.data
    if isinstance(data, HomeDescribed) and data.resident not in (None, *persons.residents):
        counted = replace(counted, data=replace(data, resident=None))
        if data.resident in persons.others:
            return Verdict(counted, Mark.FOREIGN_PERSON, "resident", counts=True)
    return Verdict(counted, Mark.FAR_TIME, "at") if far else Verdict(counted)


def _ringing(event: Event) -> Event:
    """An alarm without what it may not name, so that it rings all the same; others as they are."""
    if not isinstance(event.data, AlarmRaised):
        return event
    data = replace(event.data, type=alarm_type(event.data.type[:TEXT_MAX]))
    return replace(event, data=data, person=None, because=None)


def _refusals(event: Event, home: str, persons: Persons, size: int) -> Iterator[tuple[Mark, str]]:
    cls = KINDS.get(event.kind)
    if cls is not None and cls.BY is By.SERVER:
        yield Mark.NOT_ITS_KIND, "kind"
    if event.person is not None and event.person not in persons.staff:
        yield Mark.FOREIGN_PERSON, "person"
    if event.because and not all(is_ref_of(ref, home) for ref in event.because.events):
        yield Mark.FOREIGN_REF, "because"
    for field, value, holds in _values(event):
        mark = _odd(value, holds, home)
        if mark is not None:
            yield mark, field
    if size > BODY_MAX:
        yield Mark.BAD_VALUE, largest_field(event)


def largest_field(event: Event) -> str:
    """What takes most room in an event."""
    fields = to_fields(event.data)
    return max(fields, key=lambda name: len(name) + len(repr(fields[name])), default="data")


def _odd(value: object, holds: Holds | None, home: str) -> Mark | None:
    if isinstance(value, str):
        if holds is Holds.EVENT and not is_ref_of(value, home):
            return Mark.FOREIGN_REF
        longest = PROSE_MAX if holds is Holds.PROSE else TEXT_MAX
        return Mark.BAD_VALUE if len(value) > longest else None
    if isinstance(value, int) and abs(value) > INT_MAX:
        return Mark.BAD_VALUE
    if isinstance(value, float) and not abs(value) <= FLOAT_MAX:
        return Mark.BAD_VALUE
    return None


# --- times ----------------------------------------------------------------------------------------


def in_time(event: Event, came_at: datetime) -> Event:
    """The event with every time that is far from `came_at` set to it; itself when there is none."""
    now = came_at.replace(microsecond=came_at.microsecond // 1000 * 1000)
    at = event.at if EARLIEST <= event.at <= now + AHEAD_MAX else now
    data = _near(event.data, now)
    if at is event.at and data is event.data:
        return event
    return replace(event, at=at, data=data)


def _near(value: Any, now: datetime) -> Any:
    if isinstance(value, datetime):
        return value if EARLIEST <= value <= now + NAMED_AHEAD_MAX else now
    if isinstance(value, tuple):
        near = tuple(_near(item, now) for item in value)
        return value if all(a is b for a, b in zip(value, near, strict=True)) else near
    if isinstance(value, Unknown) or not dataclasses.is_dataclass(value):
        return value
    changed = {}
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        near = _near(held, now)
        if near is not held:
            changed[field.name] = near
    return replace(value, **changed) if changed and not isinstance(value, type) else value


# --- walking over what an event holds -------------------------------------------------------------


def _values(event: Event) -> Iterator[tuple[str, object, Holds | None]]:
    """Every plain value in an event's data: the field's name, the value, what it holds."""
    data = event.data
    if event.around is not None:
        yield from _unread(event.around, refs=True)
    if isinstance(data, Unknown):
        yield from _unread(data.fields, refs=data.kind in KINDS)
        return
    kind: type = type(data)
    for name, holds in fields_of(kind):
        yield from _flat(name, getattr(data, name), holds)
    if event.as_written is not None:
        yield from _unread(not_read(event.kind, event.as_written, data), refs=True)


def _unread(
    fields: Mapping[str, object], *, refs: bool
) -> Iterator[tuple[str, object, Holds | None]]:
    """What is of a newer version, perhaps: what it names is looked at, and how long its texts are,
    for a later version reads it."""
    for field, value in fields.items():
        for text in _texts(value):
            yield field, text, Holds.EVENT if refs and _LIKE_REF.match(text) else Holds.PROSE


def _flat(
    field: str, value: object, holds: Holds | None
) -> Iterator[tuple[str, object, Holds | None]]:
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(field, item, holds)
    elif isinstance(value, Enum):
        return
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for name, inner in fields_of(type(value)):
            yield from _flat(f"{field}.{name}", getattr(value, name), inner)
    else:
        yield field, value, holds


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


@cache
def fields_of(cls: type) -> tuple[tuple[str, Holds | None], ...]:
    """The fields of an event's data, or of a part of it, each with what its type says it holds."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple((field.name, _holds(hints[field.name])) for field in dataclasses.fields(cls))


def _holds(hint: Any) -> Holds | None:
    for said in getattr(hint, "__metadata__", ()):
        if isinstance(said, Holds):
            return said
    found = (_holds(part) for part in typing.get_args(hint) if part is not Ellipsis)
    return next((one for one in found if one is not None), None)
