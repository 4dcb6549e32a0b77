"""What was asked of the server, how long it took and what came of it, noted by every home and
screen.

Not for: asking (`wire`, `screens`), or showing (`table`).
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

NO_ANSWER = 0
"""In place of a status: the answer did not come in time, or the connection broke."""


SAID_MAX = 5
"""Words that are kept of a scene."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its lane or page, when it began (`time.perf_counter`), how long it took, its
    answer's status (`NO_ANSWER`), what went up and came down, and whether the answer said when to
    come again."""

    what: str
    began_s: float
    took_s: float
    status: int
    up_bytes: int = 0
    down_bytes: int = 0
    wait_told: bool = False


class Ledger:
    """Thread-safe; one for a scene."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.asked: list[Asked] = []
        self.took: dict[str, list[float]] = defaultdict(list)
        """Seconds by what was waited for: an alarm until it was stored, until a screen had it."""
        self.counts: Counter[str] = Counter()
        self.said: list[str] = []
        self.began_s = time.perf_counter()

    def say(self, text: str) -> None:
        """Something went otherwise than meant, in words; the first few are kept."""
        with self._lock:
            if len(self.said) < SAID_MAX:
                self.said.append(text)

    def note(self, asked: Asked) -> None:
        """A request is over."""
        with self._lock:
            self.asked.append(asked)

    def waited(self, what: str, took_s: float) -> None:
        """Something that was waited for has come."""
        with self._lock:
            self.took[what].append(took_s)

    def count(self, what: str, how_many: int = 1) -> None:
        """Something happened so many times more."""
        with self._lock:
            self.counts[what] += how_many

    def of(self, *what: str) -> list[Asked]:
        """The requests of these lanes or pages."""
        with self._lock:
            return [asked for asked in self.asked if asked.what in what]

    def as_json(self) -> dict[str, Any]:
        """All of it, for a process that notes beside this one (`add`)."""
        with self._lock:
            return {
                "asked": [astuple(one) for one in self.asked],
                "took": dict(self.took),
                "counts": dict(self.counts),
                "said": self.said,
            }

    def add(self, told: Mapping[str, Any]) -> None:
        """What a process beside this one noted (`as_json`): `time.perf_counter` is one clock for
        all of them on Linux."""
        with self._lock:
            self.asked += [Asked(*one) for one in told["asked"]]
            for what, took in told["took"].items():
                self.took[what] += took
            self.counts.update(told["counts"])
        for text in told["said"]:
            self.say(text)

    def waits(self, what: str) -> list[float]:
        """How long each of these took, seconds."""
        with self._lock:
            return list(self.took[what])


def refused(asked: Iterable[Asked]) -> int:
    """How many were told to come again later."""
    return sum(one.status in (429, 503) for one in asked)


def unanswered(asked: Iterable[Asked]) -> int:
    """How many got no answer in time: whatever the server did for them, it did for nobody."""
    return sum(one.status == NO_ANSWER for one in asked)


def quantile(values: Sequence[float], part: float) -> float | None:
    """The smallest value that `part` of all do not exceed; None where there is none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * part) - 1)]


@dataclass
class Stopwatch:
    """How long something took: `with Stopwatch() as watch: …`, then `watch.took_s`."""

    began_s: float = field(default_factory=time.perf_counter)
    took_s: float = 0.0

    def __enter__(self) -> Stopwatch:
        self.began_s = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.took_s = time.perf_counter() - self.began_s
