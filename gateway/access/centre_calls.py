"""Who of an alarm centre may call a home, because of which alarm, and until when.

An alarm centre's answer may ask for a call.  The server signs what it knows of that for the home
(a compact JWS, EdDSA) with the claims `aud` (the home's id), `ref` (the open care alarm), `from`
(names and addresses that the centre's calls come from), `num` (whom the answer named, or None),
`med` (`duplex`, `microphone` or `speaker`), `nbf` and `exp`.  A home that told the centre by itself
knows the same without a signature.

Pure, as `grants`.  Not for: the call (`gateway.media.sip_call`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import tokens
from gateway.access.tokens import BadToken
from gateway.events import Ref

TYP = "tryggve-centre-call"

LIFE_S = 900
"""Seconds after its answer in which a centre may call: a queue at night, and a second call when the
line broke.  It never outlives the alarm."""

PLACES_MAX = 16
"""Names and addresses of one centre."""

TOKEN_MAX = 4_000
"""Characters of a signed one."""

MEDIA = ("duplex", "microphone", "speaker")
"""Which way sound goes, as SCAIP's `mre` says it: both, only from the home, only to the home."""

CLAIMS = frozenset({"aud", "ref", "from", "num", "med", "nbf", "exp"})
"""What it says; one that says more may be restricted by it, and is not understood."""

_PLACE = re.compile(r"[A-Za-z0-9._:-]{1,253}")


@dataclass(frozen=True, slots=True)
class CentreCall:
    """That a centre may call.  `number` None: the answer named nobody; times aware UTC."""

    home: str
    alarm: Ref
    places: tuple[str, ...]
    number: str | None
    media: str
    not_before: datetime
    expires: datetime

    def holds_at(self, now: datetime) -> bool:
        """Whether it is the time for it."""
        return tokens.untimely(self.not_before, self.expires, now) is None

    def names(self, caller: str) -> bool:
        """Whether who calls, as `user@host`, is whom the answer named; of an answer that named
        nobody, whoever calls from the centre."""
        if self.number is None:
            return True
        wanted = _user(self.number)
        user = caller.partition("@")[0]
        if wanted.strip("+").isdigit() and user.strip("+").isdigit():
            return _is_same_number(wanted, user)
        return wanted in ("", user)


def places_of(uris: Iterable[str], number: str | None) -> tuple[str, ...]:
    """The hosts of a centre's addresses, and of the SIP address that its answer named."""
    named = [number] if number is not None and number.startswith(("sip:", "sips:")) else []
    hosts = (_host(uri) for uri in (*uris, *named))
    return tuple(dict.fromkeys(host for host in hosts if _PLACE.fullmatch(host)))[:PLACES_MAX]


def sign(call: CentreCall, key: Ed25519PrivateKey, kid: str) -> str:
    """As a compact JWS."""
    claims = {
        "aud": call.home,
        "ref": call.alarm,
        "from": list(call.places),
        "num": call.number,
        "med": call.media,
    }
    return tokens.sign(TYP, claims, key, kid, (call.not_before, call.expires))


def read(token: str, home: str, keys: Mapping[str, Ed25519PublicKey]) -> CentreCall:
    """What one of `keys` (by `kid`) signed for this home.  Raises `BadToken`."""
    if len(token) > TOKEN_MAX:
        raise BadToken("it is too long")
    signed = tokens.read(token, TYP, keys, CLAIMS - {"num"})
    claims = signed.claims
    if not signed.plain or claims.keys() != CLAIMS or claims["aud"] != home:
        raise BadToken("it is another home's, or not understood")
    places, number = claims["from"], claims["num"]
    if claims["med"] not in MEDIA:
        raise BadToken("it is another home's, or not understood")
    if not isinstance(places, list) or len(places) > PLACES_MAX:
        raise BadToken("it has no places, or too many")
    if not all(isinstance(one, str) and _PLACE.fullmatch(one) for one in places):
        raise BadToken("a place of it is none")
    return CentreCall(
        home=home,
        alarm=signed.text("ref"),
        places=tuple(places),
        number=None if number is None else str(number)[:256],
        media=claims["med"],
        not_before=signed.not_before,
        expires=signed.expires,
    )


def _host(uri: str) -> str:
    """The host of `sip:user@host:port;…`."""
    rest = uri.partition(":")[2].partition(";")[0].partition("?")[0].rpartition("@")[2]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest.partition(":")[0]


def _user(number: str) -> str:
    """The user of a SIP address, the digits of `tel:`; else as it came."""
    scheme, colon, rest = number.partition(":")
    if scheme.lower() in ("sip", "sips"):
        return rest.partition("@")[0].partition(";")[0] if "@" in rest else ""
    plain = rest if colon and scheme.lower() in ("tel", "gsm") else number
    return "".join(sign for sign in plain.partition(";")[0] if sign.isalnum() or sign == "+")


DIGITS_MIN = 6
"""Digits in which two numbers must agree at the end to be the same one."""


def _is_same_number(one: str, other: str) -> bool:
    """With what stands before it in one way or another: +46 8…, 0046 8…, 08…"""
    short, long = sorted((one.lstrip("+0"), other.lstrip("+0")), key=len)
    return short == long or (len(short) >= DIGITS_MIN and long.endswith(short))
