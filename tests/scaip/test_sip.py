"""SIP from outside: bounded, answered once, and nothing in it makes the agent fall."""

from __future__ import annotations

import asyncio
import random
import socket
import time

import pytest
from sipmessage import Request, Response

from gateway.errors import BadMessage
from gateway.scaip import sip
from gateway.scaip.agent import CONNECTIONS_MAX
from gateway.scaip.sip import Peer, Target, Transport
from tests.scaip.parts import LOCAL, sender

PEER = Peer("192.0.2.7", 5099, Transport.UDP)

ASKED = (
    "OPTIONS sip:tryggve@example.se SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK-a~1, SIP/2.0/TCP b.example;branch=z2\r\n"
    "v: SIP/2.0/UDP c.example\r\n"
    "Max-Forwards: 70\r\n"
    'f: "Larm, central" <sip:larm@centre.example>;tag=1\r\n'
    "t : <sip:tryggve@example.se>\r\n"
    "Call-ID: x1\r\n"
    "Subject: folded\r\n  line\r\n"
    "CSeq: 7 OPTIONS\r\n"
    "l: 0\r\n\r\n"
)


def test_short_names_folded_lines_and_spaces_are_read() -> None:
    """As RFC 3261 section 7.3 lets others write."""
    request = sip.parse(ASKED.encode())
    assert isinstance(request, Request) and sip.answerable(request)
    assert sip.branch_of(request) == "z9hG4bK-a~1"
    assert request.headers.get("Subject") == "folded line"


def test_a_response_goes_back_the_way_it_came() -> None:
    """Every `Via` in its order, the first with where the request was seen to come from."""
    request = sip.parse(ASKED.encode())
    assert isinstance(request, Request)
    answer = sip.parse(bytes(sip.response_to(request, 200, "OK", PEER)))
    assert isinstance(answer, Response) and answer.code == 200
    first, second, third = answer.via
    assert (first.host, first.parameters.get("rport")) == ("10.0.0.1", "5099")
    assert first.parameters.get("received") == "192.0.2.7"
    assert (second.host, third.host) == ("b.example", "c.example")
    assert (answer.call_id, str(answer.cseq)) == ("x1", "7 OPTIONS")
    assert answer.to_address.parameters.get("tag")


@pytest.mark.parametrize(
    ("text", "host", "port", "transport"),
    [
        ("sip:larm@centre.example", "centre.example", 5060, "udp"),
        ("sip:centre.example:5080;transport=TCP", "centre.example", 5080, "tcp"),
        ("sips:larm@centre.example", "centre.example", 5061, "tls"),
        ("sip:larm@[2001:db8::1];transport=tls", "2001:db8::1", 5061, "tls"),
    ],
)
def test_where_an_address_leads(text: str, host: str, port: int, transport: str) -> None:
    """Host, port and transport as RFC 3261 section 19.1 has them."""
    target = Target.of(text)
    assert (target.host, target.port, target.transport) == (host, port, transport)


TOO_MUCH = [
    b"",
    b"\r\n\r\n",
    b"MESSAGE\r\n\r\n",
    b"MESSAGE sip:a@b SIP/2.0",
    b"MESSAGE sip:a@b SIP/2.0\r\n" + b"A: b\r\n" * 65 + b"\r\n",
    b"MESSAGE sip:a@b SIP/2.0\r\nA: " + b"b" * 1025 + b"\r\n\r\n",
    b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 99\r\n\r\nshort",
    b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
    b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: " + b"9" * 900 + b"\r\n\r\n",
    b"MESSAGE sip:a@b SIP/2.0\r\n\r\n" + b"x" * 9000,
    b"MESSAGE urn:service:sos SIP/2.0\r\n\r\n",
    b"SIP/2.0 two OK\r\n\r\n",
    b"MESSAGE sip:a@b SIP/2.0\r\nno colon\r\n\r\n",
    b"MESSAGE sip:a@b SIP/2.0\r\nA: \xff\r\n\r\n",
]


@pytest.mark.parametrize("data", TOO_MUCH, ids=range(len(TOO_MUCH)))
def test_what_is_no_message_or_too_much_is_refused(data: bytes) -> None:
    """One kind of error for whatever comes."""
    with pytest.raises(BadMessage):
        sip.parse(data)


@pytest.mark.parametrize(
    "header",
    ["Via: SIP/2.0/UDP a;self=1;branch=z9", "CSeq: one", "To: <nothing>", "From: " + "<" * 900],
)
def test_a_header_that_cannot_be_read_makes_nothing_fall(header: str) -> None:
    """Such a message is not answered."""
    name = header.partition(":")[0]
    lines = [line for line in ASKED.split("\r\n") if not line.startswith((name, "v:", "f:", "t "))]
    message = sip.parse("\r\n".join([lines[0], header, *lines[1:]]).encode())
    assert not sip.answerable(message)
    sip.branch_of(message)


def test_no_line_takes_long() -> None:
    """The library's patterns, with what could make them try everything, within the bounds."""
    worst = ["+" + "1" * 900 + "!", "a." * 450 + "!", '"' + "\\" * 900, ";a" * 450 + "=", "-" * 900]
    begun = time.process_time()
    for text in worst:
        for header in ("Via: SIP/2.0/UDP ", "From: <sip:", "To: ", "CSeq: ", "Contact: <tel:"):
            raw = f"MESSAGE sip:a@b SIP/2.0\r\n{header}{text}\r\nCall-ID: 1\r\n\r\n"
            message = sip.parse(raw.encode())
            sip.answerable(message)
            sip.branch_of(message)
        with pytest.raises(BadMessage):
            Target.of(f"tel:{text}")
    assert time.process_time() - begun < 5


