"""The numbers of those whom a home tells itself: signed by the server, kept out of the log.

Events outlive people's wish to be in them, so no telephone number stands in one.  The server signs
a list (a compact JWS, EdDSA) with the claims `aud` (the home's id), `to` (a receiver's id to the
number or the address of an alarm centre), `label` (what staff call the home; None: it is not to be
named outside), `cid` (what an alarm centre calls it) and `salt`, random: the event
`home.second_path_set` names the list by its SHA-256, from which nobody finds a number by trying
them all.

Pure, as `grants`.  Not for: whom a home tells in which order (the event), or keeping the list.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.access import tokens

TYP = "tryggve-receivers"

RECEIVERS_MAX = 20
"""Receivers of one home at the most: a night's whole staff."""

LIST_MAX = 16_000
"""Characters of a signed list at the most: twenty of the longest addresses, twice."""

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
"""A telephone number as E.164 has it: what a modem takes from anywhere."""

LABEL_MAX = 60
"""Characters of what a home is called: the rest of a text message must fit beside it."""


class BadList(ValueError):
    """A list that this home does not take: not signed by its server, another home's, or no list."""


@dataclass(frozen=True, slots=True)
class ReceiverList:
    """`to` is a receiver's id to the number or address; `label` None: the home is not to be named
    outside; `salt` 128 random bits as text, new for each list."""

    home: str
    to: Mapping[str, str]
    salt: str
    label: str | None = None
    cid: str | None = None
    """What an alarm centre knows the home by, 1 to 16 digits."""
    signed: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    """What a server signed; one of another version may say more, and its digest is of that too."""

    def claims(self) -> dict[str, Any]:
        """What is signed."""
        if self.signed is not None:
            return dict(self.signed)
        return {
            "aud": self.home,
            "to": dict(self.to),
            "label": self.label,
            "cid": self.cid,
            "salt": self.salt,
        }

    def digest(self) -> str:
        """What the event calls it by, whichever key of the server signed it."""
        text = json.dumps(self.claims(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def sign(listed: ReceiverList, key: Ed25519PrivateKey, kid: str) -> str:
    """The list as a compact JWS."""
    return tokens.sign(TYP, listed.claims(), key, kid)


def read(token: str, home: str, keys: Mapping[str, Ed25519PublicKey] | None) -> ReceiverList:
    """The list in a JWS signed by one of `keys` (by `kid`).  `keys` None: the caller knows the list
    by its digest, and an older key of the server may have signed it.  An address in a form that
    only a newer version knows is left out: the others are told.  Raises `BadList`."""
    if len(token) > LIST_MAX:
        raise BadList("the list is too long")
    try:
        claims = tokens.read(token, TYP, keys, ("aud", "to", "salt")).claims
    except tokens.BadToken as error:
        raise BadList("the list was not signed by this home's server") from error
    to, salt = claims["to"], claims["salt"]
    label, cid = claims.get("label"), claims.get("cid")
    if claims["aud"] != home:
        raise BadList("the list is another home's")
    if not isinstance(to, dict) or len(to) > RECEIVERS_MAX:
        raise BadList("the list has no receivers, or too many")
    if not all(isinstance(text, str) for text in (salt, label or "", cid or "")):
        raise BadList("something in the list is no text")
    known = {id_: address for id_, address in to.items() if isinstance(address, str)}
    return ReceiverList(home, known, salt, label, cid, claims)
