"""Who speaks: the home behind a request's JWT (see `gateway.wire`).

Token times are real seconds.  Not for: grants (`gateway.access.grants`), or people's sessions.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import bindparam, select

from gateway.wire import TOKEN_LIFE_S, TOKEN_SKEW_S
from web.staff.core import json_said
from web.staff.homelink.ingest import Refused
from web.staff.storage import tables
from web.staff.storage.database import Database
from web.staff.storage.storable import storable

TOKEN_MAX_CHARS = 2_000
"""A request's token has some 400; nothing longer is parsed."""

KEYS_MAX = 2_000
"""Parsed keys kept in memory; whether a key is valid is asked anew each time."""

_VALID_KEY = select(tables.gateway_key.c.public_key).where(
    tables.gateway_key.c.home_id == bindparam("home"),
    tables.gateway_key.c.revoked_at.is_(None),
)

BEFORE_MAX = 4
"""Of a home's earlier gateways, how many of the latest are told that they were replaced."""

_KEYS_BEFORE = (
    select(tables.gateway_key.c.public_key)
    .where(
        tables.gateway_key.c.home_id == bindparam("home"),
        tables.gateway_key.c.revoked_at.is_not(None),
    )
    .order_by(tables.gateway_key.c.revoked_at.desc())
    .limit(BEFORE_MAX)
)


@lru_cache(maxsize=KEYS_MAX)
def public_key(pem: str) -> Ed25519PublicKey:
    """The Ed25519 key in a PEM.  Raises `ValueError`."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key


def home_of(database: Database, authorization: str | None, method: str, path: str) -> str:
    """The id of the home that signed this request.

    Raises `Refused` (401): `no_token`, `unknown_key`, `replaced` (the home has another gateway
    since), `ended` (it has none any more), `forged`, `backwards`, `expired`, `not_yet`, `too_long`,
    `other_request`.  What is wrong is told exactly only after the signature held.
    """
    if authorization is None or not authorization.startswith("Bearer "):
        raise Refused(401, "no_token", "The request is not signed.")
    token = authorization[len("Bearer ") :]
    if len(token) > TOKEN_MAX_CHARS:
        raise Refused(401, "forged", "The request's token is not readable.")
    home, pem = _signer(database, token)
    try:
        if pem is None:
            raise Refused(401, "unknown_key", "No gateway is enrolled with this key.")
        claims = _claims(token, public_key(pem))
    except Refused:
        _say_if_it_was(database, home, token, followed=pem is not None)
        raise
    now = time.time()
    issued, expires = claims.issued, claims.expires
    if claims.issuer != home:
        raise Refused(401, "forged", "The request's token names another home than its key.")
    if expires <= issued:
        raise Refused(401, "backwards", "The request's token ends before it begins.")
    if expires - issued > TOKEN_LIFE_S:
        raise Refused(401, "too_long", f"A token lives at most {TOKEN_LIFE_S} s.")
    if now > expires + TOKEN_SKEW_S:
        raise Refused(401, "expired", "The request's token is too old; compare the clocks.")
    if issued > now + TOKEN_SKEW_S:
        raise Refused(401, "not_yet", "The request's token is from the future; compare the clocks.")
    if claims.method != method or claims.path != path:
        raise Refused(401, "other_request", "The request's token was made for another request.")
    return home


def _signer(database: Database, token: str) -> tuple[str, str | None]:
    """The home that a token names, and its gateway's key; None: it has none."""
    try:  # only the name: `_claims` reads all of it, and holds it to the key
        head = token.partition(".")[0]
        said = json_said.read(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        home = said.get("kid")
    except (ValueError, AttributeError) as error:
        raise Refused(401, "forged", "The request's token is not readable.") from error
    if not isinstance(home, str) or not storable(home):
        raise Refused(401, "unknown_key", "No gateway is enrolled with this key.")
    with database.read() as conn:
        return home, conn.execute(_VALID_KEY, {"home": home}).scalar_one_or_none()


def _say_if_it_was(database: Database, home: str, token: str, *, followed: bool) -> None:
    """Raise `Refused` when the token is of a gateway that the home had: whoever looks at that
    gateway's own page must not look for a fault in the network.  `followed`: it has another one."""
    with database.read() as conn:
        before = conn.execute(_KEYS_BEFORE, {"home": home}).scalars().all()
    for pem in before:
        try:
            _claims(token, public_key(pem))
        except Refused:
            continue
        if followed:
            raise Refused(401, "replaced", "The home has another gateway since.")
        raise Refused(401, "ended", "The home's gateway is let in no more.")


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a token says; the times are seconds since 1970."""

    issuer: object
    issued: float
    expires: float
    method: object
    path: object


def _claims(token: str, key: Ed25519PublicKey) -> _Claims:
    try:
        claims: dict[str, object] = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            options={
                "require": ["iss", "iat", "exp", "htm", "htu", "jti"],
                "verify_exp": False,  # judged by the caller, with a word for each case
                "verify_iat": False,
                "verify_aud": False,
                "verify_iss": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise Refused(401, "forged", "The request's token was not signed by this home.") from error
    return _Claims(
        claims["iss"], _time(claims["iat"]), _time(claims["exp"]), claims["htm"], claims["htu"]
    )


def _time(value: object) -> float:
    # a bool is an int to Python, and no time
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise Refused(401, "forged", "The request's token has no times.")
    return value
