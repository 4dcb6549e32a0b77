"""A lane of the link whose requests are written straight onto a socket, and noted in the ledger.

Everything above is the product's: which lane sends what, when it is sent again, how long it waits,
what it obeys (`gateway.link`).  The HTTP library beneath costs a millisecond a request, which a
home does not notice and a thousand homes in one process would.

Not for: TLS, proxies, or anything but our server on this machine.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from urllib3.exceptions import ProtocolError

from gateway.link.answers import Answer as Whole
from gateway.link.https import CONNECT_TIMEOUT_S, Lane, Link
from tests.load.ledger import NO_ANSWER, Asked, Ledger

READ_BYTES = 65_536

EMPTY = b'{"events":[]'
"""How a batch begins that only says that the home is there."""

SLOW_PIECE = 256
"""Bytes that a slow home's modem takes at once."""


class Answer:
    """What `gateway.link.https` reads of an answer: its status, head and body; of a stream what
    comes, chunk by chunk."""

    def __init__(self, sock: socket.socket, *, whole: bool) -> None:
        self._sock = sock
        self._rest = b""
        self.status, self.headers = self._head()
        self._chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        self.data = self._all() if whole else b""

    def _more(self) -> None:
        chunk = self._sock.recv(READ_BYTES)
        if not chunk:
            raise ProtocolError("the server ended the connection")
        self._rest += chunk

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            self._more()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _head(self) -> tuple[int, dict[str, str]]:
        first = self._line().split(b" ", 2)
        if len(first) < 2 or not first[1].isdigit():
            raise ProtocolError("that is no answer in HTTP")
        headers = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().title()] = value.strip()
        return int(first[1]), headers

    def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._more()
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _all(self) -> bytes:
        if not self._chunked:
            return self._take(int(self.headers.get("Content-Length", "0")))
        parts = []
        while chunk := self._chunk():
            parts.append(chunk)
        return b"".join(parts)

    def _chunk(self) -> bytes:
        size = int(self._line().split(b";")[0], 16)
        chunk = self._take(size)
        self._take(2)  # its line's end
        return chunk

    # --- what a stream uses

    def read1(self, _most: int = READ_BYTES) -> bytes:
        """The next chunk; empty at the end."""
        return self._chunk() if self._chunked else b""

    def read(self, _most: int = READ_BYTES) -> bytes:
        """The whole body of an answer that is not the stream that was asked for."""
        return self.data or self._all()

    def shutdown(self) -> None:
        """Wake whoever reads."""
        self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        self._sock.close()


class NotedLink(Link):
    """A home's link whose lanes write onto sockets.  `slow_bytes_s` None: as fast as it goes, else
    what its modem carries up, bytes a second."""

    def __init__(
        self,
        url: str,
        home: str,
        key: Any,
        ledger: Ledger,
        *,
        slow_bytes_s: float | None = None,
    ) -> None:
        super().__init__(url, home, key)
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        self.ledger = ledger
        self.slow_bytes_s = slow_bytes_s
        self.on_stored: Callable[[str, Sequence[bytes], int], None] = lambda *_: None
        """Told of what an answer confirmed: the lane's name, the events, what it said it has."""

    def lane(self) -> Lane:
        """A connection of its own, for one thread."""
        return NotedLane(self)


class NotedLane(Lane):
    """A lane that notes each request."""

    def __init__(self, link: NotedLink) -> None:
        super().__init__(link)
        self._noted = link
        self._sock: socket.socket | None = None
        self._guard = threading.Lock()

    def events(self, bodies: Sequence[bytes], down_have: int, **more: Any) -> int:
        """See `Lane.events`."""
        have = super().events(bodies, down_have, **more)
        self._noted.on_stored("events", bodies, have)
        return have

    def urgent(self, bodies: Sequence[bytes], down_have: int, **more: Any) -> int:
        """See `Lane.urgent`."""
        have = super().urgent(bodies, down_have, **more)
        self._noted.on_stored("urgent", bodies, have)
        return have

    def close(self) -> None:
        with self._guard:
            sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _whole(self, response: Answer) -> Whole:  # type: ignore[override]
        data = response.data or response.read()
        return Whole(response.status, response.headers, data)

    def _once(  # type: ignore[override]
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        answer_s: float,
    ) -> Answer:
        preload = method == "POST"  # else it is the stream
        target = f"{self._prefix}/api/v1/home{path}"
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self._noted.address[0]}:{self._noted.address[1]}",
            f"Authorization: Bearer {self._noted.token(method, target)}",
            f"User-Agent: {self._noted.user_agent}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        sent = ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")
        what = "heartbeat" if (body or b"").startswith(EMPTY) else path.lstrip("/")
        began_s = time.perf_counter()
        status, down, told = NO_ANSWER, 0, False
        try:
            sock = self._connected()
            self._send(sock, sent)
            sock.settimeout(answer_s)
            answer = Answer(sock, whole=preload)
            status, down = answer.status, len(answer.data)
            told = "Retry-After" in answer.headers
        except (OSError, ProtocolError):
            self.close()
            raise
        finally:
            took_s = time.perf_counter() - began_s
            asked = Asked(what, began_s, took_s, status, len(sent), down, told)
            self._noted.ledger.note(asked)
        self._note_date(answer)  # type: ignore[arg-type]
        if not preload or answer.headers.get("Connection", "").lower() == "close":
            with self._guard:
                self._sock = None  # a stream has its connection to itself
            if preload:
                sock.close()
        return answer

    def _connected(self) -> socket.socket:
        with self._guard:
            if self._sock is None:
                self._sock = socket.create_connection(self._noted.address, CONNECT_TIMEOUT_S)
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._sock

    def _send(self, sock: socket.socket, sent: bytes) -> None:
        slow = self._noted.slow_bytes_s
        sock.settimeout(CONNECT_TIMEOUT_S)
        if slow is None:
            sock.sendall(sent)
            return
        for at in range(0, len(sent), SLOW_PIECE):
            sock.sendall(sent[at : at + SLOW_PIECE])
            time.sleep(SLOW_PIECE / slow)
