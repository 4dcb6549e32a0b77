"""Grants: who may turn which lock, when, and why.  The server signs, the home verifies by itself.

A grant is a compact JWS (EdDSA) with the claims `jti` (its one-use id), `aud` (the home's id),
`sub` (the person), `dev`, `act`, `rsn`, `ref` (an alarm or check it lives with), `nbf`, `exp`.  The
header's `kid` names the server's key, so that a key can be rotated.

Pure: no clock (the caller says what time it is), no storage (the caller says what was used).
Not for: deciding at the server who is given a grant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import GrantRefused
from gateway.events import Ref, Refusal

LIFE_S = 120
"""Seconds a grant to turn a lock lives: time to take the handle, no time to be stolen."""

SKEW_S = 5
"""Seconds that the clocks of home and server may differ before a grant is called not yet valid."""


class Action(StrEnum):
    """What a grant allows."""

    UNLOCK = "unlock"
    LOCK = "lock"
    LOOK = "look"


class Reason(StrEnum):
    """Why a grant was given."""

    PLANNED_VISIT = "planned_visit"
    ALARM = "alarm"
    """Lives no longer than the alarm in `ref`."""
    CHECK = "check"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as its claims say it; times aware UTC."""

    id: str
    home: str
    device: str
    action: Action
    person: str
    reason: Reason
    ref: Ref | None
    not_before: datetime
    expires: datetime


def sign(grant: Grant, key: Ed25519PrivateKey, kid: str) -> str:
    """The grant as a compact JWS."""
    claims: dict[str, Any] = {
        "jti": grant.id,
        "aud": grant.home,
        "sub": grant.person,
        "dev": grant.device,
        "act": grant.action.value,
        "rsn": grant.reason.value,
        "nbf": int(grant.not_before.timestamp()),
        "exp": int(grant.expires.timestamp()),
    }
    if grant.ref is not None:
        claims["ref"] = grant.ref
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid, "typ": "tryggve-grant"})


def read(token: str, keys: Mapping[str, Ed25519PublicKey]) -> Grant:
    """The grant in a JWS signed by one of `keys` (by `kid`).  Its times are not judged here.

    Raises `GrantRefused` (forged) for anything else, with no id: an unsigned id proves nothing.
    """
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != "tryggve-grant":
            raise GrantRefused(Refusal.FORGED)
        claims = jwt.decode(
            token,
            keys[str(header.get("kid"))],
            algorithms=["EdDSA"],
            options={
                "verify_aud": False,
                "verify_exp": False,
                "verify_nbf": False,
                "require": ["jti", "aud", "sub", "dev", "act", "rsn", "nbf", "exp"],
            },
        )
        return Grant(
            id=str(claims["jti"]),
            home=str(claims["aud"]),
            device=str(claims["dev"]),
            action=Action(claims["act"]),
            person=str(claims["sub"]),
            reason=Reason(claims["rsn"]),
            ref=claims.get("ref"),
            not_before=datetime.fromtimestamp(int(claims["nbf"]), UTC),
            expires=datetime.fromtimestamp(int(claims["exp"]), UTC),
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise GrantRefused(Refusal.FORGED) from error


def judge(
    grant: Grant,
    *,
    home: str,
    devices: Collection[str],
    now: datetime | None,
    used: Callable[[str], bool],
    revoked: Callable[[str], bool],
    alarm_open: Callable[[Ref], bool],
) -> None:
    """Raise `GrantRefused` unless `grant` opens here and now.

    `now` is the best known time, None when the home does not know it; `devices` are the home's
    locks; `used`, `revoked` and `alarm_open` answer from the home's own log.
    """
    why = _why_not(grant, home, devices, now, used, revoked, alarm_open)
    if why is not None:
        raise GrantRefused(why, grant=grant.id, person=grant.person)


def _why_not(
    grant: Grant,
    home: str,
    devices: Collection[str],
    now: datetime | None,
    used: Callable[[str], bool],
    revoked: Callable[[str], bool],
    alarm_open: Callable[[Ref], bool],
) -> Refusal | None:
    if grant.home != home:
        return Refusal.OTHER_HOME
    if grant.device not in devices:
        return Refusal.OTHER_DEVICE
    if grant.action not in (Action.UNLOCK, Action.LOCK):
        return Refusal.OTHER_ACTION
    if now is None:
        return Refusal.CLOCK_UNCERTAIN
    if now < grant.not_before - timedelta(seconds=SKEW_S):
        return Refusal.NOT_YET
    if now >= grant.expires:
        return Refusal.EXPIRED
    if used(grant.id):
        return Refusal.REPLAYED
    if revoked(grant.id):
        return Refusal.REVOKED
    if grant.reason is Reason.ALARM and (grant.ref is None or not alarm_open(grant.ref)):
        return Refusal.ALARM_CLOSED
    return None
