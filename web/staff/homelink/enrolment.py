"""Enrolment: a one-time code makes a gateway a home's own.

A code lives for hours, takes one gateway in, and only its keyed hash is kept.  A gateway whose
answer was lost on the way shows the same key again, and is answered again.  Code times are real
seconds.  Not for: HTTP.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from gateway.envelope import Draft
from gateway.errors import UserError
from gateway.events import HomeEnrolled
from gateway.origin import disk_origin, generation
from gateway.wire import EnrollAnswer, EnrollRequest, ServerKey, make_code, split_code
from web.staff.core.context import Staff
from web.staff.core.keys import Keys
from web.staff.core.limits import Limiter, network_of
from web.staff.events import append
from web.staff.homelink import retelling, tokens
from web.staff.homelink.ingest import Refused
from web.staff.storage import event_store, tables
from web.staff.storage.database import Database, Tx

CODE_LIFE = timedelta(hours=24)
"""Made in the office, used at the home the same day."""
CODE_BYTES = 16
"""Random bytes that a code is made of (it uses 50 bits)."""

VERSION_MAX_CHARS = 100
"""Of what a gateway calls its version."""

_wrong_by_network = Limiter(10, 600.0)
"""Ten wrong codes in ten minutes from one network (`network_of`): a mistyped code is mended in two
or three.

There is no limit for all together, and a right code is taken whatever else came from its network:
strangers could use up either, and a technician would stand in a home that cannot be enrolled.  What
guards a code is its length: a thousand guesses a second, with a thousand codes waiting, find one in
36 years (2^50 / 10^6 s), and a code lives a day."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be shown once, and until when it works (real time)."""

    code: str
    expires_at: datetime


def new_code(database: Database, keys: Keys, home: str, *, life: timedelta = CODE_LIFE) -> NewCode:
    """Make a code for a home; older unused codes of it become void.

    Raises `UserError`: no such home, a closed one, or a code that would end before it begins.
    """
    if life <= timedelta():
        raise UserError("A code works for a while: one that ends before it begins is of no use.")
    t = tables.enrol_code
    code = make_code(secrets.token_bytes(CODE_BYTES), keys.public_raw)
    now = datetime.now(UTC)
    with database.write() as tx:
        if not event_store.lock_home(tx.conn, home):
            raise UserError(f"There is no home {home}; add it with `tryggve staff home add`.")
        h = tables.home.c
        if tx.conn.execute(select(h.closed_at).where(h.id == home)).scalar() is not None:
            raise UserError(f"The home {home} is closed; an administrator opens it again.")
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
    _wrong_by_network.clear()


def enroll(staff: Staff, asked: EnrollRequest, address: str, claims: str = "") -> EnrollAnswer:
    """Take a gateway in; `claims` is the home that its own file says it is (empty: it does not).
    Raises `Refused`: `too_many` (429), `bad_code` (403), `bad_key` (400), `other_home` (409)."""
    network = network_of(address)
    try:
        key = tokens.public_key(asked.public_key)
    except (ValueError, TypeError) as error:
        raise Refused(400, "bad_key", "The key is no Ed25519 public key in PEM form.") from error
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    sha256 = hashlib.sha256(pem.encode()).hexdigest()
    if not _is_ours(staff, asked.code, sha256) and not _wrong_by_network.allow(network):
        raise Refused(429, "too_many", "Too many wrong codes; wait ten minutes.")
    with staff.write() as tx:
        known = _taken_in(staff, tx, asked.code, sha256)
        if known is not None:
            return known
        try:
            home = _use_code(staff, tx, asked.code)
        except Refused:
            known = _taken_in(staff, tx, asked.code, sha256)
            if known is None:
                raise
            return known  # it asked twice at once, and the other request was first
        if claims and claims != home:  # nothing is written: the code is as good as before
            raise Refused(409, "other_home", "The code is of another home than the gateway's file.")
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
        retelling.again(staff, tx, home)
        keys = _keys_to_pin(staff, tx)
    staff.relay.drop_home(home)
    _wrong_by_network.forget(network)
    return EnrollAnswer(home=home, origin=origin, keys=keys)


def _taken_in(staff: Staff, tx: Tx, code: str, key_sha256: str) -> EnrollAnswer | None:
    """What the gateway with this key was answered when it used this code, within the code's time;
    None: it did not, or another one has the home since."""
    c, k = tables.enrol_code.c, tables.gateway_key.c
    query = (
        select(k.home_id, k.origin)
        .join(tables.enrol_code, c.home_id == k.home_id)
        .where(k.sha256 == key_sha256, k.revoked_at.is_(None))
        .where(c.code_hash == staff.keys.hash_code(code), c.used_at.is_not(None))
        .where(c.expires_at > datetime.now(UTC))
    )
    row = tx.conn.execute(query).first()
    if row is None:
        return None
    return EnrollAnswer(home=row.home_id, origin=row.origin, keys=_keys_to_pin(staff, tx))


def _is_ours(staff: Staff, code: str, key_sha256: str) -> bool:
    """Whether this code was made here and has not ended, and nobody has used it, or the home has
    this key: one look by an index, no transaction."""
    c, k = tables.enrol_code.c, tables.gateway_key.c
    mine = c.code_hash == staff.keys.hash_code(code), c.expires_at > datetime.now(UTC)
    its = select(k.home_id).where(k.home_id == c.home_id, k.sha256 == key_sha256).exists()
    with staff.db.read() as conn:
        query = select(c.id).where(*mine, or_(c.used_at.is_(None), its))
        return conn.execute(query).first() is not None


def _good(staff: Staff, code: str) -> ColumnElement[bool]:
    t = tables.enrol_code
    return and_(
        t.c.code_hash == staff.keys.hash_code(code),
        t.c.used_at.is_(None),
        t.c.expires_at > datetime.now(UTC),
        t.c.expires_at > t.c.created_at,
    )


def _use_code(staff: Staff, tx: Tx, code: str) -> str:
    """Use the code up; returns its home.  Looking for a keyed hash tells nothing by its time."""
    t = tables.enrol_code
    now = datetime.now(UTC)
    mine = _good(staff, code)
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
    return disk_origin(home, max(taken, default=0) + 1)


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
