"""What a staff member does: take an alarm on and see it through, arrive and leave.

Every page goes through these functions; each checks the right, writes the server's own event, and
returns a typed result or raises `Refused` with a word for why.  The page makes the sentence.

Not for: turning a lock (`web.staff.doors.lock_orders`), night checks (`web.staff.checks`), HTTP,
forms, texts, or deciding what follows (the home decides).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from gateway.envelope import Draft
from gateway.errors import TryggveError
from gateway.events import (
    AlarmAcknowledged,
    AlarmArrivalAnswered,
    AlarmExplained,
    AlarmFinding,
    AlarmNoted,
    AlarmOutcome,
    AlarmResolved,
    AlarmResponderDeparted,
    Data,
    Ref,
    Severity,
    Tap,
    VisitTapped,
)
from web.staff.care import arrivals, helpers
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.coming import Coming
from web.staff.storage.database import Tx
from web.staff.storage.plan_tables import visit_note
from web.staff.storage.rows import AlarmRow, read_all

NOTE_MAX = 500
"""Characters of a note beside an alarm, as beside a visit."""

OUTCOMES: Mapping[AlarmFinding, AlarmOutcome] = {
    AlarmFinding.FALL: AlarmOutcome.HELPED,
    AlarmFinding.NEEDED_HELP: AlarmOutcome.HELPED,
    AlarmFinding.NO_NEED: AlarmOutcome.NO_NEED,
    AlarmFinding.FALSE_PRESS: AlarmOutcome.NO_NEED,
    AlarmFinding.SENSOR_WRONG: AlarmOutcome.FALSE,
    AlarmFinding.TEST: AlarmOutcome.NO_NEED,
    AlarmFinding.TECHNICAL: AlarmOutcome.MENDED,
    AlarmFinding.OTHER: AlarmOutcome.NO_NEED,
}
"""What closes an alarm beside its finding, in the words that every version knows."""


class Why(StrEnum):
    """Why an action was refused."""

    NO_ROLE = "no_role"
    """None of the person's roles may do this."""
    NOT_PLANNED = "not_planned"
    """The home has a plan, and nothing in it is for this person now."""
    NOT_APPROVED = "not_approved"
    """A turn for service needs a second person's approval."""
    NO_REQUEST = "no_request"
    """There is no such request for service, or it is too old."""
    SAME_PERSON = "same_person"
    """Nobody approves their own request."""
    NOT_ASSIGNED = "not_assigned"
    """The person is not assigned to this home."""
    NO_HOME = "no_home"
    """There is no such home, or not for this person."""
    NO_LOCK = "no_lock"
    """The home has not told of a lock with this id."""
    NOT_CONNECTED = "not_connected"
    """The home does not listen now; nothing was sent and nothing waits.  Data: `silent_since`
    (datetime or None)."""
    NO_ALARM = "no_alarm"
    NOT_FIRST = "not_first"
    """Another person was first.  Data: `person` (id), `at` (datetime)."""
    NO_WORDS = "no_words"
    """Nothing is written where words are needed."""
    CLOSED = "closed"
    """It is over already.  Data: `person` (id or None), `at` (datetime)."""
    NO_CHECK = "no_check"
    NOT_ASKED = "not_asked"
    """The check does not ask a person (any more).  Data: `state`."""
    NOTHING_SEEN = "nothing_seen"
    """An answer through the camera, which showed nothing."""
    NO_TAG = "no_tag"
    """No door has this tag, or not one of this person's homes."""
    NO_VISIT = "no_visit"
    NO_PLAN = "no_plan"
    """The plan has no such visit."""
    NOT_YOURS = "not_yours"
    """Only the own visit may be corrected, and only until the day is over."""
    LOCKED = "locked"
    """It lies before the lock date.  Data: `before` (datetime)."""
    BAD_TIME = "bad_time"
    """The times are not possible, or change nothing."""
    NO_SAMPLE = "no_sample"
    """No such row of a sample of the access log."""
    NO_EVENT = "no_event"
    """No home of this person's has such an event."""
    KEPT = "kept"
    """It may not be set aside: the server's own, who came in, or an open alarm."""
    OWN_ACCESS = "own_access"
    """Nobody checks what they did themselves."""
    NO_VOICE = "no_voice"
    """The home has not told of a speaker and a lamp that says that somebody listens."""
    NO_CALL = "no_call"
    """There is no such call of this person's."""
    BAD_OFFER = "bad_offer"
    """The page's description of its end is none.  Data: `detail`."""
    NO_CAMERA = "no_camera"
    """The home has not told of such a camera and of a lamp that says that somebody looks."""
    NO_CONSENT = "no_consent"
    """Not everybody concerned agreed to looks into the home."""
    NO_REASON = "no_reason"
    """A look of the watcher's own has no reason of the list."""
    NOT_SEEN = "not_seen"
    """The sensor's answer was not shown before a look of the watcher's own."""
    NOT_TAKEN = "not_taken"
    """A look is for a check that the person has taken first."""
    LOOKING = "looking"
    """Another person looks there now.  Data: `person` (id)."""
    NO_LOOK = "no_look"
    """There is no such look of this person's, or it is over."""
    EXTENDED = "extended"
    """The look was made longer already."""


