"""Orders to a home that is being installed: tell what you hear, pair this lock, calibrate this mat.

The server signs each, the home verifies it by itself.  A compact JWS (EdDSA) with the claims `jti`
(its one-use id), `aud` (the home's id), `sub` (the person), `ses` (the hearing that the order is
of), `act`, `dev` (the device, to pair or calibrate it), `ans` (the number of a question) and `txt`
(what was answered to it: it may be a PIN, and is kept by nobody), `nbf`, `exp`.

Pure: no clock, no storage.  Not for: deciding at the server who may (`web.staff.installs`), or
hearing anything (`gateway.services.hearing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import tokens
from gateway.access.tokens import BadToken

LIFE_S = 20
"""Seconds in which an order must be obeyed: the home is told at once, or not at all."""

ANSWER_MAX = 200
"""Characters of an answer: a key of 32 digits, a password, a certificate's file."""

TYP = "tryggve-listen"

CLAIMS = frozenset({"jti", "aud", "sub", "ses", "act", "dev", "ans", "txt", "nbf", "exp"})
"""What an order says; one that says more may be restricted by it, and is not obeyed."""


class ListenAction(StrEnum):
    """What the home is to do."""

    BEGIN = "begin"
    """Tell what it hears, for minutes."""
    GO_ON = "go_on"
    """The page is still open."""
    END = "end"
    PAIR = "pair"
    CALIBRATE = "calibrate"
    ANSWER = "answer"
    """What the person answers to the question that pairing or calibrating asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOrder:
    """An order as its claims say it; times aware UTC."""

    id: str
    home: str
    hearing: str
    action: ListenAction
    person: str
    not_before: datetime
    expires: datetime
    device: str = ""
    question: int = 0
    text: str = ""

    def __repr__(self) -> str:
        """Without the answer: it may be a PIN, and this may be logged."""
        return f"ListenOrder({self.hearing}, {self.action.value}, {self.device})"


def sign(order: ListenOrder, key: Ed25519PrivateKey, kid: str) -> str:
    """The order as a compact JWS."""
    claims: dict[str, object] = {
        "jti": order.id,
        "aud": order.home,
        "sub": order.person,
        "ses": order.hearing,
        "act": order.action.value,
    }
    about = {"dev": order.device, "ans": order.question, "txt": order.text}
    claims |= {name: said for name, said in about.items() if said}
    return tokens.sign(TYP, claims, key, kid, (order.not_before, order.expires))


def read(
    token: str, keys: Mapping[str, Ed25519PublicKey], *, home: str, now: datetime | None
) -> ListenOrder:
    """The order in a JWS signed by one of `keys`, for this home and this moment (None: the home
    does not know it).  Raises `BadToken`."""
    signed = tokens.read(token, TYP, keys, {"jti", "aud", "sub", "ses", "act", "nbf", "exp"})
    claims = signed.claims
    known = isinstance(claims["act"], str) and claims["act"] in set(ListenAction)
    number = claims.get("ans", 0)
    if not (signed.plain and claims.keys() <= CLAIMS and known and type(number) is int):
        raise BadToken("it says something that this version does not know")
    if signed.text("aud") != home:
        raise BadToken("it is for another home")
    untimely = tokens.untimely(signed.not_before, signed.expires, now)
    if untimely is not None:
        raise BadToken(untimely)
    return ListenOrder(
        id=signed.text("jti"),
        home=home,
        hearing=signed.text("ses"),
        action=ListenAction(claims["act"]),
        person=signed.text("sub"),
        not_before=signed.not_before,
        expires=signed.expires,
        device=str(claims.get("dev", "")),
        question=number,
        text=str(claims.get("txt", ""))[:ANSWER_MAX],
    )
