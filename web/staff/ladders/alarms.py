"""What a ladder reads of alarms: open or not, taken or not, and whether who took one has begun.

Not for: changing any of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, select

from gateway.events import AlarmResponderArrived, AlarmResponderDeparted, Climbed
from web.staff.care.mass_alarms import is_gathered
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.event_store import to_event

_A = t.alarm.c
COLUMNS = (
    *(_A.id, _A.home_id, _A.type, _A.severity, _A.raised_at),
    *(_A.acknowledged_by, _A.acknowledged_at, _A.ref, _A.closed_at),
)
"""The columns of an `Alarm`."""

BEGUN = (AlarmResponderDeparted.KIND, AlarmResponderArrived.KIND)

ANSWERS_READ = 50
"""Of who set out in a home since an alarm was taken, how many events are read."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What of an alarm its ladder goes by."""

    id: str
    home: str
    about: str
    severity: str
    raised_at: datetime
    taken_by: str | None
    taken_at: datetime | None
    ref: str
    is_open: bool

    @classmethod
    def of(cls, values: Sequence[Any]) -> Self:
        """From the columns `COLUMNS`."""
        alarm, home, about, severity, raised_at, taken_by, taken_at, ref, closed_at = values
        return cls(
            *(alarm, home, about, severity, raised_at, taken_by, taken_at, ref),
            is_open=closed_at is None,
        )


def why_of(word: str) -> Climbed:
    """Why a ladder takes its next step, as its row has it; a word of a newer version is the usual
    one."""
    try:
        return Climbed(word)
    except ValueError:
        return Climbed.TIMED_OUT


def read(conn: Connection, ids: Collection[str]) -> dict[str, Alarm]:
    """These alarms; one of which only what followed was seen is left out."""
    query = select(*COLUMNS).where(among(_A.id, ids), _A.raised_at.is_not(None))
    return {row[0]: Alarm.of(row) for row in conn.execute(query)}


def gathered(conn: Connection, ids: Collection[str]) -> set[str]:
    """Those that ring with others now."""
    query = select(_A.id).where(among(_A.id, ids), is_gathered(_A.id))
    return set(conn.execute(query).scalars())


def came_again(conn: Connection, alarm: Alarm, since: datetime) -> bool:
    """Whether the alarm's cause came once more at that time or later."""
    r = t.alarm_repeat.c
    query = select(r.id).where(
        r.home_id == alarm.home, r.alarm.in_({alarm.id, alarm.ref}), r.at >= since
    )
    return conn.execute(query.limit(1)).first() is not None


def has_begun(conn: Connection, alarm: Alarm) -> bool:
    """Whether somebody has set out for it, or is there, since it was taken."""
    e = t.event.c
    query = (
        select(e.body, e.hash)
        .where(
            e.home_id == alarm.home,
            e.kind.in_(BEGUN),
            e.corrected_at >= alarm.taken_at,
        )
        .order_by(e.corrected_at.desc())
        .limit(ANSWERS_READ)
    )
    told = (to_event(body, bytes(digest)).data for body, digest in conn.execute(query))
    return any(
        isinstance(data, AlarmResponderDeparted | AlarmResponderArrived) and data.alarm == alarm.id
        for data in told
    )
