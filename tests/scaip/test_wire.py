"""What only a peer can show that writes its own responses, from whatever address it likes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sipmessage import Request

from gateway.scaip import sip
from gateway.scaip.here import Timers
from gateway.scaip.message import CONTENT_TYPE, ScaipAnswer, ScaipRequest
from gateway.scaip.sender import Centre, Verdict
from gateway.scaip.sip import Peer, Transport
from tests.scaip.parts import CALM, LOCAL, SHORT, alarm, sender

Answers = Callable[[Request, int], list[tuple[int, str, bytes, str]]]
"""What comes back for a request that comes for the n-th time, from 1: status, further header, body,
and the address that it comes from."""


def accepted(request: Request, ref: str | None = None) -> bytes:
    told = ScaipRequest.read(request.body)
    return ScaipAnswer(ref or told.ref, "0").write()


class Wire(asyncio.DatagramProtocol):
    """A centre's UDP port; `others` are ports of other addresses."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.got = answers, 0
        self.mine: asyncio.DatagramTransport | None = None
        self.others: dict[str, asyncio.DatagramTransport] = {}

    def connection_made(self, transport: Any) -> None:
        self.mine = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        request = sip.parse(data)
        if not isinstance(request, Request):
            return
        self.got += 1
        peer = Peer(addr[0], addr[1], Transport.UDP)
        for code, header, body, source in self.answers(request, self.got):
            kind = CONTENT_TYPE if body else ""
            response = sip.response_to(request, code, "x", peer, body=body, kind=kind)
            if header:
                name, _, value = header.partition(": ")
                response.headers.set(name, value)
            way = self.others.get(source, self.mine)
            assert way is not None
            way.sendto(bytes(response), addr)


@asynccontextmanager
async def wire(answers: Answers) -> AsyncIterator[tuple[Wire, Centre]]:
    """The peer, and how it is told."""
    loop, peer = asyncio.get_running_loop(), Wire(answers)
    mine, _ = await loop.create_datagram_endpoint(lambda: peer, local_addr=(LOCAL, 0))
    other, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.9", 0)
    )
    peer.others["127.0.0.9"] = other
    try:
        port = mine.get_extra_info("sockname")[1]
        yield peer, Centre(f"sip:larm@{LOCAL}:{port}", "tryggve", "hemligt")
    finally:
        mine.abort()
        other.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("ref", "source"),
    [(None, "127.0.0.9"), ("another", LOCAL)],
    ids=["from elsewhere", "of another message"],
)
async def test_a_200_that_is_no_answer_to_this_message(ref: str | None, source: str) -> None:
    """It says that all is well, with everything right but where it comes from, or what it is
    about."""

    def answers(request: Request, _: int) -> list[tuple[int, str, bytes, str]]:
        return [(200, "", accepted(request, ref), source)]

    async with wire(answers) as (peer, place), sender(patience=SHORT) as mine:
        sent = await mine.send(alarm(), [place])
        assert {one.verdict for one in sent.tries} == {Verdict.SILENT} and peer.got >= 2


async def test_a_nonce_that_is_over_at_once() -> None:
    """Stale already when it was answered for the first time: the next one is answered too."""

    def answers(request: Request, n: int) -> list[tuple[int, str, bytes, str]]:
        if n == 3:
            return [(200, "", accepted(request), LOCAL)]
        rest = ", stale=true" if n == 2 else ""
        asked = f'WWW-Authenticate: Digest realm="r", nonce="n{n}", qop="auth"{rest}'
        return [(401, asked, b"", LOCAL)]

    async with wire(answers) as (peer, place), sender() as mine:
        sent = await mine.send(alarm(), [place])
        assert sent.received and len(sent.tries) == 1 and peer.got == 3


async def test_a_centre_that_asks_for_ever_is_left() -> None:
    """Every nonce is stale."""

    def answers(_: Request, n: int) -> list[tuple[int, str, bytes, str]]:
        asked = f'WWW-Authenticate: Digest realm="r", nonce="n{n}", stale=true'
        return [(401, asked, b"", LOCAL)]

    async with wire(answers) as (peer, place), sender() as mine:
        sent = await mine.send(alarm(), [place])
        assert [one.verdict for one in sent.tries] == [Verdict.FORBIDDEN] and peer.got == 4


async def test_a_proxy_and_its_centre_both_ask() -> None:
    """407 and then 401: the last request answers both."""

    def answers(request: Request, n: int) -> list[tuple[int, str, bytes, str]]:
        if n == 1:
            return [(407, 'Proxy-Authenticate: Digest realm="p", nonce="1"', b"", LOCAL)]
        if n == 2:
            return [(401, 'WWW-Authenticate: Digest realm="c", nonce="2"', b"", LOCAL)]
        both = {"Proxy-Authorization", "Authorization"} <= set(request.headers.keys())
        return [(200 if both else 403, "", accepted(request), LOCAL)]

    async with wire(answers) as (peer, place), sender() as mine:
        assert (await mine.send(alarm(), [place])).received and peer.got == 3


@pytest.mark.parametrize("provisional", [False, True])
async def test_how_often_a_datagram_is_repeated(provisional: bool) -> None:
    """After T1, 2 T1, 4 T1 …; each T2 once somebody has said that it is there."""
    timers = Timers(t1_s=0.02, t2_s=60.0)

    def answers(_: Request, n: int) -> list[tuple[int, str, bytes, str]]:
        return [(100, "", b"", LOCAL)] if provisional and n == 1 else []

    patience = dataclasses.replace(CALM, answer_s=1.2, tries=1)
    async with wire(answers) as (peer, place), sender(patience=patience, timers=timers) as mine:
        assert (await mine.send(alarm(), [place])).last.verdict is Verdict.SILENT
        assert peer.got == 2 if provisional else peer.got >= 4
