"""How far an alarm has come on its ladder, for its page: steps, who was told by what, how far each
message came, and when the next step is due.

Not for: showing it, or the alarm's own life (`web.staff.care`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from web.staff.core.context import Staff
from web.staff.ladders import built_in, choosing
from web.staff.ladders.steps import Ladder
from web.staff.storage import tables as t
from web.staff.storage.ladder_tables import alarm_message, escalation

MESSAGES_MAX = 500
"""Messages of one alarm that are told, the newest."""


@dataclass(frozen=True, slots=True)
class ToldBy:
    """One message: to whom, by what, and how far it came.  `person` None: an alarm centre
    (`receiver` is `centre:<id>`).  `state`: as in `ladder_tables.alarm_message`; `why` a
    `channels.contract.Why` where it failed."""

    id: str
    step: int
    round: int
    receiver: str
    person: str | None
    channel: str
    state: str
    why: str | None
    made_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    shown_at: datetime | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far: `state` is `climbing`, `ended` or an `alarms.Stage`; `step` 0: nobody was told yet.
    `next_at` is when the next step is due, when the alarm is open again to others (`taken`,
    `asked`) or who set out is asked (`coming`); None: it has ended.  `ladder` None: it is not
    begun, or no longer there."""

    state: str
    ladder: Ladder | None
    step: int
    round: int
    is_last: bool
    began_at: datetime
    step_at: datetime | None
    next_at: datetime | None
    ended_at: datetime | None
    mass: str | None
    told: tuple[ToldBy, ...]


def of_alarm(staff: Staff, conn: Connection, alarm: str) -> Progress | None:
    """How far this alarm has come: by itself, as also one of a mass alarm does to which somebody is
    on the way, or as part of the mass alarm; None: it has no ladder (a routine one, or one from
    before there were ladders)."""
    e, part, m = escalation.c, t.mass_alarm_member.c, t.mass_alarm.c
    masses = (
        select(part.mass_id)
        .join(t.mass_alarm, m.id == part.mass_id)
        .where(part.alarm == alarm, m.ended_at.is_(None))
    )
    query = (
        select(escalation)
        .where(or_(e.id == alarm, e.mass_id.in_(masses)))
        .order_by(and_(e.mass_id.is_(None), e.ended_at.is_not(None)), e.mass_id.is_not(None))
    )
    row = conn.execute(query.limit(1)).one_or_none()
    if row is None:
        return None
    own = choosing.of_orgs(conn, [row.org_id]).get(row.org_id, [])
    known = {one.id: one for one in (*own, built_in.CARE, built_in.TECHNICAL)}
    now = staff.moment()
    left_s = row.due_mono - now.mono_s if row.boot == now.boot else None
    next_at = row.due_at if left_s is None else now.at + timedelta(seconds=left_s)
    return Progress(
        state=row.state,
        ladder=known.get(row.ladder),
        step=row.step,
        round=row.round,
        is_last=row.is_last,
        began_at=row.began_at,
        step_at=row.step_at,
        next_at=None if row.ended_at is not None else next_at,
        ended_at=row.ended_at,
        mass=row.mass_id,
        told=_told(conn, row.id),
    )


def _told(conn: Connection, ladder: str) -> tuple[ToldBy, ...]:
    m = alarm_message.c
    query = (
        select(
            *(m.id, m.step, m.round, m.receiver, m.person, m.channel, m.state, m.why),
            *(m.made_at, m.sent_at, m.delivered_at, m.shown_at, m.answer),
        )
        .where(m.escalation == ladder)
        .order_by(m.made_at.desc(), m.id)
        .limit(MESSAGES_MAX)
    )
    return tuple(ToldBy(*_values(row)) for row in conn.execute(query))[::-1]


def _values(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(row)
