"""Signed-in browsers: one row each, so that a session can be ended, and is seen by its owner.

The cookie holds a random token, the row its hash.  A session ends when its shift does, when
somebody ends it, when the account is closed, when another kind of browser shows the same cookie
(a stolen one), when the account gets a role that asks for more than was shown at the sign-in, and,
where single sign-on opened it, when its provider does not know the account any more.
All times here are real.  Not for: who somebody is (Flask-Login), or what they may do (`rights`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app, g, request, session
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from gateway.events import Coded
from web.staff.core.context import Staff, staff
from web.staff.realtime.broker import Broker
from web.staff.signin import grace
from web.staff.signin.whereabouts import browser_name, rough_network
from web.staff.storage import tables
from web.staff.storage.database import Database, Tx
from web.staff.storage.outage import FAULTS, refusal_of

TOKEN = "tryggve_session"  # noqa: S105 - the name of a key in the cookie
TOKEN_BYTES = 32

SEEN_EVERY = timedelta(seconds=60)
"""How often "last seen" is written for an active session."""

KEPT = timedelta(days=30)
"""How long an ended session is kept: long enough to ask about last month's odd sign-in."""

GATE_READ_S = 2.0
"""Seconds that an open stream may still trust what was read about its session."""

SHARED_FROM = 3
"""Different places (browser and network) at which one account is used at a time: a phone and a desk
are two, so three is shown to the coordinator as a possibly shared account."""

SHARED_WITHIN = timedelta(minutes=30)
"""What "at a time" means for that."""

EXTENSION = "tryggve.gate"


class Factor(Coded):
    """What was shown at the sign-in."""

    PASSWORD_ALONE = "password"  # noqa: S105 - a word, not a secret
    CODE = "code"
    """Password, and a code of an authenticator."""
    RECOVERY = "recovery"
    """Password, and a recovery code."""
    PASSKEY = "passkey"
    SIGN_ON = "sign_on"
    """Single sign-on of the organisation."""
    UNKNOWN = "unknown"
    """Of another version of the server."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser, as its owner sees it."""

    id: str
    factor: Factor
    browser: str
    network: str
    """Roughly where it was seen last; empty: not kept then."""
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    mine: bool
    """Whether it is the one that asks."""


def _now() -> datetime:
    return datetime.now(UTC)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _browser_sha256(parts: Staff) -> str:
    agent = request.headers.get("User-Agent", "")
    return hmac.new(parts.keys.code_key, b"browser:" + agent.encode(), hashlib.sha256).hexdigest()


# --- beginning and ending -------------------------------------------------------------------------


def begin(tx: Tx, user_id: int, factor: Factor, until: datetime | None = None) -> None:
    """Open a session for this browser: a row, and its token in the cookie.  It ends with the shift,
    or at `until` when that is sooner."""
    parts = staff()
    t = tables.session
    now = _now()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    mine = t.c.user_id == user_id
    shift = now + timedelta(hours=parts.config.session_hours)
    tx.conn.execute(delete(t).where(mine, t.c.ends_at < now - KEPT))
    older = session.get(TOKEN)
    if older:  # signing in again in the same browser takes the older one's place
        tx.conn.execute(
            update(t).where(t.c.id == _digest(older), t.c.ended_at.is_(None)).values(ended_at=now)
        )
    tx.conn.execute(
        insert(t).values(
            id=_digest(token),
            user_id=user_id,
            factor=factor.value,
            began_at=now,
            seen_at=now,
            ends_at=shift if until is None else min(shift, until),
            browser=browser_name(request.headers.get("User-Agent", "")),
            browser_sha256=_browser_sha256(parts),
            address_sha256=parts.keys.hash_address(request.remote_addr or ""),
            network=rough_network(request.remote_addr or ""),
        )
    )
    session[TOKEN] = token
    g.pop("tryggve_session", None)


def prove(tx: Tx, user_id: int, factor: Factor) -> None:
    """A second factor or a passkey was set up in this browser: its session counts as one that
    showed it and lasts the shift; others that showed a password alone end."""
    t = tables.session
    alone = [t.c.user_id == user_id, t.c.factor == Factor.PASSWORD_ALONE.value]
    mine = here()
    row = tx.conn.execute(select(t.c.began_at).where(t.c.id == mine, *alone)).one_or_none()
    tx.conn.execute(
        update(t)
        .where(*alone, t.c.id != (mine or ""), t.c.ended_at.is_(None))
        .values(ended_at=_now())
    )
    if row is not None:
        shift = row.began_at + timedelta(hours=staff().config.session_hours)
        tx.conn.execute(update(t).where(t.c.id == mine).values(factor=factor.value, ends_at=shift))
    tx.look_again.add(user_id)
    g.pop("tryggve_session", None)


