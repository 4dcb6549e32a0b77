"""That somebody read what is kept about residents: `record.read`, one event for each home that a
page shows, all of them in one transaction.

Not for: what was read since in an open page's own time (`pages.reading` says when that is no new
reading), or showing who read (`web.staff.audit`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, text

from gateway.envelope import Draft
from gateway.events import RecordRead
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff, Unkept
from web.staff.core.rights import Actor
from web.staff.events.append_many import write_many
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.outage import FAULTS, refusal_of
from web.staff.storage.tables import ACCESS_SQL

log = logging.getLogger(__name__)


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
    unkept = Unkept(tuple(homes), actor.person, what, staff.clock.now())
    if staff.db.saving.now is None:
        try:
            _keep(staff, unkept)
            return
        except FAULTS as error:
            if refusal_of(error) is None:
                raise
    # whoever must help somebody now may read; that they did is kept when the disk takes it
    staff.unkept.append(unkept)
    told = {"person": actor.person, "homes": " ".join(homes), "what": what}
    log.warning("a reading is not in the access log yet", extra=told)


def keep_unkept(staff: Staff) -> int:
    """Write the readings that could not be kept, with their time; returns how many.  Raises what
    the database raises; what is not written stays."""
    done = 0
    while staff.unkept:
        _keep(staff, staff.unkept[0])
        staff.unkept.popleft()
        done += 1
    return done


def _keep(staff: Staff, read: Unkept) -> None:
    draft = Draft(RecordRead(what=read.what), person=read.person)
    with staff.write() as tx:
        write_many(staff, tx, dict.fromkeys(read.homes, (draft,)), at=read.at)


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
