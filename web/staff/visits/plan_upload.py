"""A file with a plan that somebody sends by a page: kept aside, looked at, saved, taken back.

Between being sent and being saved it is a row of `plan_file`, for a day; what it would change is
reckoned anew each time it is looked at, and once more when it is saved.  Not for: what a file may
hold (`plan_reading`), or texts.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, select, update

from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.i18n import ZONE
from web.staff.core.rights import Actor, Right
from web.staff.storage.admin_tables import plan_file
from web.staff.storage.database import Tx
from web.staff.visits import plan_reading, plan_store
from web.staff.visits.plan_store import Compared, Outcome, Sent

KEPT = timedelta(days=1)
"""How long a file is kept: it is looked at and saved in one sitting, and taken back the same day;
it names who is to go where."""

WAITING_MAX = 20
"""Files of one organisation that are kept: each is some megabytes at the most."""

CALENDARS = (".ics", ".ical")
"""How the names of iCalendar files end; any other is read as CSV."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A file as it was sent.  `days`: this is all there is in them (the last one too)."""

    name: str
    data: bytes
    source: str | None
    home: str | None
    days: tuple[date, date] | None

    @property
    def ical(self) -> bool:
        """Whether it is read as iCalendar."""
        return self.name.lower().endswith(CALENDARS)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is kept.  `saved_at` None: it has changed nothing yet."""

    id: str
    asked: Asked
    asked_by: str
    saved_at: datetime | None
    undone_at: datetime | None


def keep(staff: Staff, actor: Actor, asked: Asked) -> str:
    """Read the file and keep it aside; its id.  Raises `Refused` (NO_ROLE), and `UserError` with
    what is wrong of it, `PlanRefused` line by line."""
    _need(actor)
    with staff.db.read() as conn:
        plan_store.compare(conn, actor.org, _read(conn, staff, actor.org, asked))
    new, now, f = secrets.token_urlsafe(12), datetime.now(UTC), plan_file.c
    first, last = (None, None) if asked.days is None else (day.isoformat() for day in asked.days)
    with staff.db.write() as tx:
        tx.conn.execute(delete(plan_file).where(f.asked_at < now - KEPT))
        newest = select(f.id).where(f.org_id == actor.org, f.saved_at.is_(None))
        old = newest.order_by(f.asked_at.desc(), f.id).offset(WAITING_MAX - 1)
        for one in tx.conn.execute(old).scalars().all():
            tx.conn.execute(delete(plan_file).where(f.id == one))
        tx.conn.execute(
            insert(plan_file).values(
                id=new,
                org_id=actor.org,
                asked_by=actor.person,
                asked_at=now,
                name=asked.name,
                source=asked.source or ("ical" if asked.ical else "csv"),
                home=asked.home,
                first=first,
                last=last,
                data=asked.data,
            )
        )
    return new


def one(conn: Connection, actor: Actor, upload: str) -> Upload | None:
    """A file of the actor's organisation; None: there is none, or it is gone."""
    f = plan_file.c
    row = conn.execute(select(plan_file).where(f.id == upload, f.org_id == actor.org)).one_or_none()
    return None if row is None else _upload(row)


def last_saved(conn: Connection, actor: Actor) -> Upload | None:
    """The file that was saved last in the organisation, while it can be taken back."""
    f = plan_file.c
    query = select(plan_file).where(f.org_id == actor.org, f.saved_at.is_not(None))
    query = query.where(f.asked_at > datetime.now(UTC) - KEPT)
    row = conn.execute(query.order_by(f.saved_at.desc()).limit(1)).one_or_none()
    return None if row is None else _upload(row)


def preview(conn: Connection, staff: Staff, actor: Actor, upload: Upload) -> Compared:
    """What it would change now.  Raises `UserError`, as `keep`."""
    sent = _read(conn, staff, actor.org, upload.asked)
    return plan_store.compare(conn, actor.org, sent)


def save(staff: Staff, actor: Actor, upload: str) -> Outcome:
    """Let it be the plan.  Raises `Refused`: NO_ROLE, NO_PLAN (no such file), CLOSED (it is saved
    already); and `UserError`, as `keep`."""
    _need(actor)
    f = plan_file.c
    with staff.write() as tx:
        row = _hold(tx, actor, upload)
        if row.saved_at is not None:
            raise Refused(Why.CLOSED, at=row.saved_at, person=row.asked_by)
        sent = _read(tx.conn, staff, actor.org, _upload(row).asked)
        done, before = plan_store.store(staff, tx, actor.org, sent, person=actor.person)
        said = {"saved_at": staff.clock.now(), "before": json.dumps(before)}
        tx.conn.execute(update(plan_file).where(f.id == upload).values(**said))
    return done


def undo(staff: Staff, actor: Actor, upload: str) -> Outcome:
    """Take back what it had changed.  Raises `Refused`: NO_ROLE, NO_PLAN, CLOSED (it is taken back
    already), NOT_FIRST (the plan was changed since)."""
    _need(actor)
    f = plan_file.c
    with staff.write() as tx:
        row = _hold(tx, actor, upload)
        if row.saved_at is None:
            raise Refused(Why.NO_PLAN)
        if row.undone_at is not None:
            raise Refused(Why.CLOSED, at=row.undone_at, person=None)
        done = plan_store.undo(
            staff, tx, actor.org, row.source, json.loads(row.before), row.saved_at,
            person=actor.person,
        )  # fmt: skip
        if done is None:
            raise Refused(Why.NOT_FIRST)
        undone = update(plan_file).where(f.id == upload)
        tx.conn.execute(undone.values(undone_at=staff.clock.now()))
    return done


def _need(actor: Actor) -> None:
    if not actor.may(Right.ASSIGN):
        raise Refused(Why.NO_ROLE)


def _hold(tx: Tx, actor: Actor, upload: str) -> Any:
    """The file's row, which nobody else changes meanwhile."""
    f = plan_file.c
    query = select(plan_file).where(f.id == upload, f.org_id == actor.org).with_for_update()
    row = tx.conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Why.NO_PLAN)
    return row


def _read(conn: Connection, staff: Staff, org: str, asked: Asked) -> Sent:
    span = None
    if asked.days is not None:
        first, last = asked.days
        span = (_midnight(first), _midnight(last + timedelta(days=1)))
    return plan_reading.read(
        conn, org, asked.data, ical=asked.ical, now=staff.clock.now(), source=asked.source,
        home=asked.home, span=span,
    )  # fmt: skip


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(ZONE))


def _upload(row: Any) -> Upload:
    days = None
    if row.first is not None:
        days = (date.fromisoformat(row.first), date.fromisoformat(row.last))
    asked = Asked(row.name, row.data, row.source, row.home, days)
    return Upload(row.id, asked, row.asked_by, row.saved_at, row.undone_at)
