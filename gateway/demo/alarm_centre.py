"""An alarm centre for the demo and for tests: receives SCAIP over SIP, and misbehaves on command.

On the same user agent as the sender; what only other peers can show is tested with sipp and
kamailio (tests/scaip).  Not for: an alarm centre.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sipmessage import Request

from gateway.errors import BadMessage
from gateway.scaip import sip
from gateway.scaip.agent import NoResponse, SipAgent
from gateway.scaip.codes import Status
from gateway.scaip.digest import challenge_of, credentials
from gateway.scaip.here import Here, Timers
from gateway.scaip.message import CONTENT_TYPE, ScaipAnswer, ScaipRequest
from gateway.scaip.replies import Reply
from gateway.scaip.sip import Peer, Target

KEPT_MAX = 200
"""Messages that are kept to be looked at."""

REALM = "larmcentral"


class Manner(StrEnum):
    """How the centre answers."""

    PROPER = "proper"
    """200, then the answer as a MESSAGE of its own."""
    IN_BODY = "in_body"
    """The answer in the 200."""
    BEFORE = "before"
    """The MESSAGE comes before the 200."""
    TWICE = "twice"
    """The MESSAGE comes twice."""
    MUTE = "mute"
    """200, and no answer ever."""
    DEAF = "deaf"
    """Nothing at all."""
    DEAF_ONCE = "deaf_once"
    """Hears nothing the first time a `ref` comes; proper after that."""
    BUSY = "busy"
    """486."""
    AWAY = "away"
    """503 with `Retry-After`."""
    GARBAGE = "garbage"
    """200 with bytes that are no XML, and a MESSAGE of the same."""
    WRONG_REF = "wrong_ref"
    """Its answer names another message."""
    ELSEWHERE = "elsewhere"
    """Its answer comes from another address."""
    PICKY = "picky"
    """Takes nothing but what is demanded: else `snu` 3."""


@dataclass(frozen=True)
class Heard:
    """A message that the centre got."""

    request: ScaipRequest
    peer: Peer
    sender: str
    """Who the message says it is from."""


class AlarmCentre:
    """A centre on a port of this machine.  Belongs to the loop it is started on."""

    def __init__(
        self,
        here: Here,
        *,
        manner: Manner = Manner.PROPER,
        timers: Timers | None = None,
    ) -> None:
        self.here = here
        self.manner = manner
        self.status: int = Status.OK
        self.media: str | None = None
        """`mre` of its answers, and whom to call in `tnu`."""
        self.call: str | None = None
        self.retry_after_s = 1
        self.delay_s = 0.0
        """Seconds until it answers."""
        self.password: tuple[str, str] | None = None
        """User and password that it asks for; None: it lets everybody in."""
        self.algorithm: str | None = "MD5"
        self.nonce_uses = 1_000
        """After so many messages a nonce is stale."""
        self.ca: Path | None = None
        """Whose certificates count where it answers over a TLS connection of its own."""
        self.back_on_the_connection = False
        """Whether it answers over the connection on which it was told."""
        self.heard: deque[Heard] = deque(maxlen=KEPT_MAX)
        self.answers: deque[int] = deque(maxlen=KEPT_MAX)
        """How its own MESSAGEs were answered."""
        self.challenged = 0
        """How often it asked for a password."""
        self._agent = SipAgent(here, self._requested, timers or Timers())
        self._nonce, self._used = secrets.token_hex(8), 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def uri(self) -> str:
        """Its address."""
        port, rest = self._agent.port, ""
        if self._agent.tls_port:
            port, rest = self._agent.tls_port, ";transport=tls"
        return f"sip:larm@{sip.written_host(self.here.domain)}:{port}{rest}"

    @property
    def alarms(self) -> dict[str, ScaipRequest]:
        """What its staff see: one alarm for each `ref`, however often it came."""
        return {one.request.ref: one.request for one in self.heard}

    async def start(self) -> None:
        """Listen."""
        await self._agent.start()

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._agent.close()

    # --- what comes -------------------------------------------------------------------------------

    async def _requested(self, request: Request, peer: Peer) -> Reply | None:
        """A request: read, heard and answered, as the manner is."""
        if request.method != "MESSAGE":
            return Reply(200, "OK")
        refusal = self._let_in(request)
        if refusal is not None:
            return refusal
        try:
            message = ScaipRequest.read(request.body)
        except BadMessage:
            return Reply(400, "Bad Request")
        before = message.ref in self.alarms
        self.heard.append(Heard(message, peer, str(request.from_address.uri)))
        if self.manner is Manner.DEAF or (self.manner is Manner.DEAF_ONCE and not before):
            return None
        if self.manner is Manner.BUSY:
            return Reply(486, "Busy Here")
        if self.manner is Manner.AWAY:
            later = (("Retry-After", str(self.retry_after_s)),)
            return Reply(503, "Service Unavailable", headers=later)
        return await self._answer(message, request, peer)

    async def _answer(self, message: ScaipRequest, request: Request, peer: Peer) -> Reply:
        """200, with the answer in it or after it."""
        body = self._body(message)
        if self.manner is Manner.MUTE:
            return Reply(200, "OK")
        if self.manner is Manner.IN_BODY:
            await asyncio.sleep(self.delay_s)
            return Reply(200, "OK", body, CONTENT_TYPE)
        if self.manner is Manner.BEFORE:
            await self._tell(body, request, peer)
            return Reply(200, "OK")
        for _ in range(2 if self.manner is Manner.TWICE else 1):
            task = asyncio.get_running_loop().create_task(self._tell(body, request, peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self.manner is Manner.GARBAGE:
            return Reply(200, "OK", body, CONTENT_TYPE)
        return Reply(200, "OK")

    def _body(self, message: ScaipRequest) -> bytes:
        """The answer, as XML or as what should be."""
        if self.manner is Manner.GARBAGE:
            return b"<mrs><ref>" + b"\xff\x00" * 40
        status = self.status
        if self.manner is Manner.PICKY and message != message.bare():
            status = Status.WRONG_DATA
        ref = "0" if self.manner is Manner.WRONG_REF else message.ref
        return ScaipAnswer(ref, str(int(status)), mre=self.media, tnu=self.call).write()

    async def _tell(self, body: bytes, request: Request, peer: Peer) -> None:
        """The answer as a MESSAGE of its own, to who sent the request."""
        await asyncio.sleep(self.delay_s)
        if self.manner is Manner.ELSEWHERE:
            await self._tell_from_elsewhere(body, request)
            return
        target = Target.of(str(request.from_address.uri))
        answer = self._agent.new_request("MESSAGE", target, body=body, kind=CONTENT_TYPE)
        with suppress(NoResponse):
            if self.back_on_the_connection:
                response = await self._agent.request_back(answer, peer)
            else:
                response = await self._agent.request(answer, target, (peer.host,), ca=self.ca)
            self.answers.append(response.code)

    async def _tell_from_elsewhere(self, body: bytes, request: Request) -> None:
        """The same from 127.0.0.9, which is not where the message was sent."""
        other = AlarmCentre(Here("127.0.0.9", host="127.0.0.9"))
        await other.start()
        try:
            await other._tell(body, request, Peer("127.0.0.1", 0, sip.Transport.UDP))
            self.answers.extend(other.answers)
        finally:
            await other.close()

    # --- passwords --------------------------------------------------------------------------------

    def _let_in(self, request: Request) -> Reply | None:
        """401 for who does not know the password; None: who does."""
        if self.password is None:
            return None
        stale = self._used >= self.nonce_uses
        if stale:
            self._nonce, self._used = secrets.token_hex(8), 0
        algorithm = f", algorithm={self.algorithm}" if self.algorithm else ""
        challenge = (
            f'Digest realm="{REALM}", nonce="{self._nonce}", qop="auth,auth-int"{algorithm}'
            + (", stale=true" if stale else "")
        )
        if not stale and self._proven(request, challenge):
            self._used += 1
            return None
        self.challenged += 1
        return Reply(401, "Unauthorized", headers=(("WWW-Authenticate", challenge),))

    def _proven(self, request: Request, challenge: str) -> bool:
        """Whether the request answers the challenge."""
        said = request.authorization
        expected = challenge_of([challenge], proxy=False)
        if said is None or said.parameters is None or expected is None or self.password is None:
            return False
        given = said.parameters
        if given.get("nonce") != self._nonce:
            return False
        expected.used = int(given.get("nc", "0"), 16) - 1
        should = credentials(
            *(expected, *self.password, request.method, given.get("uri", "")),
            cnonce=given.get("cnonce", ""),
        )
        return f'response="{given.get("response")}"' in should
