"""Tells an alarm centre, and the next one, until one has said that it received the message.

A message is received when a centre says so: `<mrs>` with `snu` 0 for this `ref`, in a MESSAGE of
its own or in the body of its 200.  A 200 alone is no proof.  Each centre is tried twice, each time
for 20 s; who says that the message is wrong gets it once more with nothing but what is demanded;
who is busy is waited for as long as it says, within bounds.  A repeat has the same `ref`, so that
the centre sees one alarm.

Not for: who is told, or when; what comes after the last centre (a ladder).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sipmessage import CSeq, Request, Response

from gateway.errors import BadMessage
from gateway.scaip import sip
from gateway.scaip.agent import NoResponse, SipAgent
from gateway.scaip.codes import ABOUT_THE_MESSAGE, Status
from gateway.scaip.digest import Challenge, challenge_of, credentials
from gateway.scaip.here import Here, Timers
from gateway.scaip.message import CONTENT_TYPE, ScaipAnswer, ScaipRequest, heartbeat
from gateway.scaip.replies import Reply
from gateway.scaip.sip import Peer, Target

log = logging.getLogger(__name__)

ANSWER_S = 20.0
"""How long a sender waits for an answer before it repeats (docs/scaip.md)."""
TRIES = 2
"""… and how often it tells one receiver."""
BUSY_S, BUSY_MAX_S = 2.0, 10.0
"""How long to wait for who is busy and does not say how long; who wants longer is left for the next
centre."""
PAUSE_S = 1.0
"""Before a centre is tried again that could not be reached at all: a proxy that starts anew."""
CHALLENGES_MAX = 3
"""Challenges that are answered for one message: a nonce that was used up, the first of the centre,
and a proxy's."""

REF_LENGTH = 16
"""Characters of a `ref`: as many as may be, so that nobody guesses which answers we wait for."""
KNOWN_MAX = 64
"""Centres whose last challenge is kept."""


def new_ref() -> str:
    """A `ref` that nobody guesses."""
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(REF_LENGTH))


@dataclass(frozen=True)
class Centre:
    """An alarm centre, as it is reached."""

    uri: str
    """`sip:larm@centre.example:5060`, with `;transport=tcp` or `tls` where it is not UDP."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    """Of digest authentication; None: it asks for none."""
    ca: Path | None = None
    """PEM of who vouches for its certificate; None: the system's authorities."""
    answers_from: tuple[str, ...] = ()
    """Addresses that its answers may come from beside those of its name."""


class Verdict(StrEnum):
    """What came of one try."""

    RECEIVED = "received"
    """The centre says so."""
    BUSY = "busy"
    """It has no time now: 486, 480, 503, 600; `snu` 4, 5 or 6."""
    REFUSED = "refused"
    """It does not take this message; `code`, or the answer's `status`, says why."""
    FORBIDDEN = "forbidden"
    """It does not take our password, or has none of ours."""
    SILENT = "silent"
    """Nothing came, or no answer after a 200."""
    UNREACHABLE = "unreachable"
    """No such host, no connection, or a certificate that does not count."""
    UNCLEAR = "unclear"
    """It said something that cannot be read, or that means nothing."""


@dataclass(frozen=True)
class Try:
    """One try with one centre."""

    uri: str
    verdict: Verdict
    code: int | None = None
    """Of the SIP response; None: there was none."""
    answer: ScaipAnswer | None = None
    retry_after_s: float | None = None
    """How long the centre wants to be left alone."""
    detail: str = ""
    """For the log."""

    @property
    def says_wrong(self) -> bool:
        """Whether the centre could not use this message, and may be able to use a barer one."""
        return self.answer is not None and self.answer.status in ABOUT_THE_MESSAGE


@dataclass(frozen=True)
class Patience:
    """How long and how often; the home, whose time is short, may have less."""

    answer_s: float = ANSWER_S
    tries: int = TRIES
    busy_s: float = BUSY_S
    busy_max_s: float = BUSY_MAX_S
    pause_s: float = PAUSE_S

    def again_in(self, one: Try, told: ScaipRequest) -> float | None:
        """Seconds until the same centre is tried again; None: the next one is better."""
        match one.verdict:
            case Verdict.BUSY:
                wait_s = self.busy_s if one.retry_after_s is None else one.retry_after_s
                return wait_s if wait_s <= self.busy_max_s else None
            case Verdict.REFUSED:
                return 0.0 if one.says_wrong and told != told.bare() else None
            case Verdict.FORBIDDEN:
                return None
            case Verdict.UNREACHABLE:
                return self.pause_s
        return 0.0


