"""Mass alarms: what rang in many homes at once and is one thing to know of, to take and to close.

What there is, for who looks: only of the homes that this person sees, so that a part of a mass
alarm is a mass alarm of its own for who works there.  Care takes and closes the alarms of the
homes; who mends and sees no care is told of it too, and takes it beside them: neither silences the
other's.

Not for: which alarms ring together (`web.staff.runtime.gathering`), texts, or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from gateway.envelope import Draft
from gateway.events import (
    AlarmAcknowledged,
    AlarmOutcome,
    AlarmResolved,
    AlarmType,
    Data,
    Severity,
    Trait,
)
from gateway.events.alarm_types import alarm_type
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.storage import event_store
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.changes import ManyChanges

GATHERED = tuple(about.value for about in AlarmType if Trait.COMMON_CAUSE in about.traits)
"""Types of alarms that are gathered."""

FOR_MENDERS = (AlarmType.HOME_SILENT, AlarmType.POWER_FAILING)
"""Care alarms of which technicians are told when they are of many homes: the cause is to be
mended."""

TAKEN = "alarm.mass_taken"
"""What screens are told when a technician has taken one: load anew."""


def is_gathered(alarm: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether this alarm (its id) rings with others now."""
    m, part = t.mass_alarm.c, t.mass_alarm_member.c
    return exists().where(part.alarm == alarm, m.id == part.mass_id, m.ended_at.is_(None))


def still_silent() -> ColumnElement[bool]:
    """Whether the home of a member is silent since the alarm that is one."""
    part, s = t.mass_alarm_member.c, t.home_state.c
    return and_(s.silent_since.is_not(None), s.silent_alarm == part.alarm)


def is_for_menders(actor: Actor) -> bool:
    """Whether this person is told of care's mass alarms without seeing care."""
    return not actor.may(Right.SEE_CARE)


@dataclass(frozen=True, slots=True)
class Taker:
    """Who has taken how many of its alarms, the first of them when."""

    person: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class MassAlarm:
    """What a mass alarm is in the homes that somebody sees: `total` alarms in all, `open` ones,
    those that nobody has taken (`waiting`), in how many homes its cause `goes_on`.  `rings`:
    whether anybody must still take it.  `care`: it is shown to who answers for its alarms; else to
    who mends the cause, and only `mender` is theirs."""

    id: str
    about: str
    since: datetime
    total: int
    open: int
    waiting: int
    goes_on: int
    rings: bool
    care: bool
    takers: tuple[Taker, ...]
    mender: str | None
    mender_at: datetime | None

    @property
    def severity(self) -> Severity:
        """Whom it concerns."""
        return alarm_type(self.about).severity

    @property
    def is_silence(self) -> bool:
        return self.about == AlarmType.HOME_SILENT.value

    @property
    def over(self) -> int:
        """Of how many of its alarms the cause is gone."""
        return self.total - self.goes_on


def running(conn: Connection, actor: Actor, *, mass: str | None = None) -> list[MassAlarm]:
    """The mass alarms that this person is told of, what waits first and then the newest, those too
    that were closed by hand while their cause goes on; `mass`: only this one.  One statement."""
    m, part, a, s = t.mass_alarm.c, t.mass_alarm_member.c, t.alarm.c, t.home_state.c
    if not actor.homes:
        return []
    is_open = a.closed_at.is_(None)
    untaken = and_(is_open, a.acknowledged_at.is_(None))
    rings = or_(part.rings, a.lapsed_at.is_not(None))  # who had it did not come
    silence = m.type == AlarmType.HOME_SILENT.value
    goes_on = or_(and_(silence, still_silent()), and_(~silence, is_open))
    query = (
        select(
            *(m.id, m.type, m.mender, m.mender_at),
            a.acknowledged_by,
            func.min(a.acknowledged_at, type_=a.acknowledged_at.type).label("taken_at"),
            func.min(func.coalesce(a.since, a.raised_at), type_=a.since.type).label("since"),
            func.count().label("total"),
            func.count(case((is_open, 1))).label("open"),
            func.count(case((untaken, 1))).label("waiting"),
            func.count(case((and_(untaken, rings), 1))).label("ringing"),
            func.count(case((goes_on, 1))).label("goes_on"),
        )
        .select_from(t.mass_alarm)
        .join(t.mass_alarm_member, part.mass_id == m.id)
        .join(t.alarm, a.id == part.alarm)
        .outerjoin(t.home_state, s.home_id == part.home_id)
        .where(m.org_id == actor.org, m.ended_at.is_(None), among(part.home_id, actor.homes))
        .where(_is_told(actor))
        .group_by(m.id, m.type, m.mender, m.mender_at, a.acknowledged_by)
    )
    if mass is not None:
        query = query.where(m.id == mass)
    parts: dict[str, list[_Part]] = {}
    for row in conn.execute(query):
        parts.setdefault(row.id, []).append(_Part(*row))
    found = [_together(actor, rows) for rows in parts.values()]
    shown = [one for one in found if one.open or one.goes_on]
    return sorted(shown, key=lambda one: (not one.rings, -one.since.timestamp(), one.id))


