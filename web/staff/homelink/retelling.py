"""Told once more: what was decided about a home and holds until it is decided anew, for a gateway
that has a new card, or has lost its log.

A home whose log is new is told what comes from where it had got to, not what came before.  What
holds for good is then decided once more, as it was and by whom.  Not for: what lasts hours (grants,
codes: they are given anew when somebody asks), or receivers, which a home gets whenever it listens.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from gateway.envelope import Draft, Event
from gateway.events import (
    AbsenceEnded,
    AbsenceStarted,
    ConfigSet,
    ConsentSettled,
    LogRecovered,
    PlanSet,
    Unknown,
)
from gateway.origin import is_in_memory
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx

KINDS = ((ConfigSet,), (PlanSet,), (ConsentSettled,), (AbsenceStarted, AbsenceEnded))
"""What holds: of each the newest word."""

OVER = (AbsenceEnded, Unknown)
"""A word that a new log needs no more, or that this version cannot say."""


def tell(staff: Staff, tx: Tx, home: str, counted: Sequence[Event]) -> None:
    """A home that begins a new log on its card is told again."""
    if any(isinstance(e.data, LogRecovered) and not is_in_memory(e.origin) for e in counted):
        again(staff, tx, home)


def again(staff: Staff, tx: Tx, home: str) -> None:
    """Decide once more what holds in this home."""
    t = tables.event.c
    for kinds in KINDS:
        names = [kind.KIND for kind in kinds]
        mine = (t.home_id == home, t.origin == append.origin_of(home), t.kind.in_(names))
        query = select(t.body, t.hash).where(*mine).order_by(t.seq.desc()).limit(1)
        row = tx.conn.execute(query).first()
        event = None if row is None else event_store.to_event(row.body, row.hash)
        if event is not None and not isinstance(event.data, OVER):
            append.write(staff, tx, home, Draft(event.data, person=event.person))
