"""What batches cost the server now: how large the next may be, and how many at once.

Measured, not configured: a batch of 500 events takes 55 ms on one machine and a second on another,
and how many at once are best is a matter of the database's cores.  Not for: who goes first
(`web.staff.core.admission`).
"""

from __future__ import annotations

import threading

from gateway.wire import BATCH_MAX

TARGET_S = 0.25
"""Seconds of the server that a batch is to take: what is urgent waits for no more than one, and
half a second is the most that it should."""

BATCH_MIN = 20
"""Events in a batch at the least, however slow the server is: each costs a commit."""

FIRST_BATCH_S = 0.1
"""What a batch is taken to cost before one was measured."""

BETWEEN_MAX_S = 5.0
"""Seconds between two batches at the most that are believed: a database that hung for a minute says
nothing of the next."""

NEWEST = 0.1
"""Part that the newest measurement has in the mean: some ten batches."""

LOOK_BATCHES = 24
"""Batches between two changes of how many are worked for at once."""

WORSE = 0.95
"""Below this part of the rate before, a change was one for the worse."""


class Pace:
    """Thread-safe."""

    def __init__(self, at_once: int, at_most: int) -> None:
        self.at_once = at_once
        self._at_most = at_most
        self._lock = threading.Lock()
        self._between_s = FIRST_BATCH_S / at_once
        self._done_s: float | None = None
        """When a batch was done last while others were waiting (monotonic)."""
        self._event_s = 0.0
        self._step = 1
        self._rate = 0.0
        self._events = self._batches = 0
        self._since_s = 0.0

    @property
    def next_batch(self) -> int:
        """Events that the next batch of a home should have at the most."""
        if not self._event_s:
            return BATCH_MAX
        return max(BATCH_MIN, min(BATCH_MAX, int(TARGET_S / self._event_s)))

    @property
    def batch_s(self) -> float:
        """Seconds between the ends of two batches, when the line is never empty: with what they
        stand back for others, or homes would be called faster than they can be worked for."""
        return self._between_s

    def note(self, events: int, took_s: float, now_s: float, *, crowded: bool) -> None:
        """A batch of so many events took so long, done at `now_s` (monotonic).  `crowded`: others
        were waiting."""
        if events <= 0:
            return
        with self._lock:
            between_s = took_s / self.at_once
            if crowded and self._done_s is not None:
                between_s = min(BETWEEN_MAX_S, now_s - self._done_s)
            self._done_s = now_s if crowded else None
            self._between_s += (between_s - self._between_s) * NEWEST
            mine_s = took_s / events
            self._event_s += (mine_s - self._event_s) * (NEWEST if self._event_s else 1.0)
            if not crowded:
                self._batches = self._events = 0
                return
            if not self._batches:
                self._since_s = now_s
            else:
                self._events += events
            self._batches += 1
            if self._batches > LOOK_BATCHES and now_s > self._since_s:
                self._climb(self._events / (now_s - self._since_s))
                self._batches = self._events = 0

    def _climb(self, rate: float) -> None:
        """One more or one less at once, whichever way events went quicker."""
        if rate < self._rate * WORSE:
            self._step = -self._step
        self._rate = rate
        at_once = max(1, min(self._at_most, self.at_once + self._step))
        if at_once == self.at_once:
            self._step = -self._step
        self.at_once = at_once
