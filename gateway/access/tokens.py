"""What the server signs for a home: compact JWS (EdDSA), one `typ` a purpose, a key named by `kid`.

Grants, permits and lists stand on it; each says itself what its claims mean, and what of them it
must understand.  Pure: no clock, no storage.  Not for: a home's own tokens towards the server
(`gateway.link.https`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SKEW_S = 5
"""Seconds that the clocks of home and server may differ before a token is called not yet valid."""

Untimely = Literal["clock_uncertain", "not_yet", "expired"]
"""Why a token does not hold now; every enum of refusals has these words."""


class BadToken(ValueError):
    """Not signed by a key that is trusted, of another purpose, or no token at all."""


@dataclass(frozen=True, slots=True)
class Token:
    """What was signed.  `plain`: its header says nothing that this version does not know."""

    claims: Mapping[str, Any]
    plain: bool

    @property
    def not_before(self) -> datetime:
        """Raises `BadToken`, as each of these."""
        return self._time("nbf")

    @property
    def expires(self) -> datetime:
        return self._time("exp")

    def text(self, name: str) -> str:
        """A claim as text."""
        return str(self.claims[name])

    def _time(self, name: str) -> datetime:
        try:
            return datetime.fromtimestamp(int(self.claims[name]), UTC)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise BadToken(f"{name} is no time") from error


def sign(
    typ: str,
    claims: Mapping[str, Any],
    key: Ed25519PrivateKey,
    kid: str,
    span: tuple[datetime, datetime] | None = None,
) -> str:
    """The claims as a compact JWS, with the times of `span` where it has any."""
    times = (
        {} if span is None else {"nbf": int(span[0].timestamp()), "exp": int(span[1].timestamp())}
    )
    headers = {"kid": kid, "typ": typ}
    return jwt.encode({**claims, **times}, key, algorithm="EdDSA", headers=headers)


def read(
    token: str,
    typ: str,
    keys: Mapping[str, Ed25519PublicKey] | None,
    needed: Collection[str] = (),
) -> Token:
    """The token of this purpose, signed by one of `keys` (by `kid`), with all claims of `needed`.

    Its times are not judged.  `keys` None: the caller knows by other means what was signed.  Raises
    `BadToken`."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != typ:
            raise BadToken(f"this is no {typ}")
        options: Any = {
            "verify_signature": keys is not None,
            "verify_aud": False,
            "verify_exp": False,
            "verify_nbf": False,
            "require": sorted(needed),
        }
        key: Any = None if keys is None else keys[str(header.get("kid"))]
        claims = jwt.decode(token, key, algorithms=["EdDSA"], options=options)
    except (jwt.PyJWTError, KeyError, TypeError, OverflowError) as error:
        raise BadToken("it was not signed by a key that is trusted here") from error
    return Token(claims, header.keys() <= {"alg", "kid", "typ"})


def limit_s(claim: Any, highest_s: int) -> int:
    """For how long, in seconds: a larger number is taken as the highest.  Raises `BadToken`."""
    try:
        return max(1, min(int(claim), highest_s))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadToken("a limit is a number of seconds") from error


def untimely(not_before: datetime, expires: datetime, now: datetime | None) -> Untimely | None:
    """Why what lives from `not_before` to `expires` does not hold now; None: it does.  `now` is the
    best known time, None when the home does not know it."""
    if now is None:
        return "clock_uncertain"
    if now < not_before - timedelta(seconds=SKEW_S):
        return "not_yet"
    if now >= expires or expires <= not_before:
        return "expired"  # also one that ended before it began: it was never good
    return None
