"""That somebody who answers an alarm is in the home: the visit says so.

A visit that begins while the alarm is open and somebody has it answers it; so does the visit that
was under way when who is there took it.  When it began is the visit's own time
(`web.staff.care.response_times`), however late the home tells of it.

Not for: when a visit begins (the home decides).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from gateway.envelope import Draft, Event
from gateway.events import AlarmResponderArrived, Ref, Severity, VisitStarted
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.rows import AlarmRow, read_all

TOLD_WITHIN = timedelta(days=1)
"""A visit that is told late answers an alarm that is closed already, if that was raised this long
before it at the most: an alarm that nobody closed for a day was not answered by it."""


def tell(staff: Staff, tx: Tx, home: str, told: Iterable[Event]) -> None:
    """Of what the home told, the visits that answer an alarm; the events are folded already."""
    for event in told:
        if isinstance(event.data, VisitStarted) and event.person is not None:
            _arrived(staff, tx, home, event.ref, event.person)


def there_already(staff: Staff, tx: Tx, home: str, person: str) -> None:
    """Who has just taken an alarm may be in the home already."""
    v = tables.visit.c
    query = (
        select(v.id)
        .where(v.home_id == home, v.person == person, v.until.is_(None), ~v.overdue)
        .order_by(v.since.desc())
    )
    visit = tx.conn.execute(query.limit(1)).scalar_one_or_none()
    if visit is not None:
        _arrived(staff, tx, home, visit, person)


def _arrived(staff: Staff, tx: Tx, home: str, visit: Ref, person: str) -> None:
    """Every alarm of the home that this visit answers, and where nobody was before."""
    a, v = tables.alarm.c, tables.visit.c
    row = tx.conn.execute(select(v.since, v.until).where(v.id == visit)).first()
    if row is None or row.since is None:
        return
    query = select(tables.alarm).where(
        a.home_id == home,
        a.first_acknowledged_at.is_not(None),
        a.arrived_at.is_(None),
        or_(
            a.closed_at.is_(None),
            and_(a.closed_at >= row.since, a.raised_at >= row.since - TOLD_WITHIN),
        ),
    )
    for alarm in read_all(tx.conn, AlarmRow, query.order_by(a.id)):
        if _answers(alarm, row.since, row.until, person):
            arrived = AlarmResponderArrived(alarm=alarm.id, visit=visit)
            append.write(staff, tx, home, Draft(arrived, device=alarm.device, person=person))


def _answers(alarm: AlarmRow, since: datetime, until: datetime | None, person: str) -> bool:
    """Whoever comes to help after somebody took it; before that, and where nobody needs help, only
    who took it."""
    if until is not None and alarm.raised_at is not None and until < alarm.raised_at:
        return False
    taken = alarm.first_acknowledged_at
    after = taken is not None and since >= taken
    care = alarm.severity == Severity.CARE.value
    return (after and care) or person == alarm.acknowledged_by
