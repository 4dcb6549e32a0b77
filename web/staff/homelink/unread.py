"""What a home sends and this version of the server cannot read: kept whole, told once a kind, and
an alarm where it may be a call for help.

The alarm is the server's own, in the log about the home: so it is on *Nu*, in the live stream and
with who is on call as any other, is acknowledged and closed as any other, and stays when the tables
are made anew.  Not for: reading what can be read (`gateway.events.tolerance`), or what a home may
not say (`web.staff.events.judgement`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from gateway.envelope import Draft, Event
from gateway.events import (
    KINDS,
    AlarmRaised,
    AlarmType,
    HomeUnread,
    Unknown,
    UnreadWhy,
    may_call_for_help,
)
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.judgement import Verdict
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx

KINDS_MAX = 20
"""Kinds that are told of one home: a release has fewer new ones, and a home that invents a kind for
each event is told no more."""


def tell(
    staff: Staff, tx: Tx, home: str, verdicts: Sequence[Verdict], *, urgent: bool = False
) -> None:
    """Tell of those that cannot be read, in the transaction that keeps them; `urgent`: they came
    over the urgent lane."""
    odd = [verdict for verdict in verdicts if isinstance(verdict.event.data, Unknown)]
    if not odd:
        return
    for verdict in odd:
        if may_call_for_help(verdict.event.kind, urgent=urgent):
            _ring(staff, tx, home, verdict.event)
    told = _told(tx.conn, home)
    for verdict in odd:
        kind = verdict.event.kind
        if verdict.refused or kind in told or len(told) >= KINDS_MAX:
            continue
        told.add(kind)
        why = UnreadWhy.DATA if kind in KINDS else UnreadWhy.KIND
        data = HomeUnread(event=verdict.event.ref, about=kind, why=why)
        event = append.write(staff, tx, home, Draft(data))
        if why is UnreadWhy.DATA and not _is_open(tx.conn, home, AlarmType.HOME_UNREAD):
            # an unknown kind is what an update brings; this is something that is relied on
            raised = AlarmRaised.usual(AlarmType.HOME_UNREAD, event.at)
            append.write(staff, tx, home, Draft(raised), at=event.at)


def _ring(staff: Staff, tx: Tx, home: str, event: Event) -> None:
    """Raise an alarm for this event, unless one waits that nobody has taken on."""
    if not _is_open(tx.conn, home, AlarmType.NOT_UNDERSTOOD, taken=False):
        raised = AlarmRaised.usual(AlarmType.NOT_UNDERSTOOD, event.at)
        append.write(staff, tx, home, Draft(raised, device=event.device))


def _is_open(conn: Connection, home: str, about: AlarmType, *, taken: bool = True) -> bool:
    """Whether such an alarm is open; not `taken`: and nobody has taken it on."""
    a = tables.alarm.c
    query = select(a.id).where(a.home_id == home, a.type == about, a.closed_at.is_(None))
    if not taken:
        query = query.where(a.acknowledged_at.is_(None))
    return conn.execute(query.limit(1)).first() is not None


def _told(conn: Connection, home: str) -> set[str]:
    """The kinds that were told of this home."""
    e = tables.event.c
    query = select(e.body).where(
        e.home_id == home, e.kind == HomeUnread.KIND, e.origin == append.origin_of(home)
    )
    return {str(event_store.data_in(body).get("about")) for body in conn.execute(query).scalars()}
