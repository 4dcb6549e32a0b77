"""The ports of a home that an alarm centre may call: UDP, TCP and TLS for it, and one at the
loopback for the phone.

Not for: what a message means, or whether it is taken (`gateway.media.sip_front`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import BadMessage
from gateway.scaip import sip
from gateway.scaip.sip import Peer, Transport
from gateway.scaip.streams import Stream, server_context

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 16
"""Connections that others have opened; a centre has one."""

HANDSHAKE_S = 5.0
"""Seconds for TLS."""

LOOPBACK = "127.0.0.1"

Back = Callable[[bytes], Awaitable[None]]
"""The way back to who sent something."""


@dataclass(frozen=True)
class FrontHere:
    """Who we are to a centre (`user` at `domain`), and where we listen.  `port` 0: any free one;
    `certificate` None: no TLS."""

    user: str
    domain: str
    host: str
    port: int
    tls_port: int = 0
    certificate: Path | None = None
    key: Path | None = None


class Ports:
    """`outside` is told of each message that comes from outside, `inside` of each from this
    machine."""

    def __init__(
        self,
        here: FrontHere,
        outside: Callable[[bytes, Peer, Back], None],
        inside: Callable[[bytes, tuple[str, int]], None],
    ) -> None:
        self._here, self._outside, self._inside = here, outside, inside
        self.port = self.tls_port = self.inner_port = 0
        self._outer: asyncio.DatagramTransport | None = None
        self._inner: asyncio.DatagramTransport | None = None
        self._servers: list[asyncio.Server] = []
        self._streams: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Listen.  Raises `OSError` where a port is taken."""
        here, loop = self._here, asyncio.get_running_loop()
        try:
            self._outer, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._from_outside), local_addr=(here.host, here.port)
            )
            self.port = self._outer.get_extra_info("sockname")[1]
            await self._listen(self.port, Transport.TCP)
            if here.certificate is not None and here.key is not None:
                self.tls_port = await self._listen(here.tls_port, Transport.TLS)
            self._inner, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._inside), local_addr=(LOOPBACK, 0)
            )
            self.inner_port = self._inner.get_extra_info("sockname")[1]
        except OSError:
            await self.close()
            raise

    async def _listen(self, port: int, transport: Transport) -> int:
        here, secure = self._here, None
        if transport is Transport.TLS and here.certificate is not None and here.key is not None:
            secure = await asyncio.to_thread(server_context, here.certificate, here.key)
        server = await asyncio.start_server(
            lambda reader, writer: self._accept(Stream(reader, writer, transport)),
            *(here.host, port),
            limit=sip.HEADER_MAX + 4,
            ssl=secure,
            ssl_handshake_timeout=None if secure is None else HANDSHAKE_S,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more.  May be called twice."""
        while self._servers:
            self._servers.pop().close()
        tasks = list(self._streams)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for transport in (self._outer, self._inner):
            if transport is not None:
                transport.abort()
        self._outer = self._inner = None
        await asyncio.sleep(0)  # the transports say goodbye to the loop

    def say_inside(self, data: bytes, to: tuple[str, int]) -> None:
        """To the phone."""
        if self._inner is not None and not self._inner.is_closing():
            self._inner.sendto(data, to)

    def _from_outside(self, data: bytes, address: tuple[str, int]) -> None:
        peer = Peer(*address[:2], Transport.UDP)

        async def back(response: bytes) -> None:
            if self._outer is not None and not self._outer.is_closing():
                self._outer.sendto(response, (peer.host, peer.port))

        self._outside(data, peer, back)

    async def _accept(self, stream: Stream) -> None:
        task = asyncio.current_task()
        if task is None or len(self._streams) >= CONNECTIONS_MAX:
            stream.abort()
            return
        self._streams.add(task)
        try:
            async for data in stream.messages():
                self._outside(data, stream.peer, stream.send)
        except BadMessage as error:
            log.info("a connection of a caller was closed: %s", error)
        finally:
            self._streams.discard(task)
            stream.abort()


class _Datagrams(asyncio.DatagramProtocol):
    """A UDP socket."""

    def __init__(self, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._take(data, (str(addr[0]), int(addr[1])))

    def error_received(self, exc: Exception) -> None:
        """A port that nobody listens at any more."""
        log.debug("a call over UDP: %s", exc)
