"""Passwords by digest: the published examples, what servers ask for, and a centre that asks."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.demo.alarm_centre import Manner
from gateway.scaip.digest import challenge_of, credentials
from gateway.scaip.sender import Verdict
from tests.scaip.parts import alarm, both

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
"""The challenge of RFC 7616 section 3.9.1."""

RFC_2069 = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_published_example(algorithm: str, response: str) -> None:
    """RFC 7616 section 3.9.1, with its nonce, count and client nonce."""
    challenge = challenge_of([RFC_7616.format(algorithm=algorithm)], proxy=False)
    assert challenge is not None
    said = credentials(
        *(challenge, "Mufasa", "Circle of Life", "GET", "/dir/index.html"),
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert f'response="{response}"' in said
    assert "nc=00000001" in said and "qop=auth," in said and f"algorithm={algorithm}," in said


def test_a_server_of_before_qop() -> None:
    """RFC 2617's example without `qop`: no count and no client nonce are said."""
    challenge = challenge_of([RFC_2069], proxy=True)
    assert challenge is not None and challenge.header == "Proxy-Authorization"
    said = credentials(challenge, "Mufasa", "Circle Of Life", "GET", "/dir/index.html")
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in said
    assert "nc=" not in said and "algorithm" not in said


def test_of_two_challenges_the_better_is_answered() -> None:
    """RFC 8760: SHA-256 where the other side can."""
    both_kinds = [RFC_7616.format(algorithm=name) for name in ("MD5", "SHA-256")]
    challenge = challenge_of(both_kinds, proxy=False)
    assert challenge is not None and challenge.algorithm == "SHA-256"


@pytest.mark.parametrize(
    "value",
    [
        "",
        'Basic realm="x"',
        "Digest",
        'Digest realm="x"',
        'Digest nonce="x"',
        'Digest realm="x", nonce="x", qop="auth-int"',
        'Digest realm="x", nonce="x", algorithm=MD5-sess',
        'Digest realm="x", nonce="never closed',
    ],
)
def test_what_cannot_be_answered_is_not(value: str) -> None:
    """A password is never sent in the clear, nor in a way that was not asked for."""
    assert challenge_of([value], proxy=False) is None


def test_the_count_goes_up_and_quotes_are_kept() -> None:
    """Each use of a nonce has a number of its own; a realm may hold a quote."""
    challenge = challenge_of([r'Digest realm="a \"b\"", nonce="n", qop=auth'], proxy=False)
    assert challenge is not None and challenge.realm == 'a "b"'
    first, second = (credentials(challenge, "u", "p", "MESSAGE", "sip:a") for _ in range(2))
    assert "nc=00000001" in first and "nc=00000002" in second
    assert r'realm="a \"b\""' in first


# --- against a centre -----------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("algorithm", [None, "MD5", "SHA-256"])
async def test_a_centre_that_asks_for_a_password(algorithm: str | None, transport: str) -> None:
    """401, the answer, and no second question for the next alarm."""
    async with both(Manner.PROPER, transport=transport) as (mine, (peer,), places):
        peer.password, peer.algorithm = ("tryggve", "hemligt"), algorithm
        place = dataclasses.replace(places[0], username="tryggve", password="hemligt")
        for _ in range(3):
            sent = await mine.send(alarm(), [place])
            assert sent.received and len(sent.tries) == 1
        assert peer.challenged == 1


async def test_a_nonce_that_was_used_up_is_changed() -> None:
    """The centre says that it is stale; the alarm goes with the new one."""
    async with both(Manner.PROPER) as (mine, (peer,), places):
        peer.password, peer.nonce_uses = ("tryggve", "hemligt"), 1
        place = dataclasses.replace(places[0], username="tryggve", password="hemligt")
        for _ in range(3):
            assert (await mine.send(alarm(), [place])).received
        assert peer.challenged == 3


async def test_a_centre_that_was_restarted_asks_anew() -> None:
    """It knows nothing of the nonce that was used, and does not call it stale."""
    async with both(Manner.PROPER) as (mine, (peer,), places):
        peer.password = ("tryggve", "hemligt")
        place = dataclasses.replace(places[0], username="tryggve", password="hemligt")
        assert (await mine.send(alarm(), [place])).received
        peer._nonce = "another"
        assert (await mine.send(alarm(), [place])).received


async def test_a_wrong_password_is_said_once_and_the_second_centre_told() -> None:
    """No account is locked by an alarm."""
    async with both(Manner.PROPER, Manner.PROPER) as (mine, (peer, _), places):
        peer.password = ("tryggve", "hemligt")
        wrong = dataclasses.replace(places[0], username="tryggve", password="fel")
        sent = await mine.send(alarm(), [wrong, places[1]])
        assert [one.verdict for one in sent.tries] == [Verdict.FORBIDDEN, Verdict.RECEIVED]
        assert peer.challenged == 2


async def test_without_a_password_nothing_is_proved() -> None:
    """A challenge for which we have no answer."""
    async with both(Manner.PROPER) as (mine, (peer,), places):
        peer.password = ("tryggve", "hemligt")
        sent = await mine.send(alarm(), places)
        assert (sent.last.verdict, sent.last.code) == (Verdict.FORBIDDEN, 401)
