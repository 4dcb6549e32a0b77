"""A SIP user agent for MESSAGE: requests with their repeats, and what comes in, answered once.

On one asyncio loop: a UDP socket, a TCP (and TLS) listener, and connections of our own, on all of
which requests may come in.  Timers are those of RFC 3261 (section 17, non-INVITE).  Not for: what
the messages say (`gateway.scaip.sender`); calls; registrars.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sipmessage import URI, Request, Response
from sipmessage.parameters import Parameters

from gateway.errors import BadMessage
from gateway.scaip import sip
from gateway.scaip.here import Here, Timers
from gateway.scaip.replies import Back, Handler, Replies, say
from gateway.scaip.sip import Peer, Target, Transport
from gateway.scaip.streams import Stream, server_context

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 64
"""Connections that others have opened, at once: a handful of centres have one or two each."""
BIND_TRIES = 5
"""Where any port will do: one that is free for UDP may be taken for TCP."""


class NoResponse(Exception):
    """A request got no final response.  `reached`: something was there to take it."""

    def __init__(self, text: str, *, reached: bool) -> None:
        super().__init__(text)
        self.reached = reached


@dataclass
class _Waiting:
    """A request of ours on its way."""

    addresses: frozenset[str]
    method: str
    final: asyncio.Future[Response]
    provisional: bool = False


_Key = tuple[str, str, int, Path | None]
"""What a connection of ours is kept by: how, to whom, and whose certificates count."""


@dataclass(frozen=True)
class _Kept:
    """A connection that we opened, and the task that reads it, which ends with it."""

    stream: Stream
    reader: asyncio.Task[Any]


@dataclass
class SipAgent:
    """Sends requests and answers them.  All methods belong to the loop it was started on."""

    here: Here
    answer: Handler
    timers: Timers = field(default_factory=Timers)

    def __post_init__(self) -> None:
        self._udp: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._waiting: dict[str, _Waiting] = {}
        self._replies = Replies(self.answer, self.timers)
        self._streams: dict[_Key, _Kept] = {}
        self._accepted: dict[Peer, _Kept] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._busy = 0
        self.port, self.tls_port = 0, 0

    async def start(self) -> None:
        """Listen.  Raises `OSError` where the address cannot be had."""
        for left in reversed(range(BIND_TRIES)):
            try:
                await self._bind()
            except OSError:
                await self.close()
                if self.here.port or not left:
                    raise
            else:
                return

    async def _bind(self) -> None:
        """UDP and TCP on one port, which is free for both, and TLS."""
        loop, here = asyncio.get_running_loop(), self.here
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(here.host, here.port)
        )
        self.port = self._udp.get_extra_info("sockname")[1]
        await self._listen(self.port, Transport.TCP)
        if here.certificate is not None and here.key is not None:
            self.tls_port = await self._listen(here.tls_port, Transport.TLS)

    async def _listen(self, port: int, transport: Transport) -> int:
        here, context = self.here, None
        if transport is Transport.TLS and here.certificate and here.key:
            context = server_context(here.certificate, here.key)
        server = await asyncio.start_server(
            lambda reader, writer: self._accept(Stream(reader, writer, transport)),
            *(here.host, port),
            limit=sip.HEADER_MAX + 4,
            ssl=context,
            ssl_handshake_timeout=None if context is None else self.timers.connect_s,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Hang up."""
        while self._servers:
            self._servers.pop().close()
        for kept in self._streams.values():
            kept.stream.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._udp is not None:
            self._udp.abort()
        for waiting in self._waiting.values():
            waiting.final.cancel()
        await asyncio.sleep(0)  # the transports say goodbye to the loop

    # --- requests of ours -------------------------------------------------------------------------

    async def addresses(self, target: Target) -> tuple[str, ...]:
        """Where a target's host is.  Raises `NoResponse` when its name says nothing in time."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.timers.connect_s):
                found = await loop.getaddrinfo(
                    target.host, target.port, type=socket.SOCK_STREAM, family=self._family()
                )
        except (OSError, UnicodeError, TimeoutError) as error:
            raise NoResponse(f"{target.host} has no address", reached=False) from error
        return tuple(dict.fromkeys(str(one[4][0]) for one in found))

    def _family(self) -> socket.AddressFamily:
        """A socket speaks one of the two."""
        return socket.AF_INET6 if ":" in self.here.host else socket.AF_INET

    def new_request(self, method: str, target: Target, *, body: bytes, kind: str | None) -> Request:
        """A request of ours to a target."""
        return sip.new_request(
            *(method, target, self._sender(target.transport, target.uri.scheme)),
            via=(self.here.domain, self.port),
            body=body,
            kind=kind,
        )

    def _sender(self, transport: Transport, scheme: str) -> URI:
        """Who we are, where a centre may answer to with a request of its own.  Who is told with
        `sips:` is told so (RFC 3261 section 8.1.1.8)."""
        host, user = sip.written_host(self.here.domain), self.here.user
        if transport is Transport.TLS and self.tls_port:
            tls = Parameters(transport="tls")
            return URI(scheme=scheme, user=user, host=host, port=self.tls_port, parameters=tls)
        usual = self.port == sip.PORT
        return URI(scheme=scheme, user=user, host=host, port=None if usual else self.port)

    async def request(
        self,
        request: Request,
        target: Target,
        addresses: tuple[str, ...],
        *,
        also_from: tuple[str, ...] = (),
        ca: Path | None = None,
    ) -> Response:
        """Send it and wait for its final response, whatever that says.  Raises `NoResponse`."""
        branch = sip.renew_branch(request, target.transport, (self.here.domain, self.port))
        final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(frozenset((*addresses, *also_from)), request.method, final)
        self._waiting[branch] = waiting
        data = bytes(request)
        try:
            if target.transport is Transport.UDP:
                return await self._over_udp(data, target, addresses[0], waiting)
            return await self._over_stream(data, target, addresses, ca, waiting)
        finally:
            del self._waiting[branch]

    async def _over_udp(
        self, data: bytes, target: Target, address: str, waiting: _Waiting
    ) -> Response:
        """Timers E and F: again and again, until there is a final response or no hope of one."""
        if len(data) > sip.UDP_MAX:
            raise NoResponse(f"{len(data)} bytes are too many for UDP", reached=False)
        loop = asyncio.get_running_loop()
        gone_s, wait_s = loop.time() + self.timers.give_up_s, self.timers.t1_s
        while (left_s := gone_s - loop.time()) > 0:
            if self._udp is None or self._udp.is_closing():
                raise NoResponse("the user agent is closed", reached=False)
            self._udp.sendto(data, (address, target.port))
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, left_s)):
                    return await asyncio.shield(waiting.final)
            longest_s = self.timers.t2_s
            wait_s = longest_s if waiting.provisional else min(2 * wait_s, longest_s)
        raise NoResponse("no response", reached=waiting.provisional)

    async def _over_stream(
        self,
        data: bytes,
        target: Target,
        addresses: tuple[str, ...],
        ca: Path | None,
        waiting: _Waiting,
    ) -> Response:
        """Once; a connection that was kept and turns out to be dead is opened anew, once."""
        for fresh in (False, True):
            try:
                kept = await self._stream(target, addresses, ca, fresh=fresh)
                return await self._on(kept, data, waiting)
            except (OSError, TimeoutError) as error:
                if fresh:
                    raise NoResponse(f"no connection ({error})", reached=False) from error
        raise AssertionError("the second round returns or raises")

    async def request_back(self, request: Request, peer: Peer) -> Response:
        """Send it over the connection that `peer` opened to us.  Raises `NoResponse`."""
        branch = sip.renew_branch(request, peer.transport, (self.here.domain, self.port))
        kept = self._accepted.get(peer)
        if kept is None:
            raise NoResponse("that connection is gone", reached=False)
        final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[branch] = _Waiting(frozenset({peer.host}), request.method, final)
        try:
            return await self._on(kept, bytes(request), waiting)
        except OSError as error:
            raise NoResponse(str(error), reached=True) from error
        finally:
            del self._waiting[branch]

    async def _on(self, kept: _Kept, data: bytes, waiting: _Waiting) -> Response:
        """Say it on a connection and wait.  Raises `OSError` when that ends meanwhile, and
        `NoResponse` when it does not and nothing comes."""
        await kept.stream.send(data)
        both: set[asyncio.Future[Any]] = {waiting.final, kept.reader}
        give_up_s, first = self.timers.give_up_s, asyncio.FIRST_COMPLETED
        done, _ = await asyncio.wait(both, timeout=give_up_s, return_when=first)
        if waiting.final in done:
            return waiting.final.result()
        if done:
            raise ConnectionResetError("the other side hung up")
        raise NoResponse("no response", reached=waiting.provisional)

    async def _stream(
        self, target: Target, addresses: tuple[str, ...], ca: Path | None, *, fresh: bool
    ) -> _Kept:
        """The connection to a target, opened if need be.  Raises `OSError`, `TimeoutError`."""
        key = (target.transport.value, target.host, target.port, ca)
        kept = self._streams.get(key)
        if kept is not None and not kept.stream.closing and not fresh:
            return kept
        failed: OSError | None = None
        for address in addresses:
            try:
                async with asyncio.timeout(self.timers.connect_s):
                    stream = await Stream.to(target, address, ca)
                break
            except OSError as error:
                failed = error
        else:
            raise failed or OSError("no address")
        kept = self._streams[key] = _Kept(stream, self._spawn(self._read(stream, key)))
        return kept

    # --- what comes in ----------------------------------------------------------------------------

    async def _accept(self, stream: Stream) -> None:
        """A connection that somebody else opened."""
        reader = asyncio.current_task()
        if reader is None or len(self._accepted) >= CONNECTIONS_MAX:
            stream.abort()
            return
        self._accepted[stream.peer] = _Kept(stream, reader)
        self._tasks.add(reader)
        try:
            await self._read(stream, None)
        finally:
            del self._accepted[stream.peer]
            self._tasks.discard(reader)

    async def _read(self, stream: Stream, key: _Key | None) -> None:
        """Everything that comes on a stream, until it ends."""
        try:
            async for data in stream.messages():
                self._take(data, stream.peer, stream.send)
        except BadMessage as error:
            log.info("a SIP connection was closed: %s", error)
        finally:
            if key is not None and (kept := self._streams.get(key)) and kept.stream is stream:
                del self._streams[key]
            stream.abort()

    def datagram(self, data: bytes, address: tuple[Any, ...]) -> None:
        """What came over UDP."""
        peer = Peer(str(address[0]), int(address[1]), Transport.UDP)

        async def back(response: bytes) -> None:
            if self._udp is not None and not self._udp.is_closing():
                self._udp.sendto(response, (peer.host, peer.port))

        self._take(data, peer, back)

    def _take(self, data: bytes, peer: Peer, back: Back) -> None:
        """One message from outside."""
        try:
            message = sip.parse(data)
        except BadMessage:
            unread = sip.salvaged(data)
            if unread is not None:
                refusal = sip.response_to(unread, 400, "Bad Request", peer)
                self._spawn(say(back, bytes(refusal)))
            return
        if isinstance(message, Response):
            self._responded(message, peer)
        elif sip.answerable(message) and message.method != "ACK":
            reply = self._replies.to(message, peer, back)
            if reply is not None:
                self._spawn(reply)

    def _responded(self, response: Response, peer: Peer) -> None:
        """A response: to a request of ours, from whom it went to; else it is nothing."""
        waiting = self._waiting.get(sip.branch_of(response))
        if waiting is None or peer.host not in waiting.addresses or waiting.final.done():
            return
        if not sip.answerable(response) or response.cseq.method != waiting.method:
            return
        if response.code < 200:
            waiting.provisional = True
        else:
            waiting.final.set_result(response)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is kept until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP socket."""

    def __init__(self, agent: SipAgent) -> None:
        self._agent = agent

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._agent.datagram(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A port that nobody listens at: the timers find out."""
        log.debug("SIP over UDP: %s", exc)
