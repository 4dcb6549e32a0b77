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

from gateway.envelope import Draft, Event
from gateway.events import AlarmRaised, CheckUnreported, HomeTestMissed, ServerTestAnswered
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.projections.fold import HANDLERS
from web.staff.events.projections.rebuild import Fold
from web.staff.storage import event_store, tables
from web.staff.storage.among import among
from web.staff.storage.database import Tx

HOMES_AT_ONCE = 200
"""Homes of one call: nobody else waits long for the lock, and the watchdog is fed in between."""


def write_many(
    staff: Staff, tx: Tx, told: Mapping[str, Sequence[Draft]], *, at: datetime | None = None
) -> dict[str, list[Event]]:
    """Number, chain, store and fold in what is told about each of these homes, in its order, and
    have it told after the commit.  `at` None: now.  At most `HOMES_AT_ONCE` homes where tables are
    folded from the kinds told."""
    if not told:
        return {}
    homes = sorted(told)
    event_store.lock_homes(tx.conn, homes)
    heads = event_store.read_heads(tx.conn, [append.origin_of(home) for home in homes])
    now = at or staff.clock.now()
    written: dict[str, list[Event]] = {}
    rows: list[tuple[str | None, event_store.Row]] = []
    for home in homes:
        origin = append.origin_of(home)
        for draft in told[home]:
            row = append.sealed(staff, origin, draft, heads[origin], now)
            heads[origin] = append.head_at(row)
            rows.append((home, row))
            tx.changes.append(event_store.change_of(home, row.event, row.body, row.digest))
            written.setdefault(home, []).append(row.event)
    event_store.insert_many(tx.conn, rows)
    event_store.move_heads(
        tx.conn, [(append.origin_of(home), home, heads[append.origin_of(home)]) for home in homes]
    )
    if any(row.kind in HANDLERS.kinds() for _, row in rows):
        _fold(tx.conn, written)
    return written


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


_OF_TESTS = (ServerTestAnswered.KIND, HomeTestMissed.KIND)


def _is_of_a_way(event: Event) -> bool:
    """Whether it is a step of an alarm's way, which is shown on the alarm alone."""
    return event.kind.startswith("alarm.") and event.kind != AlarmRaised.KIND


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
        if len(names) == 1:
            these = among(table.c[names[0]], {key[0] for _, key in keys})
        else:
            these = tuple_(*(table.c[name] for name in names)).in_({key for _, key in keys})
        query = select(table).where(these)
        rows = {
            tuple(str(row[name]) for name in names): dict(row)
            for row in conn.execute(query).mappings()
        }
        for home, key in keys:
            found[home].append((table, dict(zip(names, key, strict=True)), rows.get(key)))

    if not all(_is_of_a_way(event) for event in events):
        read(tables.home_state, ("home_id",), [(home, (home,)) for home in homes])
    if any(event.kind in _OF_TESTS for event in events):
        read(tables.chain_test, ("home_id",), [(home, (home,)) for home in homes])
    alarms, checks = [], []
    for event in events:
        home = event.origin.partition(":")[2]
        if event.kind == "alarm.raised":
            alarms.append((home, (event.ref,)))
        elif event.kind.startswith("alarm.") and (alarm := getattr(event.data, "alarm", None)):
            alarms.append((home, (alarm,)))
        elif isinstance(event.data, CheckUnreported):
            checks.append((home, (home, event.data.check)))
    read(tables.alarm, ("id",), alarms)
    read(tables.night_check, ("home_id", "check"), checks)
    return found
