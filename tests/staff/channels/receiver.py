"""A provider on a port of this machine that does what it is told: answers late, wrongly, twice,
never, with any status, or hangs up in the middle.

Not for: what a provider means by its answers (`twin_*.py`).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PIECE_S = 0.02
"""Seconds between two bytes of a provider that sends one now and then."""


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """The provider.  `next` are behaviours for the next requests, then `always`: a status
    (`"429 Retry-After: 7"`), or one of `never`, `drip`, `close`, `half`, `garbage`, `html`,
    `twice`, `huge`, `late`, `ok`."""

    port: int = 0
    good: bytes = b"{}"
    """The body of a good answer."""
    good_status: int = 200
    always: str = "ok"
    next: deque[str] = field(default_factory=deque)
    keeps: bool = False
    """Whether a connection is good for more than one request."""
    connections: int = 0
    asked: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, conn: socket.socket) -> None:
        """Answer what is asked on one connection."""
        with contextlib.suppress(OSError), conn:
            while (request := _read(conn)) is not None:
                self.asked.append(request)
                how = self.next.popleft() if self.next else self.always
                self._answer(conn, how)
                if not self.keeps:
                    return

    def _answer(self, conn: socket.socket, how: str) -> None:
        good = _written(self.good_status, self.good)
        at_once = {
            "ok": good,
            "twice": good + good,
            "close": b"",
            "half": b'HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{"id"',
            "garbage": b"\x16\x03\x01 this is no HTTP at all\r\n\r\n",
            "html": _written(200, b"<html>Sign in to the guest network</html>"),
        }
        if how in at_once:
            conn.sendall(at_once[how])
        elif how == "late":
            self.stopped.wait(0.2)
            conn.sendall(good)
        elif how == "never":
            self.stopped.wait(60)
        elif how == "drip":
            self._drip(conn)
        elif how == "huge":
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n")
            while not self.stopped.is_set():
                conn.sendall(b"x" * 65536)
        else:
            status, _, header = how.partition(" ")
            conn.sendall(_written(int(status), b'{"error": "no"}', header))

    def _drip(self, conn: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
            conn.sendall(bytes([byte]))
            if self.stopped.wait(PIECE_S):
                return


def _written(status: int, body: bytes, header: str = "") -> bytes:
    more = f"{header}\r\n" if header else ""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _read(conn: socket.socket) -> Request | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        piece = conn.recv(65536)
        if not piece:
            return None
        raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += conn.recv(65536)
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


@contextmanager
def running(good: bytes = b"{}", status: int = 200) -> Iterator[Receiver]:
    """The provider, listening."""
    receiver = Receiver(good=good, good_status=status)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        receiver.port = listening.getsockname()[1]

        def accept() -> None:
            while not receiver.stopped.is_set():
                with contextlib.suppress(OSError):
                    conn, _ = listening.accept()
                    receiver.connections += 1
                    threading.Thread(target=receiver.serve, args=(conn,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield receiver
        receiver.stopped.set()
        with socket.create_connection(("127.0.0.1", receiver.port), 1):
            pass
        thread.join(60)
