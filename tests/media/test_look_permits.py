"""A permit for a look: what it says, and when it does not hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import grants, look_permits, permits, tokens
from gateway.access.look_permits import LIMIT_MAX_S, LookGround, LookPermit
from gateway.errors import PermitRefused
from gateway.events import LookRefusal, LookWhy

KEY = Ed25519PrivateKey.from_private_bytes(b"v" * 32)
KEYS = {"k1": KEY.public_key()}
NOW = datetime(2026, 11, 23, 1, 14, tzinfo=UTC)
PERMIT = LookPermit(
    id="l1",
    home="h1",
    look="l1",
    camera="camera",
    person="p7",
    why=LookWhy.CHECK,
    check="night-1",
    alarm=None,
    limit_s=30,
    not_before=NOW,
    expires=NOW + timedelta(seconds=look_permits.LIFE_S),
)
STANDS = {
    "used": lambda _: False,
    "care_alarm_open": lambda ref: ref == "home:h1/3",
    "check_not_done": lambda check: check == "night-1",
    "consented": lambda: True,
}


def refusal(token: str) -> str:
    with pytest.raises(PermitRefused) as caught:
        look_permits.read(token, KEYS)
    return caught.value.why


def judged(permit: LookPermit = PERMIT, now: datetime | None = NOW, **ground: Any) -> str | None:
    """Why a permit does not hold; None: it does."""
    try:
        look_permits.judge(
            permit,
            home="h1",
            cameras={"camera"},
            now=now,
            ground=LookGround(**(STANDS | ground)),
        )
    except PermitRefused as error:
        assert (error.call, error.person) == (permit.look, permit.person)
        assert error.why, "a refusal has a word"
        return error.why
    return None


def test_what_was_signed_is_read() -> None:
    """Every claim comes back, with a check, an alarm or neither; a limit above the highest is
    that."""
    for permit in (
        PERMIT,
        replace(PERMIT, why=LookWhy.ALARM, check=None, alarm="home:h1/3"),
        replace(PERMIT, why=LookWhy.WORRY, check=None),
        replace(PERMIT, alarm="home:h1/3"),
    ):
        assert look_permits.read(look_permits.sign(permit, KEY, "k1"), KEYS) == permit
    long = look_permits.sign(replace(PERMIT, limit_s=600), KEY, "k1")
    assert look_permits.read(long, KEYS).limit_s == LIMIT_MAX_S == 30


def test_what_was_not_signed_for_a_look_is_forged() -> None:
    """Another's key or name, a changed byte, a door's grant, a call's permit, no token at all."""
    token = look_permits.sign(PERMIT, KEY, "k1")
    other = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    span = (NOW, PERMIT.expires)
    for bad in (
        look_permits.sign(PERMIT, other, "k1"),
        look_permits.sign(PERMIT, KEY, "k2"),
        token[:-4] + "AAAA",
        tokens.sign(grants.TYP, {"jti": "x"}, KEY, "k1", span),
        tokens.sign(permits.TYP, {"jti": "x"}, KEY, "k1", span),
        tokens.sign(look_permits.TYP, {"jti": "x"}, KEY, "k1", span),
        "",
        "x" * 2000,
    ):
        assert refusal(bad) == LookRefusal.FORGED


@pytest.mark.parametrize(
    "changed", [{"more": "only at noon"}, {"rsn": "research"}, {"rsn": None}, {"rsn": ["check"]}]
)
def test_what_a_newer_server_signs_is_not_understood(changed: dict[str, Any]) -> None:
    """It may be a restriction: nobody looks by it."""
    claims = {"jti": "l1", "aud": "h1", "sub": "p7", "lok": "l1", "dev": "camera", "rsn": "check"}
    signed = {**claims, "lim": 30, **changed}
    token = tokens.sign(look_permits.TYP, signed, KEY, "k1", (NOW, PERMIT.expires))
    with pytest.raises(PermitRefused) as caught:
        look_permits.read(token, KEYS)
    error = caught.value
    assert (error.why, error.call, error.person) == (LookRefusal.NOT_UNDERSTOOD, "l1", "p7")


def test_what_a_newer_server_says_beside_what_it_signs_is_not_understood() -> None:
    """The header is signed too."""
    claims = jwt.decode(look_permits.sign(PERMIT, KEY, "k1"), options={"verify_signature": False})
    head = {"kid": "k1", "typ": look_permits.TYP, "only": "at noon"}
    assert refusal(jwt.encode(claims, KEY, algorithm="EdDSA", headers=head)) == (
        LookRefusal.NOT_UNDERSTOOD
    )


@pytest.mark.parametrize("changed", [{"lim": "long"}, {"nbf": "soon"}, {"exp": 10**30}])
def test_numbers_that_are_none_are_forged(changed: dict[str, Any]) -> None:
    """No traceback, whatever stands where a number should."""
    claims = {"jti": "l1", "aud": "h1", "sub": "p7", "lok": "l1", "dev": "camera", "rsn": "check"}
    times = {"nbf": int(NOW.timestamp()), "exp": int(PERMIT.expires.timestamp())}
    token = tokens.sign(look_permits.TYP, {**claims, "lim": 30, **times, **changed}, KEY, "k1")
    assert refusal(token) == LookRefusal.FORGED


def test_when_it_holds() -> None:
    """For this home, a camera of it, now, once, on a ground that stands, and with consent."""
    assert judged() is None
    assert judged(now=NOW - timedelta(seconds=tokens.SKEW_S)) is None
    alarm = replace(PERMIT, why=LookWhy.ALARM, check=None, alarm="home:h1/3")
    worry = replace(PERMIT, why=LookWhy.WORRY, check="night-9")
    assert (judged(alarm), judged(worry)) == (None, None)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"home": "h2"}, LookRefusal.OTHER_HOME),
        ({"camera": "kitchen"}, LookRefusal.OTHER_CAMERA),
        ({"not_before": NOW + timedelta(seconds=tokens.SKEW_S + 1)}, LookRefusal.NOT_YET),
        ({"expires": NOW}, LookRefusal.EXPIRED),
        ({"check": "night-9"}, LookRefusal.CHECK_CLOSED),
        ({"check": None}, LookRefusal.CHECK_CLOSED),
        ({"why": LookWhy.SENSOR_UNSURE, "check": None}, LookRefusal.CHECK_CLOSED),
        ({"why": LookWhy.AGAIN, "check": None}, LookRefusal.CHECK_CLOSED),
        ({"why": LookWhy.ALARM}, LookRefusal.ALARM_CLOSED),
        ({"why": LookWhy.ALARM, "alarm": "home:h1/4"}, LookRefusal.ALARM_CLOSED),
    ],
)
def test_when_it_does_not_hold(changed: dict[str, Any], why: LookRefusal) -> None:
    """Each by its name."""
    assert judged(replace(PERMIT, **changed)) == why


def test_what_the_home_knows_can_forbid_it() -> None:
    """Its clock, its log, and whoever lives there."""
    assert judged(now=None) == LookRefusal.CLOCK_UNCERTAIN
    assert judged(used=lambda permit: permit == "l1") == LookRefusal.REPLAYED
    assert judged(consented=lambda: False) == LookRefusal.NO_CONSENT
    worry = replace(PERMIT, why=LookWhy.WORRY, check=None)
    assert judged(worry, consented=lambda: False) == LookRefusal.NO_CONSENT
