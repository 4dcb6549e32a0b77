"""Growing pauses with full jitter, so that a thousand homes do not come back in step.

Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), the "full jitter" form.
Not for: waiting (the caller does).
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """`next_s` is between `floor_s` and the growing limit; `reset` when something went well.
    `rand` gives a number from 0 to 1."""

    def __init__(
        self,
        base_s: float,
        cap_s: float,
        *,
        floor_s: float = 0.05,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._base_s, self._cap_s, self._floor_s, self._rand = base_s, cap_s, floor_s, rand
        self._limit_s = base_s

    def next_s(self) -> float:
        """How long to wait now, seconds; the limit doubles each time, up to the cap."""
        limit = self._limit_s
        self._limit_s = min(self._cap_s, limit * 2)
        return max(self._floor_s, limit * self._rand())

    def reset(self) -> None:
        """Begin with short pauses again."""
        self._limit_s = self._base_s
