"""A permit for a call: what it says, and when it does not hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import grants, permits
from gateway.access.permits import LIMIT_MAX_S, MediaAction, Permit
from gateway.errors import GrantRefused, PermitRefused
from gateway.events import VoiceRefusal

KEY = Ed25519PrivateKey.from_private_bytes(b"v" * 32)
KEYS = {"k1": KEY.public_key()}
NOW = datetime(2026, 11, 23, 1, 14, tzinfo=UTC)
PERMIT = Permit(
    id="c1",
    home="h1",
    call="c1",
    action=MediaAction.TALK,
    person="p7",
    alarm="home:h1/3",
    limit_s=600,
    not_before=NOW,
    expires=NOW + timedelta(seconds=permits.LIFE_S),
)


def refusal(token: str) -> str:
    with pytest.raises(PermitRefused) as caught:
        permits.read(token, KEYS)
    return caught.value.why


def test_what_was_signed_is_read() -> None:
    """Every claim comes back; a limit above the highest is that."""
    assert permits.read(permits.sign(PERMIT, KEY, "k1"), KEYS) == PERMIT
    long = replace(PERMIT, limit_s=10**6)
    assert permits.read(permits.sign(long, KEY, "k1"), KEYS).limit_s == LIMIT_MAX_S


def test_what_was_not_signed_is_forged() -> None:
    """Another's key, another's name, a changed byte, a door's grant, no token at all."""
    token = permits.sign(PERMIT, KEY, "k1")
    other = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    for bad in (
        permits.sign(PERMIT, other, "k1"),
        permits.sign(PERMIT, KEY, "k2"),
        token[:-4] + "AAAA",
        jwt.encode({"jti": "x"}, KEY, algorithm="EdDSA", headers={"kid": "k1"}),
        "",
        "x" * 2000,
    ):
        assert refusal(bad) == VoiceRefusal.FORGED
    with pytest.raises(GrantRefused):
        grants.read(token, KEYS)  # nor does a permit open a door


def test_what_says_more_is_not_understood() -> None:
    """It may be a restriction."""
    claims: dict[str, Any] = jwt.decode(
        permits.sign(PERMIT, KEY, "k1"), options={"verify_signature": False}
    )
    head = {"kid": "k1", "typ": permits.TYP}
    for changed in ({**claims, "only": "listen"}, {**claims, "act": "look"}):
        token = jwt.encode(changed, KEY, algorithm="EdDSA", headers=head)
        assert refusal(token) == VoiceRefusal.NOT_UNDERSTOOD
    newer = jwt.encode(claims, KEY, algorithm="EdDSA", headers={**head, "only": "at night"})
    assert refusal(newer) == VoiceRefusal.NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("changed", "now", "why"),
    [
        ({"home": "h2"}, NOW, VoiceRefusal.OTHER_HOME),
        ({}, None, VoiceRefusal.CLOCK_UNCERTAIN),
        ({}, NOW - timedelta(seconds=6), VoiceRefusal.NOT_YET),
        ({}, NOW + timedelta(seconds=permits.LIFE_S), VoiceRefusal.EXPIRED),
        ({"expires": NOW}, NOW, VoiceRefusal.EXPIRED),
        ({"id": "used"}, NOW, VoiceRefusal.REPLAYED),
        ({"alarm": "home:h1/4"}, NOW, VoiceRefusal.ALARM_CLOSED),
    ],
)
def test_a_permit_that_does_not_hold_here_and_now(
    changed: dict[str, Any], now: datetime | None, why: VoiceRefusal
) -> None:
    """Each reason has its word; the one that holds raises nothing."""

    def judge(permit: Permit, at: datetime | None) -> None:
        permits.judge(
            permit,
            home="h1",
            now=at,
            used={"used"}.__contains__,
            care_alarm_open={"home:h1/3"}.__contains__,
        )

    judge(PERMIT, NOW)
    with pytest.raises(PermitRefused) as caught:
        judge(replace(PERMIT, **changed), now)
    assert (caught.value.why, caught.value.person) == (why, "p7")
