"""An alarm that is stored gets its escalation in the same transaction, whoever wrote it.

Called for every transaction before its commit, with what it changed: an alarm that nobody planned a
ladder for cannot come about.  What stops or moves a ladder (somebody takes the alarm, it is closed,
it repeats) only wakes it: the dispatcher looks at the alarm itself (`web.staff.ladders`).

Not for: who is reached.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, insert, literal, or_, select, update
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

MOVES = frozenset(
    {
        *("alarm.acknowledged", "alarm.cancelled", "alarm.resolved", "alarm.repeated"),
        *("alarm.responder_departed", "alarm.responder_arrived", "alarm.arrival_answered"),
    }
)
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
    if len(refs) == 1:
        (ref,) = refs
        conn.execute(_begins_one(conn.dialect.name), {**_moments(now), "ref": ref})
    else:
        _insert(conn, now, among(t.alarm.c.ref, refs))


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
    quiet = [one.value for one in Severity if one.value not in RINGS]
    rings = and_(a.severity.is_not(None), *(a.severity != one for one in quiet))
    return and_(a.closed_at.is_(None), a.raised_at.is_not(None), rings)


def _insert(conn: Connection, now: Moment, which: Any) -> None:
    conn.execute(_begins(conn.dialect.name, which), _moments(now))


@cache
def _begins_one(dialect: str) -> Any:
    """The statement for one alarm, built once: building it costs more than running it."""
    return _begins(dialect, t.alarm.c.ref == bindparam("ref"))


def _begins(dialect: str, which: Any) -> Any:
    a, h, e = t.alarm.c, t.home.c, escalation.c
    common = or_(*(a.type == about for about in COMMON))  # a list is written out at each use

    def given(name: str) -> Any:
        return bindparam(name, type_=e[name.removeprefix("later_")].type)

    query = (
        select(
            *(a.id, h.org_id, a.home_id, a.id, a.severity),
            *(literal("climbing"), literal("begun"), given("began_at")),
            case((common, given("later_due_at")), else_=given("due_at")),
            case((common, given("later_due_mono")), else_=given("due_mono")),
            *(given("boot"), given("set_at")),
        )
        .join(t.home, h.id == a.home_id)
        .where(_is_ringing(), which)
    )
    columns = ["id", "org_id", "home_id", "alarm", "severity", "state", "why", "began_at"]
    columns += ["due_at", "due_mono", "boot", "set_at"]
    kind: Any = postgresql if dialect == "postgresql" else sqlite
    return kind.insert(escalation).from_select(columns, query).on_conflict_do_nothing()


def _moments(now: Moment) -> dict[str, object]:
    """What the statement is given: now, and when those are due that may be of many."""
    later = now.values(GATHER_WAIT_S)
    names = ("due_at", "due_mono")
    return {**now.values(), "began_at": now.at} | {f"later_{name}": later[name] for name in names}


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
    its messages.

    Who climbs that ladder, or notes its messages, holds them and waits for the home, which is ours:
    nobody waits for them here.  Raises `OperationalError` (`outage.is_away`) while they are held:
    nothing was stored, and the home sends it again.
    """
    a, e, m = t.alarm, escalation, alarm_message
    conn.execute(select(e.c.id).where(e.c.id == ref).with_for_update(nowait=True)).all()
    conn.execute(select(m.c.id).where(m.c.escalation == ref).with_for_update(nowait=True)).all()
    conn.execute(update(a).where(a.c.id == ref).values(id=own))
    conn.execute(update(e).where(e.c.id == ref).values(id=own, alarm=own))
    conn.execute(update(m).where(m.c.escalation == ref).values(escalation=own, alarm=own))
