"""What a person does about visits beside the door: tag, decline, correct, approve, lock, absence.

The original stamps stay in their events; what a person says about them stands beside, with who and
why.  After the lock date nothing changes.  As in `actions`, each checks the right, writes the
server's own event, and raises `Refused` with a word for why.

Not for: when a visit begins or ends (the home's rule decides), texts, or HTTP.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from gateway.envelope import Draft
from gateway.events import (
    AbsenceEnded,
    AbsenceStarted,
    Data,
    Ref,
    Stamp,
    Tap,
    Undone,
    VisitApproved,
    VisitCorrected,
    VisitDeclined,
    VisitsLocked,
    VisitTapped,
)
from web.staff.care.actions import Done, Refused, Why
from web.staff.core.context import Staff
from web.staff.core.i18n import local
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.database import Tx
from web.staff.storage.plan_tables import absence, door_tag, visit_note
from web.staff.storage.rows import VisitRow, read_all
from web.staff.visits import plan

OWN_FOR = timedelta(hours=12)
"""How long after a visit's end its own caregiver may still correct it, on the next day too: a night
shift ends in the morning."""

LONGEST = timedelta(hours=24)
"""No visit is longer: a longer one is a slip in a date."""

NOTE_MAX = 500
"""Characters of a note beside a correction."""

REASONS = ("forgot", "wrong_time", "phone", "lock", "other")
"""Words of `visit.corrected.reason`."""


# --- the tag at the door --------------------------------------------------------------------------


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_tag(staff: Staff, home: str) -> str:
    """What the link of a new tag at a home's door ends with.  Kept hashed: it is shown once.  Older
    tags of the home go on working until `revoke_tags`."""
    tag = secrets.token_urlsafe(12)
    with staff.db.write() as tx:
        tx.conn.execute(
            insert(door_tag).values(sha256=_sha256(tag), home_id=home, made_at=staff.clock.now())
        )
    return tag


def tags_of(conn: Connection, home: str) -> list[datetime]:
    """When each tag of the home that works was made, the oldest first."""
    d = door_tag.c
    query = select(d.made_at).where(d.home_id == home, d.revoked_at.is_(None))
    return list(conn.execute(query.order_by(d.made_at)).scalars())


def revoke_tags(staff: Staff, home: str) -> int:
    """Make every tag of the home void; returns how many."""
    d = door_tag.c
    with staff.db.write() as tx:
        query = update(door_tag).where(d.home_id == home, d.revoked_at.is_(None))
        return tx.conn.execute(query.values(revoked_at=staff.clock.now())).rowcount


def home_of_tag(conn: Connection, actor: Actor, tag: str) -> str:
    """The home whose door has this tag.  Raises `Refused`: NO_TAG (also for a home that is not the
    actor's: whose tag it is, is not told)."""
    d = door_tag.c
    query = select(d.home_id).where(d.sha256 == _sha256(tag), d.revoked_at.is_(None))
    home = conn.execute(query).scalar_one_or_none()
    if home is None or not actor.sees(home):
        raise Refused(Why.NO_TAG)
    return str(home)


def tap_tag(staff: Staff, actor: Actor, tag: str, what: Tap) -> Done:
    """A caregiver held the phone to the tag and says arrived or leaving.  Raises `Refused`: NO_TAG,
    NO_ROLE, NOT_ASSIGNED."""
    with staff.db.read() as conn:
        home = home_of_tag(conn, actor, tag)
    _carer(actor, home)
    with staff.write() as tx:
        append.hold(tx, home)
        return _write(staff, tx, home, actor, VisitTapped(tap=what, source=Stamp.TAG))


# --- a visit that does not take place -------------------------------------------------------------


def decline(staff: Staff, actor: Actor, home: str, why: Undone, planned: str | None = None) -> Done:
    """A caregiver tells that a visit does not take place; `planned` is the plan's id of it, None
    where the home has no plan.  Raises `Refused`: NO_HOME, NO_ROLE, NOT_ASSIGNED, NO_PLAN (no such
    visit in this home's plan).  The same visit twice is answered with the first."""
    _carer(actor, home)
    v = tables.visit_declined.c
    with staff.write() as tx:
        append.hold(tx, home)
        if planned is not None:
            visit = plan.one(tx.conn, [home], planned)
            if visit is None or visit.withdrawn:
                raise Refused(Why.NO_PLAN)
            old = tx.conn.execute(
                select(v.id, v.at).where(
                    v.home_id == home, v.planned == planned, v.person == actor.person
                )
            ).first()
            if old is not None:
                return Done(old.id, old.at)
        return _write(staff, tx, home, actor, VisitDeclined(why=why, planned=planned))


# --- correcting, approving, locking ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Times:
    """A visit's times as they count now: corrected where somebody corrected them."""

    since: datetime | None
    until: datetime | None


def times_of(row: VisitRow) -> Times:
    """The times that count of a row of `visit`."""
    return Times(row.corrected_since or row.since, row.corrected_until or row.until)


def locked_before(staff: Staff, conn: Connection, home: str) -> datetime | None:
    """Nothing changes in the home's visits that began before this time: the later of what was
    locked and `visits.lock_after_days`.  None: nothing is locked."""
    return lock_dates(staff, conn, [home]).get(home)


def lock_dates(staff: Staff, conn: Connection, homes: Collection[str]) -> dict[str, datetime]:
    """The same of several homes, of those where anything is locked."""
    h = tables.home_state.c
    rows = conn.execute(
        select(h.home_id, h.visits_locked_before).where(
            among(h.home_id, homes), h.visits_locked_before.is_not(None)
        )
    )
    said = {row.home_id: row.visits_locked_before for row in rows}
    days = staff.config.visits.lock_after_days
    if days is None:
        return said
    by_age = staff.clock.now() - timedelta(days=days)
    return {home: max(said.get(home, by_age), by_age) for home in homes}


def may_correct(staff: Staff, actor: Actor, row: VisitRow) -> bool:
    """Whether the actor may correct this visit now, apart from the lock date: a coordinator any,
    a caregiver the own until the day is over (`OWN_FOR`)."""
    if actor.may(Right.CORRECT_VISIT):
        return True
    if row.person != actor.person or not actor.may(Right.TAP_VISIT):
        return False
    times = times_of(row)
    at = times.until or times.since
    now = staff.clock.now()
    return at is not None and (now - at <= OWN_FOR or local(at).date() == local(now).date())


def correct(
    staff: Staff,
    actor: Actor,
    visit: Ref,
    *,
    since: datetime | None,
    until: datetime | None,
    reason: str,
    note: str = "",
) -> Done:
    """Say what a visit's times were; None leaves that stamp as it is.

    Raises `Refused`: NO_VISIT, NOT_YOURS, LOCKED, BAD_TIME (nothing to correct, an end before the
    beginning, a time to come, longer than a day, no such reason).
    """
    with staff.write() as tx:
        row = _visit(tx, actor, visit)
        if not may_correct(staff, actor, row):
            raise Refused(Why.NOT_YOURS)
        now = staff.clock.now()
        old = times_of(row)
        new = Times(since or old.since, until or old.until)
        if new == old or reason not in REASONS or not _possible(new, now):
            raise Refused(Why.BAD_TIME)
        _unlocked(staff, tx, row.home_id, *(at for at in (old.since, new.since) if at))
        done = _write(
            staff,
            tx,
            row.home_id,
            actor,
            VisitCorrected(
                visit=row.id,
                since=None if new.since == old.since else new.since,
                until=None if new.until == old.until else new.until,
                reason=reason,
            ),
        )
        if note.strip():
            noted = {"ref": done.ref, "home_id": row.home_id, "text": note.strip()[:NOTE_MAX]}
            tx.conn.execute(insert(visit_note).values(**noted))
        return done


def _possible(times: Times, now: datetime) -> bool:
    if times.since is None or times.since > now:
        return False
    return times.until is None or times.since < times.until <= min(now, times.since + LONGEST)


def approve(staff: Staff, actor: Actor, visits: Collection[Ref]) -> int:
    """Hold these visits' times to be right; returns how many were approved now.  Those that have no
    departure, are approved already or are locked are left.  Raises `Refused`: NO_ROLE."""
    if not actor.may(Right.CORRECT_VISIT):
        raise Refused(Why.NO_ROLE)
    count = 0
    for visit in sorted(visits):
        with staff.write() as tx:
            try:
                row = _visit(tx, actor, visit)
                times = times_of(row)
                if times.since is None or times.until is None or row.approved_at is not None:
                    continue
                _unlocked(staff, tx, row.home_id, times.since)
            except Refused:
                continue
            _write(staff, tx, row.home_id, actor, VisitApproved(visit=row.id))
            count += 1
    return count


def lock(staff: Staff, person: str | None, homes: Sequence[str], before: datetime) -> int:
    """From now on nothing changes in these homes' visits that began before `before` (aware).

    Returns in how many homes that moved the lock date; it never moves back.  `person` None: from
    the command line.  Raises `Refused` (BAD_TIME) for a time to come.  Who may, the caller checks.
    """
    if before > staff.clock.now():
        raise Refused(Why.BAD_TIME)
    moved = 0
    for home in homes:
        with staff.write() as tx:
            append.hold(tx, home)
            h = tables.home_state.c
            said = tx.conn.execute(
                select(h.visits_locked_before).where(h.home_id == home)
            ).one_or_none()
            if said is None or (said[0] is not None and said[0] >= before):
                continue  # a home that never spoke has no visits
            draft = Draft(VisitsLocked(before=before), person=person)
            append.write(staff, tx, home, draft)
            moved += 1
    return moved


# --- absence --------------------------------------------------------------------------------------


def note_absence(
    staff: Staff, actor: Actor, home: str, since: datetime, until: datetime | None
) -> None:
    """The resident will be away from `since` (aware; the past: from now) to `until` (None: until
    somebody ends it).  What begins now is told to the home at once, the rest when it begins.
    Raises `Refused`: NO_HOME, NO_ROLE, BAD_TIME."""
    _planner(actor, home)
    keep_absence(staff, actor.person, home, since, until)


def keep_absence(
    staff: Staff, person: str, home: str, since: datetime, until: datetime | None
) -> None:
    """The same, noted by `person`, who may: the caller has seen to it.  Raises `Refused`:
    BAD_TIME."""
    now = staff.clock.now()
    since = max(since, now)
    if until is not None and until <= since:
        raise Refused(Why.BAD_TIME)
    with staff.write() as tx:
        tx.conn.execute(
            insert(absence).values(
                home_id=home, since=since, until=until, noted_by=person, noted_at=now
            )
        )
    begin_absences(staff)


def begin_absences(staff: Staff) -> int:
    """Tell the homes of absences whose time has come; the watch calls it.  Returns how many."""
    a = absence.c
    due = (a.since <= staff.clock.now(), a.started_at.is_(None), a.ended_at.is_(None))
    with staff.db.read() as conn:
        waiting = conn.execute(select(a.id, a.home_id).where(*due)).all()
    count = 0
    for row in waiting:
        with staff.write() as tx:
            append.hold(tx, row.home_id)
            current = tx.conn.execute(select(absence).where(a.id == row.id, *due)).one_or_none()
            if current is None:
                continue  # another worker was first
            now = staff.clock.now()
            over = current.until is not None and current.until <= now
            if not over:
                draft = Draft(AbsenceStarted(until=current.until), person=current.noted_by)
                append.write(staff, tx, row.home_id, draft)
            said = {"started_at": now} | ({"ended_at": now} if over else {})
            tx.conn.execute(update(absence).where(a.id == row.id).values(**said))
            count += not over
    return count


def end_absence(staff: Staff, actor: Actor, home: str, absence_id: int) -> None:
    """The resident is back, or does not go.  Raises `Refused`: NO_HOME, NO_ROLE, CLOSED."""
    _planner(actor, home)
    a = absence.c
    with staff.write() as tx:
        append.hold(tx, home)
        row = tx.conn.execute(
            select(absence).where(a.id == absence_id, a.home_id == home, a.ended_at.is_(None))
        ).one_or_none()
        if row is None:
            raise Refused(Why.CLOSED, person=None, at=None)
        now = staff.clock.now()
        tx.conn.execute(update(absence).where(a.id == row.id).values(ended_at=now))
        if row.started_at is not None and (row.until is None or row.until > now):
            _write(staff, tx, home, actor, AbsenceEnded())


# --- what they share ------------------------------------------------------------------------------


def _carer(actor: Actor, home: str) -> None:
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    if not actor.may(Right.TAP_VISIT):
        raise Refused(Why.NO_ROLE)
    if home not in actor.assigned:
        raise Refused(Why.NOT_ASSIGNED)


def _planner(actor: Actor, home: str) -> None:
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    if not actor.may(Right.CORRECT_VISIT):
        raise Refused(Why.NO_ROLE)


def _visit(tx: Tx, actor: Actor, visit: Ref) -> VisitRow:
    v = tables.visit.c
    home = tx.conn.execute(select(v.home_id).where(v.id == visit)).scalar_one_or_none()
    if home is None or not actor.sees(home) or not actor.may(Right.SEE_CARE):
        raise Refused(Why.NO_VISIT)
    append.hold(tx, home)
    [row] = read_all(tx.conn, VisitRow, select(tables.visit).where(v.id == visit))
    return row


def _unlocked(staff: Staff, tx: Tx, home: str, *times: datetime) -> None:
    before = locked_before(staff, tx.conn, home)
    if before is not None and any(at < before for at in times):
        raise Refused(Why.LOCKED, before=before)


def _write(staff: Staff, tx: Tx, home: str, actor: Actor, data: Data) -> Done:
    event = append.write(staff, tx, home, Draft(data, person=actor.person))
    return Done(event.ref, event.at)
