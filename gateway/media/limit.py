"""When what a child carries ends, and the thread that sees to it: on a clock that nobody sets.

Not for: the parent's own layer (`gateway.media.sessions`).
"""

from __future__ import annotations

import os
import threading
import time

LOOK_EVERY_S = 0.5
"""Seconds between two looks of the thread, while nothing is near its end."""


class Limit:
    """`ends_s` is `time.monotonic()`; it is the same clock in parent and child."""

    def __init__(self, within_s: float) -> None:
        self.ends_s = time.monotonic() + within_s
        self.limit_s = 0.0

    def begin(self, limit_s: float, ends_s: float | None = None) -> None:
        """From now on, for so long; or to a moment that the parent named."""
        self.limit_s = limit_s
        self.ends_s = time.monotonic() + limit_s if ends_s is None else ends_s

    def extend(self, by_s: float) -> None:
        """Once longer."""
        self.limit_s += by_s
        self.ends_s += by_s

    def end(self) -> None:
        """Now: from here on the thread waits for the process's own end only."""
        self.ends_s = min(self.ends_s, time.monotonic())

    @property
    def left_s(self) -> float:
        return self.ends_s - time.monotonic()


def end_hard(limit: Limit, past_s: float) -> None:
    """Start the thread that ends the process `past_s` after its limit, should its loop hang; and
    with a parent that is gone."""
    threading.Thread(target=_end_hard, args=(limit, past_s, os.getppid()), daemon=True).start()


def _end_hard(limit: Limit, past_s: float, parent: int) -> None:
    while True:
        left_s = limit.left_s + past_s
        if left_s <= 0 or os.getppid() != parent:
            os._exit(3)
        time.sleep(min(left_s, LOOK_EVERY_S))
