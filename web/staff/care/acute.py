"""Open care alarms of others: what care staff who are not assigned to a home may know and do.

As long as the alarm is open they may open the door (`web.staff.doors.lock_orders`), and read who,
where, what and since when; each reading is written.  Not for: one's own homes, or texts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, select

from gateway.events import Ref
from web.staff.care import reads
from web.staff.care.helpers import care_open, may_help
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.rows import AlarmRow, read_all

WHAT = "acute"
"""What `record.read` says was opened."""


def open_care_alarm(conn: Connection, home: str) -> Ref | None:
    """The newest open care alarm of a home."""
    return conn.execute(_OPEN_HERE, {"home": home}).scalar_one_or_none()


_OPEN_HERE = (  # built once: every door that is opened asks it
    select(tables.alarm.c.id)
    .where(tables.alarm.c.home_id == bindparam("home"), care_open())
    .order_by(tables.alarm.c.raised_at.desc())
    .limit(1)
)


def open_elsewhere(conn: Connection, actor: Actor) -> dict[str, AlarmRow]:
    """The newest open care alarm of each home of the organisation where this person is not
    assigned, by home, the longest open first."""
    if not may_help(actor):
        return {}
    a, h = tables.alarm, tables.home.c
    query = (
        select(a)
        .join(tables.home, h.id == a.c.home_id)
        .where(h.org_id == actor.org, ~among(h.id, actor.assigned), care_open())
        .order_by(a.c.raised_at)
    )
    return {row.home_id: row for row in read_all(conn, AlarmRow, query)}


def open_here(conn: Connection, homes: Collection[str]) -> list[AlarmRow]:
    """Every open care alarm of these homes, for those who may know of it."""
    a = tables.alarm
    query = select(a).where(among(a.c.home_id, homes), care_open())
    return read_all(conn, AlarmRow, query)


def note_reads(staff: Staff, actor: Actor, alarms: Iterable[AlarmRow], *, only_new: bool) -> None:
    """Write that this person read of these open alarms.  `only_new`: an open page brought itself up
    to date, and what was read since the alarm began is not written again."""
    since = {alarm.home_id: alarm.raised_at for alarm in alarms if alarm.raised_at is not None}
    if only_new:
        reads.note_new(staff, actor, since, WHAT)
    else:
        reads.note_checked(staff, actor, since, WHAT)
