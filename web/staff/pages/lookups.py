"""What several pages read: places, names, the events that a decision rests on.

Read only, and only what the actor may see.  Not for: HTTP, or sentences (`event_summary`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    and_,
    false,
    literal,
    or_,
    select,
    union_all,
)

from gateway.envelope import Event, from_json
from gateway.errors import BadEvent
from gateway.events import Ref
from web.staff.care.mass_alarms import is_gathered
from web.staff.core.rights import Actor, Right
from web.staff.events.projections.rebuild import orphan_id
from web.staff.pages.lists import by_name, swedish
from web.staff.relatives import inviting
from web.staff.storage import tables as t
from web.staff.storage.among import among, among_refs
from web.staff.storage.event_store import cleaned
from web.staff.storage.rows import DeviceRow, read_all
from web.staff.texts import kind_words

NOT_CARE = kind_words.NOT_CARE


class Place(NamedTuple):
    """A home as the pages show it.  `who` is the residents' names, or the label where the reader
    may not know them or none is kept; `where` label and address."""

    id: str
    label: str
    address: str
    zone: str
    fallback: str
    who: str

    @property
    def where(self) -> str:
        parts = [part for part in (self.label, self.address) if part and part != self.who]
        return ", ".join(parts)


def places(conn: Connection, actor: Actor, *, beyond: Collection[str] = ()) -> dict[str, Place]:
    """Every home that the actor sees, by id, in the order of their labels; with `beyond`, homes of
    the organisation that there is a reason of another kind to show."""
    homes = actor.homes | set(beyond)
    if not homes:
        return {}
    residents: dict[str, list[str]] = {}
    if actor.may(Right.SEE_CARE):
        query = select(t.resident.c.home_id, t.resident.c.name).where(
            among(t.resident.c.home_id, homes), t.resident.c.moved_out_at.is_(None)
        )
        for home, name in by_name(conn.execute(query)):
            residents.setdefault(home, []).append(name)
    h = t.home.c
    rows = conn.execute(
        select(h.id, h.label, h.address, h.timezone, h.fallback).where(
            among(h.id, homes), h.org_id == actor.org
        )
    )
    return {
        home: Place(
            id=home,
            label=label,
            address=address,
            zone=zone,
            fallback=fallback,
            who=", ".join(residents.get(home, ())) or label,
        )
        for home, label, address, zone, fallback in sorted(
            rows, key=lambda row: _named(row.label, row.id)
        )
    }


def names(conn: Connection, actor: Actor) -> dict[str, str]:
    """Person id to name: the organisation's staff, and the residents and relatives that the actor
    may know."""
    if not actor.may(Right.SEE_CARE) or not actor.homes:
        return staff_names(conn, actor)
    r = t.resident.c
    residents = select(r.id, r.name).where(among(r.home_id, actor.homes))
    kinds = _of_staff(actor), inviting.names_of(actor.org), residents
    ranked = union_all(*(kind.add_columns(literal(rank)) for rank, kind in enumerate(kinds)))
    return _by_name(conn, ranked)


def staff_names(conn: Connection, actor: Actor) -> dict[str, str]:
    """Person id to name of the organisation's staff, by name."""
    return _by_name(conn, _of_staff(actor).add_columns(literal(0)))


def _of_staff(actor: Actor) -> Select[tuple[str, str]]:
    u = t.user.c
    return select(u.person_id, u.name).where(u.org_id == actor.org)


def _by_name(conn: Connection, query: Executable) -> dict[str, str]:
    """Names by person id, of rows with a rank: the lower first, each by name."""
    rows = sorted(conn.execute(query), key=lambda row: (row[2], _named(row[1], row[0])))
    return {person: name for person, name, _rank in rows}


def _named(name: str, key: str) -> tuple[str, str]:
    """Where something stands in a list of names.  Not the database's order: SQLite has Ä before Å
    and small letters after Z, PostgreSQL what its cluster was made with."""
    return swedish(name), key


