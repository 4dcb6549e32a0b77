"""A contact on a pin: what its edges mean.  Debounce, cable supervision, flap detector; pure.

One idea for mats, doors, motion and buttons; `Words` says what each tells.  Time comes in as
seconds of a monotonic clock.  "On" counts at its first edge; "off" when the contact stayed so for a
moment, because a contact that closes bounces open for a few milliseconds.  A pin that flaps is one
event with a count, and nothing else is told until it rests.

Not for: pins (`pin_contact`), or what a reading means (rules).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.events import (
    ContactFault,
    ContactFaulted,
    Data,
    DeviceOnline,
    MatFault,
    MatFaulted,
    MatPressed,
    MatReleased,
)

SETTLE_S = 0.03
"""Seconds that a contact must stay off to be told so.  Contacts bounce for 5 to 20 ms; the shortest
real pulse of a mat that a person chatters on is far longer (pulses of 1–2 s)."""

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


def _flapping(count: int) -> Data:
    return ContactFaulted(fault=ContactFault.FLAPPING, count=count)


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind of contact tells.  None for `on` or `off`: nothing is told of that; where that
    leaves a start or the end of a fault without a word, `device.online` is told.

    `cut`: an open supervised loop; None where there is none.  `stuck`: on for `stuck_s` seconds,
    longer than anybody makes it so; None where it may be on for ever.  `held`: on for `held_s`
    seconds, on purpose; None where that says nothing.
    """

    on: Data | None
    off: Data | None
    flapping: Callable[[int], Data] = _flapping
    cut: Data | None = None
    stuck: Data | None = None
    stuck_s: float = 120.0
    held: Data | None = None
    held_s: float = 3.0


MAT = Words(
    on=MatPressed(),
    off=MatReleased(),
    flapping=lambda count: MatFaulted(fault=MatFault.FLAPPING, count=count),
    cut=MatFaulted(fault=MatFault.CUT),
)
"""What a mat tells, of whatever kind.  Stuck is for the rules: a person may lie for very long."""


class Contact:
    """The contact and its loop.  Each method returns what is to be told, in order; `due` is when
    `tick` wants to be called, None when it need not be."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._on = False
        self._told: bool | None = None
        self._off_s: float | None = None
        self._loop_closed = True
        self._loop_changed_s = 0.0
        self._doubt_s: float | None = None
        self._mend_s: float | None = None
        self._cut = False
        self._edges_s: deque[float] = deque(maxlen=FLAP_EDGES)
        self._changes_s: deque[float] = deque(maxlen=FLAP_CHANGES)
        self._quiet_s: float | None = None
        self._repeat_s: float | None = None
        self._stuck_s: float | None = None
        self._held_s: float | None = None
        self._folded = 0
        self._faulted = False

    @property
    def due(self) -> float | None:
        times = (
            *(self._off_s, self._doubt_s, self._mend_s),
            *(self._quiet_s, self._repeat_s, self._stuck_s, self._held_s),
        )
        return min((time for time in times if time is not None), default=None)

    def start(self, now_s: float, *, on: bool, loop_closed: bool = True) -> list[Data]:
        """The present state, told once."""
        self._on, self._loop_closed = on, loop_closed
        if not loop_closed:
            return self._tell_cut()
        return self._tell(now_s)

    def edge(self, now_s: float, *, on: bool) -> list[Data]:
        """The contact changed."""
        if on is self._on:
            return []
        self._on = on
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
            told.append(self._words.flapping(self._folded))
            self._folded = 0
        if self._off_s is not None and now_s >= self._off_s:
            self._off_s = None
            told += self._tell(now_s)
        if self._held_s is not None and now_s >= self._held_s:
            self._held_s = None
            told += [self._words.held] if self._words.held is not None else []
        if self._stuck_s is not None and now_s >= self._stuck_s:
            self._stuck_s = None
            told += self._fault(self._words.stuck)
        return told

    def _follow(self, now_s: float) -> list[Data]:
        """Tell "on" at once; let "off" wait."""
        if self._unsure() or self._on:
            self._off_s = None
            return [] if self._unsure() or self._told is True else self._tell(now_s)
        if self._told is not False:
            self._off_s = now_s + SETTLE_S
            if self._doubt_s is not None:
                self._off_s = max(self._off_s, self._doubt_s)
        return []

    def _unsure(self) -> bool:
        return self._cut or not self._loop_closed or self._quiet_s is not None

    def _tell(self, now_s: float) -> list[Data]:
        self._changes_s.append(now_s)
        if _full(self._changes_s, now_s, FLAP_CHANGES_S):
            return self._flap(now_s, FLAP_CHANGES)
        lost = self._told is None or self._faulted
        self._told, self._faulted = self._on, False
        word = self._words.on if self._on else self._words.off
        can_stick = self._on and self._words.stuck is not None
        self._stuck_s = now_s + self._words.stuck_s if can_stick else None
        can_hold = self._on and self._words.held is not None and not lost
        self._held_s = now_s + self._words.held_s if can_hold else None
        if word is not None:
            return [word]
        return [DeviceOnline()] if lost else []

    def _tell_cut(self) -> list[Data]:
        self._cut, self._told = True, None
        self._off_s = self._quiet_s = self._repeat_s = self._stuck_s = self._held_s = None
        return self._fault(self._words.cut)

    def _flap(self, now_s: float, count: int) -> list[Data]:
        self._told, self._folded = None, 0
        self._off_s = self._stuck_s = self._held_s = None
        self._quiet_s = now_s + FLAP_QUIET_S
        self._repeat_s = now_s + FLAP_REPEAT_S
        return self._fault(self._words.flapping(count))

    def _fault(self, word: Data | None) -> list[Data]:
        self._faulted = True
        return [] if word is None else [word]


def _full(times_s: deque[float], now_s: float, window_s: float) -> bool:
    return len(times_s) == times_s.maxlen and now_s - times_s[0] <= window_s
