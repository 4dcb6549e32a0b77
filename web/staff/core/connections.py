"""Connections to providers: each request bounded in time whatever the other side does, and kept for
the next one for some seconds.

Not for: where one may lead (`reaching`), or what an answer means.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

ANSWER_MAX_BYTES = 64 * 1024
"""Of an answer's body: what providers answer is a kilobyte; the rest is not read."""

KEPT_S = 3.0
"""Real seconds that a connection is kept without being used: below the shortest time after which
servers hang up on one (5 s: Node, Apache), for what is sent in that moment is lost."""

KEPT_MAX = 16
"""Connections kept: one for each thread that sends (`web.staff.ladders.senders.THREADS`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered; `headers` have small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Connection(http.client.HTTPConnection):
    """To an address that was judged already; each request until a given time (monotonic): a server
    that sends a byte now and then is cut off too."""

    context: ssl.SSLContext | None = None

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port)
        self._to = address
        self._until_s = 0.0
        self._stays = False
        self.used_s = 0.0
        """When it was given back (monotonic)."""

    def connect(self) -> None:
        """To the address, with TLS for the name."""
        raw = socket.create_connection((self._to, self.port), self._left_s())
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.settimeout(self._left_s())
        if self.context is None:
            self.sock = raw
            return
        self.sock = tls = self.context.wrap_socket(
            raw, server_hostname=self.host, do_handshake_on_connect=False
        )
        tls.do_handshake()

    def _left_s(self) -> float:
        return max(0.01, self._until_s - time.monotonic())

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        until_s: float,
    ) -> Answer:
        """Send it and read the answer."""
        self._until_s, self._stays = until_s, False
        self.response_class = partial(_Response, until_s=until_s)  # type: ignore[assignment]
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self._left_s())
        self.request(method, path, body, dict(headers))
        with self.getresponse() as answer:
            read = answer.read(ANSWER_MAX_BYTES)
            told = {name.lower(): value for name, value in answer.getheaders()}
            # what is left over, or was not read, would be taken for the next answer
            rest = isinstance(answer, _Response) and answer.left_over()
            stays = answer.isclosed() and not answer.will_close and not rest
            # a new connection may find a machine of theirs that is well
            self._stays = stays and answer.status < 500
            return Answer(answer.status, read, told)

    def may_be_kept(self) -> bool:
        """Whether its last answer was read to its end, nothing followed, and the server is well."""
        return self._stays and self.sock is not None

    def is_quiet(self) -> bool:
        """Whether nothing came since: neither an end nor an answer that nobody asked for."""
        sock = self.sock
        if sock is None or (isinstance(sock, ssl.SSLSocket) and sock.pending()):
            return False
        asked = select.poll()
        asked.register(sock, select.POLLIN)
        return not asked.poll(0)


class _Response(http.client.HTTPResponse):
    """An answer whose every byte has come by a given time."""

    def __init__(self, sock: socket.socket, *more: Any, until_s: float, **named: Any) -> None:
        super().__init__(sock, *more, **named)
        self.fp.close()
        self._raw = _Until(sock, until_s)
        self._read_ahead = _ReadAhead(self._raw)
        self.fp = self._read_ahead

    def left_over(self) -> bool:
        """Whether more came than this answer; asked at its end."""
        return self._read_ahead.left_over


class _Until(io.RawIOBase):
    """The bytes of a connection, until a given time."""

    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)  # the line stays open until this is closed
        self._until_s = until_s
        self.over = False
        """Nothing more is read."""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:
        if self.over:
            return None
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._sock.settimeout(left_s)
        return self._file.readinto(into)

    def close(self) -> None:
        self._file.close()
        super().close()


class _ReadAhead(io.BufferedReader):
    """Reads ahead, and says at the end whether that was too far."""

    raw: _Until
    left_over = False

    def close(self) -> None:
        if not self.closed:
            self.raw.over = True
            self.left_over = bool(self.peek(1))
        super().close()


class Kept:
    """Connections that wait for the next request, the one used last first.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Connection] = []

    def take(self, host: str, port: int, *, tls: bool) -> Connection | None:
        """One to this server on which nothing happened since; None: there is none."""
        while (found := self._next((host, port, tls))) is not None:
            if found.is_quiet():
                return found
            found.close()
        return None

    def _next(self, wanted: tuple[str, int, bool]) -> Connection | None:
        now_s = time.monotonic()
        with self._lock:
            old = [one for one in self._free if now_s - one.used_s > KEPT_S]
            self._free = [one for one in self._free if now_s - one.used_s <= KEPT_S]
            fits = [one for one in self._free if (one.host, one.port, bool(one.context)) == wanted]
            if fits:
                self._free.remove(fits[-1])
        for one in old:
            one.close()
        return fits[-1] if fits else None

    def give(self, connection: Connection) -> None:
        """Keep one whose answer is whole; close any other."""
        connection.used_s = time.monotonic()
        keeps = connection.may_be_kept()
        with self._lock:
            if keeps and len(self._free) < KEPT_MAX:
                self._free.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close all that wait."""
        with self._lock:
            free, self._free = self._free, []
        for one in free:
            one.close()

    def __del__(self) -> None:
        self.close()
