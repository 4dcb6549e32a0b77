"""Grants: who may turn which lock, when, and why.  The server signs, the home verifies by itself.

A grant is a compact JWS (EdDSA) with the claims `jti` (its one-use id), `aud` (the home's id),
`sub` (the person), `dev`, `act`, `rsn`, `ref` (an alarm or check it lives with), `nbf`, `exp`.  The
header's `kid` names the server's key, so that a key can be rotated.

The server's key may change: the one before signs the next (`sign_key`, `verify_key`).

Pure: no clock (the caller says what time it is), no storage (the caller says what was used).
Not for: deciding at the server who is given a grant.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import tokens
from gateway.errors import GrantRefused
from gateway.events import Ref, Refusal, ServerKeyAdded, utc_text

LIFE_S = 120
"""Seconds a grant to turn a lock lives: time to take the handle, no time to be stolen."""

TYP = "tryggve-grant"


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
    """A night check that somebody must go for: lives until that visit is made.  `ref` is the
    check's name."""
    SERVICE = "service"
    """A technician's; lives with the approval of a second person, `ref`."""


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
    """The grant as a compact JWS.  Raises `ValueError` for one that ends before it begins."""
    if grant.expires <= grant.not_before:
        raise ValueError("a grant ends after it begins")
    claims: dict[str, Any] = {
        "jti": grant.id,
        "aud": grant.home,
        "sub": grant.person,
        "dev": grant.device,
        "act": grant.action.value,
        "rsn": grant.reason.value,
    }
    if grant.ref is not None:
        claims["ref"] = grant.ref
    return tokens.sign(TYP, claims, key, kid, (grant.not_before, grant.expires))


CLAIMS = frozenset({"jti", "aud", "sub", "dev", "act", "rsn", "nbf", "exp", "ref"})
"""What a grant says.  A newer server may sign more, and that may be a restriction: nothing else is
taken in a grant, and a newer server adds nothing to one for a home that is too old to know it."""


def read(token: str, keys: Mapping[str, Ed25519PublicKey]) -> Grant:
    """The grant in a JWS signed by one of `keys` (by `kid`).  Its times are not judged here.

    Raises `GrantRefused`: not understood, when the server signed something that this version does
    not know; forged for anything else, with no id: an unsigned id proves nothing.
    """
    try:
        signed = tokens.read(token, TYP, keys, CLAIMS - {"ref"})
        if not _is_understood(signed):
            raise GrantRefused(
                Refusal.NOT_UNDERSTOOD, grant=signed.text("jti"), person=signed.text("sub")
            )
        return Grant(
            id=signed.text("jti"),
            home=signed.text("aud"),
            device=signed.text("dev"),
            action=Action(signed.claims["act"]),
            person=signed.text("sub"),
            reason=Reason(signed.claims["rsn"]),
            ref=signed.claims.get("ref"),
            not_before=signed.not_before,
            expires=signed.expires,
        )
    except (TypeError, ValueError) as error:  # BadToken is a ValueError
        raise GrantRefused(Refusal.FORGED) from error


def _is_understood(signed: tokens.Token) -> bool:
    """Whether this version knows everything that was signed: what is allowed, why, and each
    claim."""
    claims = signed.claims
    texts = [value for name, value in claims.items() if name not in ("nbf", "exp")]
    return (
        signed.plain
        and claims.keys() <= CLAIMS
        and all(isinstance(text, str) for text in texts)
        and claims["act"] in set(Action)
        and claims["rsn"] in set(Reason)
    )


def no(*_: object) -> bool:
    """Nothing is known of it."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """What the home's own log says about a grant."""

    used: Callable[[str], bool]
    revoked: Callable[[str], bool]
    alarm_open: Callable[[Ref], bool]
    check_open: Callable[[str], bool] = no
    """Whether this night check still asks for a visit."""
    approved: Callable[[Ref, str, str], bool] = no
    """Whether the event is a second person's approval for this person and this lock."""


def judge(
    grant: Grant,
    *,
    home: str,
    devices: Collection[str],
    now: datetime | None,
    record: GrantRecord,
) -> None:
    """Raise `GrantRefused` unless `grant` opens here and now.

    `now` is the best known time, None when the home does not know it; `devices` are the home's
    locks.
    """
    why = _why_not(grant, home, devices, now, record)
    if why is not None:
        raise GrantRefused(why, grant=grant.id, person=grant.person)


def _why_not(
    grant: Grant, home: str, devices: Collection[str], now: datetime | None, record: GrantRecord
) -> Refusal | None:
    if grant.home != home:
        return Refusal.OTHER_HOME
    if grant.device not in devices:
        return Refusal.OTHER_DEVICE
    if grant.action not in (Action.UNLOCK, Action.LOCK):
        return Refusal.OTHER_ACTION
    untimely = tokens.untimely(grant.not_before, grant.expires, now)
    if untimely is not None:
        return Refusal(untimely)
    if record.used(grant.id):
        return Refusal.REPLAYED
    return withdrawn(grant, record)


def withdrawn(grant: Grant, record: GrantRecord) -> Refusal | None:
    """Why a grant that was good a moment ago is good no longer, whatever its time; None: it is."""
    if record.revoked(grant.id):
        return Refusal.REVOKED
    ref = grant.ref
    if grant.reason is Reason.ALARM and (ref is None or not record.alarm_open(ref)):
        return Refusal.ALARM_CLOSED
    if grant.reason is Reason.CHECK and (ref is None or not record.check_open(ref)):
        return Refusal.CHECK_CLOSED
    if grant.reason is Reason.SERVICE and (
        ref is None or not record.approved(ref, grant.person, grant.device)
    ):
        return Refusal.NOT_APPROVED
    return None


# --- a new key of the server ----------------------------------------------------------------------


def _key_message(home: str, added: ServerKeyAdded) -> bytes:
    signed = {
        "typ": "tryggve-server-key",
        "home": home,
        "kid": added.kid,
        "public_key": added.public_key,
        "signed_by": added.signed_by,
        "old_until": utc_text(added.old_until),
    }
    return json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()


def sign_key(home: str, unsigned: ServerKeyAdded, key: Ed25519PrivateKey) -> str:
    """The signature (base64url) of the key `unsigned.signed_by` under a new one, for one home;
    `unsigned.signature` is not read."""
    return base64.urlsafe_b64encode(key.sign(_key_message(home, unsigned))).decode()


def verify_key(home: str, added: ServerKeyAdded, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    """Whether one of `keys` (by `kid`) signed this new key for this home."""
    trusted = keys.get(added.signed_by)
    if trusted is None:
        return False
    try:
        trusted.verify(base64.urlsafe_b64decode(added.signature), _key_message(home, added))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
