"""Which homes still have much to tell, after an outage: counted from what each says itself.

A home says with each request how many events the server has not confirmed
(`gateway.wire.BACKLOG_HEADER`), also when it begins to listen, so that one that waits in line is
counted before its first batch.  Not for: who is let in when (`web.staff.core.admission`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, case, func, select

from gateway.wire import BATCH_MAX, SEQ_MAX
from web.staff.storage import tables
from web.staff.storage.among import among

BEHIND_MIN = 50
"""Events from which a home counts as catching up: what it writes in some ten minutes.  Fewer are
told in one small batch."""


@dataclass(frozen=True, slots=True)
class CatchingUp:
    """Of `homes` that were ever heard, `told` are heard and have told everything."""

    told: int
    homes: int


def said(header: str | None) -> int | None:
    """How many events a home says it still has; None: it does not say (an older one)."""
    if header is None or not (header.isascii() and header.isdigit() and len(header) <= 18):
        return None
    return min(int(header), SEQ_MAX)


def left(backlog: int | None, sent: int) -> int:
    """How many it has after a batch of `sent` was taken.  Of a home that does not say: some more
    after a full one, else none."""
    if backlog is None:
        return BATCH_MAX if sent >= BATCH_MAX else 0
    return max(0, backlog - sent)


def read(conn: Connection, homes: Collection[str], silent_after_s: float) -> CatchingUp | None:
    """How far these homes are; None: none of them is catching up now."""
    t = tables.home_link.c
    heard = t.heard_at > datetime.now(UTC) - timedelta(seconds=silent_after_s)
    behind = func.coalesce(t.behind, 0) >= BEHIND_MIN
    query = select(
        func.count(), func.sum(case((heard & behind, 1))), func.sum(case((heard & ~behind, 1)))
    ).where(among(t.home_id, homes), t.heard_at.is_not(None))
    everyone, coming, told = conn.execute(query).one()
    return CatchingUp(told or 0, everyone) if coming else None
