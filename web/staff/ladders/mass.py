"""A mass alarm's part of its ladder: which of its alarms still wait for somebody.

It climbs once for all its homes: each home by its own ladder, in step, and a receiver of several is
told once.  Not for: which alarms are one (`web.staff.runtime.gathering`).
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from web.staff.ladders.alarms import COLUMNS, Alarm
from web.staff.storage import tables as t

LOOK_AGAIN_S = 120.0
"""Seconds (domain time) between looks at a mass alarm that is taken: what is left of it rings for
itself after minutes (`mass_alarm.alone_after_min`)."""


def members(conn: Connection, mass: str) -> tuple[dict[str, Alarm], bool]:
    """The alarms that wait, one for each home, and whether any is open.  What joined when somebody
    had taken the others waits for nobody."""
    m, part, a = t.mass_alarm.c, t.mass_alarm_member.c, t.alarm.c
    query = (
        select(*COLUMNS, part.rings)
        .join(t.mass_alarm_member, part.alarm == a.id)
        .join(t.mass_alarm, m.id == part.mass_id)
        .where(m.id == mass, m.ended_at.is_(None))
        .order_by(a.raised_at, a.id)
    )
    waiting: dict[str, Alarm] = {}
    quiet: dict[str, Alarm] = {}
    is_open = is_taken = False
    for *values, rings in conn.execute(query):
        alarm = Alarm.of(values)
        is_taken = is_taken or alarm.taken_at is not None
        if not alarm.is_open:
            continue
        is_open = True
        if alarm.taken_at is None:
            (waiting if rings else quiet).setdefault(alarm.home, alarm)
    if not is_taken:
        waiting = quiet | waiting
    return waiting, is_open
