"""The link to the staff server: three lanes, each a thread with a kept connection of its own.

    up      every event, in order, in batches; an empty batch as a sign of life
    urgent  alarms and other urgent events at once, beside the backlog
    stream  what the server decided, and orders for now: to turn a lock, or about a call

A lane that fails pauses (growing, with jitter) and goes on; it never stops another.  The log and
the engine are reached through `Outbox` and `UplinkCallbacks` only.

Not for: HTTP (`gateway.link.https`), judging a grant, or checking the hashes of what comes down
(the log does).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable

from gateway.link.batch_lane import BatchLane
from gateway.link.https import Link
from gateway.link.link_state import (
    Metrics,
    Outbox,
    Problem,
    SharedLinkState,
    UplinkCallbacks,
    UrgentEvent,
)
from gateway.link.signals import Signals
from gateway.link.stream_lane import StreamLane
from gateway.link.urgent_lane import UrgentLane

__all__ = ["Metrics", "Outbox", "Problem", "Uplink", "UplinkCallbacks", "UrgentEvent"]

STOP_TIMEOUT_S = 2.0
"""How long `stop` waits for the threads; a request under way may take longer and is abandoned: what
it carried is in the log, and goes again."""


class Uplink:
    """The three lanes.  `rand` gives the jitter's numbers (0 to 1)."""

    def __init__(
        self,
        link: Link,
        outbox: Outbox,
        callbacks: UplinkCallbacks,
        *,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._shared = SharedLinkState(link, outbox, callbacks, rand)
        link.time.on_news = callbacks.on_server_time
        self._batch = BatchLane(self._shared)
        self._urgent = UrgentLane(self._shared)
        self._stream = StreamLane(self._shared)
        self.signals = Signals(link)

    def start(self) -> None:
        """Start the threads."""
        for lane in (self._stream, self._batch, self._urgent):
            lane.start()

    def wake(self) -> None:
        """Something was committed.  Any thread; never blocks."""
        self._batch.signal.set()

    def urgent(self, events: Iterable[UrgentEvent]) -> None:
        """Send these at once, durable or not.  Any thread; never blocks."""
        self._urgent.put(events)

    def metrics(self) -> Metrics:
        """The link now.  Any thread."""
        shared = self._shared
        return Metrics(
            shared.up, shared.streaming, shared.backlog(), shared.last_ok, shared.problem
        )

    def stop(self, drain_s: float = 2.0) -> None:
        """Send what waits for at most `drain_s` (not while the server is away or busy), then stop;
        returns within `drain_s` + `STOP_TIMEOUT_S`."""
        deadline = time.monotonic() + drain_s
        while time.monotonic() < deadline and self._may_send() and self._waiting():
            self.wake()
            time.sleep(0.01)
        self._shared.stop()
        self._stream.hang_up()
        end = time.monotonic() + STOP_TIMEOUT_S
        for lane in (self._batch, self._urgent, self._stream):
            if lane.is_alive():
                lane.join(max(0.0, end - time.monotonic()))
        self.signals.close()

    def _may_send(self) -> bool:
        return not (self._shared.away or self._shared.told_to_wait)

    def _waiting(self) -> bool:
        return self._outbox.head() > self._outbox.forwarded() or self._urgent.waiting() > 0
