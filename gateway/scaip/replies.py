"""Requests from outside, each answered once, and its repeat with the same answer.

The server's side of RFC 3261 section 17.2.2, for requests that are not INVITE.  Not for: what they
ask (the handler), or requests of ours (`gateway.scaip.agent`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sipmessage import Request

from gateway.scaip import sip
from gateway.scaip.here import Timers
from gateway.scaip.sip import Peer

log = logging.getLogger(__name__)

REMEMBERED_MAX = 1024
"""Answers of ours that are kept to be said again: 32 s of 30 requests a second."""
AT_ONCE_MAX = 256
"""Requests from outside that are worked on at once; more are not answered, and come again."""


@dataclass(frozen=True)
class Reply:
    """What a request from outside is answered."""

    code: int
    phrase: str
    body: bytes = b""
    kind: str = ""
    """Of the body."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further ones."""


Handler = Callable[[Request, Peer], Awaitable[Reply | None]]
"""Answers a request from outside; None: not at all."""

Back = Callable[[bytes], Awaitable[None]]
"""The way back to who sent something."""


@dataclass
class _Answered:
    """A request from outside: its response, once there is one."""

    until_s: float
    response: bytes = b""


class Replies:
    """What was answered, and what is being answered."""

    def __init__(self, answer: Handler, timers: Timers) -> None:
        self._answer, self._timers = answer, timers
        self._answered: OrderedDict[tuple[str, ...], _Answered] = OrderedDict()
        self._busy = 0

    def to(self, request: Request, peer: Peer, back: Back) -> Coroutine[Any, Any, None] | None:
        """What is to be done to answer a request; None: nothing (it is being answered, or there
        are too many)."""
        now_s = asyncio.get_running_loop().time()
        while self._answered and (
            len(self._answered) >= REMEMBERED_MAX
            or next(iter(self._answered.values())).until_s < now_s
        ):
            self._answered.popitem(last=False)
        key = (peer.host, sip.branch_of(request), request.call_id, str(request.cseq))
        before = self._answered.get(key)
        if before is not None:
            return say(back, before.response) if before.response else None
        if self._busy >= AT_ONCE_MAX:
            return None
        kept = self._answered[key] = _Answered(now_s + self._timers.give_up_s)
        self._busy += 1
        return self._reply(request, peer, back, kept)

    async def _reply(self, request: Request, peer: Peer, back: Back, kept: _Answered) -> None:
        """The handler's answer, kept and said."""
        try:
            reply = await self._answer(request, peer)
        except Exception:
            log.exception("a SIP request could not be answered")
            reply = Reply(500, "Server Internal Error")
        finally:
            self._busy -= 1
        if reply is None:
            return
        response = sip.response_to(
            *(request, reply.code, reply.phrase, peer), body=reply.body, kind=reply.kind
        )
        for name, value in reply.headers:
            response.headers.add(name, value)
        kept.response = bytes(response)
        await say(back, kept.response)


async def say(back: Back, data: bytes) -> None:
    """Say it to who may have hung up meanwhile."""
    with suppress(OSError):
        await back(data)
