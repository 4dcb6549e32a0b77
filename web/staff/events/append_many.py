"""The server's own events about many homes at once, in a number of statements that does not grow
with the homes: what falls silent together is told together.

The events, chains and tables are those that `append.write` would have made one by one; a test holds
them to each other.  Not for: one event (`append`), or which homes it concerns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select, tuple_

from gateway.envelope import Draft, Event, seal
from gateway.events import AlarmCancelled, CheckUnreported
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.projections.rebuild import Fold
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx

HOMES_AT_ONCE = 200
"""Homes of one call: their rows make some 6,000 parameters, of 32,766 that a statement may have
(SQLite; 65,535 in PostgreSQL), and nobody else waits long for the lock."""


def lock_homes(conn: Connection, homes: Sequence[str]) -> None:
    """Let nobody else write about these homes until the commit; in one order, so that two who do
    this never wait for each other."""
    t = tables.home
    query = select(t.c.id).where(t.c.id.in_(homes)).order_by(t.c.id)
    conn.execute(query.with_for_update(key_share=True)).all()


def write_many(
    staff: Staff, tx: Tx, told: Mapping[str, Sequence[Draft]], *, at: datetime | None = None
) -> dict[str, list[Event]]:
    """Number, chain, store and fold in what is told about each of these homes (at most
    `HOMES_AT_ONCE`), in its order, and have it told after the commit.  `at` None: now."""
    if not told:
        return {}
    homes = sorted(told)
    lock_homes(tx.conn, homes)
    heads = event_store.read_heads(tx.conn, [append.origin_of(home) for home in homes])
    now = at or staff.clock.now()
    written: dict[str, list[Event]] = {}
    rows: list[tuple[str | None, event_store.Row]] = []
    for home in homes:
        origin = append.origin_of(home)
        head = heads.get(origin, event_store.NO_HEAD)
        for draft in told[home]:
            event, body, digest = seal(
                draft,
                origin=origin,
                seq=head.seq + 1,
                at=now,
                clock="synced",
                boot=append.BOOT,
                mono_s=staff.clock.mono_s(),
                previous=head.hash,
            )
            head = event_store.Head(event.seq, digest, False)
            text = body.decode()
            row = event_store.Row(event, text, digest, now, event.kind, event.person)
            rows.append((home, row))
            tx.changes.append(event_store.change_of(home, event, text, digest))
            written.setdefault(home, []).append(event)
        heads[origin] = head
    event_store.insert_many(tx.conn, rows)
    _write_heads(tx.conn, homes, heads)
    _fold(tx.conn, written)
    return written


def _write_heads(
    conn: Connection, homes: Sequence[str], heads: Mapping[str, event_store.Head]
) -> None:
    found = []
    for home in homes:
        head = heads[append.origin_of(home)]
        found.append(
            {
                "origin": append.origin_of(home),
                "home_id": home,
                "seq": head.seq,
                "hash": head.hash,
                "tampered": head.tampered,
            }
        )
    event_store.upsert_many(conn, tables.head, ("origin",), found)


def _fold(conn: Connection, written: Mapping[str, Sequence[Event]]) -> None:
    """Fold the events in, home by home, with what the tables hold read and written together."""
    events = [event for told in written.values() for event in told]
    known = _known(conn, written, events)
    changed: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {}
    for home, told in written.items():
        fold = Fold(conn, home)
        for table, key, row in known.get(home, ()):
            fold.give(table, key, row)
        for event in told:
            fold.apply(event)
        for table, key, row in fold.take_changed():
            changed.setdefault((table.name, tuple(key)), []).append({**key, **row})
    for (name, key_names), found in changed.items():
        event_store.upsert_many(conn, tables.metadata.tables[name], key_names, found)


Known = tuple[Table, dict[str, object], dict[str, object] | None]
"""A table's row by its key; None: there is none."""


def _known(
    conn: Connection, homes: Mapping[str, object], events: Sequence[Event]
) -> dict[str, list[Known]]:
    """The rows that these events may change, by home: what the homes are now, the alarms that are
    begun and ended, the checks that nobody reported."""
    found: dict[str, list[Known]] = {home: [] for home in homes}

    def read(
        table: Table, names: tuple[str, ...], keys: Sequence[tuple[str, tuple[str, ...]]]
    ) -> None:
        if not keys:
            return
        columns = tuple_(*(table.c[name] for name in names))
        query = select(table).where(columns.in_({key for _, key in keys}))
        rows = {
            tuple(str(row[name]) for name in names): dict(row)
            for row in conn.execute(query).mappings()
        }
        for home, key in keys:
            found[home].append((table, dict(zip(names, key, strict=True)), rows.get(key)))

    read(tables.home_state, ("home_id",), [(home, (home,)) for home in homes])
    alarms, checks = [], []
    for event in events:
        home = event.origin.partition(":")[2]
        if event.kind == "alarm.raised":
            alarms.append((home, (event.ref,)))
        elif isinstance(event.data, AlarmCancelled):
            alarms.append((home, (event.data.alarm,)))
        elif isinstance(event.data, CheckUnreported):
            checks.append((home, (home, event.data.check)))
    read(tables.alarm, ("id",), alarms)
    read(tables.night_check, ("home_id", "check"), checks)
    return found
