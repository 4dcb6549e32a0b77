"""Permits for a look: who may see by which camera of which home, what for, and for how long.

The server signs one for each look and one for its only extension; the home verifies each by itself
and uses it up, as a door's grant.  A compact JWS (EdDSA) with the claims `jti` (its one-use id),
`aud` (the home's id), `sub` (the person), `lok` (the look: its own id, or the look that it makes
longer), `dev` (the camera), `rsn` (what for), `chk` (a night check's name) or `ref` (an alarm)
where it is for one, `lim` (seconds), `nbf`, `exp`.

Pure: no clock, no storage.  Not for: deciding at the server who is given one, or the look itself
(`gateway.media`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import tokens
from gateway.errors import PermitRefused
from gateway.events import LookRefusal, LookWhy, Ref

LIFE_S = 30
"""Seconds in which a permit must be used: the home is told at once, or not at all."""

LIMIT_S = 30
"""Seconds of a look: what it takes to see that somebody sleeps.  One extension is as long again."""

LIMIT_MAX_S = LIMIT_S
"""Seconds that a permit may give at the most; a larger number is taken as this."""

TYP = "tryggve-look"

CLAIMS = frozenset({"jti", "aud", "sub", "lok", "dev", "rsn", "lim", "nbf", "exp", "chk", "ref"})
"""What a permit says; one that says more may be restricted by it, and is not understood."""

FOR_A_CHECK = frozenset({LookWhy.CHECK, LookWhy.SENSOR_UNSURE, LookWhy.AGAIN})
"""What is only said of a night check that nobody has called done."""


@dataclass(frozen=True, slots=True)
class LookPermit:
    """A permit as its claims say it; times aware UTC."""

    id: str
    home: str
    look: str
    camera: str
    person: str
    why: LookWhy
    check: str | None
    alarm: Ref | None
    limit_s: int
    not_before: datetime
    expires: datetime

    @property
    def session(self) -> str:
        """The look."""
        return self.look

    @property
    def extends(self) -> bool:
        """Whether it makes a look longer that goes on already."""
        return self.id != self.look


def sign(permit: LookPermit, key: Ed25519PrivateKey, kid: str) -> str:
    """The permit as a compact JWS."""
    claims = {
        "jti": permit.id,
        "aud": permit.home,
        "sub": permit.person,
        "lok": permit.look,
        "dev": permit.camera,
        "rsn": permit.why.value,
        "lim": permit.limit_s,
    }
    about = {"chk": permit.check, "ref": permit.alarm}
    claims |= {name: said for name, said in about.items() if said is not None}
    return tokens.sign(TYP, claims, key, kid, (permit.not_before, permit.expires))


def read(token: str, keys: Mapping[str, Ed25519PublicKey]) -> LookPermit:
    """The permit in a JWS signed by one of `keys` (by `kid`).  Nothing else is judged here.

    Raises `PermitRefused`: not understood, when the server signed something that this version does
    not know; forged for anything else.
    """
    try:
        signed = tokens.read(token, TYP, keys, CLAIMS - {"rsn", "chk", "ref"})
        claims = signed.claims
        if not (signed.plain and claims.keys() <= CLAIMS and _is_known(claims.get("rsn"))):
            raise PermitRefused(
                LookRefusal.NOT_UNDERSTOOD, call=signed.text("lok"), person=signed.text("sub")
            )
        return LookPermit(
            id=signed.text("jti"),
            home=signed.text("aud"),
            look=signed.text("lok"),
            camera=signed.text("dev"),
            person=signed.text("sub"),
            why=LookWhy(signed.text("rsn")),
            check=signed.text("chk") if "chk" in claims else None,
            alarm=signed.text("ref") if "ref" in claims else None,
            limit_s=tokens.limit_s(claims["lim"], LIMIT_MAX_S),
            not_before=signed.not_before,
            expires=signed.expires,
        )
    except ValueError as error:  # BadToken is one
        raise PermitRefused(LookRefusal.FORGED) from error


def _is_known(word: object) -> bool:
    return isinstance(word, str) and word in {why.value for why in LookWhy.offered()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LookGround:
    """What the home's own log says, by which a look stands or ends."""

    used: Callable[[str], bool]
    """Whether this permit was used before."""
    care_alarm_open: Callable[[Ref], bool]
    check_not_done: Callable[[str], bool]
    """Whether this is a night check of this home that nobody has called done."""
    consented: Callable[[], bool]
    """Whether whoever lives here agreed to looks, and nobody has withdrawn it."""


def judge(
    permit: LookPermit,
    *,
    home: str,
    cameras: Collection[str],
    now: datetime | None,
    ground: LookGround,
) -> None:
    """Raise `PermitRefused` unless `permit` holds here and now.

    `now` is the best known time, None when the home does not know it; `cameras` are the home's.
    """
    why = _why_not(permit, home, cameras, now, ground)
    if why is not None:
        raise PermitRefused(why, call=permit.look, person=permit.person)


def _why_not(
    permit: LookPermit,
    home: str,
    cameras: Collection[str],
    now: datetime | None,
    ground: LookGround,
) -> LookRefusal | None:
    if permit.home != home:
        return LookRefusal.OTHER_HOME
    if permit.camera not in cameras:
        return LookRefusal.OTHER_CAMERA
    untimely = tokens.untimely(permit.not_before, permit.expires, now)
    if untimely is not None:
        return LookRefusal(untimely)
    if ground.used(permit.id):
        return LookRefusal.REPLAYED
    return withdrawn(permit, ground)


def withdrawn(permit: LookPermit, ground: LookGround) -> LookRefusal | None:
    """Why a permit that was good a moment ago is good no longer, whatever its time; None: it is."""
    if not ground.consented():
        return LookRefusal.NO_CONSENT
    if permit.why is LookWhy.ALARM and (
        permit.alarm is None or not ground.care_alarm_open(permit.alarm)
    ):
        return LookRefusal.ALARM_CLOSED
    if permit.why in FOR_A_CHECK and (
        permit.check is None or not ground.check_not_done(permit.check)
    ):
        return LookRefusal.CHECK_CLOSED
    return None