@dataclass(frozen=True)
class Sent:
    """What came of a message: its tries, in order."""

    ref: str
    tries: tuple[Try, ...]

    @property
    def last(self) -> Try:
        """The try that ended it."""
        return self.tries[-1]

    @property
    def received(self) -> bool:
        """Whether a centre said that it has it."""
        return self.last.verdict is Verdict.RECEIVED

    @property
    def answer(self) -> ScaipAnswer | None:
        """The answer of the centre that received it."""
        return self.last.answer if self.received else None


Unmatched = Callable[[ScaipAnswer, str], Awaitable[bool]]
"""Is told an answer that nothing here waits for (it is late, or another process waits for it) and
the address it came from; True: it was wanted."""


@dataclass
class _Awaited:
    """An answer that is waited for."""

    addresses: frozenset[str]
    answer: asyncio.Future[ScaipAnswer]


class ScaipSender:
    """Sends to alarm centres and hears their answers.  Belongs to the loop it is started on."""

    def __init__(
        self,
        here: Here,
        *,
        patience: Patience | None = None,
        timers: Timers | None = None,
        unmatched: Unmatched | None = None,
    ) -> None:
        self._agent = SipAgent(here, self._answered, timers or Timers())
        self._patience = patience or Patience()
        self._unmatched = unmatched
        self._awaited: dict[str, _Awaited] = {}
        self._challenges: dict[tuple[str, str | None, bool], Challenge] = {}

    @property
    def port(self) -> int:
        """Where it listens, once it was started."""
        return self._agent.port

    @property
    def tls_port(self) -> int:
        """Where it listens for TLS; 0: nowhere."""
        return self._agent.tls_port

    async def start(self) -> None:
        """Listen for answers.  Raises `OSError` where the address cannot be had."""
        await self._agent.start()

    async def close(self) -> None:
        """Hang up."""
        await self._agent.close()

    async def send(self, message: ScaipRequest, centres: Sequence[Centre]) -> Sent:
        """Tell the first of the centres (there is one at least), else the next, until one has
        received it.  Two messages with one `ref` are never on their way at once.  At the longest it
        takes `answer_s` × `tries` for each centre, and `busy_max_s` between its tries."""
        tries: list[Try] = []
        for centre in centres:
            told = message
            for left in reversed(range(self._patience.tries)):
                one = await self.once(told, centre)
                tries.append(one)
                if one.verdict is Verdict.RECEIVED:
                    return Sent(message.ref, tuple(tries))
                pause_s = self._patience.again_in(one, told)
                if not left or pause_s is None:
                    break
                await asyncio.sleep(pause_s)
                told = message.bare() if one.verdict is Verdict.REFUSED else told
        return Sent(message.ref, tuple(tries))

    async def hosts(self, centre: Centre) -> frozenset[str]:
        """Addresses that a centre's answers may come from; none, when its name has none now."""
        try:
            found = await self._agent.addresses(Target.of(centre.uri))
        except (BadMessage, NoResponse):
            found = ()
        return frozenset((*found, *centre.answers_from))

    async def beat(self, cid: str, centre: Centre) -> Try:
        """A heartbeat, once."""
        return await self.once(heartbeat(new_ref(), cid), centre)

    # --- one try ----------------------------------------------------------------------------------

    async def once(self, message: ScaipRequest, centre: Centre) -> Try:
        """One try, which ends within `answer_s`; for who keeps count of the tries elsewhere."""
        try:
            target = Target.of(centre.uri)
            async with asyncio.timeout(self._patience.answer_s):
                addresses = await self._agent.addresses(target)
                return await self._exchange(message, centre, target, addresses)
        except BadMessage as error:
            return Try(centre.uri, Verdict.UNREACHABLE, detail=error.text)
        except NoResponse as error:
            verdict = Verdict.SILENT if error.reached else Verdict.UNREACHABLE
            return Try(centre.uri, verdict, detail=str(error))
        except TimeoutError:
            return Try(centre.uri, Verdict.SILENT, detail="no answer in time")

    async def _exchange(
        self, message: ScaipRequest, centre: Centre, target: Target, addresses: tuple[str, ...]
    ) -> Try:
        """The request and its answer, whichever way and in whichever order they come."""
        loop = asyncio.get_running_loop()
        awaited = _Awaited(frozenset((*addresses, *centre.answers_from)), loop.create_future())
        if message.ref in self._awaited:
            return Try(centre.uri, Verdict.UNCLEAR, detail="this ref is on its way already")
        self._awaited[message.ref] = awaited
        asked = loop.create_task(self._ask(message, centre, target, addresses))
        try:
            both: set[asyncio.Future[Any]] = {asked, awaited.answer}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            code = None
            if asked.done():
                response = asked.result()
                code = response.code
                told = _said_by(response, message.ref, centre.uri)
                if told is not None and not awaited.answer.done():
                    return told
            return _judged(await awaited.answer, centre.uri, code)
        finally:
            del self._awaited[message.ref]
            asked.cancel()
            await asyncio.wait({asked})

    async def _ask(
        self, message: ScaipRequest, centre: Centre, target: Target, addresses: tuple[str, ...]
    ) -> Response:
        """The SIP request, with the password when it is asked for.  One that was refused is not
        said again, so that no account is locked by us."""
        request = self._agent.new_request(
            "MESSAGE", target, body=message.write(), kind=CONTENT_TYPE
        )
        refused: set[tuple[bool, str]] = set()
        for left in reversed(range(CHALLENGES_MAX + 1)):
            self._authorise(request, centre)
            response = await self._agent.request(
                *(request, target, addresses), also_from=centre.answers_from, ca=centre.ca
            )
            asked = _challenge(response)
            if asked is None or not left or centre.username is None or centre.password is None:
                return response
            if (asked.proxy, asked.realm) in refused and not asked.stale:
                return response
            refused.add((asked.proxy, asked.realm))
            self._challenges[centre.uri, centre.username, asked.proxy] = asked
            while len(self._challenges) > KNOWN_MAX:
                del self._challenges[next(iter(self._challenges))]
        raise AssertionError("the last round returns")

    def _authorise(self, request: Request, centre: Centre) -> None:
        """Put the answers to what this centre and its proxy have asked for into a request, which
        becomes a new one of its call."""
        request.cseq = CSeq(request.cseq.sequence + 1, request.method)
        for proxy in (False, True):
            asked = self._challenges.get((centre.uri, centre.username, proxy))
            if asked is not None and centre.username is not None and centre.password is not None:
                said = (centre.username, centre.password, request.method, str(request.uri))
                request.headers.set(asked.header, credentials(asked, *said))

    # --- what comes in ----------------------------------------------------------------------------

    async def _answered(self, request: Request, peer: Peer) -> Reply:
        """A request from outside: an answer to one of ours, or nothing that we take."""
        if request.method == "OPTIONS":
            return Reply(200, "OK")
        if request.method != "MESSAGE":
            return Reply(405, "Method Not Allowed")
        if sip.content_type(request) != CONTENT_TYPE:
            return Reply(415, "Unsupported Media Type")
        try:
            answer = ScaipAnswer.read(request.body)
        except BadMessage as error:
            log.info("a message from %s is no answer: %s", peer.host, error)
            return Reply(400, "Bad Request")
        awaited = self._awaited.get(answer.ref)
        if awaited is not None and peer.host in awaited.addresses:
            if not awaited.answer.done():
                awaited.answer.set_result(answer)
            return Reply(200, "OK")
        if self._unmatched is not None and await self._unmatched(answer, peer.host):
            return Reply(200, "OK")
        log.info("an answer from %s belongs to nothing that it was told", peer.host)
        return Reply(403, "Forbidden")


