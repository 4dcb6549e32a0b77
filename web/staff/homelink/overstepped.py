"""What a home may not say: kept, counted for nothing, and told.

Not for: judging it (`web.staff.events.judgement`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType, HomeOverstepped
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.judgement import Verdict
from web.staff.storage import tables
from web.staff.storage.database import Tx


def tell(staff: Staff, tx: Tx, home: str, verdicts: Sequence[Verdict]) -> None:
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
