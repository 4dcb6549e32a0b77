"""An organisation's own provider of single sign-on, set in the pages: written, tried, used, ended.

What is written holds nothing up: people sign in with what is used until the new one was tried by
whoever uses it.  Nothing is used or ended that would leave no administrator who can sign in; what
is ended, or asks for more than before, ends the sessions that it had opened, at once, and what is
ended takes what its groups gave.  Not for: the protocol and the trial itself
(`web.staff.signin.single_sign_on`), or what groups give (`sign_on_groups`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from web.staff.core.config import GROUPS_CLAIM, SingleSignOn
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.people import signing_on, way_in
from web.staff.people.accounts import note
from web.staff.signin import providers, sessions
from web.staff.signin.providers import Own
from web.staff.storage import tables
from web.staff.storage.admin_tables import sign_on_provider
from web.staff.storage.database import Tx

PROVIDERS_MAX = 3
"""Of one organisation: its own, the region's, and the one that follows."""

TEXT_MAX = 300
"""Characters of one field: an address, an id."""

LABEL_MAX = 60
"""Characters of what stands on the button, as in the server's file."""

CLAIM_MAX = 200
"""Characters of the claim with the groups, as in the server's file."""

LEVELS_MAX = 5

LOCAL = ("127.0.0.1", "localhost")
"""Where a provider may be asked in the clear, on a server that is only tried at home."""


class Wrong(StrEnum):
    """Why it was refused."""

    NO_RIGHT = "no_right"
    NOT_FOUND = "not_found"
    EMPTY = "empty"
    """A field that is needed is empty, or too long."""
    ISSUER = "issuer"
    """No address of a provider: it begins with https://."""
    LEVELS = "levels"
    """No level of assurance, or too many."""
    GROUPS = "groups"
    """No name of a claim: too long, or with what no claim's name has."""
    TOO_MANY = "too_many"
    NOT_TRIED = "not_tried"
    """It was not tried with just these settings, or did not pass."""
    LOCKED_OUT = "locked_out"
    """No administrator could sign in any more."""


class Refused(Exception):
    """It was refused."""

    def __init__(self, why: Wrong) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wrote; `secret` empty: the one that is known already, and so `groups_claim`
    None (a page of before)."""

    label: str
    issuer: str
    client_id: str
    secret: str
    levels: tuple[str, ...]
    claim: str
    groups_claim: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A provider of the organisation: what was written and is not used (None: nothing), what is
    used (None: it is not), since when, and how many accounts sign in with that."""

    name: str
    wanted: Own | None
    used: Own | None
    used_at: datetime | None
    accounts: int


def kept(conn: Connection, org: str) -> list[Kept]:
    """The organisation's own providers, in the order of their names."""
    p, u = sign_on_provider.c, tables.user.c
    rows = conn.execute(select(sign_on_provider).where(p.org_id == org).order_by(p.id)).all()
    signing_in = (
        select(u.sso_issuer, func.count())
        .where(u.org_id == org, u.active, u.sso_issuer.is_not(None))
        .group_by(u.sso_issuer)
    )
    counted = {row[0]: int(row[1]) for row in conn.execute(signing_in)}
    found = []
    for row in rows:
        now = providers.own(row.used)
        count = 0 if now is None else counted.get(now.issuer.rstrip("/"), 0)
        found.append(Kept(row.id, providers.own(row.wanted), now, row.used_at, count))
    return found


def free_name(conn: Connection, org: str) -> str | None:
    """What the next provider will be called, also in the address that it sends people back to;
    None: there are as many as there may be."""
    p = sign_on_provider.c
    taken = set(conn.execute(select(p.id).where(p.org_id == org)).scalars())
    names = [_name(org, number) for number in range(1, PROVIDERS_MAX + 1)]
    return next((name for name in names if name not in taken), None)


def _name(org: str, number: int) -> str:
    return f"own_{hashlib.sha256(f'{org} {number}'.encode()).hexdigest()[:12]}"


def write(staff: Staff, actor: Actor, name: str, said: Said) -> None:
    """Keep what somebody wrote, beside what is used.  Raises `Refused`: NO_RIGHT, NOT_FOUND (no
    such name), EMPTY, ISSUER, LEVELS, GROUPS, TOO_MANY."""
    _need(actor)
    with staff.write() as tx:
        row = _hold(tx, actor.org, name)
        if row is None:
            free = free_name(tx.conn, actor.org)
            if name != free:
                raise Refused(Wrong.TOO_MANY if free is None else Wrong.NOT_FOUND)
        text = _own(staff, said, row).kept()
        values = {"wanted": text, "changed_at": staff.clock.now()}
        if row is None:
            new = insert(sign_on_provider).values(id=name, org_id=actor.org, **values)
            tx.conn.execute(new)
        else:
            _set(tx, name, **values)
        note(staff, tx, actor, "sign_on")


def use(staff: Staff, actor: Actor, name: str, version: str) -> None:
    """Let people sign in with what was written, once it was tried: `version` is what passed.
    Raises `Refused`: NO_RIGHT, NOT_FOUND, NOT_TRIED, LOCKED_OUT."""
    _need(actor)
    with staff.write() as tx:
        row = _hold(tx, actor.org, name)
        if row is None or row.wanted is None:
            raise Refused(Wrong.NOT_FOUND)
        tried = providers.wanted(tx.conn, staff, actor.org, name)
        if tried is None or tried.version != version:
            raise Refused(Wrong.NOT_TRIED)
        _set(tx, name, used=row.wanted, wanted=None, used_at=staff.clock.now())
        _check_open(tx.conn, staff, actor.org)
        if row.used is not None:
            before, now = providers.own(row.used), providers.own(row.wanted)
            if before is None or now is None or not now.takes_all_of(before):
                _end_sessions(tx, actor.org, before)
            if before is None or now is None or now.issuer != before.issuer:
                _end_rights(staff, tx, actor, before)
        note(staff, tx, actor, "sign_on_used")