def end(tx: Tx, user_id: int, session_id: str | None = None, *, but: str | None = None) -> int:
    """End one session of an account, or all (None) `but` one; returns how many were open.  Their
    open pages stop with the commit, at every worker."""
    t = tables.session
    mine = [t.c.user_id == user_id, t.c.ended_at.is_(None)]
    if session_id is not None:
        mine.append(t.c.id == session_id)
    if but is not None:
        mine.append(t.c.id != but)
    done = tx.conn.execute(update(t).where(*mine).values(ended_at=_now()))
    tx.look_again.add(user_id)
    return int(done.rowcount)


def end_signed_on(tx: Tx, whose: ColumnElement[bool]) -> int:
    """End the sessions that single sign-on opened for these accounts; returns how many were open.
    An account has one provider at a time, and another one ends what the one before had opened."""
    t, u = tables.session, tables.user
    accounts = select(u.c.id).where(whose)
    by_it = t.c.factor == Factor.SIGN_ON.value
    over = update(t).where(by_it, t.c.ended_at.is_(None), t.c.user_id.in_(accounts))
    ended = list(tx.conn.execute(over.values(ended_at=_now()).returning(t.c.user_id)).scalars())
    tx.look_again |= set(ended)
    return len(ended)


def signed_on(conn: Connection) -> list[tuple[int, str, str | None]]:
    """The accounts with open sessions of single sign-on: each with its organisation, and its
    provider's issuer."""
    t, u = tables.session, tables.user
    query = (
        select(u.c.id, u.c.org_id, u.c.sso_issuer)
        .join(t, t.c.user_id == u.c.id)
        .where(t.c.factor == Factor.SIGN_ON.value, t.c.ended_at.is_(None), t.c.ends_at > _now())
        .distinct()
    )
    return [(row.id, row.org_id, row.sso_issuer) for row in conn.execute(query)]


def end_here(tx: Tx) -> None:
    """End this browser's session, if it has one."""
    token = session.pop(TOKEN, None)
    g.pop("tryggve_session", None)
    if token:
        t = tables.session
        ended = update(t).where(t.c.id == _digest(token)).values(ended_at=_now())
        tx.look_again |= set(tx.conn.execute(ended.returning(t.c.user_id)).scalars())


# --- asking ---------------------------------------------------------------------------------------


def here() -> str | None:
    """The id of this browser's session; None without one."""
    token = session.get(TOKEN)
    return _digest(token) if isinstance(token, str) else None


def holds(user_id: int, roles: Collection[str]) -> bool:
    """Whether this browser's session is open and good enough for these roles.  Asked once a
    request, before anybody is taken for signed in."""
    if "tryggve_session" not in g:
        g.tryggve_session = _look(user_id)
    row = g.tryggve_session
    if row is None:
        return False
    needed = staff().config.sign_in.second_factor_roles
    if row.factor != Factor.PASSWORD_ALONE.value or not any(role in needed for role in roles):
        return True
    now, standing = _now(), grace.standing(row)
    enough = standing.enough(now)
    if enough is grace.Enough.YES:
        g.tryggve_due = standing.ends_at(now)
        return True
    g.tryggve_only_to_set_up = enough is grace.Enough.TO_SET_UP
    return enough is grace.Enough.TO_SET_UP and request.endpoint in grace.SET_UP_ONLY


def only_to_set_up() -> bool:
    """Whether this browser's session is good for nothing but setting up a second factor or a
    passkey.  Known once somebody asked who is signed in."""
    return bool(g.get("tryggve_only_to_set_up", False))


def due() -> datetime | None:
    """Until when a password alone is enough for whoever is signed in here; None: it is not asked
    for more, or showed more."""
    until: datetime | None = g.get("tryggve_due")
    return until


def _look(user_id: int) -> Any:
    parts = staff()
    mine = here()
    if mine is None:
        return None
    t, u, o = tables.session, tables.user, tables.organisation
    joined = t.join(u, u.c.id == t.c.user_id).join(o, o.c.id == u.c.org_id)
    now = _now()
    with parts.db.read() as conn:
        row = conn.execute(
            select(t, *grace.COLUMNS)
            .select_from(joined)
            .where(t.c.id == mine, t.c.user_id == user_id, t.c.ended_at.is_(None))
        ).one_or_none()
    if row is None or row.ends_at <= now:
        return None
    if not hmac.compare_digest(row.browser_sha256, _browser_sha256(parts)):
        with parts.write() as tx:  # the cookie is in another browser: nobody has it any more
            end(tx, user_id, mine)
        return None
    address = parts.keys.hash_address(request.remote_addr or "")
    stale = now - row.seen_at > SEEN_EVERY or address != row.address_sha256
    if stale and parts.db.saving.now is None:
        seen = {"seen_at": now, "address_sha256": address}
        seen["network"] = rough_network(request.remote_addr or "")
        try:
            _note_seen(parts, mine, seen)
        except FAULTS as error:
            if refusal_of(error) is None:  # a disk that is full still reads: the page goes on
                raise
    return row


