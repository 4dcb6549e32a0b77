"""The shift's one-time codes for doors whose home has no network (`gateway.access.codes`).

Some for each of the day's homes and each person, made when the phone asks while it is online; the
home is told at once.  The digits and the phone's keys follow from a secret of the server and are
stored nowhere; asked again, the same codes are shown.

A home that wrote `page.described` is told in the second form (`codes.given`), for this run of it;
when it starts anew, `look` tells it again what is alive.  An older home is told in the first form
(`codes.issued`).

Not for: judging a code (the home does), or the phone's page (`web.staff.pages.offline`).
"""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import and_, or_, select

from gateway.access import codes, given_codes
from gateway.envelope import Draft
from gateway.events import CodeGiven, CodesGiven, CodesIssued, CodeTold
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


STARTED_S = 30.0
"""Seconds after its start in which a home is expected to tell of its page: no code is told in the
first form meanwhile, for that is what a copy of its disk could be tried against."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Code:
    """One code to show: `digits` as `1234 5678`, good until `expires`.  `there`: the home has said
    that it knows it.  `phone_key` is the phone's own key as a JSON Web Key, None when the home does
    not take proofs; it signs for the lock `device`."""

    digits: str
    expires: datetime
    there: bool
    id: str
    device: str
    phone_key: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The page that a home serves: its address, and the fingerprint of its certificate."""

    url: str
    fingerprint: str
    key: Ed25519PublicKey
    key_text: str


@dataclass(frozen=True, slots=True)
class HomeCodes:
    """What the phone keeps of one home; `page` None: a home that has told of none."""

    home: str
    codes: tuple[Code, ...]
    page: Page | None


def shift_codes(staff: Staff, actor: Actor) -> list[HomeCodes]:
    """This person's codes for the day's homes; new ones where too few are left.  A home without a
    lock or a gateway has none.  Raises `Refused` (NO_ROLE)."""
    if not actor.may(Right.TURN_LOCK):
        raise Refused(Why.NO_ROLE)
    homes = []
    for home in sorted(actor.assigned):
        with staff.write() as tx:
            append.hold(tx, home)
            page = _page(tx, home)
            homes.append(HomeCodes(home, _of_home(staff, tx, actor, home, page), page))
    return [one for one in homes if one.codes]


def look(staff: Staff) -> None:
    """One round of the watch: a home that has started anew is told its live codes again."""
    c, s = tables.door_code.c, tables.home_state.c
    stale = (
        select(c.home_id)
        .distinct()
        .join(tables.home_state, s.home_id == c.home_id)
        .where(
            c.expires_at > staff.clock.now(),
            c.ended_at.is_(None),
            c.person.is_not(None),
            c.kid == staff.keys.kid,
            s.page_key.is_not(None),
            or_(c.page_key.is_(None), c.page_key != s.page_key),
        )
    )
    with staff.db.read() as conn:
        homes = list(conn.execute(stale).scalars())
    for home in homes:
        with staff.write() as tx:
            append.hold(tx, home)
            page = _page(tx, home)
            if page is not None:
                _tell_again(staff, tx, home, page)


def _tell_again(staff: Staff, tx: Tx, home: str, page: Page) -> None:
    c = tables.door_code.c
    stale = select(tables.door_code).where(
        c.home_id == home,
        c.expires_at > staff.clock.now(),
        c.ended_at.is_(None),
        c.person.is_not(None),
        c.kid == staff.keys.kid,
        or_(c.page_key.is_(None), c.page_key != page.key_text),
    )
    by_person: dict[tuple[str, str], list[CodeTold]] = {}
    for row in tx.conn.execute(stale.order_by(c.id)):
        bare = _bare(row.id, row.number, row.device, row.not_before, row.expires_at)
        by_person.setdefault((row.person, row.device), []).append(bare)
    for (person, device), bares in by_person.items():
        _tell(staff, tx, home, person, device, bares, page)


def _of_home(staff: Staff, tx: Tx, actor: Actor, home: str, page: Page | None) -> tuple[Code, ...]:
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
        _issue(staff, tx, actor, home, PER_HOME - len(fresh), taken, now, page)
        rows = list(tx.conn.execute(live.where(c.person == actor.person, c.kid == staff.keys.kid)))
    have = _down_have(tx, home)
    return tuple(
        Code(
            codes.written(row.number, codes.proof_of(staff.keys.code_key, row.id)),
            row.expires_at,
            row.seq <= have,
            row.id,
            row.device,
            None if page is None or row.page_key is None else _web_key(staff, row.id),
        )
        for row in sorted(rows, key=lambda row: (row.expires_at, row.number), reverse=True)
    )


def _today(tx: Tx, actor: Actor, home: str, now: datetime) -> bool:
    """Whether this person may come here within a shift: planned, or a home without a plan."""
    if not plan.has_plan(tx.conn, home, now):
        return True
    soon = timedelta(hours=codes.LIFE_H).total_seconds() / 60
    return plan.planned_now(tx.conn, actor, home, now, before_min=soon) is not None


