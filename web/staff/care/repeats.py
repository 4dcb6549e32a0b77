"""A cause that came again after its alarm was closed is an alarm of its own.

The home says `alarm.repeated` of what it thinks is open; that somebody closed it may not have
reached the home yet, and then nobody would hear.  Not for: counting repeats (the fold).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select

from gateway.envelope import Draft, Event
from gateway.events import AlarmRaised, AlarmRepeated, AlarmType, Severity, alarm_type
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.rows import AlarmRow, read_one

CLOCKS_APART = timedelta(minutes=1)
"""How far the home's clock may be behind the server's: who closed the alarm has not seen a press
that seems to be a moment older."""


def tell(staff: Staff, tx: Tx, home: str, told: Iterable[Event]) -> None:
    """Of what the home told for the first time, the repeats that would be heard by nobody; the
    events are folded already."""
    a = tables.alarm
    for event in told:
        if not isinstance(event.data, AlarmRepeated):
            continue
        query = select(a).where(a.c.ref == event.data.alarm, a.c.home_id == home)
        row = read_one(tx.conn, AlarmRow, query)
        if row is None or row.closed_at is None or event.at < row.closed_at - CLOCKS_APART:
            continue
        raised = AlarmRaised(
            type=alarm_type(row.type or AlarmType.NOT_UNDERSTOOD),
            severity=Severity.read(row.severity),
            since=event.at,
        )
        append.write(staff, tx, home, Draft(raised, device=row.device))
