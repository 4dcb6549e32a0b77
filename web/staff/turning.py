"""Turning a lock from the server: who may, on what ground, and one turn for one wish.

The ground is the home's open care alarm, a planned visit, a night check that asks for a visit, or,
for a technician, the approval of a second person.  During an open care alarm other care staff of
the organisation may open too; that is written as what it is (`grant.acute`).  The home judges all
of it again.

Not for: codes for doors without a network (`web.staff.door_codes`), or taking rights back
(`web.staff.revoking`).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from gateway.access import LIFE_S, Action, Grant, Reason, sign
from gateway.envelope import Draft
from gateway.events import (
    GrantAcute,
    GrantApproved,
    GrantDeclined,
    GrantIssued,
    GrantRequested,
    Ref,
    Severity,
)
from web.staff import decisions, plan, store, tables
from web.staff.actions import Done, Refused, Why
from web.staff.context import Staff
from web.staff.db import Tx
from web.staff.rights import Actor, Right, Role

UNHEARD_S = 15
"""Seconds after which an order that the home has not answered may be given again: a home that
listens answers within a second."""

TASK_KEPT_H = 12
"""Hours that a night check asks for a visit; the home forgets it then as well."""

APPROVED_MIN = 15
"""Minutes that an approval for service lives: the technician stands at the door."""

KEY_MAX_CHARS = 64
"""Of a wish's own name, as the page makes it."""


@dataclass(frozen=True, slots=True)
class TurnSent:
    """The order went to the home.  Follow `grant` in the table `turn` and on `/live`."""

    grant: str
    reason: Reason
    alarm: Ref | None
    expires: datetime


@dataclass(frozen=True, slots=True)
class Ground:
    """Why this person may turn this lock now.  `acute`: without being assigned."""

    reason: Reason
    ref: Ref | None = None
    acute: bool = False


def order_turn(
    staff: Staff,
    actor: Actor,
    home: str,
    device: str,
    action: Action = Action.UNLOCK,
    *,
    key: str | None = None,
) -> TurnSent:
    """Sign a grant and send it to the home now, or refuse.

    `key` names the wish (random, made by the page): the same wish again, at any worker, is the same
    turn, also when its first answer was lost.  A second tap while a turn of this person is under
    way is that turn, whatever the key.  Raises `Refused`: NO_ROLE, NOT_ASSIGNED, NOT_PLANNED,
    NOT_APPROVED, NO_HOME, NO_LOCK, NOT_CONNECTED.  Nothing is ever queued: when the home does not
    listen, nothing is signed.  `action` is UNLOCK or LOCK.
    """
    if action not in (Action.UNLOCK, Action.LOCK):
        raise ValueError(f"{action} turns no lock")
    with staff.write() as tx:
        of_us(tx, actor, home)
        decisions.hold(tx, home)
        now = staff.clock.now()
        same = _same(tx, actor, home, device, action, key, now)
        if same is not None:
            return same
        ground = _ground(staff, tx, actor, home, device, action, now)
        lock_of(tx, home, device)
        if not staff.relay.listens(tx, home):
            raise Refused(Why.NOT_CONNECTED, silent_since=_silent_since(tx, home))
        grant = Grant(
            id=_grant_id(actor, home, device, action, key),
            home=home,
            device=device,
            action=action,
            person=actor.person,
            reason=ground.reason,
            ref=ground.ref,
            not_before=now,
            expires=now + timedelta(seconds=LIFE_S),
        )
        token = sign(grant, staff.keys.private, staff.keys.kid)
        _write_issued(staff, tx, grant, ground, now)
        staff.relay.turn_at_commit(tx, home, token)
    if not staff.relay.send_turn(home, token):
        raise Refused(Why.NOT_CONNECTED, silent_since=None, grant=grant.id)
    alarm = grant.ref if grant.reason is Reason.ALARM else None
    return TurnSent(grant.id, grant.reason, alarm, grant.expires)


def _write_issued(staff: Staff, tx: Tx, grant: Grant, ground: Ground, now: datetime) -> None:
    issued = GrantIssued(
        grant=grant.id,
        action=grant.action.value,
        reason=grant.reason.value,
        reason_ref=grant.ref,
        expires=grant.expires,
    )
    said = Draft(issued, device=grant.device, person=grant.person)
    decisions.write(staff, tx, grant.home, said, at=now)
    if ground.acute and ground.ref is not None:
        acute = GrantAcute(grant=grant.id, alarm=ground.ref)
        said = Draft(acute, device=grant.device, person=grant.person)
        decisions.write(staff, tx, grant.home, said, at=now)