def _is_told(actor: Actor) -> ColumnElement[bool]:
    """Which types: who does not see care is told of what must be mended."""
    m, a = t.mass_alarm.c, t.alarm.c
    if not is_for_menders(actor):
        return a.id.is_not(None)
    mended = [about.value for about in FOR_MENDERS]
    return or_(m.type.in_(mended), a.severity == Severity.TECHNICAL.value)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one person has taken of a mass alarm, or nobody."""

    id: str
    about: str
    mender: str | None
    mender_at: datetime | None
    taken_by: str | None
    taken_at: datetime | None
    since: datetime
    total: int
    open: int
    waiting: int
    ringing: int
    goes_on: int


def _together(actor: Actor, parts: Sequence[_Part]) -> MassAlarm:
    one = parts[0]
    care = not (is_for_menders(actor) and alarm_type(one.about).severity is Severity.CARE)
    takers = [Taker(p.taken_by, p.taken_at, p.total) for p in parts if p.taken_by and p.taken_at]
    waiting = sum(part.waiting for part in parts)
    ringing = sum(part.ringing for part in parts)
    return MassAlarm(
        id=one.id,
        about=one.about,
        since=min(part.since for part in parts),
        total=sum(part.total for part in parts),
        open=sum(part.open for part in parts),
        waiting=waiting,
        goes_on=sum(part.goes_on for part in parts),
        # what joined one that was taken does not ring, for who sees that somebody is on it
        rings=bool(ringing or (waiting and not takers)) if care else one.mender is None,
        care=care,
        takers=tuple(sorted(takers, key=lambda taker: taker.at)),
        mender=one.mender,
        mender_at=one.mender_at,
    )


# --- what somebody does ---------------------------------------------------------------------------


def take(staff: Staff, actor: Actor, mass: str) -> int:
    """Take what this person sees of a mass alarm and nobody has taken; returns how many alarms.  A
    technician takes the mending of it.  Raises `Refused`: NO_ROLE, NO_ALARM, NOT_FIRST (with who
    was), CLOSED."""
    one = _seen(staff, actor, mass)
    if not one.care:
        return _mend(staff, actor, one)
    if not one.waiting and one.takers:
        first = one.takers[0]
        if any(taker.person == actor.person for taker in one.takers):
            return 0
        raise Refused(Why.NOT_FIRST, person=first.person, at=first.at)
    a = t.alarm.c
    return _tell_each(
        staff,
        actor,
        mass,
        lambda alarm: AlarmAcknowledged(alarm=alarm),
        and_(a.acknowledged_at.is_(None), a.closed_at.is_(None)),
    )


def close(staff: Staff, actor: Actor, mass: str, outcome: AlarmOutcome) -> int:
    """Close what this person sees of a mass alarm; returns how many alarms.  Raises `Refused`:
    NO_ROLE (who mends ends no care alarm), NO_ALARM, CLOSED."""
    one = _seen(staff, actor, mass)
    if not one.care:
        raise Refused(Why.NO_ROLE)
    return _tell_each(
        staff,
        actor,
        mass,
        lambda alarm: AlarmResolved(alarm=alarm, outcome=outcome),
        t.alarm.c.closed_at.is_(None),
    )


def may_answer(actor: Actor, one: MassAlarm) -> bool:
    """Whether this person may take it."""
    technical = not one.care or one.severity is Severity.TECHNICAL
    return actor.may(Right.ANSWER_TECHNICAL_ALARM if technical else Right.ANSWER_CARE_ALARM)


def _seen(staff: Staff, actor: Actor, mass: str) -> MassAlarm:
    with staff.db.read() as conn:
        found = running(conn, actor, mass=mass)
    if not found:
        raise Refused(Why.NO_ALARM)
    if not may_answer(actor, found[0]):
        raise Refused(Why.NO_ROLE)
    if not found[0].open:
        raise Refused(Why.CLOSED)
    return found[0]


def _mend(staff: Staff, actor: Actor, one: MassAlarm) -> int:
    m, part = t.mass_alarm.c, t.mass_alarm_member.c
    with staff.write() as tx:
        now = staff.clock.now()
        taken = (
            update(t.mass_alarm)
            .where(m.id == one.id, m.mender.is_(None))
            .values(mender=actor.person, mender_at=now)
        )
        if tx.conn.execute(taken).rowcount:
            homes = tx.conn.execute(select(part.home_id).where(part.mass_id == one.id)).scalars()
            tx.changes.append(ManyChanges(TAKEN, frozenset(homes), actor.person, decided=False))
            return one.open
        row = tx.conn.execute(select(m.mender, m.mender_at).where(m.id == one.id)).one()
    if row.mender == actor.person:
        return 0
    raise Refused(Why.NOT_FIRST, person=row.mender, at=row.mender_at)


def _tell_each(
    staff: Staff,
    actor: Actor,
    mass: str,
    what: Callable[[str], Data],
    concerned: ColumnElement[bool],
) -> int:
    """Write it about each alarm that this person sees and it concerns, some homes at a time; each
    part stands for itself, as if somebody had gone through them very fast."""
    part, a = t.mass_alarm_member.c, t.alarm.c
    query = (
        select(a.home_id, a.id, a.device)
        .join(t.mass_alarm_member, part.alarm == a.id)
        .where(part.mass_id == mass, concerned)
    )
    with staff.db.read() as conn:
        mine = among(part.home_id, actor.homes)
        homes = sorted(set(conn.execute(query.where(mine).with_only_columns(a.home_id)).scalars()))
    count = 0
    for first in range(0, len(homes), HOMES_AT_ONCE):
        some = homes[first : first + HOMES_AT_ONCE]
        with staff.write() as tx:
            event_store.lock_homes(tx.conn, some)
            told: dict[str, list[Draft]] = {}
            for home, alarm, device in tx.conn.execute(query.where(among(part.home_id, some))):
                draft = Draft(what(alarm), device=device, person=actor.person)
                told.setdefault(home, []).append(draft)
                count += 1
            write_many(staff, tx, told)
    return count
