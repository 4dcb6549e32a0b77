"""Permits: who may speak with which home, because of which alarm, and for how long.

The server signs one for each call, the home verifies it by itself and uses it up, as a door's grant
(`gateway.access.grants`).  A permit is a compact JWS (EdDSA) with the claims `jti` (its one-use
id), `aud` (the home's id), `sub` (the person), `cal` (the call: its own id, or the call that it
makes longer), `act`, `ref` (the open care alarm that it lives with), `lim` (seconds of the call),
`nbf`, `exp`; the header's `kid` names the server's key.

Pure: no clock, no storage.  Not for: deciding at the server who is given one, or the call itself
(`gateway.media`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import tokens
from gateway.errors import PermitRefused
from gateway.events import Ref, VoiceRefusal

LIFE_S = 30
"""Seconds in which a permit must be used: the home is told at once, or not at all."""

LIMIT_S = 600
"""Seconds of a call: long enough to calm somebody until help is there.  One extension is as long
again."""

LIMIT_MAX_S = 1800
"""Seconds that a permit may give at the most; a larger number is taken as this."""

TYP = "tryggve-permit"


class MediaAction(StrEnum):
    """What a permit allows."""

    TALK = "talk"
    """Hear the home and be heard there."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit as its claims say it; times aware UTC."""

    id: str
    home: str
    call: str
    action: MediaAction
    person: str
    alarm: Ref
    limit_s: int
    not_before: datetime
    expires: datetime

    @property
    def session(self) -> str:
        """The call."""
        return self.call

    @property
    def extends(self) -> bool:
        """Whether it makes a call longer that goes on already."""
        return self.id != self.call


CLAIMS = frozenset({"jti", "aud", "sub", "cal", "act", "ref", "lim", "nbf", "exp"})
"""What a permit says; one that says more may be restricted by it, and is not understood."""


def sign(permit: Permit, key: Ed25519PrivateKey, kid: str) -> str:
    """The permit as a compact JWS."""
    claims = {
        "jti": permit.id,
        "aud": permit.home,
        "sub": permit.person,
        "cal": permit.call,
        "act": permit.action.value,
        "ref": permit.alarm,
        "lim": permit.limit_s,
    }
    return tokens.sign(TYP, claims, key, kid, (permit.not_before, permit.expires))


def read(token: str, keys: Mapping[str, Ed25519PublicKey]) -> Permit:
    """The permit in a JWS signed by one of `keys` (by `kid`).  Nothing else is judged here.

    Raises `PermitRefused`: not understood, when the server signed something that this version does
    not know; forged for anything else.
    """
    try:
        signed = tokens.read(token, TYP, keys, CLAIMS - {"act"})
        claims = signed.claims
        known = claims.keys() == CLAIMS and claims["act"] in set(MediaAction)
        if not (signed.plain and known):
            raise PermitRefused(
                VoiceRefusal.NOT_UNDERSTOOD, call=signed.text("cal"), person=signed.text("sub")
            )
        return Permit(
            id=signed.text("jti"),
            home=signed.text("aud"),
            call=signed.text("cal"),
            action=MediaAction(claims["act"]),
            person=signed.text("sub"),
            alarm=signed.text("ref"),
            limit_s=tokens.limit_s(claims["lim"], LIMIT_MAX_S),
            not_before=signed.not_before,
            expires=signed.expires,
        )
    except (TypeError, ValueError) as error:  # BadToken is a ValueError
        raise PermitRefused(VoiceRefusal.FORGED) from error


def judge(
    permit: Permit,
    *,
    home: str,
    now: datetime | None,
    used: Callable[[str], bool],
    care_alarm_open: Callable[[Ref], bool],
) -> None:
    """Raise `PermitRefused` unless `permit` holds here and now.

    `now` is the best known time, None when the home does not know it; `used` says whether a
    permit was used before, `care_alarm_open` whether an alarm of care is open in this home.
    """
    why = _why_not(permit, home, now, used, care_alarm_open)
    if why is not None:
        raise PermitRefused(why, call=permit.call, person=permit.person)


def _why_not(
    permit: Permit,
    home: str,
    now: datetime | None,
    used: Callable[[str], bool],
    care_alarm_open: Callable[[Ref], bool],
) -> VoiceRefusal | None:
    if permit.home != home:
        return VoiceRefusal.OTHER_HOME
    untimely = tokens.untimely(permit.not_before, permit.expires, now)
    if untimely is not None:
        return VoiceRefusal(untimely)
    if used(permit.id):
        return VoiceRefusal.REPLAYED
    if not care_alarm_open(permit.alarm):
        return VoiceRefusal.ALARM_CLOSED
    return None
