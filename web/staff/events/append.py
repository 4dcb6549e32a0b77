"""The server's own events: `staff:<home>` for what is decided about a home, `staff` for the rest.

They are numbered and chained like a home's.  What concerns a home goes down its stream after the
commit.  Not for: whether somebody may decide it (`web.staff.care.actions`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite

from gateway.envelope import GENESIS, Draft, Event, seal
from web.staff.core.context import Staff
from web.staff.events.projections.rebuild import Fold
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx

BOOT = f"staff-{secrets.token_hex(6)}"
"""This run of this process, as a home's boot."""

SERVER_ORIGIN = "staff"


def origin_of(home: str | None) -> str:
    """Who writes about a home; None: about no home."""
    return SERVER_ORIGIN if home is None else f"staff:{home}"


def hold(tx: Tx, home: str | None) -> None:
    """Let nobody else write about this home until the commit.  May be called twice."""
    if home is not None:
        if tx.conn.dialect.name == "postgresql":  # SQLite has one writer, which is us
            event_store.lock_home(tx.conn, home)
        return
    t = tables.head
    values = {"origin": SERVER_ORIGIN, "home_id": None, "seq": 0, "hash": GENESIS}
    if tx.conn.dialect.name == "postgresql":
        tx.conn.execute(postgresql.insert(t).values(**values).on_conflict_do_nothing())
        tx.conn.execute(t.select().where(t.c.origin == SERVER_ORIGIN).with_for_update()).one()
    else:
        tx.conn.execute(sqlite.insert(t).values(**values).on_conflict_do_nothing())


def write(
    staff: Staff, tx: Tx, home: str | None, draft: Draft, *, at: datetime | None = None
) -> Event:
    """Number, chain and store one event of the server, fold it in, and have it told after the
    commit.  `at` None: now."""
    hold(tx, home)
    origin = origin_of(home)
    head = event_store.read_head(tx.conn, origin)
    row = sealed(staff, origin, draft, head, at or staff.clock.now())
    event_store.insert_events(tx.conn, home, [row])
    event_store.write_head(tx.conn, origin, home, head_at(row))
    if home is not None:
        fold = Fold(tx.conn, home)
        fold.apply(row.event)
        fold.flush()
    tx.changes.append(event_store.change_of(home, row.event, row.body, row.digest))
    return row.event


def write_all(staff: Staff, tx: Tx, drafts: Sequence[Draft]) -> None:
    """The same of several that concern no home, in as many statements as one of them."""
    if not drafts:
        return
    hold(tx, None)
    head, now = event_store.read_head(tx.conn, SERVER_ORIGIN), staff.clock.now()
    rows = []
    for draft in drafts:
        row = sealed(staff, SERVER_ORIGIN, draft, head, now)
        head = head_at(row)
        rows.append(row)
        tx.changes.append(event_store.change_of(None, row.event, row.body, row.digest))
    event_store.insert_events(tx.conn, None, rows)
    event_store.write_head(tx.conn, SERVER_ORIGIN, None, head)


def sealed(
    staff: Staff, origin: str, draft: Draft, head: event_store.Head, at: datetime
) -> event_store.Row:
    """The server's next event as a row of the table, not yet stored."""
    event, body, digest = seal(
        draft,
        origin=origin,
        seq=head.seq + 1,
        at=at,
        clock="synced",
        boot=BOOT,
        mono_s=staff.clock.mono_s(),
        previous=head.hash,
    )
    return event_store.Row(event, body.decode(), digest, at, event.kind, event.person)


def head_at(row: event_store.Row) -> event_store.Head:
    """An origin's head once this row is stored."""
    return event_store.Head(row.event.seq, row.digest, False)
