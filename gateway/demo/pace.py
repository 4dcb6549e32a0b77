"""Lets the demo's time run fast while nothing happens, and at a person's pace while one is needed.

All homes have one clock, and each sees its own events: a home where somebody is needed says so by a
file beside the clock, and time is fast when there is none.

Not for: the smoke test, which moves the clock by its script.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from gateway.clock import FileClock
from gateway.envelope import Event
from gateway.events import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    CheckAnswered,
    CheckAsked,
    CheckDone,
    CheckEscalated,
    LockOperationEnded,
    LockOperationRefused,
    LockOperationRequested,
    Severity,
)

PATIENCE_S = 120.0
"""Real seconds that time stands by for one question; then the night goes on."""


FASTEST = 120.0
"""Domain seconds a real one, at most.  A foot is on the mat for `resident.STEADY_S` real seconds:
at 200 that is a minute, and whoever steps out of bed is found lying on the floor."""


class Pace:
    """Watches a home's events and sets the clock's pace.  `needed` is the home's own file in the
    folder that all homes look into."""

    def __init__(
        self, clock: FileClock, rate: float, say: Callable[[str], None], needed: Path
    ) -> None:
        self._clock = clock
        self._needed = needed
        needed.parent.mkdir(exist_ok=True)
        self.rate = _bounded(rate)
        self._say = say
        self._waiting: dict[str, float] = {}

    def see(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        if isinstance(data, LockOperationRequested):
            self._hold(f"grant {data.grant}")
        elif isinstance(data, LockOperationEnded | LockOperationRefused):
            self._release(f"grant {data.grant}")
        elif isinstance(data, CheckAsked):
            self._hold(f"check {data.check}")
        elif isinstance(data, CheckAnswered | CheckDone | CheckEscalated):
            self._release(f"check {data.check}")
        elif isinstance(data, AlarmRaised) and data.severity is Severity.CARE:
            self._hold(f"alarm {event.ref}")
        elif isinstance(data, AlarmAcknowledged | AlarmCancelled | AlarmResolved):
            self._release(f"alarm {data.alarm}")

    def set_rate(self, rate: float) -> None:
        """Another speed for the quiet times."""
        self.rate = _bounded(rate)
        self.apply()

    def apply(self) -> None:
        """Set the pace; called now and then too, so that patience ends."""
        now = time.monotonic()
        self._waiting = {k: began for k, began in self._waiting.items() if now - began < PATIENCE_S}
        if self._waiting:
            self._needed.touch()
        else:
            self._needed.unlink(missing_ok=True)
        needed = any(self._needed.parent.iterdir())
        rate = 1.0 if needed else self.rate
        if self._clock.rate() != rate:
            self._clock.set(rate=rate)
            self._say("real time: somebody is needed" if needed else f"speed {rate:g}")

    def _hold(self, what: str) -> None:
        self._waiting[what] = time.monotonic()
        self.apply()

    def _release(self, what: str) -> None:
        self._waiting.pop(what, None)
        self.apply()


def _bounded(rate: float) -> float:
    return min(FASTEST, max(1.0, rate))
