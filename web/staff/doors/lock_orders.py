"""Turning a lock from the server: who may, on what ground, and one turn for one wish.

The ground is the home's open care alarm, a planned visit, a night check that asks for a visit, or,
for a technician, the approval of a second person (`web.staff.doors.service_access`).  During an
open care alarm other care staff of the organisation may open too; that is written as what it is
(`grant.acute`). The home judges all of it again.

Not for: showing who may open at an alarm (`web.staff.care.acute`), codes for doors without a
network (`web.staff.doors.door_codes`), or taking rights back (`web.staff.doors.revocation`).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select

from gateway.access.grants import LIFE_S, Action, Grant, Reason, sign
from gateway.envelope import Draft
from gateway.events import GrantAcute, GrantIssued, GrantRevoked, Ref
from web.staff.care import acute
from web.staff.care.actions import Refused, Why, is_there, lock_of, of_us
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.doors import service_access
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.changes import LockOrder
from web.staff.storage.database import Tx
from web.staff.visits import plan

UNHEARD_S = 15
"""Seconds after which an order that the home has not answered may be given again: a home that
listens answers within a second."""

TASK_KEPT_H = 12
"""Hours that a night check asks for a visit; the home forgets it then as well."""

KEY_MAX_CHARS = 64
"""Of a wish's own name, as the page makes it."""


@dataclass(frozen=True, slots=True)
class TurnSent:
    """The order went to the home.  Follow `grant` in the table `turn` and on `/live`."""

    grant: str
    reason: Reason | None
    """None: a ground that only another version of the server knows."""
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
        append.hold(tx, home)
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
        order = LockOrder(home, token)
        tx.orders.append(order)
    if not order.reached:
        # whoever presses again is not held to a turn that never began, and it never will
        with staff.write() as tx:
            void = Draft(GrantRevoked(grant=grant.id), device=grant.device)
            append.write(staff, tx, home, void)
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
    append.write(staff, tx, grant.home, said, at=now)
    if ground.acute and ground.ref is not None:
        acute = GrantAcute(grant=grant.id, alarm=ground.ref)
        said = Draft(acute, device=grant.device, person=grant.person)
        append.write(staff, tx, grant.home, said, at=now)


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
    reason = Reason(row.reason) if row.reason in set(Reason) else None
    return TurnSent(row.grant, reason, None, row.expires_at)


# --- on what ground -------------------------------------------------------------------------------


def _ground(
    staff: Staff, tx: Tx, actor: Actor, home: str, device: str, action: Action, now: datetime
) -> Ground:
    """Why this person may turn this lock now.  Raises `Refused`."""
    if not actor.may(Right.TURN_LOCK):
        if not actor.may(Right.ASK_SERVICE):
            raise Refused(Why.NO_ROLE)
        ref = service_access.approval(tx, actor, home, device, action, now)
        if ref is None:
            raise Refused(Why.NOT_APPROVED)
        return Ground(Reason.SERVICE, ref)
    alarm, assigned = acute.open_care_alarm(tx.conn, home), home in actor.assigned
    if alarm is not None:
        return Ground(Reason.ALARM, alarm, acute=not assigned)
    if action is Action.LOCK and (assigned or is_there(tx.conn, actor, home)):
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


def _open_check(tx: Tx, home: str, now: datetime) -> str | None:
    """The newest night check that asks for a visit which nobody has made."""
    asked = {"home": home, "since": now - timedelta(hours=TASK_KEPT_H)}
    check: str | None = tx.conn.execute(_OPEN_CHECK, asked).scalar_one_or_none()
    return check


def _make_open_check() -> Select[Any]:
    c, v, later = tables.night_check.c, tables.visit.c, tables.night_check.alias("later")
    home = bindparam("home", type_=c.home_id.type)
    since = bindparam("since", type_=c.closed_at.type)
    asked_at = func.coalesce(c.visit_asked_at, c.closed_at, type_=c.closed_at.type)
    visited = select(v.id).where(v.home_id == home, v.until >= asked_at).exists()
    looked = (
        select(later.c.check)
        .where(
            later.c.home_id == home,
            later.c.answered_at > asked_at,
            later.c.looked == "in_person",
            later.c.finding == "ok",
        )
        .exists()
    )
    asks = or_(
        c.state == "escalated",
        c.state == "missed",
        and_(
            c.visit_asked_at.is_not(None),
            or_(c.closed_at.is_(None), and_(c.state == "done", c.looked == "camera")),
        ),
    )
    return (
        select(c.check)
        .where(c.home_id == home, or_(c.closed_at > since, c.visit_asked_at > since))
        .where(asks, c.settled_at.is_(None), ~visited, ~looked)
        .order_by(asked_at.desc())
        .limit(1)
    )


_OPEN_CHECK = _make_open_check()
"""Built once, as `_RUNNING`: building costs more than running, and many doors open at once."""


def _running(tx: Tx, actor: Actor, home: str, device: str, action: Action, now: datetime) -> Any:
    """This person's turn of this lock that is under way; one that the home has not said a word
    about counts for `UNHEARD_S` only."""
    asked = {"home": home, "who": actor.person, "lock": device, "act": action.value, "now": now}
    row = tx.conn.execute(_RUNNING, asked).one_or_none()
    if row is None or row.step in ("ended", "refused") or row.why == "revoked":
        return None
    if row.step == "issued" and now >= row.issued_at + timedelta(seconds=UNHEARD_S):
        return None
    return row


_RUNNING = (
    select(tables.turn)
    .where(
        tables.turn.c.home_id == bindparam("home"),
        tables.turn.c.person == bindparam("who"),
        tables.turn.c.device == bindparam("lock"),
        tables.turn.c.action == bindparam("act"),
        tables.turn.c.expires_at > bindparam("now"),
    )
    .order_by(tables.turn.c.issued_at.desc())
    .limit(1)
)


def _silent_since(tx: Tx, home: str) -> datetime | None:
    t = tables.home_state
    return tx.conn.execute(select(t.c.silent_since).where(t.c.home_id == home)).scalar_one_or_none()
