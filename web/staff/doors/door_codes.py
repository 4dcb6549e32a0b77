"""The shift's one-time codes for doors whose home has no network (`gateway.access.codes`).

Some for each of the day's homes and each person, made when the phone asks while it is online; the
home is told their hashes at once.  The digits follow from a secret of the server and are stored
nowhere; asked again, the same codes are shown.

Not for: judging a code (the home does), or the phone's page (`web.staff.pages.offline`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from gateway.access import codes
from gateway.envelope import Draft
from gateway.events import CodesIssued, CodeTold
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.homelink import tokens
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.visits import plan

PER_HOME = 3
"""Codes for one person in one home: in, out for the rubbish, and one to spare."""

RENEW_BEFORE_H = 3
"""A code with fewer hours left does not count: the shift may be longer."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code to show: `digits` as `1234 5678`, good until `expires`.  `there`: the home has said
    that it knows it."""

    digits: str
    expires: datetime
    there: bool


@dataclass(frozen=True, slots=True)
class HomeCodes:
    """What the phone keeps of one home."""

    home: str
    codes: tuple[Code, ...]


def shift_codes(staff: Staff, actor: Actor) -> list[HomeCodes]:
    """This person's codes for the day's homes; new ones where too few are left.  A home without a
    lock or a gateway has none.  Raises `Refused` (NO_ROLE)."""
    if not actor.may(Right.TURN_LOCK):
        raise Refused(Why.NO_ROLE)
    homes = []
    for home in sorted(actor.assigned):
        with staff.write() as tx:
            append.hold(tx, home)
            homes.append(HomeCodes(home, _of_home(staff, tx, actor, home)))
    return [one for one in homes if one.codes]


def _of_home(staff: Staff, tx: Tx, actor: Actor, home: str) -> tuple[Code, ...]:
    now = staff.clock.now()
    if not _today(tx, actor, home, now):
        return ()
    c = tables.door_code.c
    live = select(tables.door_code).where(
        c.home_id == home, c.expires_at > now, c.ended_at.is_(None), c.number.is_not(None)
    )
    rows = list(tx.conn.execute(live.where(c.person == actor.person, c.kid == staff.keys.kid)))
    fresh = [r for r in rows if r.expires_at > now + timedelta(hours=RENEW_BEFORE_H)]
    if len(fresh) < PER_HOME:
        taken = set(
            tx.conn.execute(
                select(c.number).where(
                    c.home_id == home, c.expires_at > now - timedelta(days=1)
                )  # yesterday's too: the home still knows them
            ).scalars()
        )
        _issue(staff, tx, actor, home, PER_HOME - len(fresh), taken, now)
        rows = list(tx.conn.execute(live.where(c.person == actor.person, c.kid == staff.keys.kid)))
    have = _down_have(tx, home)
    return tuple(
        Code(
            codes.written(row.number, codes.proof_of(staff.keys.code_key, row.id)),
            row.expires_at,
            row.seq <= have,
        )
        for row in sorted(rows, key=lambda row: (row.expires_at, row.number), reverse=True)
    )


def _today(tx: Tx, actor: Actor, home: str, now: datetime) -> bool:
    """Whether this person may come here within a shift: planned, or a home without a plan."""
    if not plan.has_plan(tx.conn, home, now):
        return True
    soon = timedelta(hours=codes.LIFE_H).total_seconds() / 60
    return plan.planned_now(tx.conn, actor, home, now, before_min=soon) is not None


def _issue(
    staff: Staff, tx: Tx, actor: Actor, home: str, count: int, taken: set[int], now: datetime
) -> None:
    """Make `count` codes, and tell the home what it must know of them."""
    device, key = _front_door(tx, home), _shared(staff, tx, home)
    free = [number for number in codes.NUMBERS if number not in taken]
    if device is None or key is None or len(free) < count:
        return
    hashed = []
    for _ in range(count):
        number = free.pop(secrets.randbelow(len(free)))
        bare = CodeTold(
            id=f"{codes.ID_PREFIX}{secrets.token_urlsafe(12)}",
            number=number,
            device=device,
            not_before=now,
            expires=now + timedelta(hours=codes.LIFE_H),
            salt=secrets.token_hex(16),
            hash="",
        )
        proof = codes.proof_of(staff.keys.code_key, bare.id)
        hashed.append(replace(bare, hash=codes.hash_of(key, home, actor.person, bare, proof)))
    issued = CodesIssued(codes=tuple(hashed), kid=staff.keys.kid)
    draft = Draft(issued, device=device, person=actor.person)
    append.write(staff, tx, home, draft, at=now)


def _front_door(tx: Tx, home: str) -> str | None:
    """The lock that codes open: the one at the front door, else the first."""
    c = tables.device.c
    rows = tx.conn.execute(
        select(c.id, c.role).where(c.home_id == home, c.type == "lock", c.present).order_by(c.id)
    ).all()
    front = [row.id for row in rows if row.role == "front_door"]
    return next(iter([*front, *(row.id for row in rows)]), None)


def _shared(staff: Staff, tx: Tx, home: str) -> bytes | None:
    """The secret of the server and this home's gateway; None without a gateway."""
    c = tables.gateway_key.c
    pem = tx.conn.execute(
        select(c.public_key).where(c.home_id == home, c.revoked_at.is_(None))
    ).scalar_one_or_none()
    if pem is None:
        return None
    return codes.shared_key(staff.keys.private, tokens.public_key(pem), home)


def _down_have(tx: Tx, home: str) -> int:
    c = tables.home_link.c
    down_have = tx.conn.execute(select(c.down_have).where(c.home_id == home)).scalar_one_or_none()
    return down_have or 0
