"""Service: a technician asks to turn a lock, a second person answers, and for a quarter of an hour
the technician may.

Who asked, who answered and when are events of the home; the table `service_request` is their fold.
Not for: the turn itself (`web.staff.doors.lock_orders`), or texts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, or_, select

from gateway.access.grants import Action, Reason
from gateway.envelope import Draft
from gateway.events import GrantApproved, GrantDeclined, GrantRequested, Ref
from web.staff.care.actions import Done, Refused, Why, lock_of, of_us
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.doors import revocation
from web.staff.doors.revocation import ASKED_MIN
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.database import Tx
from web.staff.storage.plan_tables import visit_note
from web.staff.storage.rows import RequestRow, read_all

APPROVED_MIN = 15
"""Minutes that an approval lives: the technician stands at the door."""

SHOWN_H = 24
"""Hours that a request is shown after it was made: who asked and who answered, for the next
shift."""

NOTE_MAX_CHARS = 120
"""Of the technician's own words: one line on a phone."""

WHY = ("battery", "lock", "gateway", "sensor", "mounting", "test", "other")
"""Codes of what the technician is there for."""


class Standing(StrEnum):
    """What became of a request."""

    WAITING = "waiting"
    EXPIRED = "expired"
    """Nobody answered within `ASKED_MIN`."""
    APPROVED = "approved"
    """The door may be opened until the row's `until`."""
    OVER = "over"
    """It was approved, and the time is out."""
    DECLINED = "declined"
    """A second person said no, or took the approval back."""
    WITHDRAWN = "withdrawn"
    """The one who asked took it back."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request: a new one, or (not `fresh`) the one that this person already has there."""

    ref: Ref
    at: datetime
    fresh: bool


@dataclass(frozen=True, slots=True)
class NotedRequest(RequestRow):
    """A request with the technician's own words."""

    note: str | None


def standing(row: RequestRow, now: datetime) -> Standing:
    """What became of a row of `service_request`, as of `now`."""
    if row.answer is None:
        waits = now < row.asked_at + timedelta(minutes=ASKED_MIN)
        return Standing.WAITING if waits else Standing.EXPIRED
    if row.until is not None:
        return Standing.APPROVED if now < row.until else Standing.OVER
    return Standing.WITHDRAWN if row.answered_by == row.person else Standing.DECLINED


def may_answer(actor: Actor, home: str) -> bool:
    """Whether this person may answer a technician about this home (of the own organisation): those
    who may turn its locks, or plan its visits."""
    care = actor.may(Right.TURN_LOCK) and home in actor.assigned
    return care or (actor.may(Right.CORRECT_VISIT) and home in actor.homes)


# --- asking and answering -------------------------------------------------------------------------


def request(
    staff: Staff,
    actor: Actor,
    home: str,
    device: str,
    action: Action = Action.UNLOCK,
    *,
    why: str | None = None,
    note: str = "",
) -> Asked:
    """A technician asks to turn a lock.  `why` is one of `WHY`; `note` the own words, which stand
    beside the event.  Asked again while the first waits or lives, it is the first.  Raises
    `Refused`: NO_ROLE, NO_HOME, NO_LOCK."""
    with staff.write() as tx:
        of_us(tx, actor, home)
        if not actor.may(Right.ASK_SERVICE):
            raise Refused(Why.NO_ROLE)
        append.hold(tx, home)
        lock_of(tx, home, device)
        r = tables.service_request.c
        mine = and_(r.person == actor.person, r.device == device, r.action == action.value)
        for row in _of_home(tx, home, staff.clock.now(), mine):
            if standing(row, staff.clock.now()) in (Standing.WAITING, Standing.APPROVED):
                return Asked(row.id, row.asked_at, False)
        data = GrantRequested(action=action.value, why=why if why in WHY else None)
        event = append.write(staff, tx, home, Draft(data, device=device, person=actor.person))
        if note.strip():
            noted = {"ref": event.ref, "home_id": home, "text": note.strip()[:NOTE_MAX_CHARS]}
            tx.conn.execute(insert(visit_note).values(**noted))
        return Asked(event.ref, event.at, True)


