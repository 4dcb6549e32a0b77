"""Who may go to an alarm in a home of others, and which alarms those are.

Not for: what such a person may read there, and that it is noted (`acute`).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, select

from gateway.events import Ref, Severity
from web.staff.core.rights import Actor, Right
from web.staff.storage import tables
from web.staff.storage.ladder_tables import alarm_message


def care_open() -> ColumnElement[bool]:
    """Open care alarms that the home itself raised: only of these can it say by itself whether they
    are still open."""
    c = tables.alarm.c
    return and_(
        c.closed_at.is_(None),
        c.raised_at.is_not(None),
        c.severity == Severity.CARE.value,
        c.ref.startswith("home:", autoescape=True),
        c.id == c.ref,
    )


def may_help(actor: Actor) -> bool:
    """Whether this person may go to an alarm in a home that is not theirs."""
    return actor.may(Right.TURN_LOCK) and actor.may(Right.SEE_CARE)


def may_take(conn: Connection, actor: Actor, alarm: Ref) -> bool:
    """Whether this is an open care alarm of others that this person may go to: who goes there says
    so, or two go."""
    if not may_help(actor):
        return False
    a, h = tables.alarm.c, tables.home.c
    query = (
        select(a.id)
        .join(tables.home, h.id == a.home_id)
        .where(a.id == alarm, h.org_id == actor.org, care_open())
    )
    return conn.execute(query).first() is not None


def was_told(conn: Connection, actor: Actor, alarm: Ref) -> bool:
    """Whether a ladder has told this person of this alarm: who is called may answer."""
    m = alarm_message.c
    query = select(m.id).where(
        m.alarm == alarm,
        m.person == actor.person,
        m.org_id == actor.org,
        m.sent_at.is_not(None),
    )
    return conn.execute(query.limit(1)).first() is not None
