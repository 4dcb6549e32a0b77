"""SCAIP over TLS: whose certificate counts, and where the answer comes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from gateway.demo.alarm_centre import AlarmCentre
from gateway.scaip.here import Here
from gateway.scaip.sender import Centre, Verdict
from gateway.scaip.sip import Transport
from tests.scaip.parts import LOCAL, alarm, centre, sender
from tests.test_link import certificate

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def secured(tmp_path: Path) -> Here:
    """A place that listens with a certificate for 127.0.0.1, which is its own authority."""
    cert, key = certificate(tmp_path, NOW - DAY, NOW + DAY)
    return Here(LOCAL, host=LOCAL, certificate=cert, key=key)


async def test_an_alarm_and_its_answer_over_tls(secured: Here) -> None:
    """The centre opens a connection of its own to a sender that listens with a certificate; its
    authority is ours."""
    async with centre(here=secured) as peer, sender(here=secured) as mine:
        peer.ca = secured.certificate
        sent = await mine.send(alarm(), [Centre(peer.uri, ca=secured.certificate)])
        assert sent.received and len(sent.tries) == 1
        assert peer.heard[0].peer.transport is Transport.TLS
        assert peer.heard[0].sender.endswith(";transport=tls")
        assert mine.tls_port and f":{mine.tls_port};" in peer.heard[0].sender


async def test_an_answer_on_the_connection_that_we_opened(secured: Here) -> None:
    """A sender without a certificate is answered where the alarm came in."""
    async with centre(here=secured) as peer, sender() as mine:
        peer.back_on_the_connection = True
        sent = await mine.send(alarm(), [Centre(peer.uri, ca=secured.certificate)])
        assert sent.received


async def unreached(peer: AlarmCentre, place: Centre) -> None:
    """The alarm was not told, and nothing of it left in the clear."""
    async with sender() as mine:
        sent = await mine.send(alarm(), [place])
        assert {one.verdict for one in sent.tries} == {Verdict.UNREACHABLE}
        assert "certificate" in sent.last.detail.lower()
    assert not peer.heard


async def test_a_certificate_of_another_authority_does_not_count(secured: Here) -> None:
    """Nor does one that nobody vouches for."""
    async with centre(here=secured) as peer:
        await unreached(peer, Centre(peer.uri))


async def test_a_certificate_for_another_name_does_not_count(secured: Here) -> None:
    """The host of the address must stand in it."""
    async with centre(here=secured) as peer:
        uri = peer.uri.replace(LOCAL, "localhost")
        await unreached(peer, Centre(uri, ca=secured.certificate))


async def test_a_certificate_that_is_over_does_not_count(tmp_path: Path) -> None:
    """A day late."""
    cert, key = certificate(tmp_path, NOW - 2 * DAY, NOW - DAY)
    async with centre(here=Here(LOCAL, host=LOCAL, certificate=cert, key=key)) as peer:
        await unreached(peer, Centre(peer.uri, ca=cert))


async def test_an_authority_that_is_no_file_is_said(tmp_path: Path) -> None:
    """One sentence, no error: the second centre may have another."""
    async with sender() as mine:
        place = Centre(f"sips:x@{LOCAL}", ca=tmp_path / "missing.pem")
        assert (await mine.send(alarm(), [place])).last.verdict is Verdict.UNREACHABLE
