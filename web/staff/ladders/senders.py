"""The threads that send: for each channel a bounded number of its own, so that a provider that
hangs holds up nobody else's messages.

They know no database: what came of a message goes back to whoever notes it.  Not for: choosing what
is sent (`outbox`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue

from web.staff.channels.contract import Channel, Outcome, Why
from web.staff.ladders.noting import Known
from web.staff.ladders.outbox import Taken

log = logging.getLogger(__name__)

THREADS = 16
"""Of one channel: 500 messages in three seconds, where a provider answers within 90 ms."""

AHEAD = 2
"""Messages for each thread that may be taken: one it sends, and one it goes on with; none waits
for long under its lease."""


Done = Callable[[Known, bool], None]
"""Told what came of a message, and whether its channel has just got room again, or rest."""


class _Pool:
    """The threads of one channel."""

    def __init__(self, channel: Channel, done: Done) -> None:
        self._channel = channel
        self._done = done
        self._waiting: SimpleQueue[Taken | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._inside = 0
        self._threads: list[threading.Thread] = []

    def room(self) -> int:
        with self._lock:
            free = THREADS * AHEAD - self._inside
        return free if free >= THREADS else 0

    def is_idle(self) -> bool:
        with self._lock:
            return not self._inside

    def put(self, taken: Taken) -> None:
        with self._lock:
            self._inside += 1
            if len(self._threads) < min(self._inside, THREADS):
                name = f"tryggve-send-{self._channel.name}-{len(self._threads)}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._waiting.put(taken)

    def stop(self) -> None:
        for _ in self._threads:
            self._waiting.put(None)

    def join(self, until_s: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))

    def _run(self) -> None:
        while (taken := self._waiting.get()) is not None:
            outcome = self._send(taken)
            with self._lock:
                self._inside -= 1
                has_room = self._inside in (0, THREADS * (AHEAD - 1))
            self._done(Known.of(taken.id, outcome), has_room)

    def _send(self, taken: Taken) -> Outcome:
        if taken.address is None:
            return Outcome(None, Why.GONE, text="The address is no longer.")
        try:
            return self._channel.send(taken.message, taken.address)
        except Exception as error:  # the edge: a channel never raises, and one that does goes on
            log.exception("a channel raised", extra={"channel": self._channel.name})
            return Outcome(None, Why.UNREACHABLE, text=type(error).__name__)


class Senders:
    """The pools of all channels; `done` is called by their threads."""

    def __init__(self, channels: Mapping[str, Channel], done: Done) -> None:
        self._pools = {name: _Pool(channel, done) for name, channel in channels.items()}

    def room(self) -> dict[str, int]:
        """How many more messages each channel can take now: as many as its threads at once, for
        each time they are taken costs a transaction, or none."""
        return {name: pool.room() for name, pool in self._pools.items()}

    def are_idle(self) -> bool:
        """Whether nothing is on its way: what was sent is told already, or is just being told."""
        return all(pool.is_idle() for pool in self._pools.values())

    def put(self, taken: Taken) -> None:
        """Send this one, soon."""
        self._pools[taken.channel].put(taken)

    def stop(self, timeout_s: float) -> None:
        """Send what was taken, and end, within this time for all of them together: a thread that
        hangs is left to the end of the process."""
        until_s = time.monotonic() + timeout_s
        for pool in self._pools.values():
            pool.stop()
        for pool in self._pools.values():
            pool.join(until_s)