def test_a_thousand_spoilt_messages_raise_one_kind_of_error() -> None:
    """Bytes changed, cut out and doubled by chance (seeded)."""
    chance = random.Random(7)
    for _ in range(1000):
        data = bytearray(ASKED.encode())
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 40)]
                case _:
                    data[at:at] = data[at : at + chance.randint(1, 40)]
        try:
            message = sip.parse(bytes(data))
        except BadMessage:
            sip.salvaged(bytes(data))
            continue
        sip.branch_of(message)
        if isinstance(message, Request) and sip.answerable(message):
            bytes(sip.response_to(message, 200, "OK", PEER))


# --- the agent ------------------------------------------------------------------------------------


async def asked(port: int, *datagrams: bytes) -> list[bytes]:
    """What comes back over UDP for each of these, up to the last one's answer."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.setblocking(False)
        mine.bind((LOCAL, 0))
        for data in datagrams:
            await loop.sock_sendto(mine, data, (LOCAL, port))
        last = f"Call-ID: {_call_id(datagrams[-1])}".encode()
        got: list[bytes] = []
        async with asyncio.timeout(60):
            while not got or last not in got[-1]:
                got.append(await loop.sock_recv(mine, 65_536))
        return got


def _call_id(data: bytes) -> str:
    found = data.partition(b"Call-ID: ")[2].partition(b"\r\n")[0]
    return found.decode()


def request_text(call: str, *, method: str = "OPTIONS", kind: str = "", body: str = "") -> bytes:
    """A request of somebody else."""
    text = ASKED.replace("OPTIONS", method).replace("x1", call).replace("-a~1", call)
    return text.replace("l: 0", f"c: {kind or 'text/plain'}\r\nl: {len(body)}").encode() + (
        body.encode()
    )


async def test_garbage_before_a_request_changes_nothing() -> None:
    """What is a request and cannot be read is answered 400, the rest is not; then all is as it
    was."""
    spoilt = request_text("c1").replace(b"sip:tryggve@example.se SIP", b"urn:x SIP")
    async with sender() as mine:
        got = await asked(mine.port, *TOO_MUCH, spoilt, request_text("c2"))
    assert [data.split(b"\r\n")[0] for data in got] == [
        b"SIP/2.0 400 Bad Request",
        b"SIP/2.0 200 OK",
    ]


@pytest.mark.parametrize(
    ("method", "kind", "body", "code"),
    [
        ("INVITE", "", "", 405),
        ("MESSAGE", "text/plain", "hej", 415),
        ("MESSAGE", "application/scaip+xml", "<mrs>", 400),
        ("MESSAGE", "application/scaip+xml; a=b", "<mrs><ref>1</ref><snu>0</snu></mrs>", 403),
    ],
)
async def test_what_we_do_not_take_is_said(method: str, kind: str, body: str, code: int) -> None:
    """Another method, another type, no answer, and an answer to nothing of ours."""
    async with sender() as mine:
        got = await asked(mine.port, request_text("c1", method=method, kind=kind, body=body))
    assert got[-1].startswith(b"SIP/2.0 %d " % code)


async def test_a_repeated_request_gets_the_same_answer() -> None:
    """To the byte, so also its tag: it is the answer that was lost."""
    async with sender() as mine:
        first = (await asked(mine.port, request_text("c1")))[-1]
        got = await asked(mine.port, request_text("c9"), request_text("c9"))
        again = [data for data in got if b"c9" in data]
        async with asyncio.timeout(60):
            while len(again) < 2:
                again += [d for d in await asked(mine.port, request_text("c1")) if b"c1" in d]
    assert b"SIP/2.0 200" in first


async def test_who_holds_connections_open_leaves_room_for_nobody_else_only_over_tcp() -> None:
    """So many connections are held and no more; UDP goes on."""
    async with sender() as mine:
        held = [await asyncio.open_connection(LOCAL, mine.port) for _ in range(CONNECTIONS_MAX)]
        reader, writer = await asyncio.open_connection(LOCAL, mine.port)
        async with asyncio.timeout(60):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        assert await asked(mine.port, request_text("c1"))
        for _, one in [*held, (reader, writer)]:
            one.close()


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 9000,
        b"OPTIONS sip:a@b SIP/2.0\r\n" + b"A: b\r\n" * 2000,
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 99999\r\n\r\n",
    ],
)
async def test_a_stream_that_is_no_sip_is_closed(data: bytes) -> None:
    """Nothing is kept of it, however much comes."""
    async with sender() as mine:
        reader, writer = await asyncio.open_connection(LOCAL, mine.port)
        writer.write(data)
        async with asyncio.timeout(60):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        writer.close()


async def test_a_stream_is_cut_into_its_messages() -> None:
    """Signs of life between them, two in one piece, and one in many."""
    async with sender() as mine:
        reader, writer = await asyncio.open_connection(LOCAL, mine.port)
        writer.write(b"\r\n\r\n" + request_text("c1") + request_text("c2", body="hej"))
        for byte in request_text("c3"):
            writer.write(bytes([byte]))
            await writer.drain()
        got = b""
        async with asyncio.timeout(60):
            while got.count(b"SIP/2.0 200 OK") < 3:
                got += await reader.read(4096)
        assert all(call in got for call in (b"c1", b"c2", b"c3"))
        writer.close()
