"""A battery's change, planned into a visit: asked for, seen by whoever goes there, ended.

Both are events of the home beside their row.  One is open for a device; asking again names another
visit.  Not for: when it should be done (`batteries`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.envelope import Draft
from gateway.events import BatteryChangeEnded, BatteryChangePlanned
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.admin_tables import battery_change
from web.staff.storage.among import among
from web.staff.visits import plan


@dataclass(frozen=True, slots=True)
class Change:
    """A battery that somebody is asked to change; `planned` None: in the next visit."""

    home: str
    device: str
    planned: str | None
    asked_by: str
    asked_at: datetime


def open_changes(conn: Connection, homes: Collection[str]) -> list[Change]:
    """What is asked for and not ended in these homes, the oldest first."""
    c = battery_change.c
    query = select(battery_change).where(among(c.home_id, homes), c.ended_at.is_(None))
    rows = conn.execute(query.order_by(c.asked_at, c.id))
    return [
        Change(row.home_id, row.device, row.planned, row.asked_by, row.asked_at) for row in rows
    ]


def plans(actor: Actor) -> bool:
    """Whether this person may ask for a change: who says who works where, and who mends."""
    return actor.may(Right.ASSIGN) or actor.may(Right.ENROLL)


def ask(staff: Staff, actor: Actor, home: str, device: str, planned: str | None) -> None:
    """Ask for a change, in this visit of the plan or in the next one.  Raises `Refused`: NO_ROLE,
    NO_HOME (also for a device that the home has not), NO_PLAN."""
    if not plans(actor):
        raise Refused(Why.NO_ROLE)
    now, c = staff.clock.now(), battery_change.c
    with staff.write() as tx:
        _hold(tx.conn, actor, home, device)
        append.hold(tx, home)
        if planned is not None:
            visit = plan.one(tx.conn, [home], planned)
            if visit is None or visit.withdrawn:
                raise Refused(Why.NO_PLAN)
        row = select(c.planned).where(c.home_id == home, c.device == device, c.ended_at.is_(None))
        had = tx.conn.execute(row).one_or_none()
        if had is not None and had.planned == planned:
            return
        said = {"planned": planned, "asked_by": actor.person, "asked_at": now}
        if had is None:
            values = {"home_id": home, "device": device} | said
            tx.conn.execute(insert(battery_change).values(**values))
        else:
            mine = (c.home_id == home, c.device == device, c.ended_at.is_(None))
            tx.conn.execute(update(battery_change).where(*mine).values(**said))
        asked = BatteryChangePlanned(planned=planned)
        append.write(staff, tx, home, Draft(asked, device=device, person=actor.person))


def end(staff: Staff, actor: Actor, home: str, device: str, *, done: bool) -> None:
    """It is changed, as whoever was there says, or need not be any more, as who asks for changes
    says.  Raises `Refused`: NO_ROLE, NO_HOME, CLOSED (nothing is asked for)."""
    there = home in actor.assigned and actor.may(Right.TAP_VISIT)
    if not (plans(actor) or (there and done)):
        raise Refused(Why.NO_ROLE)
    c = battery_change.c
    with staff.write() as tx:
        _hold(tx.conn, actor, home, device)
        append.hold(tx, home)
        mine = (c.home_id == home, c.device == device, c.ended_at.is_(None))
        now = staff.clock.now()
        if not tx.conn.execute(update(battery_change).where(*mine).values(ended_at=now)).rowcount:
            raise Refused(Why.CLOSED, at=now, person=None)
        ended = BatteryChangeEnded(done=done)
        append.write(staff, tx, home, Draft(ended, device=device, person=actor.person))


def _hold(conn: Connection, actor: Actor, home: str, device: str) -> None:
    d = tables.device.c
    known = select(d.id).where(d.home_id == home, d.id == device)
    if not actor.sees(home) or conn.execute(known).first() is None:
        raise Refused(Why.NO_HOME)
