"""Alarms of many homes with one cause are gathered: they ring, are shown, taken and closed as one.

Each home has its own alarm in its own log, and nothing there says that others had it too.  Which
ones ring together is noted beside them (`tables.mass_alarm`), so that a home, a server or a reader
of any version sees what it always saw, and an alarm that rang alone a minute before can be drawn
in.  What may be gathered has `Trait.COMMON_CAUSE`; how many homes within what time is
`[mass_alarm]` of the server's configuration.  Nothing is gathered that somebody has taken.

When most homes of a silence are heard again, the others ring anew after a while: a dead home must
not stay hidden behind a mended fault, not even where the common alarm was taken or closed.

Not for: noticing silence (`silence`), or showing, taking and closing
(`web.staff.care.mass_alarms`).
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, case, delete, exists, func, insert, select, update

from gateway.envelope import Draft
from gateway.events import AlarmCancelled, AlarmRaised, AlarmType, alarm_type
from web.staff.care.mass_alarms import GATHERED, is_gathered, still_silent
from web.staff.core.config import MassAlarmConfig
from web.staff.core.context import Staff
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.storage import escalations, event_store
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.changes import ManyChanges
from web.staff.storage.database import Tx

LOOKED_BACK = timedelta(days=1)
"""How old an alarm may be that is gathered: homes that were cut off tell of a power cut when they
are back."""

CHANGED = "alarm.gathered"
"""What screens are told when alarms begin or cease to be one: load anew."""


@dataclass(frozen=True, slots=True)
class Rung:
    """An open alarm that nobody has taken, and that rings for itself."""

    alarm: str
    home: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Running:
    """A mass alarm that may be joined: when the first and the newest of its alarms were raised."""

    id: str
    first: datetime
    last: datetime


def gather(staff: Staff, tx: Tx) -> None:
    """Note which alarms ring together from now on, those just raised in this transaction
    included."""
    limits = staff.config.mass_alarm
    for (org, about), found in _rung(tx.conn, staff.clock.now()).items():
        _let_nobody_else(tx.conn, org)
        left = _join(staff, tx, org, about, found)
        for run in runs(left, limits):
            mass = secrets.token_hex(8)
            values = {"id": mass, "org_id": org, "type": about}
            times = {"began_at": run[0].at, "last_at": run[-1].at}
            tx.conn.execute(insert(t.mass_alarm).values(values | times))
            _enter(staff, tx, mass, run, rings=True)
            severity = alarm_type(about).severity
            escalations.begin_mass(tx.conn, mass, org, severity, staff.moment())


def _rung(conn: Connection, now: datetime) -> dict[tuple[str, str], list[Rung]]:
    """What may be gathered, by organisation and type, the oldest first."""
    a, h = t.alarm.c, t.home.c
    query = (
        select(h.org_id, a.type, a.id, a.home_id, a.raised_at)
        .join(t.home, h.id == a.home_id)
        .where(
            a.closed_at.is_(None),
            a.acknowledged_at.is_(None),
            a.type.in_(GATHERED),
            a.raised_at > now - LOOKED_BACK,
            ~is_gathered(a.id),
        )
        .order_by(a.raised_at, a.id)
    )
    found: dict[tuple[str, str], list[Rung]] = {}
    for org, about, alarm, home, at in conn.execute(query):
        found.setdefault((org, about), []).append(Rung(alarm, home, at))
    return found


def runs(rung: Sequence[Rung], limits: MassAlarmConfig) -> Iterator[list[Rung]]:
    """What of these alarms (the oldest first) is one: so many homes within so long, and what
    follows without a longer pause."""
    within = timedelta(minutes=limits.within_min)
    run: list[Rung] = []
    many = False
    near: deque[Rung] = deque()
    for one in rung:
        if run and one.at - run[-1].at > within:
            if many:
                yield run
            run, many = [], False
            near.clear()
        run.append(one)
        near.append(one)
        while one.at - near[0].at > within:
            near.popleft()
        many = many or len({other.home for other in near}) >= limits.homes
    if many:
        yield run


def _let_nobody_else(conn: Connection, org: str) -> None:
    """Another worker that gathers for this organisation waits for the commit."""
    o = t.organisation.c
    conn.execute(select(o.id).where(o.id == org).with_for_update(key_share=True)).all()


def _join(staff: Staff, tx: Tx, org: str, about: str, rung: Sequence[Rung]) -> list[Rung]:
    """Enter what belongs to mass alarms that go on; returns the rest."""
    within = timedelta(minutes=staff.config.mass_alarm.within_min)
    left = list(rung)
    for mass in _running(tx.conn, org, about):
        joined, first, last = [], mass.first, mass.last
        for one in left:
            if first - within <= one.at <= last + within:
                joined.append(one)
                first, last = min(first, one.at), max(last, one.at)
        if joined:
            left = sorted(set(left) - set(joined), key=lambda one: (one.at, one.alarm))
            rings = not _is_taken(tx.conn, mass.id)
            _enter(staff, tx, mass.id, joined, rings=rings)
            m = t.mass_alarm
            tx.conn.execute(update(m).where(m.c.id == mass.id).values(began_at=first, last_at=last))
    return left


def _running(conn: Connection, org: str, about: str) -> list[Running]:
    """Mass alarms that take more in.  One that was closed by hand does not, nor one of which most
    homes are heard again: what falls silent then has another cause."""
    m, part, a = t.mass_alarm.c, t.mass_alarm_member.c, t.alarm.c
    goes_on = exists().where(part.mass_id == m.id, a.id == part.alarm, a.closed_at.is_(None))
    query = select(m.id, m.began_at, m.last_at).where(
        m.org_id == org, m.type == about, m.ended_at.is_(None), m.back_at.is_(None), goes_on
    )
    return [Running(*row) for row in conn.execute(query.order_by(m.last_at.desc()))]


def _is_taken(conn: Connection, mass: str) -> bool:
    part, a = t.mass_alarm_member.c, t.alarm.c
    query = select(a.id).where(
        part.mass_id == mass, a.id == part.alarm, a.acknowledged_at.is_not(None)
    )
    return conn.execute(query.limit(1)).first() is not None


def _enter(staff: Staff, tx: Tx, mass: str, joined: Sequence[Rung], *, rings: bool) -> None:
    part = t.mass_alarm_member
    now = staff.clock.now()
    homes = {one.home for one in joined}
    # a home that was heard and is silent again stands for one
    a = t.alarm.c
    over = exists().where(
        a.id == part.c.alarm, a.type == AlarmType.HOME_SILENT.value, a.closed_at.is_not(None)
    )
    tx.conn.execute(delete(part).where(part.c.mass_id == mass, among(part.c.home_id, homes), over))
    rows = [
        {
            "mass_id": mass,
            "alarm": one.alarm,
            "home_id": one.home,
            "joined_at": now,
            "rings": rings,
        }
        for one in joined
    ]
    event_store.upsert_many(tx.conn, part, ("mass_id", "alarm"), rows)
    tx.changes.append(ManyChanges(CHANGED, frozenset(homes), None, decided=False))


# --- what goes on ---------------------------------------------------------------------------------


def look(staff: Staff, alive: Callable[[], None] = lambda: None) -> None:
    """One round: gather what rang since the last one, end what is over, and let what is left of a
    silence ring for itself."""
    if _is_any_rung(staff):
        with staff.write() as tx:
            gather(staff, tx)
        alive()
    for mass, state in _states(staff):
        _go_on(staff, mass, state, alive)


def _is_any_rung(staff: Staff) -> bool:
    """Whether there is anything to gather, without a turn to write: most rounds find nothing."""
    limits, now = staff.config.mass_alarm, staff.clock.now()
    with staff.db.read() as conn:
        for (org, about), found in _rung(conn, now).items():
            if _running(conn, org, about) or any(runs(found, limits)):
                return True
    return False


@dataclass(frozen=True, slots=True)
class State:
    """How many alarms a mass alarm has, how many are open, and in how many homes its cause goes on;
    `back_at` since when it is over in most."""

    about: str
    total: int
    open: int
    silent: int
    back_at: datetime | None


def _states(staff: Staff) -> list[tuple[str, State]]:
    m, part, a, s = t.mass_alarm.c, t.mass_alarm_member.c, t.alarm.c, t.home_state.c
    query = (
        select(
            m.id,
            m.type,
            func.count(),
            func.count(case((a.closed_at.is_(None), 1))),
            func.count(case((still_silent(), 1))),
            m.back_at,
        )
        .select_from(t.mass_alarm)
        .join(t.mass_alarm_member, part.mass_id == m.id)
        .outerjoin(t.alarm, a.id == part.alarm)
        .outerjoin(t.home_state, s.home_id == part.home_id)
        .where(m.ended_at.is_(None))
        .group_by(m.id, m.type, m.back_at)
    )
    with staff.db.read() as conn:
        return [(mass, State(*rest)) for mass, *rest in conn.execute(query)]


def _go_on(staff: Staff, mass: str, state: State, alive: Callable[[], None]) -> None:
    now = staff.clock.now()
    is_silence = state.about == AlarmType.HOME_SILENT.value
    if not state.open and not (is_silence and state.silent):
        _note(staff, mass, ended_at=now)
        return
    if not is_silence:
        return
    is_back = state.silent * 2 <= state.total
    if is_back != (state.back_at is not None):
        _note(staff, mass, back_at=now if is_back else None)
    elif state.back_at is not None:
        alone_after = timedelta(minutes=staff.config.mass_alarm.alone_after_min)
        if now - state.back_at >= alone_after:
            _let_ring(staff, mass, alive)


def _note(staff: Staff, mass: str, **values: datetime | None) -> None:
    m = t.mass_alarm
    with staff.write() as tx:
        tx.conn.execute(update(m).where(m.c.id == mass).values(**values))


def _let_ring(staff: Staff, mass: str, alive: Callable[[], None]) -> None:
    """What is still silent rings anew: each for itself, or as one again where it is many."""
    m, part, s = t.mass_alarm.c, t.mass_alarm_member.c, t.home_state.c
    query = select(part.home_id).where(
        part.mass_id == mass, s.home_id == part.home_id, still_silent()
    )
    with staff.db.read() as conn:
        homes = sorted(conn.execute(query).scalars())
    for first in range(0, len(homes), HOMES_AT_ONCE):
        with staff.write() as tx:
            _raise_anew(staff, tx, mass, homes[first : first + HOMES_AT_ONCE])
        alive()
    with staff.write() as tx:
        ended = update(t.mass_alarm).where(m.id == mass).values(ended_at=staff.clock.now())
        tx.conn.execute(ended)
        gather(staff, tx)


def _raise_anew(staff: Staff, tx: Tx, mass: str, homes: Sequence[str]) -> None:
    event_store.lock_homes(tx.conn, homes)
    part, s, a = t.mass_alarm_member.c, t.home_state.c, t.alarm.c
    query = (
        select(s.home_id, s.silent_since, a.id, a.closed_at)
        .join(t.mass_alarm_member, and_(part.home_id == s.home_id, part.alarm == s.silent_alarm))
        .join(t.alarm, a.id == part.alarm)
        .where(part.mass_id == mass, s.home_id.in_(homes), s.silent_since.is_not(None))
    )
    about = AlarmType.HOME_SILENT
    told = {}
    for home, since, alarm, closed_at in tx.conn.execute(query):
        drafts = [Draft(AlarmRaised.usual(about, since))]
        if closed_at is None:
            drafts.insert(0, Draft(AlarmCancelled(alarm=alarm, reason="rings_alone")))
        told[home] = drafts
    write_many(staff, tx, told)
