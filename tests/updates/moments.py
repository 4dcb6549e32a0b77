"""When the power goes: each phase of an update is hit so often, and all else is left to chance.

A cut aims at a phase that has not been hit enough, drawn by lot among those, and comes at a random
moment within the time that the phase was measured to last; or it aims at none and comes whenever.
What it hit is judged by the disk afterwards, and a phase that was over by then is aimed at again.
Not for: cutting (`cuts`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from threading import Lock

PHASES = (
    *("wanted", "fetching", "checking", "unpacking", "switching", "switched", "trial", "over"),
)
"""Of an update, in their order (`Unit.phase`)."""

EACH = 5
"""Cuts that hit each phase at the least, of fifty."""

SHORTER, LONGER = 0.6, 1.2
"""Times the seconds of a phase that was over before the cut came, and of one that was hit: it may
last longer than in the update that was measured."""


@dataclass(frozen=True, slots=True)
class Aim:
    """`phase` empty: any moment.  `part`: how far into it, from 0 to 1."""

    phase: str
    part: float


class Moments:
    """Gives out `cuts` aims, to several homes at once; `each` is how many hits a phase needs."""

    def __init__(self, cuts: int, seed: int, each: int = EACH) -> None:
        self._left, self._each, self._chance = cuts, each, Random(seed)
        self._hit: Counter[str] = Counter()
        self._aimed: Counter[str] = Counter()
        self._lock = Lock()

    def next(self) -> Aim | None:
        """The next cut's; None: all were given out."""
        with self._lock:
            if self._left == 0:
                return None
            lacking = [
                phase
                for phase in PHASES
                for _ in range(self._each - self._hit[phase] - self._aimed[phase])
            ]
            spare = max(0, self._left - len(lacking))
            # half of what is spare is kept for aims that miss, until no phase lacks any more
            phase = self._chance.choice([*lacking, *[""] * ((spare + 1) // 2)] or [""])
            self._left -= 1
            self._aimed[phase] += 1
            return Aim(phase, self._chance.random())

    def cut(self, aim: Aim, hit: str) -> None:
        """The power went while this phase was on."""
        with self._lock:
            self._aimed[aim.phase] -= 1
            self._hit[hit] += 1

    def give_back(self, aim: Aim) -> None:
        """It never came to this phase: somebody else cuts in its place."""
        with self._lock:
            self._aimed[aim.phase] -= 1
            self._left += 1


class Lengths:
    """Seconds that each phase lasts in one home, as `measured`."""

    def __init__(self, measured: Mapping[str, float]) -> None:
        self.measured = dict(measured)
        self._aimed = dict(measured)

    def wait_s(self, aim: Aim) -> float:
        """Seconds from the phase's beginning until the cut; for any moment, from now."""
        return aim.part * (self._aimed[aim.phase] if aim.phase else sum(self.measured.values()))

    def cut(self, aim: Aim, hit: str) -> None:
        """A phase that was over by then is aimed at more narrowly, and one that was hit less so."""
        if aim.phase:
            self._aimed[aim.phase] *= LONGER if hit == aim.phase else SHORTER