class Refused(TryggveError):
    """An action was refused: `why` is a `Why`, `data` what belongs to it."""

    def __init__(self, why: Why, **data: object) -> None:
        super().__init__(f"refused: {why}", why=why, **data)
        self.why = why


@dataclass(frozen=True, slots=True)
class Done:
    """The event that was written: its reference and its time."""

    ref: Ref
    at: datetime


def tap(staff: Staff, actor: Actor, home: str, what: Tap) -> Done:
    """A caregiver arrives or leaves.  Works while the home is silent too: the tap reaches it later,
    with the time of the tap.  Who is there without being assigned (an alarm) may leave.  Raises
    `Refused`: NO_ROLE, NOT_ASSIGNED, NO_HOME."""
    with staff.write() as tx:
        leaving = what is Tap.LEAVE and actor.may(Right.TAP_VISIT)
        if not (leaving and is_there(tx.conn, actor, home)):
            _may(actor, Right.TAP_VISIT, home, assigned=True)
        append.hold(tx, home)
        return _write(staff, tx, home, actor, VisitTapped(tap=what))


def acknowledge(staff: Staff, actor: Actor, alarm: str) -> Done:
    """Acknowledge an alarm.  Raises `Refused`: NO_ROLE, NO_ALARM, NOT_FIRST (with who was), CLOSED.

    The same person twice is answered with the first.
    """
    with staff.write() as tx:
        return _take(staff, tx, actor, _open_alarm(tx, actor, alarm))


def set_out(staff: Staff, actor: Actor, alarm: str) -> Done:
    """Tell that one is on the way; an alarm that nobody has is taken with it.  Raises `Refused`:
    NO_ROLE, NO_ALARM, NOT_FIRST (with who has it), CLOSED.  Twice is answered with the first."""
    with staff.write() as tx:
        row = _open_alarm(tx, actor, alarm)
        _take(staff, tx, actor, row)
        if row.acknowledged_by == actor.person and row.way is not None:
            return Done(row.id, row.way[1])
        departed = AlarmResponderDeparted(alarm=row.id)
        return _write(staff, tx, row.home_id, actor, departed, row.device)


def answer_arrival(staff: Staff, actor: Actor, alarm: str, *, there: bool) -> Done:
    """Tell whether one is there, or on the way still; an alarm that nobody has (any more) is taken
    with it.  Raises `Refused`: NO_ROLE, NO_ALARM, NOT_FIRST (with who has it), CLOSED.  Twice is
    answered with the first."""
    with staff.write() as tx:
        row = _open_alarm(tx, actor, alarm)
        _take(staff, tx, actor, row)
        word = Coming.THERE if there else Coming.STILL
        if row.acknowledged_by == actor.person and row.way is not None and row.way[0] is word:
            return Done(row.id, row.way[1])
        answered = AlarmArrivalAnswered(alarm=row.id, there=there)
        return _write(staff, tx, row.home_id, actor, answered, row.device)


def note(staff: Staff, actor: Actor, alarm: str, words: str) -> Done:
    """Write a note to an alarm, also to one that is closed.  Raises `Refused`: NO_ROLE, NO_ALARM,
    NO_WORDS."""
    words = words.strip()[:NOTE_MAX]
    if not words:
        raise Refused(Why.NO_WORDS)
    with staff.write() as tx:
        row = _alarm(tx, actor, alarm)
        noted = AlarmNoted(alarm=row.id, note_ref=_keep(tx, row.home_id, words))
        return _write(staff, tx, row.home_id, actor, noted, row.device)


def explain(
    staff: Staff,
    actor: Actor,
    alarm: str,
    finding: AlarmFinding,
    words: str = "",
    *,
    again: bool = False,
) -> Done:
    """Close an alarm with what it turned out to be; `again`: say it, or say it anew, of one that is
    closed.  Raises `Refused`: NO_ROLE, NO_ALARM, CLOSED (and not `again`), NO_WORDS (`OTHER` needs
    some)."""
    words = words.strip()[:NOTE_MAX]
    if finding is AlarmFinding.OTHER and not words:
        raise Refused(Why.NO_WORDS)
    with staff.write() as tx:
        row = _alarm(tx, actor, alarm) if again else _open_alarm(tx, actor, alarm)
        note_ref = _keep(tx, row.home_id, words) if words else None
        explained = AlarmExplained(alarm=row.id, finding=finding, note_ref=note_ref)
        done = _write(staff, tx, row.home_id, actor, explained, row.device)
        if row.closed_at is None:
            resolved = AlarmResolved(alarm=row.id, outcome=OUTCOMES[finding])
            _write(staff, tx, row.home_id, actor, resolved, row.device)
        return done


