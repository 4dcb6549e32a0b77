"""What the server itself says to what a home told: that it oversteps, that its log is broken, that
somebody arrived, that a closed alarm's cause came again, that a look showed nothing, that its log
is new.

Not for: what cannot be read (`unread`), or storing what came (`ingest`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from gateway.envelope import Draft
from gateway.errors import ChainError
from gateway.events import AlarmRaised, AlarmType, HomeOverstepped, HomeTampered
from web.staff.care import arrivals, repeats, unseen
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.judgement import Verdict
from web.staff.homelink import retelling
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx


def follow(staff: Staff, tx: Tx, home: str, fresh: Sequence[Verdict]) -> None:
    """What the server says to what the home told for the first time."""
    counted = [verdict.event for verdict in fresh if not verdict.refused]
    arrivals.tell(staff, tx, home, counted)
    repeats.tell(staff, tx, home, counted)
    unseen.tell(staff, tx, home, counted)
    retelling.tell(staff, tx, home, counted)


def overstepped(staff: Staff, tx: Tx, home: str, verdicts: Sequence[Verdict]) -> None:
    """Tell of what the home may not say, as long as no alarm about it is open: an event and a
    technical alarm."""
    first = next((verdict for verdict in verdicts if verdict.overstepped), None)
    if first is None or first.mark is None:
        return
    a = tables.alarm.c
    query = select(a.id).where(
        a.home_id == home, a.type == AlarmType.HOME_OVERSTEPPED, a.closed_at.is_(None)
    )
    if tx.conn.execute(query).first() is not None:
        return
    about = first.event.kind
    told = HomeOverstepped(
        event=first.event.ref, about=about, why=first.mark.value, field=first.field
    )
    event = append.write(staff, tx, home, Draft(told))
    raised = AlarmRaised.usual(AlarmType.HOME_OVERSTEPPED, event.at)
    append.write(staff, tx, home, Draft(raised), at=event.at)


def tampered(
    staff: Staff, tx: Tx, home: str, origin: str, head: event_store.Head, error: ChainError
) -> None:
    """Tell once a log: an event and a technical alarm."""
    if head.tampered:
        return
    event_store.write_head(tx.conn, origin, home, replace(head, tampered=True))
    tampered = HomeTampered(seq=error.seq, why=error.text)
    event = append.write(staff, tx, home, Draft(tampered))
    raised = AlarmRaised.usual(AlarmType.HOME_TAMPERED, event.at)
    append.write(staff, tx, home, Draft(raised), at=event.at)
