"""Lets the demo's time run fast while nothing happens, and at a person's pace while one is needed.

All homes have one clock, and each sees its own events: a home where somebody is needed says so by a
file beside the clock, and time is fast when there is none.  Somebody is needed from a question to
its answer, from an alarm until it is closed, from a check that could not be answered until somebody
came, and as long as a look or a visit lasts.  Nothing here loses patience: whoever wants the night
to go on without anybody says so (`go_on`).

Not for: the smoke test, which moves the clock by its script.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.clock import FileClock
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    CheckAnswered,
    CheckAsked,
    CheckDone,
    CheckEscalated,
    CheckMissed,
    CheckVisitSettled,
    LockOperationEnded,
    LockOperationRefused,
    LockOperationRequested,
    LookAdmitted,
    LookEnded,
    Severity,
    VisitEnded,
    VisitStarted,
)

GO_THERE = "somebody must go there"
"""Held from a check that could not be answered until a visit begins, or somebody tells that none is
needed."""

NEEDED = "real time: somebody is needed, Nu says where (n + Enter: the night goes on)"

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
        self._waiting: set[str] = set()

    @property
    def waiting(self) -> bool:
        """Whether somebody is needed in this home."""
        return bool(self._waiting)

    def see(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        if isinstance(data, LockOperationRequested):
            self._hold(f"grant {data.grant}")
        elif isinstance(data, LockOperationEnded | LockOperationRefused):
            self._release(f"grant {data.grant}")
        elif isinstance(data, CheckAsked):
            self._hold(f"check {data.check}")
        elif isinstance(data, CheckAnswered | CheckDone | CheckMissed):
            self._release(f"check {data.check}")
        elif isinstance(data, CheckEscalated):
            self._release(f"check {data.check}")
            self._hold(GO_THERE)
        elif isinstance(data, AlarmRaised) and data.severity is Severity.CARE:
            self._hold(f"alarm {event.ref}")
        elif isinstance(data, AlarmCancelled | AlarmResolved):
            self._release(f"alarm {data.alarm}")
        elif isinstance(data, LookAdmitted):
            self._hold(f"look {data.look}")
        elif isinstance(data, LookEnded):
            self._release(f"look {data.look}")
        elif isinstance(data, CheckVisitSettled):
            self._release(GO_THERE)
        elif isinstance(data, VisitStarted):
            self._release(GO_THERE)
            self._hold(f"visit {event.ref}")
        elif isinstance(data, VisitEnded):
            self._release(f"visit {data.visit}")

    def go_on(self) -> None:
        """Nobody comes: what waits now holds the time no longer."""
        self._waiting.clear()
        self.apply()

    def set_rate(self, rate: float) -> None:
        """Another speed for the quiet times."""
        self.rate = _bounded(rate)
        self.apply()

    def apply(self) -> None:
        """Set the pace; called now and then too, since the other homes have a say."""
        if self._waiting:
            self._needed.touch()
        else:
            self._needed.unlink(missing_ok=True)
        needed = any(self._needed.parent.iterdir())
        rate = 1.0 if needed else self.rate
        if self._clock.rate() != rate:
            self._clock.set(rate=rate)
            self._say(NEEDED if needed else f"speed {rate:g}")

    def _hold(self, what: str) -> None:
        self._waiting.add(what)
        self.apply()

    def _release(self, what: str) -> None:
        self._waiting.discard(what)
        self.apply()


def _bounded(rate: float) -> float:
    return min(FASTEST, max(1.0, rate))
