"""The first administrator, made in a page with a code that only the server's journal shows.

While nobody in use administers this installation, `new_code` makes a code (at each start of the
server, or by `tryggve staff first-start`), and what was made before is void.  A code works once,
for hours, and not after so many wrong tries; its keyed hash is all that is kept.  Once there is an
administrator there is no code, and what is asked for with an old one is refused.

All times are real: a code lives as long as somebody sits before the page.  Not for: HTTP, texts, or
further administrators (`registry`, `accounts`).
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from gateway.envelope import Draft
from gateway.events import AccountChanged
from web.staff.core.context import Staff
from web.staff.core.keys import Keys
from web.staff.core.limits import Limiter
from web.staff.core.rights import Role
from web.staff.events import append
from web.staff.people import registry
from web.staff.storage import tables
from web.staff.storage.admin_tables import first_code
from web.staff.storage.database import Database, Tx

CODE_LIFE = timedelta(hours=24)
"""Installed in the afternoon, set up the next morning."""

CODE_CHARS = 15
"""Of 32 letters and digits: 75 random bits, which no number of tries that is let in here finds."""

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: none is taken for another one when it is read from a screen and typed."""

TRIES_MAX = 50
"""Wrong tries from everywhere until a code is void: a guesser gets nowhere, and who has the journal
makes another code by restarting the server."""

TRIES, TRIES_WINDOW_S = 5, 600.0
"""Wrong tries in ten minutes from one network: using up `TRIES_MAX` takes an hour and a half from
one place, and who types the code wrong does so twice."""

_by_network = Limiter(TRIES, TRIES_WINDOW_S)

SLUG_MAX = 30
"""Characters of an organisation's id that is made of its name."""


class Why(StrEnum):
    """Why the first administrator is not made."""

    CLOSED = "closed"
    """There is an administrator."""
    CODE = "code"
    """The code is wrong, used or too old."""
    TOO_MANY = "too_many"
    """From one network; in ten minutes it may try again."""
    VOID = "void"
    """There were so many wrong tries that no code is good any more."""


class Refused(Exception):
    """The first administrator was not made."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class FirstCode:
    """A code to be shown once, and until when it works."""

    code: str
    expires_at: datetime


def is_open(conn: Connection) -> bool:
    """Whether nobody in use administers this installation."""
    u, ur, r = tables.user.c, tables.user_role.c, tables.role.c
    query = (
        select(u.id)
        .join(tables.user_role, ur.user_id == u.id)
        .join(tables.role, r.id == ur.role_id)
        .where(r.name == Role.ADMINISTRATOR.value, u.active)
    )
    return conn.execute(query.limit(1)).first() is None


def is_new(conn: Connection) -> bool:
    """Whether nobody has an account here yet."""
    return conn.execute(select(tables.user.c.id).limit(1)).first() is None


def new_code(
    database: Database, keys: Keys, *, now: datetime | None = None, life: timedelta = CODE_LIFE
) -> FirstCode | None:
    """Make a code; those before are void.  None: somebody administers this installation, and no
    code is good any more."""
    now = now or datetime.now(UTC)
    code = "".join(secrets.choice(LETTERS) for _ in range(CODE_CHARS))
    with database.write() as tx:
        tx.conn.execute(delete(first_code))
        if not is_open(tx.conn):
            return None
        tx.conn.execute(
            insert(first_code).values(
                code_hash=_hash(keys, code), made_at=now, expires_at=now + life
            )
        )
    return FirstCode("-".join(code[i : i + 5] for i in range(0, CODE_CHARS, 5)), now + life)


def forget_wrong_codes() -> None:
    """Begin counting tries anew."""
    _by_network.clear()


def check(staff: Staff, code: str, network: str, now: datetime | None = None) -> None:
    """That this code is good now; a wrong one is counted.  Raises `Refused`."""
    now = now or datetime.now(UTC)
    with staff.db.read() as conn:
        if not is_open(conn):
            raise Refused(Why.CLOSED)
    if not _by_network.allow(network):
        raise Refused(Why.TOO_MANY)
    c = first_code.c
    with staff.db.write() as tx:
        row = tx.conn.execute(select(first_code).where(c.used_at.is_(None))).first()
        if row is not None and row.tries >= TRIES_MAX:
            raise Refused(Why.VOID)
        if row is not None and row.expires_at > now and row.code_hash == _hash(staff.keys, code):
            _by_network.take_back(network)
            return
        tx.conn.execute(update(first_code).where(c.used_at.is_(None)).values(tries=c.tries + 1))
    raise Refused(Why.CODE)


def finish(
    staff: Staff,
    code: str,
    *,
    organisation: str,
    name: str,
    email: str,
    password_hash: str,
    now: datetime | None = None,
) -> str:
    """Use the code up, and make the organisation and its administrator; returns the person id.  All
    of it or nothing.  Raises `Refused`, and `UserError` for an address that cannot be."""
    now = now or datetime.now(UTC)
    c = first_code.c
    good = (
        c.code_hash == _hash(staff.keys, code),
        c.used_at.is_(None),
        c.expires_at > now,
        c.tries < TRIES_MAX,
    )
    with staff.write() as tx:
        taken = update(first_code).where(*good).values(used_at=now)
        if tx.conn.execute(taken).rowcount != 1:
            raise Refused(Why.CODE)
        if not is_open(tx.conn):
            raise Refused(Why.CLOSED)
        registry.add_role_rows(tx)
        org = _organisation(tx, organisation.strip())
        person = registry.insert_user(
            tx,
            email,
            name=name.strip(),
            org=org,
            roles=[Role.ADMINISTRATOR],
            password_hash=password_hash,
            now=staff.clock.now(),
        )
        changed = AccountChanged(what="first_start", account=person)
        append.write(staff, tx, None, Draft(changed, person=person))
    return person


def _hash(keys: Keys, code: str) -> str:
    """The keyed hash of a code as somebody typed it: case, spaces and dashes do not matter, O is 0,
    I and L are 1."""
    plain = "".join(code.split()).replace("-", "").upper().translate(str.maketrans("OIL", "011"))
    return keys.hash_code(f"first:{plain}")


def _organisation(tx: Tx, name: str) -> str:
    """The id of the organisation of this name, made when there is none."""
    o = tables.organisation.c
    known = tx.conn.execute(select(o.id).where(o.name == name)).scalars().first()
    if known is not None:
        return str(known)
    taken = set(tx.conn.execute(select(o.id)).scalars())
    base = slug(name)
    tried = (base if n == 1 else f"{base}-{n}" for n in range(1, len(taken) + 2))
    org = next(one for one in tried if one not in taken)
    tx.conn.execute(insert(tables.organisation).values(id=org, name=name))
    return org


def slug(name: str) -> str:
    """An id made of a name: `Norra hemtjänsten` is `norra-hemtjansten`."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    words = "".join(char if char.isalnum() else " " for char in plain).split()
    return "-".join(words)[:SLUG_MAX].strip("-") or "org"
