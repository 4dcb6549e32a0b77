"""All folds together, and making their tables anew from the events.

Not for: single folds (`web.staff.events.projections.care`, `web.staff.events.projections.devices`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, delete, false, null, or_, select, update

from gateway.envelope import Event
from gateway.events import ACCESS_KINDS, KINDS, By, ClockSynced
from gateway.origin import is_origin_of
from web.staff.events.judgement import (
    REFUSED_KIND,
    Verdict,
    judge,
    known_persons,
)
from web.staff.events.projections import (
    alarms,
    care,
    chain,
    checks,
    configs,
    devices,
    doors,
    plans,
    ssh_hours,
    trials,
    updates,
)
from web.staff.events.projections.fold import HANDLERS, Fold
from web.staff.storage import tables
from web.staff.storage.event_store import (
    CORRECTED_AHEAD_MAX,
    clean,
    cleaned,
    lock_home,
    to_event,
)

__all__ = ["Fold", "orphan_id", "rebuild_home", "refold"]

NO_SHIFT = timedelta()

FLUSH_EVERY = 5_000
"""Events folded in memory before rows are written: bounds the memory of a rebuild."""

# imported so that their handlers are registered
_FOLDS = (
    *(alarms, care, chain, checks, configs, devices, doors, plans, ssh_hours, trials),
    updates,
)


def orphan_id(ref: str, digest: bytes) -> str:
    """The identity of an alarm whose number another event has got: both stay."""
    return f"{ref}~{digest.hex()[:8]}"


def rebuild_home(conn: Connection, home: str) -> int:
    """Empty the home's projections and fold all its events anew, in the order in which the server
    learned them.  What the home may say (`judgement`) is judged anew: what it may not is refused
    now, if it was not before, and what was refused and would be taken today counts.  Returns how
    many events were folded."""
    lock_home(conn, home)
    for table in tables.PROJECTIONS:
        conn.execute(delete(table).where(table.c.home_id == home))
    fold, count = Fold(conn, home), 0
    for event, ref, shift in _history(conn, home):
        fold.apply(event, ref=ref, shift=shift)
        count += 1
        if count % FLUSH_EVERY == 0:
            fold.flush()
    fold.flush()
    return count


@dataclass(frozen=True, slots=True)
class _Stored:
    """One event as it is stored, on either lane."""

    table: Table
    origin: str
    seq: int
    hash: bytes
    body: str
    received_at: datetime
    mark: str | None
    orphan: bool
    corrected_at: datetime | None
    """None on the urgent lane."""

    @property
    def order(self) -> tuple[datetime, str, int, bool]:
        """In which order the server learned of it."""
        return self.received_at, self.origin, self.seq, self.table is tables.urgent


def _history(conn: Connection, home: str) -> Iterator[tuple[Event, str, timedelta]]:
    """The events that count, each with its identity and how far its times are to be moved."""
    stored = sorted(_stored(conn, home), key=lambda one: one.order)
    persons = known_persons(conn, home, {name for one in stored for name in _named(one.body)})
    for one in stored:
        event = to_event(one.body, one.hash)
        shift = timedelta() if one.corrected_at is None else one.corrected_at - event.at
        if is_origin_of(event.origin, home):
            verdict = judge(event, home, persons, one.received_at, len(one.body))
            event = verdict.event
            if verdict.mark is not None:
                shift = timedelta()
                _note(conn, one, verdict)
            elif one.mark is not None:
                shift = _correction(conn, event, one.received_at)
                _note(conn, one, verdict, shift)
            if verdict.refused:
                continue
        yield event, orphan_id(event.ref, one.hash) if one.orphan else event.ref, shift


def _named(body: str) -> Iterator[str]:
    """Whom a stored event names; most name nobody, and are not parsed for it."""
    if '"person":' in body or '"resident":' in body:
        obj = json.loads(cleaned(body))
        data = obj.get("data")
        resident = data.get("resident") if isinstance(data, dict) else None
        yield from _texts_of(obj.get("person"), resident)


def _texts_of(*values: object) -> Iterator[str]:
    yield from (value for value in values if isinstance(value, str))


def _stored(conn: Connection, home: str) -> Iterator[_Stored]:
    for table in (tables.event, tables.urgent):
        c = table.c
        late = table is tables.urgent
        query = select(
            *(c.origin, c.seq, c.hash, c.body, c.received_at, c.mark),
            (c.orphan if late else false()).label("orphan"),
            (null() if late else c.corrected_at).label("corrected_at"),
        ).where(
            c.home_id == home,
            or_(c.kind.in_({*HANDLERS.kinds(), *_JUDGED}), c.mark.is_not(None)),
        )
        for row in conn.execute(query):
            origin, seq, digest, body, received_at, mark, orphan, corrected_at = row
            yield _Stored(
                *(table, origin, seq, bytes(digest), body, received_at, mark),
                orphan=bool(orphan),
                corrected_at=corrected_at,
            )


_JUDGED = sorted({kind for kind, cls in KINDS.items() if cls.BY is By.SERVER} | ACCESS_KINDS)
"""Kinds that are read again beside those that are folded: they are shown by their kind."""


def _correction(conn: Connection, event: Event, received_at: datetime) -> timedelta:
    """How far the next `clock.synced` of its boot moves an event that it left out as marked."""
    e = tables.event.c
    if event.clock == "synced":
        return timedelta()
    query = select(e.body, e.hash).where(
        e.origin == event.origin,
        e.boot == clean(event.boot),
        e.kind == ClockSynced.KIND,
        e.seq > event.seq,
        e.mark.is_(None),
    )
    for body, digest in conn.execute(query.order_by(e.seq).limit(1)):
        synced = to_event(body, bytes(digest)).data
        if isinstance(synced, ClockSynced):
            moved = timedelta(seconds=synced.offset_s)
            if event.at + moved <= received_at + CORRECTED_AHEAD_MAX:
                return moved
    return timedelta()


def _note(conn: Connection, one: _Stored, verdict: Verdict, shift: timedelta = NO_SHIFT) -> None:
    """Write what a stored event is marked with, and counts as, unless that is so already."""
    if one.mark == verdict.mark:
        return
    t, event = one.table, verdict.event
    values: dict[str, object] = {
        "mark": verdict.mark,
        "kind": REFUSED_KIND if verdict.refused else clean(event.kind),
    }
    if t is tables.event:
        values |= {
            "at": event.at,
            "corrected_at": event.at + shift,
            "person": None if verdict.refused else clean(event.person),
        }
    this = (t.c.origin == one.origin) & (t.c.seq == one.seq) & (t.c.hash == one.hash)
    conn.execute(update(t).where(this).values(values))


def refold(fold: Fold, synced: Event) -> None:
    """The times of a boot were corrected: fold its unsynced events again with the right times."""
    t = tables.event
    rows = fold.conn.execute(
        select(t.c.body, t.c.hash, t.c.corrected_at)
        .where(
            t.c.origin == synced.origin,
            t.c.boot == clean(synced.boot),
            ~t.c.synced,
            t.c.seq < synced.seq,
            t.c.kind.in_(HANDLERS.kinds()),
            t.c.mark.is_(None),
        )
        .order_by(t.c.seq)
    )
    for row in rows.all():
        event = to_event(row.body, row.hash)
        fold.apply(event, shift=row.corrected_at - event.at)
