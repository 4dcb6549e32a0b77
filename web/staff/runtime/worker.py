"""gunicorn's worker with threads, which reads a few requests at once.

Each connection has a thread.  When a thousand homes come back within seconds there are two thousand
requests to be read, each some milliseconds of Python, and as many threads that take the interpreter
from each other: whoever is worked for gets a thousandth of it, an alarm among them, and so does who
accepts connections.  So all but `AT_ONCE` wait without a thread until it is their turn to be read;
which lane a request is of decides from there (`web.staff.runtime.admission_gate`, which lets the
next one in).

Over TLS nobody waits here: what is there of a request cannot be seen, and who sends half of one
would hold a place.  Not for: who is worked for (`web.staff.core.admission`).
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from web.staff.core.admission import Lane
from web.staff.runtime.lanes import lane_of

AT_ONCE = 48
"""Requests that are read at once.  Each needs the interpreter for a moment, again and again, behind
whoever is worked for: with 6 so few were read in a storm of a thousand homes on PostgreSQL that
13,000 of 16,000 waited longer than their home does; with 48 two of 4,800, and an alarm was stored
after 1.5 s in the median as against 1.0."""

HEADERS_MAX = 8_192
"""Bytes looked at for the end of the headers; ours have less than 2,000.  One with more is read
beside the others."""

LINE_MAX = 300
"""Bytes of its first line that tell what a request is."""

DEFER_S = 2
"""Seconds after which whoever connected and said nothing is accepted all the same."""

ACCEPTS = 50
"""Connections accepted in one go: the loop around it costs more than each of them."""


class Line(IntEnum):
    """Where somebody waits to be read."""

    URGENT = 0
    """Somebody may wait for help: before all others."""
    SCREEN = 1
    """A person's page, and what is no lane's; by turns with `HOME`, so that neither crowd holds up
    the other."""
    HOME = 2
    """What homes send that is not urgent, and all over TLS."""


class Entry:
    """Who is read now, and who is next.  Thread-safe."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._lock = threading.Lock()
        self._at_once = self._free = at_once
        self._waiting: dict[Line, deque[Callable[[], None]]] = {line: deque() for line in Line}
        self._last = Line.HOME
        self._mine = threading.local()

    def come(self, begin: Callable[[], None], line: Callable[[], Line]) -> None:
        """Have `begin` called when there is a place, here or in another thread.  What it begins
        says `entered` in its own thread, and `leave`.  `line` is asked where others wait."""
        with self._lock:
            is_full = not self._free
            self._free -= not is_full
        if is_full:
            mine = line()
            with self._lock:
                if not self._free:
                    self._waiting[mine].append(begin)
                    return
                self._free -= 1
        begin()

    def busy(self) -> int:
        """How many are read now."""
        return self._at_once - self._free

    def entered(self) -> None:
        """This thread has the place that was found for it."""
        self._mine.has = True

    def leave(self) -> None:
        """The next one; does nothing where this thread has no place."""
        if not getattr(self._mine, "has", False):
            return
        self._mine.has = False
        with self._lock:
            begin = self._next()
            if begin is None:
                self._free += 1
                return
        begin()

    def _next(self) -> Callable[[], None] | None:
        """Whose turn it is (the lock is held)."""
        if self._waiting[Line.URGENT]:
            return self._waiting[Line.URGENT].popleft()
        other = Line.HOME if self._last is Line.SCREEN else Line.SCREEN
        for line in (other, self._last):
            if self._waiting[line]:
                self._last = line
                return self._waiting[line].popleft()
        return None


ENTRY = Entry()
"""This process's."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """One process of the server."""

    def init_process(self) -> None:
        """Before the first connection is accepted."""
        for one in self.sockets:
            # who connects is accepted with what it asks for: whether that is urgent can be seen
            one.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_S)
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Accept whoever waits."""
        for _ in range(ACCEPTS):
            before = self.nr_conns
            super().accept(listener)
            if not before < self.nr_conns < self.worker_connections:
                return

    def enqueue_req(self, conn: Any) -> None:
        """A connection on which a request comes."""
        ENTRY.come(
            lambda: super(Worker, self).enqueue_req(conn),
            lambda: Line.HOME if self.cfg.is_ssl else _line_of(conn.sock),
        )

    def handle(self, conn: Any) -> Any:
        """Read a request and answer it, in a thread."""
        ENTRY.entered()
        try:
            if self.cfg.is_ssl or not _all_there(conn.sock):
                ENTRY.leave()
            stays = super().handle(conn)
        finally:
            ENTRY.leave()
        if not stays:  # by us, who may wait: it takes as long as the other end likes, two seconds
            with suppress(OSError):  # closed already
                conn.sock.setblocking(True)
            util.close_graceful(conn.sock)
        return stays

    def finish_request(self, conn: Any, fs: Any) -> None:
        """What becomes of the connection."""
        if not fs.cancelled() and fs.exception() is None and not fs.result():
            self.nr_conns -= 1
            return
        super().finish_request(conn, fs)


def _line_of(sock: socket.socket) -> Line:
    """Where a request waits, as far as can be seen of it."""
    try:
        words = sock.recv(LINE_MAX, socket.MSG_PEEK | socket.MSG_DONTWAIT).split(b" ", 2)
    except OSError:
        return Line.HOME
    if len(words) < 3:
        return Line.HOME
    said = {"REQUEST_METHOD": words[0].decode("latin-1"), "PATH_INFO": words[1].decode("latin-1")}
    lane = lane_of(said)
    if lane in (Lane.ALARM, Lane.ORDER):
        return Line.URGENT
    return Line.SCREEN if lane in (Lane.PAGE, None) else Line.HOME


def _all_there(line: socket.socket) -> bool:
    """Whether a request can be read without waiting for whoever sends it."""
    try:
        return b"\r\n\r\n" in line.recv(HEADERS_MAX, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return False