def _grant_id(actor: Actor, home: str, device: str, action: Action, key: str | None) -> str:
    """One id for one wish of one person; random when the wish has no name."""
    if not key:
        return secrets.token_urlsafe(16)
    wish = "\0".join((actor.person, home, device, action.value, key[:KEY_MAX_CHARS]))
    digest = hashlib.sha256(wish.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _same(
    tx: Tx, actor: Actor, home: str, device: str, action: Action, key: str | None, now: datetime
) -> TurnSent | None:
    """The turn that this wish already is: its own, or this person's that is under way."""
    row = None
    if key:
        t = tables.turn
        own = _grant_id(actor, home, device, action, key)
        row = tx.conn.execute(select(t).where(t.c.grant == own)).one_or_none()
    row = row or _running(tx, actor, home, device, action, now)
    if row is None:
        return None
    return TurnSent(row.grant, Reason(row.reason), None, row.expires_at)


# --- on what ground -------------------------------------------------------------------------------


def _ground(
    staff: Staff, tx: Tx, actor: Actor, home: str, device: str, action: Action, now: datetime
) -> Ground:
    """Why this person may turn this lock now.  Raises `Refused`."""
    if not actor.may(Right.TURN_LOCK):
        if Role.TECHNICIAN not in actor.roles:
            raise Refused(Why.NO_ROLE)
        ref = _approval(tx, actor, home, device, action, now)
        if ref is None:
            raise Refused(Why.NOT_APPROVED)
        return Ground(Reason.SERVICE, ref)
    alarm, assigned = open_care_alarm(tx, home), home in actor.assigned
    if alarm is not None:
        return Ground(Reason.ALARM, alarm, acute=not assigned)
    if action is Action.LOCK and (assigned or _is_there(tx, actor, home)):
        return Ground(Reason.PLANNED_VISIT)  # whoever leaves late, or after the alarm, may shut
    if not assigned:
        raise Refused(Why.NOT_ASSIGNED)
    window = staff.config.plan
    planned = plan.planned_now(
        tx.conn,
        actor,
        home,
        now,
        before_min=window.open_before_min,
        after_min=window.open_after_min,
    )
    if planned is not None:
        return Ground(Reason.PLANNED_VISIT)
    check = _open_check(tx, home, now)
    if check is not None:
        return Ground(Reason.CHECK, check)
    if plan.has_plan(tx.conn, home, now):
        raise Refused(Why.NOT_PLANNED)
    return Ground(Reason.PLANNED_VISIT)


def open_care_alarm(tx: Tx, home: str) -> Ref | None:
    """The newest open care alarm that the home itself raised: only of these can it say by itself
    whether they are still open."""
    t = tables.alarm
    return tx.conn.execute(
        select(t.c.id)
        .where(
            t.c.home_id == home,
            t.c.closed_at.is_(None),
            t.c.raised_at.is_not(None),
            t.c.severity == Severity.CARE.value,
            t.c.ref.startswith("home:", autoescape=True),
            t.c.id == t.c.ref,
        )
        .order_by(t.c.raised_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def _open_check(tx: Tx, home: str, now: datetime) -> str | None:
    """The newest night check that asks for a visit which nobody has made."""
    c, v, later = tables.night_check.c, tables.visit.c, tables.night_check.alias("later")
    made = select(v.id).where(v.home_id == home, v.until >= c.closed_at).exists()
    looked = (
        select(later.c.check)
        .where(
            later.c.home_id == home,
            later.c.answered_at > c.closed_at,
            later.c.looked == "in_person",
            later.c.finding == "ok",
        )
        .exists()
    )
    query = (
        select(c.check)
        .where(c.home_id == home, c.closed_at > now - timedelta(hours=TASK_KEPT_H))
        .where(or_(c.state == "escalated", c.state == "missed"), ~made, ~looked)
    )
    return tx.conn.execute(query.order_by(c.closed_at.desc()).limit(1)).scalar_one_or_none()


def _is_there(tx: Tx, actor: Actor, home: str) -> bool:
    v = tables.visit.c
    query = select(v.id).where(v.home_id == home, v.person == actor.person, v.until.is_(None))
    return tx.conn.execute(query.limit(1)).first() is not None


# --- service --------------------------------------------------------------------------------------


def request_service(
    staff: Staff, actor: Actor, home: str, device: str, action: Action = Action.UNLOCK
) -> Done:
    """A technician asks to turn a lock.  Raises `Refused`: NO_ROLE, NO_HOME, NO_LOCK."""
    with staff.write() as tx:
        of_us(tx, actor, home)
        if Role.TECHNICIAN not in actor.roles:
            raise Refused(Why.NO_ROLE)
        decisions.hold(tx, home)
        lock_of(tx, home, device)
        asked = Draft(GrantRequested(action=action.value), device=device, person=actor.person)
        event = decisions.write(staff, tx, home, asked)
        return Done(event.ref, event.at)


def answer_service(staff: Staff, actor: Actor, home: str, request: Ref, *, yes: bool) -> Done:
    """A second person says yes or no to a technician.

    Those who may turn this home's locks or plan its visits may answer, never the one who asked.
    Raises `Refused`: NO_ROLE, NO_HOME, NO_REQUEST, SAME_PERSON, CLOSED (it was answered)."""
    with staff.write() as tx:
        of_us(tx, actor, home)
        care = actor.may(Right.TURN_LOCK) and home in actor.assigned
        if not (care or actor.may(Right.CORRECT_VISIT)):
            raise Refused(Why.NO_ROLE)
        decisions.hold(tx, home)
        now = staff.clock.now()
        found = [row for row in service_requests(tx, home, now) if row.ref == request]
        if not found:
            raise Refused(Why.NO_REQUEST)
        if found[0].person == actor.person:
            raise Refused(Why.SAME_PERSON)
        if found[0].answer is not None:
            raise Refused(Why.CLOSED, person=found[0].answered_by, at=found[0].answered_at)
        until = now + timedelta(minutes=APPROVED_MIN)
        data = (
            GrantApproved(request=request, until=until) if yes else GrantDeclined(request=request)
        )
        draft = Draft(data, device=found[0].device, person=actor.person)
        event = decisions.write(staff, tx, home, draft, at=now)
        return Done(event.ref, event.at)


@dataclass(slots=True)
class ServiceRequest:
    """A technician's request of the last hour, and what became of it: `answer` is the reference of
    the approval or refusal, `until` the approval's end (None: refused, or not answered)."""

    ref: Ref
    at: datetime
    person: str | None
    device: str | None
    action: str
    answer: Ref | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    until: datetime | None = None


def service_requests(tx: Tx, home: str, now: datetime) -> list[ServiceRequest]:
    """The requests of the last hour about this home, oldest first."""
    t = tables.event
    rows = tx.conn.execute(
        select(t.c.body, t.c.hash)
        .where(t.c.home_id == home, t.c.corrected_at > now - timedelta(hours=1))
        .where(t.c.origin == decisions.origin_of(home))
        .where(t.c.kind.in_(("grant.requested", "grant.approved", "grant.refused")))
        .order_by(t.c.seq)
    )
    found: dict[Ref, ServiceRequest] = {}
    for row in rows:
        event = store.to_event(row)
        data: Any = event.data
        if isinstance(data, GrantRequested):
            found[event.ref] = ServiceRequest(
                event.ref, event.at, event.person, event.device, data.action
            )
        elif (asked := found.get(data.request)) is not None and asked.answer is None:
            asked.answer, asked.answered_by, asked.answered_at = event.ref, event.person, event.at
            asked.until = data.until if isinstance(data, GrantApproved) else None
    return list(found.values())


def _approval(
    tx: Tx, actor: Actor, home: str, device: str, action: Action, now: datetime
) -> Ref | None:
    for asked in reversed(service_requests(tx, home, now)):
        mine = (asked.person, asked.device, asked.action) == (actor.person, device, action.value)
        if mine and asked.until is not None and now < asked.until:
            return asked.answer
    return None


# --- what they share ------------------------------------------------------------------------------


def of_us(tx: Tx, actor: Actor, home: str) -> None:
    """Raise `Refused` (NO_HOME) for a home of another organisation, or of none."""
    h = tables.home.c
    found = tx.conn.execute(select(h.id).where(h.id == home, h.org_id == actor.org)).first()
    if found is None:
        raise Refused(Why.NO_HOME)


def lock_of(tx: Tx, home: str, device: str) -> None:
    """Raise `Refused` (NO_LOCK) unless the home has told of this lock."""
    t = tables.device
    found = tx.conn.execute(
        select(t.c.type).where(t.c.home_id == home, t.c.id == device, t.c.present)
    ).scalar_one_or_none()
    if found != "lock":
        raise Refused(Why.NO_LOCK, device=device)


def _running(tx: Tx, actor: Actor, home: str, device: str, action: Action, now: datetime) -> Any:
    """This person's turn of this lock that is under way; one that the home has not said a word
    about counts for `UNHEARD_S` only."""
    t = tables.turn
    row = tx.conn.execute(
        select(t)
        .where(t.c.home_id == home, t.c.person == actor.person, t.c.device == device)
        .where(t.c.action == action.value, t.c.expires_at > now)
        .order_by(t.c.issued_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None or row.step in ("ended", "refused") or row.why == "revoked":
        return None
    if row.step == "issued" and now >= row.issued_at + timedelta(seconds=UNHEARD_S):
        return None
    return row


def _silent_since(tx: Tx, home: str) -> datetime | None:
    t = tables.home_state
    return tx.conn.execute(select(t.c.silent_since).where(t.c.home_id == home)).scalar_one_or_none()