def _web_key(staff: Staff, id_: str) -> dict[str, str]:
    """The phone's private key of a code (RFC 7518 section 6.2)."""
    numbers = given_codes.phone_key(staff.keys.code_key, id_).private_numbers()
    point = numbers.public_numbers
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _base64(point.x),
        "y": _base64(point.y),
        "d": _base64(numbers.private_value),
    }


def _base64(number: int) -> str:
    raw = number.to_bytes(given_codes.COORDINATE_BYTES, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _issue(
    staff: Staff,
    tx: Tx,
    actor: Actor,
    home: str,
    count: int,
    taken: set[int],
    now: datetime,
    page: Page | None,
) -> None:
    """Make `count` codes, and tell the home what it must know of them."""
    device = _front_door(tx, home)
    free = [number for number in codes.NUMBERS if number not in taken]
    if device is None or len(free) < count or (page is None and _has_just_started(tx, home, now)):
        return
    bares = []
    for _ in range(count):
        number = free.pop(secrets.randbelow(len(free)))
        id_ = f"{codes.ID_PREFIX}{secrets.token_urlsafe(12)}"
        bares.append(_bare(id_, number, device, now, now + timedelta(hours=codes.LIFE_H)))
    _tell(staff, tx, home, actor.person, device, bares, page)


def _bare(id_: str, number: int, device: str, since: datetime, until: datetime) -> CodeTold:
    return CodeTold(
        id=id_,
        number=number,
        device=device,
        not_before=since,
        expires=until,
        salt=secrets.token_hex(16),
        hash="",
    )


def _tell(
    staff: Staff,
    tx: Tx,
    home: str,
    person: str,
    device: str,
    bares: Sequence[CodeTold],
    page: Page | None,
) -> None:
    """Tell the home of codes, in the form that it knows; nothing to a home without a gateway."""
    own = _home_key(tx, home)
    if own is None:
        return
    keys = staff.keys
    try:
        shared = codes.shared_key(keys.private, own if page is None else page.key, home)
    except ValueError:
        log.warning("a home's key cannot be agreed on", extra={"home": home})
        return
    data: CodesIssued | CodesGiven
    if page is None:
        told = []
        for bare in bares:
            proof = codes.proof_of(keys.code_key, bare.id)
            told.append(replace(bare, hash=codes.hash_of(shared, home, person, bare, proof)))
        data = CodesIssued(codes=tuple(told), kid=keys.kid)
    else:
        given = [_given(staff, home, person, bare, page, shared) for bare in bares]
        data = CodesGiven(codes=tuple(given), kid=keys.kid)
    append.write(staff, tx, home, Draft(data, device=device, person=person), at=staff.clock.now())


def _given(
    staff: Staff, home: str, person: str, bare: CodeTold, page: Page, shared: bytes
) -> CodeGiven:
    key = staff.keys.code_key
    code = CodeGiven(
        id=bare.id,
        number=bare.number,
        device=bare.device,
        not_before=bare.not_before,
        expires=bare.expires,
        phone_key=given_codes.public_text(given_codes.phone_key(key, bare.id).public_key()),
        page_key=page.key_text,
        salt=bare.salt,
        hash=codes.hash_of(shared, home, person, bare, codes.proof_of(key, bare.id)),
        seal="",
    )
    return replace(code, seal=given_codes.seal(staff.keys.private, home, person, code))


def _page(tx: Tx, home: str) -> Page | None:
    """What the home told of its page in its present run; None: nothing that can be used."""
    s = tables.home_state.c
    row = tx.conn.execute(
        select(s.page_url, s.page_fingerprint, s.page_key).where(
            and_(s.home_id == home, s.page_key.is_not(None))
        )
    ).one_or_none()
    if row is None:
        return None
    try:
        key = given_codes.page_key_from(row.page_key)
    except ValueError:
        return None
    return Page(row.page_url, row.page_fingerprint, key, row.page_key)


def _has_just_started(tx: Tx, home: str, now: datetime) -> bool:
    s = tables.home_state.c
    query = select(s.started_at).where(s.home_id == home)
    started = tx.conn.execute(query).scalar_one_or_none()
    return started is not None and abs((now - started).total_seconds()) < STARTED_S


def _front_door(tx: Tx, home: str) -> str | None:
    """The lock that codes open: the one at the front door, else the first."""
    c = tables.device.c
    rows = tx.conn.execute(
        select(c.id, c.role).where(c.home_id == home, c.type == "lock", c.present).order_by(c.id)
    ).all()
    front = [row.id for row in rows if row.role == "front_door"]
    return next(iter([*front, *(row.id for row in rows)]), None)


def _home_key(tx: Tx, home: str) -> Ed25519PublicKey | None:
    """The key of this home's gateway; None without a gateway."""
    c = tables.gateway_key.c
    pem = tx.conn.execute(
        select(c.public_key).where(c.home_id == home, c.revoked_at.is_(None))
    ).scalar_one_or_none()
    return None if pem is None else tokens.public_key(pem)


def _down_have(tx: Tx, home: str) -> int:
    c = tables.home_link.c
    down_have = tx.conn.execute(select(c.down_have).where(c.home_id == home)).scalar_one_or_none()
    return down_have or 0
