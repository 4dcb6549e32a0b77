"""SIP as far as SCAIP needs it: messages read within bounds, and written (RFC 3261, 3428, 3581).

The library `sipmessage` parses; here stands what it leaves to its users: sizes, folded lines, the
framing of a stream, and which headers a request and its response have.  Not for: timers and
repeats (`gateway.scaip.agent`).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from sipmessage import URI, Address, CSeq, Message, Request, Response, Via
from sipmessage.parameters import Parameters

from gateway.errors import BadMessage
from gateway.scaip.codes import Status
from gateway.scaip.message import BODY_MAX

HEADER_MAX = 8192
"""Bytes of a start line and all headers: requests seen have 400 to 1,500."""
LINES_MAX, LINE_MAX = 64, 1024
"""Headers, and bytes of one: the longest seen is a challenge, of 300.  The library's patterns take
time by the square of a line."""
UDP_MAX = 1300
"""Bytes above which a request does not go over UDP (RFC 3261 section 18.1.1)."""

MAGIC_COOKIE = "z9hG4bK"
"""What a branch of RFC 3261 begins with (section 8.1.1.7)."""
MAX_FORWARDS = 70
"""Of a new request (section 8.1.1.6)."""
PORT, TLS_PORT = 5060, 5061
"""Where an address without a port is (section 19.1.2)."""

READING = (ValueError, KeyError, IndexError, TypeError, AssertionError)
"""What the library raises for text from outside (`TypeError`: a parameter that is named `self`)."""

_NEEDED = re.compile(rb"(?i)(via|from|to|call-id|cseq|[vfti])[ \t]*:")
"""Headers without which a request cannot be answered (section 8.1.1), also by their short names."""


class Transport(StrEnum):
    """How a message goes."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True)
class Target:
    """Where a request goes."""

    uri: URI
    host: str
    port: int
    transport: Transport

    @classmethod
    def of(cls, text: str) -> Target:
        """From `sip:larm@centre.example:5060;transport=tcp` or `sips:…` (which is TLS).
        Raises `BadMessage`."""
        try:
            uri = URI.parse(text)
            asked = (uri.parameters.get("transport") or "udp").lower()
            transport = Transport.TLS if uri.scheme == "sips" else Transport(asked)
        except READING as error:
            raise BadMessage(f"{text[:80]!r} is no SIP address", snu=Status.WRONG_DATA) from error
        if uri.scheme == "tel" or uri.password is not None or len(text) > LINE_MAX // 2:
            raise BadMessage(f"{text[:80]!r} is no SIP address", snu=Status.WRONG_DATA)
        port = uri.port or (TLS_PORT if transport is Transport.TLS else PORT)
        return cls(uri, uri.host.strip("[]"), port, transport)


@dataclass(frozen=True)
class Peer:
    """Who sent something, as the network says."""

    host: str
    port: int
    transport: Transport


def parse(data: bytes) -> Request | Response:
    """One whole message.  Raises `BadMessage` for anything else, whatever the bytes are."""
    header, ends, body = data.partition(b"\r\n\r\n")
    if not ends or len(header) > HEADER_MAX or len(body) > BODY_MAX:
        raise BadMessage("no SIP message, or one that is too long", snu=Status.TOO_LONG)
    header = re.sub(rb"\r\n[ \t]+", b" ", header)
    lines = header.split(b"\r\n")
    if len(lines) > LINES_MAX or any(len(line) > LINE_MAX for line in lines):
        raise BadMessage("too many headers, or too long ones", snu=Status.TOO_LONG)
    header = re.sub(rb"(?m)^([A-Za-z-]+)[ \t]+:", rb"\1:", header)
    try:
        message = Message.parse(header + b"\r\n\r\n" + body)
        length = message.content_length
    except READING as error:
        raise BadMessage("no SIP message", snu=Status.INVALID_FORMAT) from error
    if length is not None:
        if not 0 <= length <= len(body):
            raise BadMessage("the body is cut off", snu=Status.INVALID_FORMAT)
        message.body = body[:length]
    return message


