"""Enrolment: a one-time code makes a gateway a home's own.

A code lives for hours, works once, and only its keyed hash is kept.  Code times are real seconds.
Not for: HTTP.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import and_, delete, insert, or_, select, update

from gateway.envelope import Draft
from gateway.errors import UserError
from gateway.events import HomeEnrolled
from gateway.wire import EnrollAnswer, EnrollRequest, ServerKey, make_code, split_code
from web.staff.core.context import Staff
from web.staff.core.keys import Keys
from web.staff.core.limits import Limiter
from web.staff.events import append
from web.staff.events.projections.fold import generation
from web.staff.homelink import tokens
from web.staff.homelink.ingest import Refused
from web.staff.storage import event_store, tables
from web.staff.storage.database import Database, Tx

CODE_LIFE = timedelta(hours=24)
"""Made in the office, used at the home the same day."""
CODE_BYTES = 16
"""Random bytes that a code is made of (it uses 50 bits)."""

VERSION_MAX_CHARS = 100
"""Of what a gateway calls its version."""

_by_address = Limiter(10, 600.0)
"""Ten tries in ten minutes from one address: a mistyped code is mended in two or three."""
_by_all = Limiter(120, 600.0)
"""And for all together: with 2^50 codes a guess would take longer than the sun has."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be shown once, and until when it works (real time)."""

    code: str
    expires_at: datetime


def new_code(database: Database, keys: Keys, home: str, *, life: timedelta = CODE_LIFE) -> NewCode:
    """Make a code for a home; older unused codes of it become void.  Raises `UserError`."""
    t = tables.enrol_code
    code = make_code(secrets.token_bytes(CODE_BYTES), keys.public_raw)
    now = datetime.now(UTC)
    with database.write() as tx:
        if not event_store.lock_home(tx.conn, home):
            raise UserError(f"There is no home {home}; add it with `tryggve staff home add`.")
        tx.conn.execute(
            delete(t).where(t.c.used_at.is_(None), or_(t.c.home_id == home, t.c.expires_at < now))
        )
        tx.conn.execute(
            insert(t).values(
                home_id=home,
                code_hash=keys.hash_code(split_code(code)[0]),
                created_at=now,
                expires_at=now + life,
            )
        )
    return NewCode(code, now + life)


def forget_tries() -> None:
    """Begin counting tries anew."""
    _by_address.clear()
    _by_all.clear()


def enroll(staff: Staff, asked: EnrollRequest, address: str) -> EnrollAnswer:
    """Take a gateway in.  Raises `Refused`: `too_many` (429), `bad_code` (403), `bad_key` (400)."""
    if not (_by_address.allow(address) and _by_all.allow("")):
        raise Refused(429, "too_many", "Too many tries; wait ten minutes.")
    try:
        key = tokens.public_key(asked.public_key)
    except (ValueError, TypeError) as error:
        raise Refused(400, "bad_key", "The key is no Ed25519 public key in PEM form.") from error
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    sha256 = hashlib.sha256(pem.encode()).hexdigest()
    with staff.write() as tx:
        home = _use_code(staff, tx, asked.code)
        origin = _next_origin(tx, home)
        now = staff.clock.now()
        _revoke_keys(tx, home, now)
        tx.conn.execute(
            insert(tables.gateway_key).values(
                home_id=home,
                public_key=pem,
                sha256=sha256,
                origin=origin,
                version=event_store.clean(asked.version[:VERSION_MAX_CHARS]),
                enrolled_at=now,
            )
        )
        append.write(staff, tx, home, Draft(HomeEnrolled(key_sha256=sha256)))
        keys = _keys_to_pin(staff, tx)
    staff.relay.drop_home(home)
    _by_address.forget(address)
    return EnrollAnswer(home=home, origin=origin, keys=keys)


def _use_code(staff: Staff, tx: Tx, code: str) -> str:
    """Use the code up; returns its home.  Looking for a keyed hash tells nothing by its time."""
    t = tables.enrol_code
    now = datetime.now(UTC)
    mine = and_(
        t.c.code_hash == staff.keys.hash_code(code), t.c.used_at.is_(None), t.c.expires_at > now
    )
    home = tx.conn.execute(select(t.c.home_id).where(mine)).scalar_one_or_none()
    if home is not None:
        event_store.lock_home(tx.conn, home)  # first the home, then its codes: as `new_code` does
        used = update(t).where(mine).values(used_at=now).returning(t.c.home_id)
        home = tx.conn.execute(used).scalar_one_or_none()
    if home is None:
        raise Refused(403, "bad_code", "The code is wrong, used or too old; ask for a new one.")
    return str(home)


def _next_origin(tx: Tx, home: str) -> str:
    """The new gateway's log: a number that no log of this home had, written or only promised."""
    h, k = tables.head, tables.gateway_key
    written = tx.conn.execute(
        select(h.c.origin).where(
            h.c.home_id == home, h.c.origin.startswith("home:", autoescape=True)
        )
    ).scalars()
    promised = tx.conn.execute(select(k.c.origin).where(k.c.home_id == home)).scalars()
    taken = [generation(origin) for origin in (*written, *promised)]
    return f"home:{home}~{max(taken) + 1}" if taken else f"home:{home}"


def _revoke_keys(tx: Tx, home: str, now: datetime) -> None:
    t = tables.gateway_key
    tx.conn.execute(
        update(t).where(t.c.home_id == home, t.c.revoked_at.is_(None)).values(revoked_at=now)
    )


def _keys_to_pin(staff: Staff, tx: Tx) -> list[ServerKey]:
    """The present key first."""
    t = tables.server_key
    rows = tx.conn.execute(
        select(t.c.kid, t.c.public_key).where(t.c.retired_at.is_(None), t.c.kid != staff.keys.kid)
    )
    mine = ServerKey(kid=staff.keys.kid, public_key=staff.keys.public_pem)
    return [mine, *(ServerKey(kid=row.kid, public_key=row.public_key) for row in rows)]