def answer(staff: Staff, actor: Actor, home: str, ref: Ref, *, yes: bool) -> Done:
    """A second person says yes or no to a technician; a no to an approval that still lives takes it
    back, and what was under way by it.

    Those who may turn this home's locks or plan its visits may answer, never the one who asked.
    Raises `Refused`: NO_ROLE, NO_HOME, NO_REQUEST, SAME_PERSON, CLOSED (it was answered)."""
    with staff.write() as tx:
        of_us(tx, actor, home)
        if not may_answer(actor, home):
            raise Refused(Why.NO_ROLE)
        append.hold(tx, home)
        now = staff.clock.now()
        row = _wanted(tx, home, ref, now)
        if row.person == actor.person:
            raise Refused(Why.SAME_PERSON)
        state = standing(row, now)
        if state is not Standing.WAITING and (yes or state is not Standing.APPROVED):
            raise Refused(Why.CLOSED, person=row.answered_by, at=row.answered_at)
        if yes:
            until = now + timedelta(minutes=APPROVED_MIN)
            draft = Draft(
                GrantApproved(request=ref, until=until), device=row.device, person=actor.person
            )
            event = append.write(staff, tx, home, draft, at=now)
            return Done(event.ref, event.at)
        return _decline(staff, tx, actor, row)


def withdraw(staff: Staff, actor: Actor, home: str, ref: Ref) -> Done:
    """The one who asked takes the request, or the approval, back.  Raises `Refused`: NO_HOME,
    NO_REQUEST, CLOSED."""
    with staff.write() as tx:
        of_us(tx, actor, home)
        append.hold(tx, home)
        now = staff.clock.now()
        row = _wanted(tx, home, ref, now)
        if row.person != actor.person:
            raise Refused(Why.NO_REQUEST)
        if standing(row, now) not in (Standing.WAITING, Standing.APPROVED):
            raise Refused(Why.CLOSED, person=row.answered_by, at=row.answered_at)
        return _decline(staff, tx, actor, row)


def _wanted(tx: Tx, home: str, ref: Ref, now: datetime) -> RequestRow:
    """The request, which nobody has let grow too old."""
    for row in _of_home(tx, home, now, tables.service_request.c.id == ref):
        if standing(row, now) is not Standing.EXPIRED:
            return row
    raise Refused(Why.NO_REQUEST)


def _decline(staff: Staff, tx: Tx, actor: Actor, row: RequestRow) -> Done:
    draft = Draft(GrantDeclined(request=row.id), device=row.device, person=actor.person)
    event = append.write(staff, tx, row.home_id, draft)
    if row.until is not None:
        revocation.revoke_turns(
            staff, tx, row.home_id, row.person, reason=Reason.SERVICE, by=actor.person
        )
    return Done(event.ref, event.at)


# --- reading --------------------------------------------------------------------------------------


def _of_home(tx: Tx, home: str, now: datetime, which: ColumnElement[bool]) -> list[RequestRow]:
    """Requests about this home that may still matter, the newest first."""
    r = tables.service_request
    oldest = now - timedelta(minutes=ASKED_MIN + APPROVED_MIN)
    query = select(r).where(r.c.home_id == home, r.c.asked_at > oldest, which)
    return read_all(tx.conn, RequestRow, query.order_by(r.c.asked_at.desc()))


def approval(
    tx: Tx, actor: Actor, home: str, device: str, action: Action, now: datetime
) -> Ref | None:
    """The approval by which this technician may turn this lock now.  One to unlock is one to lock
    too: nobody leaves a door open behind them because of a form."""
    r = tables.service_request.c
    actions = {action.value} | ({Action.UNLOCK.value} if action is Action.LOCK else set())
    mine = and_(r.person == actor.person, r.device == device, r.action.in_(actions))
    for row in _of_home(tx, home, now, mine):
        if standing(row, now) is Standing.APPROVED:
            return row.answer
    return None


def recent(
    conn: Connection, homes: Collection[str], now: datetime, *, person: str | None = None
) -> list[NotedRequest]:
    """The requests of the last `SHOWN_H` hours about these homes, the newest first, with `note`;
    `person`: only this technician's."""
    if not homes:
        return []
    r, n = tables.service_request, visit_note.c
    query = select(r, n.text.label("note")).outerjoin(visit_note, n.ref == r.c.id)
    query = query.where(among(r.c.home_id, homes), r.c.asked_at > now - timedelta(hours=SHOWN_H))
    if person is not None:
        query = query.where(r.c.person == person)
    return read_all(conn, NotedRequest, query.order_by(r.c.asked_at.desc()))


def answerable(actor: Actor) -> frozenset[str]:
    """The homes about which this person may answer."""
    return frozenset(home for home in actor.homes if may_answer(actor, home))


def waiting(actor: Actor, now: datetime) -> Select[int]:
    """The query for how many technicians wait for an answer that this person may give."""
    r = tables.service_request.c
    return select(func.count()).where(
        r.asked_at > now - timedelta(minutes=ASKED_MIN),
        r.answer.is_(None),
        or_(r.person.is_(None), r.person != actor.person),
        among(r.home_id, answerable(actor)),
    )