def answerable(message: Request | Response) -> bool:
    """Whether it has what an answer to it is made of."""
    try:
        return bool(
            message.via
            and message.cseq.method
            and message.call_id
            and message.from_address
            and message.to_address
        )
    except READING:
        return False


def content_type(message: Request | Response) -> str:
    """The kind of its body, in small letters and without parameters; `""`: not said."""
    return (message.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def branch_of(message: Request | Response) -> str:
    """Which transaction it belongs to; `""` when it says none."""
    try:
        return message.via[0].parameters.get("branch") or ""
    except READING:
        return ""


def new_request(
    method: str,
    target: Target,
    sender: URI,
    *,
    via: tuple[str, int],
    body: bytes = b"",
    kind: str | None = None,
) -> Request:
    """A request of ours, outside any dialog; `via` is where its answer may come to."""
    request = Request(method, target.uri, body)
    headers = request.headers
    headers.set("Via", "")  # goes first; filled in for each try
    renew_branch(request, target.transport, via)
    request.max_forwards = MAX_FORWARDS
    request.from_address = Address(uri=sender, parameters=Parameters(tag=secrets.token_hex(6)))
    request.to_address = Address(uri=target.uri)
    request.call_id = secrets.token_hex(12)
    request.cseq = CSeq(sequence=1, method=method)
    request.user_agent = "Tryggve"
    if kind is not None:
        headers.set("Content-Type", kind)
    request.content_length = len(body)
    return request


def renew_branch(request: Request, transport: Transport, via: tuple[str, int]) -> str:
    """A transaction of its own for this request; returns its branch."""
    branch = MAGIC_COOKIE + secrets.token_hex(10)
    request.via = [
        Via(
            transport=transport.upper(),
            host=written_host(via[0]),
            port=via[1],
            parameters=Parameters(rport=None, branch=branch),
        )
    ]
    return branch


def response_to(
    request: Request, code: int, phrase: str, peer: Peer, *, body: bytes = b"", kind: str = ""
) -> Response:
    """The response to a request that is `answerable`, with where it came from (RFC 3581)."""
    response = Response(code, phrase, body)
    first, *rest = request.headers.getlist("Via")
    response.headers.setlist("Via", [_seen_from(first, peer), *rest])
    response.headers.set("From", request.headers["From"])
    to = request.headers["To"]
    tag = "" if request.to_address.parameters.get("tag") else f";tag={secrets.token_hex(6)}"
    response.headers.set("To", to + tag)
    response.call_id = request.call_id
    response.headers.set("CSeq", request.headers["CSeq"])
    if kind:
        response.headers.set("Content-Type", kind)
    response.content_length = len(body)
    return response


def _seen_from(vias: str, peer: Peer) -> str:
    """The topmost of some `Via` values with where its request really came from.  As text: what the
    library writes anew is quoted otherwise than it came."""
    top = re.match(r'[^,"]*(?:"[^"]*"[^,"]*)*', vias)
    end = top.end() if top else len(vias)
    mine = re.sub(r"(?i);\s*rport\s*(?=;|$)", f";rport={peer.port}", vias[:end].rstrip())
    return f"{mine};received={peer.host}{vias[end:]}"


def salvaged(data: bytes) -> Request | None:
    """A request that cannot be read, as far as a refusal of it needs; None: it gets none."""
    header = data[:HEADER_MAX].partition(b"\r\n\r\n")[0]
    start, *lines = header.split(b"\r\n")
    if not start.endswith(b" SIP/2.0"):
        return None
    kept = [line for line in lines if _NEEDED.match(line)]
    try:
        found = parse(b"\r\n".join([b"UNREAD sip:nobody@invalid SIP/2.0", *kept, b"", b""]))
    except BadMessage:
        return None
    return found if isinstance(found, Request) and answerable(found) else None


def written_host(host: str) -> str:
    """As it stands in an address: IPv6 in brackets."""
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        return host
