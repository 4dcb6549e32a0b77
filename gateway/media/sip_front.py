"""The port at which an alarm centre calls the home: who calls is judged before anything else runs.

Nobody but this module reads SIP from outside: within the bounds of `gateway.scaip.sip`, over UDP,
TCP and TLS.  A call that is let in is passed on to one SIP phone on this machine (`baresip`), which
sees one neighbour at the loopback and never who called; the centre sees one phone at our address.
All that is passed on is what a call is made of; nothing that would send it elsewhere (REFER).

Not for: who may call (`gateway.media.sip_call`), or sound (it goes straight to the phone).
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sipmessage import Request, Response

from gateway.errors import BadMessage
from gateway.media.description import may_point_to
from gateway.media.sip_ports import LOOPBACK, Back, FrontHere, Ports
from gateway.scaip import sip
from gateway.scaip.sip import Peer, Target, Transport

log = logging.getLogger(__name__)

RINGING_MAX = 4
"""Calls that may wait for a judgement at once; more are told that we are busy, and nothing else."""

KEPT_MAX = 256
"""Requests on their way whose answer is still to come: a call has some twenty."""

PASSED_ON = frozenset({"INVITE", "ACK", "UPDATE", "INFO", "PRACK"})
"""What a call is made of; that it is over is answered here."""

BYE_TRIES, BYE_S = 4, 0.5
"""How often the centre is told that a call is over until it says that it knows, and the seconds
between: over UDP one may be lost."""


@dataclass(eq=False)
class Call:
    """A call from outside.  `caller` is who it says it is from, as `user@host`; `peer` where it
    really comes from."""

    id: str
    caller: str
    peer: Peer
    request: Request
    back: Back
    phone: tuple[str, int] | None = None
    """Where the phone is that it was passed on to; None: it waits for a judgement."""
    phone_contact: str = ""
    phone_contact_to: str = ""
    contact: str = ""
    routes: list[str] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """The phone took it."""
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    """The centre knows that."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    by_phone: bool = False
    """Whether it was the phone that ended it."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """The centre knows that it is over."""


@dataclass(frozen=True)
class _Asked:
    """A request that was passed on: what its answer must have, and where that goes."""

    vias: list[str]
    routes: list[str]
    back: Back
    call: Call


class Front:
    """`rings` is told of each call that nobody has judged; it answers by `refuse` or `pass_on`."""

    def __init__(self, here: FrontHere, rings: Callable[[Call], None]) -> None:
        self.here = here
        self.ports = Ports(here, self._take, self._from_inside)
        self._rings = rings
        self._call: Call | None = None
        self._waiting: dict[str, Call] = {}
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Listen.  Raises `OSError` where a port is taken."""
        await self.ports.open()

    async def close(self) -> None:
        """Listen no more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ports.close()

    # --- what is done with a call

    def refuse(self, call: Call, code: int, phrase: str) -> None:
        """It is not taken."""
        if self._waiting.pop(call.id, None) is not None:
            self._answer(call.request, call.peer, call.back, code, phrase)
            call.over.set()

    def pass_on(self, call: Call, port: int) -> None:
        """Let the phone at this port of the loopback ring.  One at a time."""
        if self._waiting.pop(call.id, None) is None:
            return  # the caller gave up meanwhile
        call.phone = (LOOPBACK, port)
        self._call = call
        self._inward(call, call.request, call.peer, call.back)

    def forget(self, call: Call) -> None:
        """The phone is gone: nothing more is passed on to it."""
        if self._call is call:
            self._call = None
        self._waiting.pop(call.id, None)
        call.over.set()

    def hang_up(self, call: Call) -> None:
        """End it for the centre, whatever the phone does.  One that is over stays so."""
        if call.over.is_set() or self._call is not call:
            return
        call.over.set()
        if not call.answered.is_set():
            self._answer(call.request, call.peer, call.back, 480, "Temporarily Unavailable")
            return
        self._spawn(self._say_bye(call))

    async def _say_bye(self, call: Call) -> None:
        bye = Request("BYE", call.request.uri)
        bye.headers.set("Via", "")
        swapped = (("From", call.phone_contact_to), ("To", call.request.headers["From"]))
        for name, value in swapped:
            bye.headers.set(name, value)
        bye.headers.set("Call-ID", call.id)
        bye.headers.set("CSeq", "9999 BYE")
        bye.max_forwards, bye.content_length = sip.MAX_FORWARDS, 0
        for _ in range(BYE_TRIES):
            self._outward(call, bye, None)
            with suppress(TimeoutError):
                async with asyncio.timeout(BYE_S):
                    await call.told.wait()
                return

    # --- from outside

    def _take(self, data: bytes, peer: Peer, back: Back) -> None:
        try:
            message = sip.parse(data)
        except BadMessage:
            return
        if not sip.answerable(message):
            return
        call = self._call
        mine = call is not None and call.id == message.call_id and call.peer.host == peer.host
        if isinstance(message, Response):
            self._responded(message, peer)
            return
        if mine and call is not None:
            call.back = back  # a connection that was opened anew
            self._of_the_call(call, message, peer, back)
        else:
            self._unknown(message, peer, back)

    def _of_the_call(self, call: Call, message: Request, peer: Peer, back: Back) -> None:
        """A request of the call that is passed on."""
        if message.method in ("BYE", "CANCEL"):
            self._answer(message, peer, back, 200, "OK")
            if message.method == "CANCEL" and not call.answered.is_set():
                self._answer(call.request, peer, back, 487, "Request Terminated")
            if message.method == "BYE" or not call.answered.is_set():
                call.told.set()
                call.over.set()
        elif message.method not in PASSED_ON:
            self._answer(message, peer, back, 405, "Method Not Allowed")
        elif not sound_may_go(message.body, peer.host):
            self._answer(message, peer, back, 488, "Not Acceptable Here")
        else:
            if message.method == "ACK" and call.answered.is_set():
                call.confirmed.set()
            self._inward(call, message, peer, back)

    def _unknown(self, message: Request, peer: Peer, back: Back) -> None:
        """A request of no call that is passed on."""
        waiting = self._waiting.get(message.call_id)
        ours = waiting is not None and waiting.peer.host == peer.host
        match message.method:
            case "ACK":
                return
            case "OPTIONS":
                self._answer(message, peer, back, 200, "OK")
            case "INVITE" if ours:
                self._answer(message, peer, back, 100, "Trying")
            case "INVITE" if message.to_address.parameters.get("tag"):
                self._answer(message, peer, back, 481, "Call Does Not Exist")
            case "INVITE":
                self._invited(message, peer, back)
            case "CANCEL" if ours and waiting is not None:
                self._answer(message, peer, back, 200, "OK")
                self.refuse(waiting, 487, "Request Terminated")
            case "BYE" | "CANCEL":
                self._answer(message, peer, back, 481, "Call Does Not Exist")
            case _:
                self._answer(message, peer, back, 405, "Method Not Allowed")

    def _invited(self, message: Request, peer: Peer, back: Back) -> None:
        if len(self._waiting) >= RINGING_MAX or message.call_id in self._waiting:
            self._answer(message, peer, back, 486, "Busy Here")
            return
        if not sound_may_go(message.body, peer.host):
            self._answer(message, peer, back, 488, "Not Acceptable Here")
            return
        self._answer(message, peer, back, 100, "Trying")
        sender = message.from_address.uri
        call = Call(message.call_id, f"{sender.user or ''}@{sender.host}", peer, message, back)
        call.routes = list(message.headers.getlist("Record-Route"))
        call.contact = _uri_in(message.headers.get("Contact") or "") or str(sender)
        self._waiting[call.id] = call
        self._rings(call)

    def _answer(self, request: Request, peer: Peer, back: Back, code: int, phrase: str) -> None:
        self._say(back, bytes(sip.response_to(request, code, phrase, peer)))

    # --- to the phone, and its answers

    def _inward(self, call: Call, request: Request, peer: Peer, back: Back) -> None:
        """Pass a request on; a repeat is passed on as one."""
        if call.phone is None:
            return
        seen = sip.response_to(request, 100, "", peer).headers.getlist("Via")
        branch = _branch(peer.host, sip.branch_of(request), request.cseq.sequence)
        to = call.phone_contact or f"sip:{self.here.user}@{LOOPBACK}:{call.phone[1]}"
        copy = _copied(request, to)
        port = self.ports.inner_port
        copy.headers.set("Via", f"SIP/2.0/UDP {LOOPBACK}:{port};branch={branch}")
        if request.headers.get("Contact"):
            copy.headers.set("Contact", f"<sip:centre@{LOOPBACK}:{port}>")
        asked = _Asked(list(seen), list(request.headers.getlist("Record-Route")), back, call)
        self._keep(branch, asked)
        self.ports.say_inside(bytes(copy), call.phone)

    def _from_inside(self, data: bytes, address: tuple[str, int]) -> None:
        """From the phone, and from nobody else on this machine."""
        call = self._call
        if call is None or call.phone != address:
            return
        try:
            message = sip.parse(data)
        except BadMessage:
            return
        if not sip.answerable(message) or message.call_id != call.id:
            return
        if isinstance(message, Request):
            if message.method == "BYE":
                call.by_phone = not call.over.is_set()
                call.over.set()
            self._outward(call, message, call.phone)
            return
        asked = self._asked.get(sip.branch_of(message))
        if asked is None or message.code == 100:
            return
        self._note_inside(call, message)
        message.headers.setlist("Via", asked.vias)
        message.headers.remove("Record-Route")
        if asked.routes:
            message.headers.setlist("Record-Route", asked.routes)
        self._mask(call, message)
        self._say(asked.back, bytes(message))

    def _note_inside(self, call: Call, response: Response) -> None:
        if response.cseq.method != "INVITE":
            return
        contact = _uri_in(response.headers.get("Contact") or "")
        if contact:
            call.phone_contact = contact
        call.phone_contact_to = response.headers["To"]
        if 200 <= response.code < 300:
            call.answered.set()
        elif response.code >= 300 and not call.answered.is_set():
            call.over.set()

    def _outward(self, call: Call, request: Request, phone: tuple[str, int] | None) -> None:
        """A request of the phone (None: of ours) to the centre, over the way that it came."""
        branch = _branch("phone", sip.branch_of(request), request.cseq.sequence)
        copy = _copied(request, call.contact)
        way = call.peer.transport.upper()
        domain, port = sip.written_host(self.here.domain), self.ports.port
        copy.headers.set("Via", f"SIP/2.0/{way} {domain}:{port};rport;branch={branch}")
        if call.routes:
            copy.headers.setlist("Route", call.routes)
        self._mask(call, copy)

        async def back(response: bytes) -> None:
            if phone is not None:
                self.ports.say_inside(response, phone)

        self._keep(branch, _Asked(list(request.headers.getlist("Via")), [], back, call))
        self._say(call.back, bytes(copy))

    def _responded(self, response: Response, peer: Peer) -> None:
        """What the centre answers to the phone, or to our own word that it is over."""
        asked = self._asked.get(sip.branch_of(response))
        if asked is None or asked.call.peer.host != peer.host:
            return
        if response.cseq.method == "BYE" and response.code >= 200:
            asked.call.told.set()
        response.headers.setlist("Via", asked.vias)
        self._say(asked.back, bytes(response))

    def _mask(self, call: Call, message: Request | Response) -> None:
        """The centre sees our address, and not the loopback's."""
        if message.headers.get("Contact"):
            message.headers.set("Contact", f"<{self.address(call.peer.transport)}>")

    def address(self, transport: Transport) -> str:
        """Where a centre calls us."""
        domain = sip.written_host(self.here.domain)
        port = self.ports.tls_port if transport is Transport.TLS else self.ports.port
        return f"sip:{self.here.user}@{domain}:{port};transport={transport}"

    def _keep(self, branch: str, asked: _Asked) -> None:
        self._asked[branch] = asked
        while len(self._asked) > KEPT_MAX:
            self._asked.popitem(last=False)

    def _say(self, back: Back, data: bytes) -> None:
        self._spawn(_said(back(data)))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def sound_may_go(body: bytes, host: str) -> bool:
    """Whether the sound may go where this description says: to an address (no name), and not to
    this machine or its link, unless the caller `host` is there."""
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        if not line.startswith(b"c="):
            continue
        told = re.fullmatch(rb"c=IN IP[46] ([0-9a-fA-F:.]{2,45})[ \t]*", line)
        try:
            address = ipaddress.ip_address(told[1].decode() if told else "")
        except ValueError:
            return False
        if str(address) != host and not address.is_unspecified and not may_point_to(address):
            return False
    return True


async def _said(saying: Awaitable[None]) -> None:
    with suppress(OSError):
        await saying


def _branch(whose: str, branch: str, sequence: int) -> str:
    """The same for each repeat, and for the ACK and the CANCEL of a request."""
    text = f"{_SALT}:{whose}:{branch}:{sequence}"
    return sip.MAGIC_COOKIE + hashlib.sha256(text.encode()).hexdigest()[:24]


_SALT = secrets.token_hex(8)


def _uri_in(contact: str) -> str:
    """The address in a `Contact`; empty: there is none that can be used."""
    inner = contact.partition("<")[2].partition(">")[0] or contact.partition(";")[0]
    try:
        return str(Target.of(inner.strip()).uri)
    except BadMessage:
        return ""


def _copied(request: Request, to: str) -> Request:
    """The same to another address, without the way that it came."""
    copy = Request(request.method, Target.of(to).uri, request.body)
    copy.headers.set("Via", "")
    for name in request.headers.keys():  # noqa: SIM118 - no dictionary
        if name.lower() not in ("via", "route", "record-route"):
            copy.headers.setlist(name, list(request.headers.getlist(name)))
    return copy