def _said_by(response: Response, ref: str, uri: str) -> Try | None:
    """What a final response says; None: that an answer is to be waited for."""
    code = response.code
    if 200 <= code < 300:
        if not response.body.strip() or sip.content_type(response) != CONTENT_TYPE:
            return None
        try:
            answer = ScaipAnswer.read(response.body)
        except BadMessage as error:
            log.info("what came with a %d cannot be read: %s", code, error)
            return None
        return _judged(answer, uri, code) if answer.ref == ref else None
    if code in (401, 403, 407):
        return Try(uri, Verdict.FORBIDDEN, code)
    if code in (408, 480, 486, 500, 503, 504, 600):
        return Try(uri, Verdict.BUSY, code, retry_after_s=_retry_after(response))
    return Try(uri, Verdict.REFUSED, code, detail=response.phrase[:80])


def _judged(answer: ScaipAnswer, uri: str, code: int | None) -> Try:
    """What an answer says."""
    match answer.status:
        case Status.OK:
            verdict = Verdict.RECEIVED
        case Status.HOLD | Status.NOT_TREATED | Status.BUSY:
            verdict = Verdict.BUSY
        case Status.UNDEFINED:
            verdict = Verdict.UNCLEAR
        case _:
            verdict = Verdict.REFUSED
    return Try(uri, verdict, code, answer)


def _retry_after(response: Response) -> float | None:
    """Seconds of `Retry-After`; None: not said, or not in seconds."""
    said = (response.headers.get("Retry-After") or "").split("(")[0].split(";")[0].strip()
    return float(said) if said.isascii() and said.isdigit() and len(said) < 8 else None


def _challenge(response: Response) -> Challenge | None:
    """What it asks us to prove, if it does."""
    if response.code not in (401, 407):
        return None
    proxy = response.code == 407
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    return challenge_of(response.headers.getlist(name), proxy=proxy)