def _note_seen(parts: Staff, mine: str, seen: dict[str, Any]) -> None:
    """When and where a session was seen: after the answer, and lost when the server stops in that
    second."""

    def write(tx: Tx) -> None:
        t = tables.session
        tx.conn.execute(update(t).where(t.c.id == mine).values(**seen))

    if parts.afterwards is not None:
        parts.afterwards.later(f"session {mine}", write)
        return
    with parts.write() as tx:
        write(tx)


def of_account(database: Database, user_id: int) -> list[Session]:
    """The open sessions of an account, the latest seen first."""
    t = tables.session
    mine = here()
    with database.read() as conn:
        rows = conn.execute(
            select(t)
            .where(t.c.user_id == user_id, t.c.ended_at.is_(None), t.c.ends_at > _now())
            .order_by(t.c.seen_at.desc())
        ).all()
    return [
        Session(
            id=row.id,
            factor=Factor.read(row.factor),
            browser=row.browser,
            network=row.network,
            began_at=row.began_at,
            seen_at=row.seen_at,
            ends_at=row.ends_at,
            mine=row.id == mine,
        )
        for row in rows
    ]


def count(conn: Connection, user_id: int) -> int:
    """How many open sessions an account has."""
    t = tables.session.c
    query = select(func.count()).where(
        t.user_id == user_id, t.ended_at.is_(None), t.ends_at > _now()
    )
    return int(conn.execute(query).scalar_one())


def places(database: Database, org: str) -> dict[int, int]:
    """For each account of an organisation with open sessions: at how many different places (browser
    and network) it was used within `SHARED_WITHIN`."""
    t, u = tables.session, tables.user
    now = _now()
    with database.read() as conn:
        rows = conn.execute(
            select(t.c.user_id, t.c.browser_sha256, t.c.address_sha256)
            .join(u, u.c.id == t.c.user_id)
            .where(u.c.org_id == org, t.c.ended_at.is_(None), t.c.ends_at > now)
            .where(t.c.seen_at > now - SHARED_WITHIN)
            .distinct()
        ).all()
    by_user: dict[int, int] = {}
    for row in rows:
        by_user[row.user_id] = by_user.get(row.user_id, 0) + 1
    return by_user


# --- open streams ---------------------------------------------------------------------------------


class Gate:
    """Tells open streams whether their session still holds: one query for all of them, at most
    every `GATE_READ_S` and when somebody's sessions or rights were changed (`Broker.look_again`),
    and one for each that opens.  It sees what any worker or command line did, because it reads."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self._lock = threading.Lock()
        self._read_at_s = float("-inf")
        self._valid: dict[str, int] = {}
        self._looks = 0

    def version(self, session_id: str | None) -> int | None:
        """The version of what this session's person may do; None when the session is over."""
        looks = self._broker.looks
        with self._lock:
            old = time.monotonic() - self._read_at_s > GATE_READ_S
            if old or looks != self._looks:
                self._looks = looks
                self._valid = self._read()
                self._read_at_s = time.monotonic()
            return None if session_id is None else self._valid.get(session_id)

    def opened(self, session_id: str | None) -> int | None:
        """The same for a stream that opens now: asked anew, for what was read a moment ago does not
        know a session that has just begun."""
        if session_id is None:
            return None
        session = self._read(session_id).get(session_id)
        if session is not None:
            with self._lock:
                self._valid[session_id] = session
        return session

    def _read(self, session_id: str | None = None) -> dict[str, int]:
        t, u = tables.session, tables.user
        query = (
            select(t.c.id, u.c.rights_version)
            .join(u, u.c.id == t.c.user_id)
            .where(t.c.ended_at.is_(None), t.c.ends_at > _now(), u.c.active)
        )
        if session_id is not None:
            query = query.where(t.c.id == session_id)
        with self._database.read() as conn:
            return {row.id: row.rights_version for row in conn.execute(query)}


def gate() -> Gate:
    """The running application's gate."""
    gate: Gate = current_app.extensions[EXTENSION]
    return gate
