"""All folds together, and making their tables anew from the events.

Not for: single folds (`web.staff.events.projections.care`, `web.staff.events.projections.devices`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, select

from gateway.envelope import Event, from_json
from web.staff.events.projections import care, devices, doors
from web.staff.events.projections.fold import HANDLERS, Fold
from web.staff.storage import tables
from web.staff.storage.event_store import lock_home, to_event

__all__ = ["Fold", "orphan_id", "rebuild_home", "refold"]

FLUSH_EVERY = 5_000
"""Events folded in memory before rows are written: bounds the memory of a rebuild."""

_FOLDS = (care, devices, doors)  # imported so that their handlers are registered


def orphan_id(ref: str, digest: bytes) -> str:
    """The identity of an alarm whose number another event has got: both stay."""
    return f"{ref}~{digest.hex()[:8]}"


def rebuild_home(conn: Connection, home: str) -> int:
    """Empty the home's projections and fold all its events anew, in the order in which the server
    learned them.  Returns how many events were folded."""
    lock_home(conn, home)
    for table in tables.PROJECTIONS:
        conn.execute(delete(table).where(table.c.home_id == home))
    fold, count = Fold(conn, home), 0
    for event, ref, corrected in _history(conn, home):
        fold.apply(event, ref=ref, shift=corrected - event.at)
        count += 1
        if count % FLUSH_EVERY == 0:
            fold.flush()
    fold.flush()
    return count


def _history(conn: Connection, home: str) -> Iterator[tuple[Event, str, datetime]]:
    t, u = tables.event, tables.urgent
    kinds = HANDLERS.kinds()
    urgents = [
        (row.received_at, row.origin, row.seq, True, row)
        for row in conn.execute(select(u).where(u.c.home_id == home, u.c.kind.in_(kinds)))
    ]
    events = [
        (row.received_at, row.origin, row.seq, False, row)
        for row in conn.execute(
            select(
                t.c.received_at, t.c.origin, t.c.seq, t.c.body, t.c.hash, t.c.corrected_at
            ).where(t.c.home_id == home, t.c.kind.in_(kinds))
        )
    ]
    for _, _, _, is_urgent, row in sorted([*urgents, *events], key=lambda item: item[:4]):
        if is_urgent:
            event = from_json(json.loads(row.body) | {"hash": bytes(row.hash).hex()})
            ref = orphan_id(event.ref, bytes(row.hash)) if row.orphan else event.ref
            yield event, ref, event.at
        else:
            event = to_event(row.body, row.hash)
            yield event, event.ref, row.corrected_at


def refold(fold: Fold, synced: Event) -> None:
    """The times of a boot were corrected: fold its unsynced events again with the right times."""
    t = tables.event
    rows = fold.conn.execute(
        select(t.c.body, t.c.hash, t.c.corrected_at)
        .where(
            t.c.origin == synced.origin,
            t.c.boot == synced.boot,
            ~t.c.synced,
            t.c.seq < synced.seq,
            t.c.kind.in_(HANDLERS.kinds()),
        )
        .order_by(t.c.seq)
    )
    for row in rows.all():
        event = to_event(row.body, row.hash)
        fold.apply(event, shift=row.corrected_at - event.at)
