"""Homes that mean harm, or are broken: each tries what must not be taken.

Not for: what a thief does at a door (`tests/bench/attacks.py`), or what people do on pages
(`tests/staff/test_walls.py`).
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from urllib3.exceptions import ProtocolError

from gateway.envelope import Draft
from gateway.events import MatPressed
from gateway.link.https import Link, body_of
from gateway.wire import BODY_MAX_BYTES
from tests.load.home import LoadHome
from tests.load.ledger import Ledger
from tests.load.life import Log
from tests.load.wire import Answer

PAUSE_S = 0.5
"""Seconds between two tries of one home."""

ANSWER_S = 20.0
"""Seconds for an answer, as a home waits for one."""

HELD = 5
"""Connections that one home opens and leaves half said."""

EVENTS, URGENT = "/api/v1/home/events", "/api/v1/home/urgent"


class Hostile:
    """One hostile home: it has a key of its own and knows another home's name."""

    def __init__(self, home: LoadHome, victim: LoadHome, url: str, ledger: Ledger) -> None:
        self._home, self._victim, self._ledger = home, victim, ledger
        self._link = Link(url, home.home, home.key)
        self._forger = Link(url, victim.home, Ed25519PrivateKey.generate())
        self._address = (url.split("//")[1].split(":", maxsplit=1)[0], int(url.rsplit(":", 1)[1]))
        self._held: list[socket.socket] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to try."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self._thread.join(ANSWER_S + 5)
        for sock in self._held:
            sock.close()

    def _run(self) -> None:
        tries: Sequence[Callable[[], bool]] = (
            self.forged, self.as_another, self.too_big, self.bomb, self.gap, self.changed,
            self.other_request, self.never_reads, self.half_said,
        )  # fmt: skip
        while True:
            for attempt in tries:
                try:
                    name = "hostile_refused" if attempt() else f"hostile_taken_{attempt.__name__}"
                except (OSError, ProtocolError):
                    name = "hostile_unanswered"
                self._ledger.count(name)
                if self._stopping.wait(PAUSE_S):
                    return

    # --- each returns whether nothing was taken

    def forged(self) -> bool:
        """The victim's name under a key that is not the victim's."""
        body = body_of([], 0)
        return self._refuses(EVENTS, body, self._forger.token("POST", EVENTS), 401)

    def as_another(self) -> bool:
        """Events of another home's origin, well sealed, over the urgent lane."""
        return self._refuses(URGENT, body_of(_written(self._victim.home, 1), 0), None, 403)

    def too_big(self) -> bool:
        """A body beyond what a request may have."""
        return self._refuses(EVENTS, b" " * (BODY_MAX_BYTES + 10_000), None, 413)

    def bomb(self) -> bool:
        """Little that unpacks to much."""
        packed = gzip.compress(b" " * (20 * BODY_MAX_BYTES), 9)
        return self._refuses(EVENTS, packed, None, 413, "Content-Encoding: gzip")

    def gap(self) -> bool:
        """Events far beyond what the server has of the own log."""
        log = Log(self._home.home)
        bodies = _written(self._home.home, 60, log)[-5:]
        return self._refuses(EVENTS, body_of(bodies, 0), None, 409)

    def changed(self) -> bool:
        """The own log with another past."""
        return self._refuses(EVENTS, body_of(_written(self._home.home, 1), 0), None, 409)

    def other_request(self) -> bool:
        """A token that was made for another request."""
        return self._refuses(URGENT, body_of([], 0), self._link.token("POST", EVENTS), 401)

    def never_reads(self) -> bool:
        """Asks, and never reads the answer."""
        with contextlib.closing(self._open()) as sock:
            for _ in range(20):
                sock.sendall(self._request(EVENTS, body_of([], 0), None))
            self._stopping.wait(1.0)
        return True

    def half_said(self) -> bool:
        """Begins requests and does not go on; the server keeps answering others meanwhile."""
        if len(self._held) < HELD:
            sock = self._open()
            sock.sendall(self._request(EVENTS, b"x" * 1000, None)[:-500])
            self._held.append(sock)
        return True

    def _open(self) -> socket.socket:
        sock = socket.create_connection(self._address, ANSWER_S)
        sock.settimeout(ANSWER_S)
        return sock

    def _request(self, path: str, body: bytes, token: str | None, *headers: str) -> bytes:
        lines = (
            f"POST {path} HTTP/1.1",
            "Host: load",
            f"Authorization: Bearer {token or self._link.token('POST', path)}",
            f"Content-Length: {len(body)}",
            *headers,
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def _refuses(
        self, path: str, body: bytes, token: str | None, status: int, *headers: str
    ) -> bool:
        """Whether the answer is this refusal, or a refusal to take anything now."""
        with contextlib.closing(self._open()) as sock:
            with contextlib.suppress(ConnectionError):  # it may have said no before the end
                sock.sendall(self._request(path, body, token, *headers))
            return Answer(sock, whole=True).status in (status, 429, 503)


def _written(home: str, count: int, log: Log | None = None) -> list[bytes]:
    """Well sealed events that the home did not write."""
    log = log or Log(home)
    now = datetime.now(UTC)
    return [log.write(Draft(MatPressed(), device="bed"), now)[1].body for _ in range(count)]


def set_loose(
    homes: Sequence[LoadHome], victim: LoadHome, url: str, ledger: Ledger
) -> list[Hostile]:
    """These homes begin to try."""
    found = [Hostile(home, victim, url, ledger) for home in homes]
    for one in found:
        one.start()
    return found


def taken(ledger: Ledger) -> dict[str, int]:
    """What was taken that must not be, by the name of the try."""
    return {k: v for k, v in ledger.counts.items() if k.startswith("hostile_taken")}
