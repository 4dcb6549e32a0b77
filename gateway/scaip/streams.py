"""SIP over TCP and TLS: one connection, its messages cut out of the stream, its silence bounded.

Both sides use it: what we connected to, and what connects to us.  Not for: what a message means, or
which connection is used (`gateway.scaip.agent`).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from gateway.errors import BadMessage
from gateway.scaip.codes import Status
from gateway.scaip.message import BODY_MAX
from gateway.scaip.sip import HEADER_MAX, Peer, Target, Transport

IDLE_S = 120.0
"""Seconds without a byte after which a connection is closed.  An answer comes within 20 s; who
keeps a connection open sends CRLF every 95 to 120 s (RFC 5626 section 4.4.1)."""

WRITE_S = 5.0
"""Seconds that a message of 2 kB may take to leave: the socket's buffer holds 16 kB and more, so
that only a peer that reads nothing takes any."""

_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,5})[ \t]*\r?$")


class Stream:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, transport: Transport
    ) -> None:
        self._reader, self._writer = reader, writer
        host, port = writer.get_extra_info("peername")[:2]
        self.peer = Peer(host, port, transport)
        self.local: tuple[str, int] = writer.get_extra_info("sockname")[:2]

    @classmethod
    async def to(cls, target: Target, address: str, ca: Path | None) -> Stream:
        """A new connection to a resolved address; over TLS the host's name must be in its
        certificate, and the certificate be of `ca` (None: of the system's authorities)."""
        secure: dict[str, object] = {}
        if target.transport is Transport.TLS:
            context = await asyncio.to_thread(client_context, ca)
            secure = {"ssl": context, "server_hostname": target.host}
        reader, writer = await asyncio.open_connection(
            address,
            target.port,
            limit=HEADER_MAX + 4,
            **secure,  # type: ignore[arg-type]
        )
        return cls(reader, writer, target.transport)

    @property
    def closing(self) -> bool:
        """Whether nothing can be sent on it any more."""
        return self._writer.is_closing() or self._reader.at_eof()

    async def send(self, data: bytes) -> None:
        """Hand a message over.  Raises `OSError`, also when the other side takes nothing."""
        self._writer.write(data)
        try:
            async with asyncio.timeout(WRITE_S):
                await self._writer.drain()
        except TimeoutError as error:
            self.abort()
            raise OSError("the other side reads nothing") from error

    async def messages(self) -> AsyncIterator[bytes]:
        """Each whole message, until the other side hangs up, is silent for long, or sends what
        cannot be cut into messages (`BadMessage`)."""
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            while True:
                async with asyncio.timeout(IDLE_S):
                    message = await self._message()
                if message:
                    yield message

    async def _message(self) -> bytes:
        """The next message; empty: a sign of life, which is read and not answered (to answer it
        one must have agreed to, RFC 5626 section 4.4.1)."""
        try:
            start = await self._reader.readuntil(b"\r\n")
            if start == b"\r\n":
                return b""
            header = start
            while not header.endswith(b"\r\n\r\n"):
                header += await self._reader.readuntil(b"\r\n")
                if len(header) > HEADER_MAX:
                    raise BadMessage("the headers are too long", snu=Status.TOO_LONG)
        except asyncio.LimitOverrunError as error:
            raise BadMessage("a line is too long", snu=Status.TOO_LONG) from error
        said = _LENGTH.search(header)
        length = int(said[1]) if said else 0
        if length > BODY_MAX:
            raise BadMessage("the body is too long", snu=Status.TOO_LONG)
        return header + await self._reader.readexactly(length)

    def abort(self) -> None:
        """Close it now."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close it, waiting for the other side no longer than for a message."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(WRITE_S):
                await self._writer.wait_closed()


def client_context(ca: Path | None) -> ssl.SSLContext:
    """TLS to a centre: its name and its authority are checked.  Raises `OSError` for a file that
    is missing or holds no certificate."""
    return _client_context(ca, None if ca is None else ca.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _client_context(ca: Path | None, _changed_ns: int | None) -> ssl.SSLContext:
    """Kept, until the file changes: to read the system's authorities takes a second on a slow
    machine, of which an alarm has twenty."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS for who connects to us."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