def teams(conn: Connection, actor: Actor) -> dict[int, str]:
    """The organisation's teams by number."""
    rows = conn.execute(select(t.team.c.id, t.team.c.name).where(t.team.c.org_id == actor.org))
    return {row.id: row.name for row in by_name(rows)}


def areas(conn: Connection, actor: Actor) -> dict[str, tuple[int, str]]:
    """The number and name of the area that a home of the organisation is in, by home."""
    link, area = t.area_home, t.area
    rows = conn.execute(
        select(link.c.home_id, area.c.id, area.c.name)
        .join(area, area.c.id == link.c.area_id)
        .where(area.c.org_id == actor.org)
    )
    return {row.home_id: (row.id, row.name) for row in rows}


def devices(conn: Connection, homes: Collection[str]) -> dict[tuple[str, str], DeviceRow]:
    """The devices of these homes by home and id."""
    if not homes:
        return {}
    rows = read_all(conn, DeviceRow, select(t.device).where(among(t.device.c.home_id, homes)))
    return {(row.home_id, row.id): row for row in rows}


def front_first(locks: Iterable[DeviceRow]) -> tuple[DeviceRow, ...]:
    """The locks of a home, that of the front door first."""
    return tuple(sorted(locks, key=lambda lock: lock.role != "front_door"))


def event_of(body: str) -> Event | None:
    """The event in a stored body; None for one that cannot be read (it is still in the table)."""
    try:
        return from_json(json.loads(cleaned(body)))
    except (BadEvent, ValueError, RecursionError):
        return None


def events_by_ref(
    conn: Connection, refs: Iterable[Ref], homes: Collection[str]
) -> dict[Ref, Event]:
    """The events with these references that belong to `homes`, as far as they have come here.  An
    orphan of the urgent lane goes by its own identity (`<reference>~<hash>`)."""
    pairs = {pair for pair in map(_split, refs) if pair is not None}
    if not pairs or not homes:
        return {}
    events: dict[Ref, Event] = {}
    lanes = (t.urgent, t.urgent.c.orphan), (t.event, false())
    query = union_all(
        *(
            select(table.c.body, table.c.hash, orphan, literal(rank)).where(
                among_refs(table, pairs), among(table.c.home_id, homes)
            )
            for rank, (table, orphan) in enumerate(lanes)
        )
    )
    # of what is in both, that of the log stays
    for body, hash_, orphan, _rank in sorted(conn.execute(query), key=lambda row: row[3]):
        event = event_of(body)
        if event is not None:
            events[orphan_id(event.ref, bytes(hash_)) if orphan else event.ref] = event
    return events


def _split(ref: Ref) -> tuple[str, int] | None:
    # an alarm's id may carry `~<hash>` after the number (see `tables.alarm`)
    origin, _, tail = ref.rpartition("/")
    seq = tail.partition("~")[0]
    return (origin, int(seq)) if origin and seq.isascii() and seq.isdigit() else None


def reasons(
    conn: Connection, events: Iterable[Event], homes: Collection[str]
) -> Mapping[Ref, Event]:
    """The events that the `because` of these events name."""
    refs = [ref for event in events if event.because for ref in event.because.events]
    return events_by_ref(conn, refs, homes)


def single_alarms(actor: Actor) -> ColumnElement[bool]:
    """The condition on `alarm` for open ones that the actor may see and that ring for themselves
    (the others: `web.staff.pages.mass_alarms`)."""
    return and_(open_alarms(actor), ~is_gathered(t.alarm.c.id))


def open_alarms(actor: Actor) -> ColumnElement[bool]:
    """The condition on `alarm` for open ones that the actor may see."""
    base = and_(among(t.alarm.c.home_id, actor.homes), t.alarm.c.closed_at.is_(None))
    if actor.may(Right.SEE_CARE):
        return base
    return and_(base, or_(t.alarm.c.severity == "technical", t.alarm.c.severity.is_(None)))
