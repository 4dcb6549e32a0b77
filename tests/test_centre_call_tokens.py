"""What says that an alarm centre may call a home: read as it was signed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import centre_calls
from gateway.access.centre_calls import PLACES_MAX, TOKEN_MAX, TYP, CentreCall
from gateway.access.tokens import BadToken

KEY = Ed25519PrivateKey.from_private_bytes(b"v" * 32)
KEYS = {"k1": KEY.public_key()}
NOW = datetime(2026, 11, 23, 1, 14, tzinfo=UTC)
CALL = CentreCall(
    home="h1",
    alarm="home:h1/3",
    places=("192.0.2.7", "larm.example"),
    number="+46701740605",
    media="duplex",
    not_before=NOW,
    expires=NOW + timedelta(minutes=10),
)
HEAD = {"kid": "k1", "typ": TYP}


def claims() -> dict[str, Any]:
    token = centre_calls.sign(CALL, KEY, "k1")
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_what_was_signed_is_read() -> None:
    """With a number or without."""
    assert centre_calls.read(centre_calls.sign(CALL, KEY, "k1"), "h1", KEYS) == CALL
    token = jwt.encode({**claims(), "num": None}, KEY, algorithm="EdDSA", headers=HEAD)
    assert centre_calls.read(token, "h1", KEYS).number is None


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "h2"},
        {"only": "at night"},
        {"med": "video"},
        {"med": ["duplex"]},
        {"from": "192.0.2.7"},
        {"from": [7]},
        {"from": ["192.0.2.7"] * (PLACES_MAX + 1)},
        {"from": ["two words"]},
        {"exp": "soon"},
        {"ref": "x" * TOKEN_MAX},
    ],
)
def test_what_is_not_for_this_home_or_not_understood_lets_nobody_call(
    changed: dict[str, Any],
) -> None:
    """It may be a restriction; and whatever stands there, it is one refusal."""
    token = jwt.encode({**claims(), **changed}, KEY, algorithm="EdDSA", headers=HEAD)
    with pytest.raises(BadToken):
        centre_calls.read(token, "h1", KEYS)


def test_what_says_less_or_says_more_beside_it_is_not_understood() -> None:
    """A claim that is missing, and a header of a newer version, which is signed too."""
    less = claims()
    del less["num"]
    more = {**HEAD, "only": "at night"}
    for token in (
        jwt.encode(less, KEY, algorithm="EdDSA", headers=HEAD),
        jwt.encode(claims(), KEY, algorithm="EdDSA", headers=more),
        jwt.encode(claims(), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=HEAD),
    ):
        with pytest.raises(BadToken):
            centre_calls.read(token, "h1", KEYS)