def end(staff: Staff, actor: Actor, name: str) -> None:
    """Take a provider away: what is used, or, where something is written beside it, only that.
    Raises `Refused`: NO_RIGHT, NOT_FOUND, LOCKED_OUT."""
    _need(actor)
    with staff.write() as tx:
        row = _hold(tx, actor.org, name)
        if row is None:
            raise Refused(Wrong.NOT_FOUND)
        if row.used is not None and row.wanted is not None:
            _set(tx, name, wanted=None)
            note(staff, tx, actor, "sign_on")
            return
        tx.conn.execute(delete(sign_on_provider).where(sign_on_provider.c.id == name))
        _check_open(tx.conn, staff, actor.org)
        if row.used is not None:
            ended = providers.own(row.used)
            _end_sessions(tx, actor.org, ended)
            _end_rights(staff, tx, actor, ended)
        note(staff, tx, actor, "sign_on" if row.used is None else "sign_on_ended")


def _end_sessions(tx: Tx, org: str, ended: Own | None) -> None:
    """End what this provider had opened in the organisation; None: nobody can read which it was,
    and all end that any had opened."""
    u = tables.user.c
    whose = u.org_id == org
    if ended is not None:
        whose &= or_(u.sso_issuer == ended.issuer.rstrip("/"), u.sso_issuer.is_(None))
    sessions.end_signed_on(tx, whose)


def _end_rights(staff: Staff, tx: Tx, actor: Actor, ended: Own | None) -> None:
    """Take what its groups gave, unless another provider of the organisation is of that issuer;
    None: nobody can read which it was, and whatever is of no provider any more was of it."""
    left = {one.bare_issuer() for one in providers.used_of(tx.conn, staff, actor.org).values()}
    gave = {}
    if ended is not None:
        gave = {ended.issuer.rstrip("/"): ended.label}
    elif actor.org not in providers.unread(tx.conn, staff):
        gave = {issuer: issuer for issuer in signing_on.issuers(tx.conn, actor.org)}
    for issuer, name in gave.items():
        if issuer not in left:
            signing_on.end_of(staff, tx, actor.org, issuer, name, by=actor.person)


def _need(actor: Actor) -> None:
    if not actor.may(Right.ADMINISTER):
        raise Refused(Wrong.NO_RIGHT)


def _hold(tx: Tx, org: str, name: str) -> Any:
    way_in.alone(tx, org)
    p = sign_on_provider.c
    query = select(sign_on_provider).where(p.id == name, p.org_id == org).with_for_update()
    return tx.conn.execute(query).one_or_none()


def _set(tx: Tx, name: str, **values: Any) -> None:
    tx.conn.execute(update(sign_on_provider).where(sign_on_provider.c.id == name).values(**values))


def _own(staff: Staff, said: Said, row: Any) -> Own:
    """What is kept of it.  Raises `Refused`."""
    before = None
    if row is not None:
        before = providers.own(row.wanted) or providers.own(row.used)
    texts = (said.label, said.issuer, said.client_id, said.claim)
    if not all(texts) or max(map(len, (*texts, said.secret))) > TEXT_MAX:
        raise Refused(Wrong.EMPTY)
    if len(said.label) > LABEL_MAX or (not said.secret and before is None):
        raise Refused(Wrong.EMPTY)
    if not _is_issuer(said.issuer, local=not staff.config.secure_cookies):
        raise Refused(Wrong.ISSUER)
    if not 0 < len(said.levels) <= LEVELS_MAX or max(map(len, said.levels)) > TEXT_MAX:
        raise Refused(Wrong.LEVELS)
    groups_claim = said.groups_claim
    if groups_claim is None:
        groups_claim = GROUPS_CLAIM if before is None else before.groups_claim
    if not _is_claim(groups_claim):
        raise Refused(Wrong.GROUPS)
    sealed = providers.seal(staff.keys, said.secret) if said.secret else ""
    own = Own(
        label=said.label,
        issuer=said.issuer.rstrip("/"),
        client_id=said.client_id,
        sealed=sealed or (before.sealed if before is not None else ""),
        acr_values=said.levels,
        claim=said.claim,
        groups_claim=groups_claim,
    )
    try:
        SingleSignOn(
            label=own.label,
            issuer=own.issuer,
            client_id=own.client_id,
            organisations=frozenset({"x"}),
            acr_values=own.acr_values,
            claim=own.claim,
            groups_claim=own.groups_claim,
        )
    except ValidationError as error:
        raise Refused(Wrong.EMPTY) from error
    return own


def _is_claim(text: str) -> bool:
    """Whether it can be the name of a claim: a word or an address, which has no spaces."""
    return 0 < len(text) <= CLAIM_MAX and text.isprintable() and " " not in text


def _is_issuer(text: str, *, local: bool) -> bool:
    """Whether it can be a provider's address: of HTTPS, a host and perhaps a path, and nothing
    else; `local`: also this machine in the clear."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    clear = local and parts.scheme == "http" and host in LOCAL
    plain = text.isascii() and text.isprintable() and not set(text) & set(' ?#@\\"<>')
    return bool(host) and plain and (parts.scheme == "https" or clear)


def _check_open(conn: Connection, staff: Staff, org: str) -> None:
    """Raise `Refused` (LOCKED_OUT) when no administrator can sign in any more."""
    if not way_in.is_left(conn, staff, org):
        raise Refused(Wrong.LOCKED_OUT)
