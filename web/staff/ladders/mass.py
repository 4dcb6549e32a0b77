"""A mass alarm's part of its ladder: which of its alarms still wait for somebody.

It climbs once for all its homes: each home by its own ladder, in step, and a receiver of several is
told once.  Who sets out to one of its homes is waited for by that alarm's own ladder, as anybody is
who sets out.  Not for: which alarms are one (`web.staff.runtime.gathering`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select, update

from web.staff.ladders.alarms import COLUMNS, Alarm, Stage
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.ladder_tables import escalation

LOOK_AGAIN_S = 120.0
"""Seconds (domain time) between looks at a mass alarm that is taken: what is left of it rings for
itself after minutes (`mass_alarm.alone_after_min`)."""


ON_THE_WAY = (Stage.COMING, Stage.ASKED)
"""Stages at which an alarm has its own ladder, also where it rings with others."""


@dataclass(slots=True)
class Members:
    """The alarms of a mass alarm: those that wait, one for each home; when the last of them lapsed;
    whether any is open; those to which somebody is on the way."""

    waiting: dict[str, Alarm] = field(default_factory=dict)
    lapsed_at: datetime | None = None
    is_open: bool = False
    coming: list[str] = field(default_factory=list)


def members(conn: Connection, mass: str) -> Members:
    """What joined when somebody had taken the others waits for nobody; what somebody had, and did
    not come, waits again."""
    m, part, a = t.mass_alarm.c, t.mass_alarm_member.c, t.alarm.c
    query = (
        select(*COLUMNS, part.rings, a.lapsed_at)
        .join(t.mass_alarm_member, part.alarm == a.id)
        .join(t.mass_alarm, m.id == part.mass_id)
        .where(m.id == mass, m.ended_at.is_(None))
        .order_by(a.raised_at, a.id)
    )
    found = Members()
    quiet: dict[str, Alarm] = {}
    is_taken = False
    for *values, rings, lapsed_at in conn.execute(query):
        alarm = Alarm.of(values)
        is_taken = is_taken or alarm.taken_at is not None
        if not alarm.is_open:
            continue
        found.is_open = True
        if alarm.taken_at is None:
            found.lapsed_at = max(filter(None, (found.lapsed_at, lapsed_at)), default=None)
            waits = rings or lapsed_at is not None
            (found.waiting if waits else quiet).setdefault(alarm.home, alarm)
        elif alarm.stage in ON_THE_WAY:
            found.coming.append(alarm.id)
    if not is_taken:
        found.waiting = quiet | found.waiting
    return found


def begin_again(conn: Connection, alarms: Collection[str]) -> None:
    """The ladders of these alarms, which had ended as they began to ring with others, look at them
    once more."""
    e = escalation.c
    ended = update(escalation).where(among(e.id, alarms), e.ended_at.is_not(None))
    conn.execute(ended.values(ended_at=None, state=Stage.TAKEN.value, look=True))
