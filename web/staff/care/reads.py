"""That somebody read what is kept about residents: `record.read`, one event for each home that a
page shows, all of them in one transaction.

Not for: what was read since in an open page's own time (`pages.reading` says when that is no new
reading), or showing who read (`web.staff.audit`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, text

from gateway.envelope import Draft
from gateway.events import RecordRead
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events.append_many import write_many
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.tables import ACCESS_SQL


def note(staff: Staff, actor: Actor, homes: Collection[str], what: str) -> None:
    """Write that this person read of these homes; `what` is the page's word (`home`, `events`, …).
    Raises `Refused`: NO_HOME, for one that the person does not see; then nothing is written."""
    if not all(actor.sees(home) for home in homes):
        raise Refused(Why.NO_HOME)
    note_checked(staff, actor, homes, what)


def note_new(staff: Staff, actor: Actor, since: Mapping[str, datetime], what: str) -> None:
    """The same where this person has not read it since then (aware), by home.  The caller has seen
    to it that the person may."""
    if not since:
        return
    with staff.db.read() as conn:
        known = _last_reads(conn, actor, since, what)
    fresh = [home for home, at in since.items() if home not in known or known[home] < at]
    note_checked(staff, actor, fresh, what)


def note_checked(staff: Staff, actor: Actor, homes: Collection[str], what: str) -> None:
    """The same as `note` where the caller has seen to it that the person may."""
    if not homes:
        return
    draft = Draft(RecordRead(what=what), person=actor.person)
    with staff.write() as tx:
        write_many(staff, tx, dict.fromkeys(homes, (draft,)))


def _last_reads(
    conn: Connection, actor: Actor, since: Mapping[str, datetime], what: str
) -> dict[str, datetime]:
    e = tables.event.c
    query = select(e.home_id, func.max(e.corrected_at, type_=e.corrected_at.type)).where(
        among(e.home_id, since),
        text(ACCESS_SQL),
        e.corrected_at >= min(since.values()),
        e.kind == RecordRead.KIND,
        e.origin == literal("staff:").concat(e.home_id),
        e.person == actor.person,
        e.body.contains(f'"what":"{what}"', autoescape=True),
    )
    return {row[0]: row[1] for row in conn.execute(query.group_by(e.home_id))}
