"""An alarm that is stored gets its escalation in the same transaction, whoever wrote it.

Called for every transaction before its commit, with what it changed: an alarm that nobody planned a
ladder for cannot come about.  What stops or moves a ladder (somebody takes the alarm, it is closed,
it repeats) only wakes it: the dispatcher looks at the alarm itself (`web.staff.ladders`).

Not for: who is reached.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, case, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.events import AlarmType, Severity, Trait
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.changes import Change, ManyChanges
from web.staff.storage.deadlines import Moment
from web.staff.storage.ladder_tables import alarm_message, escalation

GATHER_WAIT_S = 6.0
"""Seconds that an alarm which may be one of many waits for the others before it goes out: the watch
gathers every 2 s (`watch_every_s`), and homes that lose their power in one moment tell of it within
some seconds."""

COMMON = tuple(about.value for about in AlarmType if Trait.COMMON_CAUSE in about.traits)

MOVES = frozenset({"alarm.acknowledged", "alarm.cancelled", "alarm.resolved", "alarm.repeated"})
"""Kinds after which a ladder looks at its alarm at once."""

RINGS = (Severity.CARE.value, Severity.TECHNICAL.value)
"""Routine ones ring nowhere."""


def before_commit(conn: Connection, changes: Sequence[Change | ManyChanges], now: Moment) -> bool:
    """Begin and wake ladders for what a transaction changed; whether anything is due."""
    raised, moved = set(), set()
    for change in changes:
        if isinstance(change, ManyChanges) or change.home is None:
            continue
        if change.kind == "alarm.raised":
            raised.add(f"{change.origin}/{change.seq}")
        elif change.kind in MOVES:
            moved.add(change.home)
    if raised:
        begin(conn, raised, now)
    if moved:
        wake(conn, moved)
    return bool(raised or moved)


def begin(conn: Connection, refs: Collection[str], now: Moment) -> None:
    """Escalations of those of these alarms that are open, ring, and have none."""
    a, h = t.alarm.c, t.home.c
    _insert(conn, now, and_(among(a.ref, refs), a.home_id == h.id))


def begin_missing(conn: Connection, now: Moment, since: timedelta) -> None:
    """The same for every alarm raised so lately: one written by a version that knew no ladders."""
    a, e = t.alarm.c, escalation.c
    has = select(e.id).where(e.id == a.id).exists()
    _insert(conn, now, and_(a.raised_at > now.at - since, a.acknowledged_at.is_(None), ~has))


def is_missing(conn: Connection, now: Moment, since: timedelta) -> bool:
    """Whether `begin_missing` would find any."""
    a, e = t.alarm.c, escalation.c
    query = select(a.id).where(
        _is_ringing(),
        a.raised_at > now.at - since,
        a.acknowledged_at.is_(None),
        ~select(e.id).where(e.id == a.id).exists(),
    )
    return conn.execute(query.limit(1)).first() is not None


def _is_ringing() -> Any:
    a = t.alarm.c
    # what this version cannot read counts as care
    rings = or_(a.severity.in_(RINGS), a.severity.not_in([one.value for one in Severity]))
    return and_(a.closed_at.is_(None), a.raised_at.is_not(None), rings)


def _insert(conn: Connection, now: Moment, which: Any) -> None:
    a, h = t.alarm.c, t.home.c
    wait_s = case((a.type.in_(COMMON), GATHER_WAIT_S), else_=0.0)
    soon, later = now.values(), now.values(GATHER_WAIT_S)
    due_at = escalation.c.due_at.type
    query = (
        select(
            *(a.id, h.org_id, a.home_id, a.id, a.severity),
            *(literal("climbing"), literal("begun")),
            literal(now.at, due_at),
            case(
                (a.type.in_(COMMON), literal(later["due_at"], due_at)),
                else_=literal(soon["due_at"], due_at),
            ),
            literal(now.mono_s) + wait_s,
            literal(now.boot),
            literal(now.at, due_at),
        )
        .join(t.home, h.id == a.home_id)
        .where(_is_ringing(), which)
    )
    columns = ["id", "org_id", "home_id", "alarm", "severity", "state", "why", "began_at"]
    columns += ["due_at", "due_mono", "boot", "set_at"]
    dialect: Any = postgresql if conn.dialect.name == "postgresql" else sqlite
    conn.execute(dialect.insert(escalation).from_select(columns, query).on_conflict_do_nothing())


def begin_mass(conn: Connection, mass: str, org: str, severity: str, now: Moment) -> None:
    """The one escalation of a mass alarm; its alarms' own end when they are looked at."""
    values = {
        "id": f"mass:{mass}",
        "org_id": org,
        "mass_id": mass,
        "severity": severity,
        "state": "climbing",
        "why": "begun",
        "began_at": now.at,
    }
    conn.execute(insert(escalation).values(**values, **now.values()))


def wake(conn: Connection, homes: Collection[str]) -> None:
    """Let the ladders of these homes look at their alarms.  One that is being climbed in this
    moment is left alone (waiting for it could wait for ever): it looks at its next deadline."""
    e, part = escalation.c, t.mass_alarm_member.c
    of_mass = (
        select(part.mass_id).where(among(part.home_id, homes), part.mass_id == e.mass_id).exists()
    )
    free = (
        select(e.id)
        .where(e.ended_at.is_(None), or_(among(e.home_id, homes), of_mass))
        .with_for_update(skip_locked=True)
    )
    conn.execute(update(escalation).where(e.id.in_(free)).values(look=True))


def rename(conn: Connection, ref: str, own: str) -> None:
    """An alarm whose number another event has got is called `own` now, and so are its ladder and
    its messages."""
    a, e, m = t.alarm, escalation, alarm_message
    conn.execute(update(a).where(a.c.id == ref).values(id=own))
    conn.execute(update(e).where(e.c.id == ref).values(id=own, alarm=own))
    conn.execute(update(m).where(m.c.escalation == ref).values(escalation=own, alarm=own))