def resolve(staff: Staff, actor: Actor, alarm: str, outcome: AlarmOutcome) -> Done:
    """Close an alarm in a word, as pages of before do (`explain` says more).  Raises `Refused`:
    NO_ROLE, NO_ALARM, CLOSED."""
    with staff.write() as tx:
        row = _open_alarm(tx, actor, alarm)
        resolved = AlarmResolved(alarm=row.id, outcome=outcome)
        return _write(staff, tx, row.home_id, actor, resolved, row.device)


# --- what they share ------------------------------------------------------------------------------


def is_there(conn: Connection, actor: Actor, home: str) -> bool:
    """Whether this person has a visit in the home that has not ended."""
    v = tables.visit.c
    query = select(v.id).where(v.home_id == home, v.person == actor.person, v.until.is_(None))
    return conn.execute(query.limit(1)).first() is not None


def of_us(tx: Tx, actor: Actor, home: str) -> None:
    """Raise `Refused` (NO_HOME) for a home of another organisation, or of none."""
    h = tables.home.c
    ours = tx.conn.execute(select(h.id).where(h.id == home, h.org_id == actor.org)).first()
    if ours is None:
        raise Refused(Why.NO_HOME)


def lock_of(tx: Tx, home: str, device: str) -> None:
    """Raise `Refused` (NO_LOCK) unless the home has told of this lock."""
    t = tables.device
    lock = tx.conn.execute(
        select(t.c.type).where(t.c.home_id == home, t.c.id == device, t.c.present)
    ).scalar_one_or_none()
    if lock != "lock":
        raise Refused(Why.NO_LOCK, device=device)


def _may(actor: Actor, right: Right, home: str, *, assigned: bool = False) -> None:
    if not actor.sees(home):
        raise Refused(Why.NO_HOME)
    if not actor.may(right):
        raise Refused(Why.NO_ROLE)
    if assigned and home not in actor.assigned:
        raise Refused(Why.NOT_ASSIGNED)


def _write(
    staff: Staff, tx: Tx, home: str, actor: Actor, data: Data, device: str | None = None
) -> Done:
    event = append.write(staff, tx, home, Draft(data, device=device, person=actor.person))
    return Done(event.ref, event.at)


def _alarm(tx: Tx, actor: Actor, alarm: str) -> AlarmRow:
    t = tables.alarm
    home = tx.conn.execute(select(t.c.home_id).where(t.c.id == alarm)).scalar_one_or_none()
    may = home is not None and (
        actor.sees(home)
        or helpers.may_take(tx.conn, actor, alarm)
        or helpers.was_told(tx.conn, actor, alarm)
    )
    if home is None or not may:
        raise Refused(Why.NO_ALARM)
    append.hold(tx, home)  # two at once: the second waits here, and then sees the first
    [row] = read_all(tx.conn, AlarmRow, select(t).where(t.c.id == alarm))
    technical = row.severity == Severity.TECHNICAL.value
    right = Right.ANSWER_TECHNICAL_ALARM if technical else Right.ANSWER_CARE_ALARM
    if not actor.may(right):
        raise Refused(Why.NO_ROLE)
    return row


def _open_alarm(tx: Tx, actor: Actor, alarm: str) -> AlarmRow:
    row = _alarm(tx, actor, alarm)
    if row.closed_at is not None:
        raise Refused(Why.CLOSED, person=row.closed_by, at=row.closed_at)
    return row


def _take(staff: Staff, tx: Tx, actor: Actor, row: AlarmRow) -> Done:
    """The alarm is this person's.  Raises `Refused`: NOT_FIRST."""
    if row.acknowledged_by is not None and row.acknowledged_at is not None:
        if row.acknowledged_by == actor.person:
            return Done(row.id, row.acknowledged_at)
        raise Refused(Why.NOT_FIRST, person=row.acknowledged_by, at=row.acknowledged_at)
    taken = AlarmAcknowledged(alarm=row.id)
    done = _write(staff, tx, row.home_id, actor, taken, row.device)
    arrivals.there_already(staff, tx, row.home_id, actor.person)
    return done


def _keep(tx: Tx, home: str, words: str) -> str:
    """Keep the words of a note; its reference for the event."""
    ref = f"note:{secrets.token_hex(8)}"
    tx.conn.execute(insert(visit_note).values(ref=ref, home_id=home, text=words))
    return ref
