"""That somebody read what is kept about residents: `record.read`, one event for each home that a
page shows, all of them in one transaction.

A page does not wait for that transaction: the reading is on the server's disk before the page goes
out (`web.staff.storage.spool`) and in the homes' logs within a second, with the time at which it
was read (`write_waiting`).  Where the disk refuses, or too much waits, it is written before the
page goes out; where that fails too, there is no page.

Not for: what was read since in an open page's own time (`pages.reading` says when that is no new
reading), or showing who read (`web.staff.audit`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, text

from gateway.envelope import Draft
from gateway.events import RecordRead, utc_text
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events.append_many import write_many
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.database import Tx
from web.staff.storage.outage import FAULTS, refusal_of
from web.staff.storage.spool import Spool
from web.staff.storage.tables import ACCESS_SQL

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Readings of one transaction: a second of a busy server, some ten milliseconds of its writer."""


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
    waiting = _waiting_reads(staff, actor, what)  # first: what is written meanwhile is in the logs
    with staff.db.read() as conn:
        known = _last_reads(conn, actor, since, what) | waiting
    fresh = [home for home, at in since.items() if home not in known or known[home] < at]
    note_checked(staff, actor, fresh, what)


def note_checked(staff: Staff, actor: Actor, homes: Collection[str], what: str) -> None:
    """The same as `note` where the caller has seen to it that the person may."""
    if not homes:
        return
    noted = Reading(staff.clock.now(), actor.person, what, tuple(sorted(homes)))
    if staff.afterwards is not None and staff.afterwards.spool.add(noted.as_line()):
        return
    if staff.db.saving.now is None:
        try:
            with staff.write() as tx:
                _write(staff, tx, noted)
            return
        except FAULTS as error:
            if refusal_of(error) is None:
                raise
    # whoever must help somebody now may read; that they did is kept when the disk takes it
    staff.unkept.append(noted.as_line())
    told = {"person": actor.person, "homes": " ".join(noted.homes), "what": what}
    log.warning("a reading is not in the access log yet", extra=told)


def keep_unkept(staff: Staff) -> None:
    """Write the readings that could not be kept, with their time.  Raises what the database raises;
    what is not written stays."""
    while staff.unkept:
        with staff.write() as tx:
            _write(staff, tx, _read_line(staff.unkept[0]))
        staff.unkept.popleft()


@dataclass(frozen=True, slots=True)
class Reading:
    """Who read what of which homes, when."""

    at: datetime
    person: str
    what: str
    homes: tuple[str, ...]

    def as_line(self) -> str:
        """As it waits in the spool."""
        return json.dumps([utc_text(self.at), self.person, self.what, self.homes])


def _read_line(line: str) -> Reading:
    at, person, what, homes = json.loads(line)
    return Reading(datetime.fromisoformat(at), person, what, tuple(homes))


def _write(staff: Staff, tx: Tx, one: Reading) -> None:
    draft = Draft(RecordRead(what=one.what), person=one.person)
    write_many(staff, tx, dict.fromkeys(one.homes, (draft,)), at=one.at)


def write_waiting(staff: Staff, spool: Spool) -> None:
    """Write what waits into the homes' logs, some readings a transaction, so that nobody else waits
    long for a turn."""
    while lines := spool.waiting()[:AT_ONCE]:
        doubtful = min(spool.maybe_known, len(lines))
        with staff.write() as tx:
            for number, line in enumerate(lines):
                one = _read_line(line)
                _write(staff, tx, _not_known(tx.conn, one) if number < doubtful else one)
        spool.done(len(lines))


def _not_known(conn: Connection, one: Reading) -> Reading:
    """Of a reading that may have been written before a process died, what was not."""
    e = tables.event.c
    query = select(e.home_id).where(
        among(e.home_id, one.homes),
        text(ACCESS_SQL),
        e.corrected_at == one.at,
        e.kind == RecordRead.KIND,
        e.person == one.person,
        e.body.contains(f'"what":"{one.what}"', autoescape=True),
    )
    known = set(conn.execute(query).scalars())
    return replace(one, homes=tuple(home for home in one.homes if home not in known))


def _waiting_reads(staff: Staff, actor: Actor, what: str) -> dict[str, datetime]:
    """When this person read this of each home, of what is not in the logs yet."""
    if staff.afterwards is None:
        return {}
    found: dict[str, datetime] = {}
    for one in map(_read_line, staff.afterwards.spool.waiting()):
        if (one.person, one.what) == (actor.person, what):
            found |= dict.fromkeys(one.homes, one.at)
    return found


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
