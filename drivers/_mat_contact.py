"""A mat's contact: what its edges mean.  Debounce, cable supervision, flap detector; pure.

Time comes in as seconds of a monotonic clock; what comes out is `mat.pressed`, `mat.released` and
`mat.faulted`.  A press counts at its first edge; a release when the contact stayed open for a
moment, because a contact that closes bounces open for a few milliseconds.

Not for: how long a press means that somebody lies there, or when a mat is stuck (rules).
"""

from __future__ import annotations

from collections import deque

from gateway.events import Data, MatFault, MatFaulted, MatPressed, MatReleased

SETTLE_S = 0.03
"""Seconds that an open contact must stay open to be a release.  Contacts bounce for 5 to 20 ms;
the shortest real pulse of a mat that a person chatters on is far longer (pulses of 1–2 s)."""

LOOP_SETTLE_S = 0.25
"""Seconds until an opened loop is called a cut.  A spark or a knock on a plug is shorter; readings
wait meanwhile, so that a cut cable never looks like an empty bed."""

LOOP_STEADY_S = 0.1
"""Seconds that the loop must have been whole at the end of that, else it is a loose plug: a cut."""

MEND_S = 0.5
"""Seconds that a cut loop must be whole before readings count again."""

FLAP_EDGES, FLAP_EDGES_S = 100, 1.0
"""So many raw edges in so many seconds are no person: ten steps a second with five bounces each."""

FLAP_CHANGES, FLAP_CHANGES_S = 40, 5.0
"""So many debounced changes in so many seconds are no person either: four presses a second, kept up
for five seconds."""

FLAP_QUIET_S = 2.0
"""Seconds without an edge until a flapping contact is believed again."""

FLAP_REPEAT_S = 60.0
"""Seconds until flapping that goes on is told again, with what was folded since."""


class Contact:
    """The contact and its loop.  Each method returns what is to be told, in order; `due` is when
    `tick` wants to be called, None when it need not be."""

    def __init__(self) -> None:
        self._pressed = False
        self._told: bool | None = None
        self._release_s: float | None = None
        self._loop_closed = True
        self._loop_changed_s = 0.0
        self._doubt_s: float | None = None
        self._mend_s: float | None = None
        self._cut = False
        self._edges_s: deque[float] = deque(maxlen=FLAP_EDGES)
        self._changes_s: deque[float] = deque(maxlen=FLAP_CHANGES)
        self._quiet_s: float | None = None
        self._repeat_s: float | None = None
        self._folded = 0

    @property
    def due(self) -> float | None:
        times = (self._release_s, self._doubt_s, self._mend_s, self._quiet_s, self._repeat_s)
        return min((time for time in times if time is not None), default=None)

    def start(self, now_s: float, *, pressed: bool, loop_closed: bool) -> list[Data]:
        """The present state, told once."""
        self._pressed, self._loop_closed = pressed, loop_closed
        if not loop_closed:
            return self._tell_cut()
        return self._tell(now_s)

    def edge(self, now_s: float, *, pressed: bool) -> list[Data]:
        """The contact changed."""
        if pressed is self._pressed:
            return []
        self._pressed = pressed
        if self._quiet_s is not None:
            self._folded += 1
            self._quiet_s = now_s + FLAP_QUIET_S
            return []
        self._edges_s.append(now_s)
        if _full(self._edges_s, now_s, FLAP_EDGES_S):
            return self._flap(now_s, FLAP_EDGES)
        return self._follow(now_s)

    def loop(self, now_s: float, *, closed: bool) -> list[Data]:
        """The supervised loop changed."""
        if closed is self._loop_closed:
            return []
        self._loop_closed, self._loop_changed_s = closed, now_s
        if self._cut:
            self._mend_s = now_s + MEND_S if closed else None
            return []
        if self._doubt_s is None:
            self._doubt_s = now_s + LOOP_SETTLE_S
        return self._follow(now_s)

    def tick(self, now_s: float) -> list[Data]:
        """Time passed."""
        told: list[Data] = []
        if self._doubt_s is not None and now_s >= self._doubt_s:
            self._doubt_s = None
            steady = now_s - self._loop_changed_s >= LOOP_STEADY_S
            told += self._follow(now_s) if self._loop_closed and steady else self._tell_cut()
            if self._cut and self._loop_closed:
                self._mend_s = now_s + MEND_S
        if self._mend_s is not None and now_s >= self._mend_s:
            self._mend_s, self._cut = None, False
            told += self._tell(now_s)
        if self._quiet_s is not None and now_s >= self._quiet_s:
            self._quiet_s = self._repeat_s = None
            self._edges_s.clear()
            self._changes_s.clear()
            told += [] if self._unsure() else self._tell(now_s)
        if self._repeat_s is not None and now_s >= self._repeat_s:
            self._repeat_s = now_s + FLAP_REPEAT_S
            told.append(MatFaulted(fault=MatFault.FLAPPING, count=self._folded))
            self._folded = 0
        if self._release_s is not None and now_s >= self._release_s:
            self._release_s = None
            told += self._tell(now_s)
        return told

    def _follow(self, now_s: float) -> list[Data]:
        """Tell a press at once; let a release wait."""
        if self._unsure() or self._pressed:
            self._release_s = None
            return [] if self._unsure() or self._told is True else self._tell(now_s)
        if self._told is not False:
            self._release_s = now_s + SETTLE_S
            if self._doubt_s is not None:
                self._release_s = max(self._release_s, self._doubt_s)
        return []

    def _unsure(self) -> bool:
        return self._cut or not self._loop_closed or self._quiet_s is not None

    def _tell(self, now_s: float) -> list[Data]:
        self._told = self._pressed
        self._changes_s.append(now_s)
        if _full(self._changes_s, now_s, FLAP_CHANGES_S):
            return self._flap(now_s, FLAP_CHANGES)
        return [MatPressed() if self._pressed else MatReleased()]

    def _tell_cut(self) -> list[Data]:
        self._cut, self._told = True, None
        self._release_s = self._quiet_s = self._repeat_s = None
        return [MatFaulted(fault=MatFault.CUT)]

    def _flap(self, now_s: float, count: int) -> list[Data]:
        self._told, self._folded = None, 0
        self._release_s = None
        self._quiet_s = now_s + FLAP_QUIET_S
        self._repeat_s = now_s + FLAP_REPEAT_S
        return [MatFaulted(fault=MatFault.FLAPPING, count=count)]


def _full(times_s: deque[float], now_s: float, window_s: float) -> bool:
    return len(times_s) == times_s.maxlen and now_s - times_s[0] <= window_s
