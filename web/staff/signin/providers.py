"""The providers of single sign-on: those of the server's file, and those that an organisation set
in its pages and uses.

What a page sets lies in the database, its client secret sealed with a key that the database has
not; a provider of a page signs in its own organisation's people, and nobody else's.  Not for:
setting one (`web.staff.people.sign_on`), or the protocol (`single_sign_on`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, select

from web.staff.core.config import GROUPS_CLAIM, SingleSignOn
from web.staff.core.context import Staff
from web.staff.core.keys import Keys
from web.staff.storage.admin_tables import sign_on_provider


class Own(BaseModel):
    """What an organisation wrote of its provider; `sealed` is the client secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    issuer: str
    client_id: str
    sealed: str
    acr_values: tuple[str, ...]
    claim: str
    groups_claim: str = GROUPS_CLAIM
    """The usual one is not written down: a version that knew no other reads it still."""

    def kept(self) -> str:
        """As a row has it."""
        return self.model_dump_json(exclude_defaults=True)

    def takes_all_of(self, other: Own) -> bool:
        """Whether whoever signed in with the other one could with this one."""
        same = ("issuer", "client_id", "claim")
        return set(other.acr_values) <= set(self.acr_values) and all(
            getattr(self, name) == getattr(other, name) for name in same
        )


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that can be asked: what it is, its client secret (None: a secret file has it), and
    a word that another one takes the place of when anything of it is changed."""

    known: SingleSignOn
    secret: str | None
    version: str


def _box(keys: Keys) -> Fernet:
    key = hmac.new(keys.code_key, b"sign-on provider", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(keys: Keys, secret: str) -> str:
    """A client secret as the database keeps it."""
    return _box(keys).encrypt(secret.encode()).decode()


def from_file(staff: Staff) -> dict[str, Provider]:
    """Those of the server's file, by name."""
    known = staff.config.sign_in.oidc
    return {name: Provider(one, None, "file") for name, one in known.items()}


def used(conn: Connection, staff: Staff) -> dict[str, Provider]:
    """Every provider that people sign in with, by name."""
    p = sign_on_provider.c
    found = from_file(staff)
    rows = conn.execute(select(p.id, p.org_id, p.used).where(p.used.is_not(None)).order_by(p.id))
    for row in rows:
        made = _made(staff, row.org_id, row.used)
        if made is not None:
            found.setdefault(row.id, made)
    return found


def unread(conn: Connection, staff: Staff) -> frozenset[str]:
    """The organisations with a provider that they use and this server cannot read: a newer version
    wrote it, or it was sealed with another key.  Which one it is nobody knows here, and it has not
    ended."""
    p = sign_on_provider.c
    rows = conn.execute(select(p.org_id, p.used).where(p.used.is_not(None)))
    return frozenset(row.org_id for row in rows if _made(staff, row.org_id, row.used) is None)


def used_of(conn: Connection, staff: Staff, org: str) -> dict[str, SingleSignOn]:
    """Those that may sign in people of an organisation, by name."""
    every = used(conn, staff)
    return {name: one.known for name, one in every.items() if org in one.known.organisations}


def wanted(conn: Connection, staff: Staff, org: str, name: str) -> Provider | None:
    """The provider as the organisation wrote it and does not use it yet; None: there is none."""
    p = sign_on_provider.c
    text = conn.execute(select(p.wanted).where(p.id == name, p.org_id == org)).scalar_one_or_none()
    return None if text is None else _made(staff, org, text)


def own(text: str | None) -> Own | None:
    """What a row has; None: nothing, or nothing that this version can read."""
    try:
        return None if text is None else Own.model_validate_json(text)
    except ValidationError:
        return None


def _made(staff: Staff, org: str, text: str) -> Provider | None:
    said = own(text)
    if said is None:
        return None
    try:
        secret = _box(staff.keys).decrypt(said.sealed.encode()).decode()
        known = SingleSignOn(
            label=said.label,
            issuer=said.issuer,
            client_id=said.client_id,
            organisations=frozenset({org}),
            acr_values=said.acr_values,
            claim=said.claim,
            groups_claim=said.groups_claim,
        )
    except (InvalidToken, ValidationError):  # another code key: it is written anew
        return None
    return Provider(known, secret, hashlib.sha256(text.encode()).hexdigest()[:16])
