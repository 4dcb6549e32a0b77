"""Verifying the stored chains: that no event was edited, taken away or added.

Not for: what a home sends (`web.staff.homelink.ingest` checks that as it comes).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import select

from gateway.envelope import GENESIS, verify_next
from gateway.errors import ChainError
from web.staff.storage import event_store, tables
from web.staff.storage.database import Database

READ_AT_ONCE = 1000
"""Rows read at a time."""


def verify_all(database: Database) -> Iterator[tuple[str, int, str | None]]:
    """For each origin: how many events it has, and what is wrong with them (None: nothing)."""
    with database.read() as conn:
        origins = list(conn.execute(select(tables.head.c.origin).order_by("origin")).scalars())
    for origin in origins:
        yield (origin, *_verify(database, origin))


def _verify(database: Database, origin: str) -> tuple[int, str | None]:
    t = tables.event
    seq, previous = 0, GENESIS
    while True:
        with database.read() as conn:
            rows = conn.execute(
                select(t.c.seq, t.c.body, t.c.hash)
                .where(t.c.origin == origin, t.c.seq > seq)
                .order_by(t.c.seq)
                .limit(READ_AT_ONCE)
            ).all()
            head = event_store.read_head(conn, origin)
        for row in rows:
            obj = json.loads(row.body) | {"hash": bytes(row.hash).hex()}
            try:
                previous = verify_next(obj, origin=origin, seq=seq + 1, previous=previous)
            except ChainError as error:
                return seq, error.text
            seq += 1
        if len(rows) < READ_AT_ONCE:
            if head.seq > seq or (head.seq == seq and head.hash != previous):
                return seq, f"the head says {head.seq}: the end was cut off or replaced"
            return seq, None
