"""A word from one worker to the others of the same server, by what needs neither disk nor database.

The pairs of sockets are made before gunicorn forks; a worker takes the first place that nobody has
(`join`).  A place is held by a lock of the kernel's (`fcntl`), which is free again when its worker
is killed.  Words are for now: whoever has no room for one, or is just being replaced, misses it,
and what matters is said again.  What was said to a place before it was taken is thrown away: the
places of workers to come stay empty for weeks.

Not for: what must arrive (`web.staff.realtime.relay`), or workers of another machine.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import socket
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

WORD_MAX_BYTES = 100_000
"""Of a longer word only its own worker hears: half of what the kernel lets wait for a socket by
itself (net.core.wmem_default, 212,992); an alarm has less than 2,000."""

END_WITHIN_S = 2.0
"""Seconds that the end waits for a word that is being heard."""

log = logging.getLogger(__name__)


class Siblings:
    """The places of all workers, shared by this process and those forked from it.

    `workers`: how many there may be.  While one is replaced there are two, so there are twice as
    many places.  One worker has nobody to tell, and needs none.
    """

    def __init__(self, workers: int = 1) -> None:
        places = 2 * workers if workers > 1 else 0
        self._pairs = [
            socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(places)
        ]
        self._file = os.memfd_create("tryggve-siblings", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        self._mine: int | None = None
        self._end = -1
        self._thread: threading.Thread | None = None

    def join(self, hear: Callable[[bytes], None]) -> None:
        """Have `hear` called, in a thread of its own, with each word of another worker, from now to
        `leave`.  Without a free place nothing is heard."""
        for place, (mine, _theirs) in enumerate(self._pairs):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                continue
            self._mine, self._end = place, os.eventfd(0, os.EFD_CLOEXEC)
            with suppress(BlockingIOError):  # no more of them
                while mine.recv(1, socket.MSG_DONTWAIT):
                    continue
            self._thread = threading.Thread(
                target=self._listen, args=(mine, hear), name="siblings", daemon=True
            )
            self._thread.start()
            return

    def tell(self, word: bytes) -> None:
        """Say it to every other worker, without waiting for any."""
        if len(word) > WORD_MAX_BYTES:
            return
        for place, (_mine, theirs) in enumerate(self._pairs):
            if place != self._mine:
                try:
                    theirs.send(word, socket.MSG_DONTWAIT)
                except OSError:  # nobody there, or one that does not get to it
                    continue

    def leave(self) -> None:
        """Hear nothing more, and give the place back."""
        if self._thread is None or self._mine is None:
            return
        os.eventfd_write(self._end, 1)
        self._thread.join(END_WITHIN_S)
        if not self._thread.is_alive():  # else it still waits for its own end
            os.close(self._end)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._mine)
        self._thread = self._mine = None

    def _listen(self, mine: socket.socket, hear: Callable[[bytes], None]) -> None:
        waits = select.poll()  # a server has more than 1,024 files
        waits.register(mine, select.POLLIN)
        waits.register(self._end, select.POLLIN)
        while True:
            ready = {number for number, _what in waits.poll()}
            if self._end in ready:
                return
            try:
                hear(mine.recv(WORD_MAX_BYTES, socket.MSG_DONTWAIT))
            except BlockingIOError:
                continue
            except Exception:  # whatever is wrong with one word: the next may be an alarm
                log.exception("a word of another worker was not understood")
