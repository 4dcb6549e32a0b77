"""The power goes at random moments of an update, on real machines' folders with real gateways.

Each time everything of a home is killed at once, and is started again as a machine does.  What
must hold: a gateway comes up, it is of one release byte for byte, and it is one that was made; and
all that the home wrote is at its server in the end.  The updates go on meanwhile, to and fro.
Each home does a whole one first, uncut, so that it is known how long each phase lasts here; then
the moments are chosen (`moments`), several homes' side by side.  What comes too late is written
down, and the rest goes on.  Not for: what a card loses that was never synced (`test_lost`).
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.updates.moments import EACH, PHASES, Aim, Lengths, Moments
from tests.updates.unit import Unit

FIRST, SECOND = RELEASES = ("0.3.0", "0.4.0")
"""Between which it updates to and fro; both are published before."""

REACH_S = 90.0
"""Seconds within which an update is over, or a gateway is at its server, on a machine that others
use too."""

LATE_MAX = 3
"""Times that a home may be late; it is cut no more then, and the others are in its place."""

POLL_S = 0.005
DECIDE_S = 0.1
"""Seconds between two looks at the disk, and two at the server."""


@dataclass
class Survived:
    """`started`: of so many cuts a gateway came up and reached its server; `mixtures`: was not one
    release; `held`, `returned`: what came of the updates meanwhile; `hit`: what each cut hit;
    `lasted_s`: each phase in the home that was measured last; `written` events, of which `lost` are
    not at the server; `late`: a sentence of each thing that did not come in its time."""

    cuts: int = 0
    started: int = 0
    mixtures: int = 0
    held: int = 0
    returned: int = 0
    hit: Counter[str] = field(default_factory=Counter)
    lasted_s: dict[str, float] = field(default_factory=dict)
    written: int = 0
    lost: int = 0
    late: list[str] = field(default_factory=list)

    def add(self, other: Survived) -> None:
        """What another home survived."""
        for name in ("cuts", "started", "mixtures", "held", "returned", "written", "lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.hit += other.hit
        self.lasted_s |= other.lasted_s
        self.late += other.late


def cut_and_start(
    units: Sequence[Unit], cuts: int, *, seed: int = 11, each: int = EACH
) -> Survived:
    """So many cuts of these homes, side by side, while each updates from one of `RELEASES` to the
    other and back; every phase is hit by `each` of them."""
    moments, found = Moments(cuts, seed, each), Survived()
    with ThreadPoolExecutor(len(units)) as side_by_side:
        for one in side_by_side.map(lambda unit: _Cutter(unit, moments).run(), units):
            found.add(one)
    return found


class _Cutter:
    """One home."""

    def __init__(self, unit: Unit, moments: Moments) -> None:
        self._unit, self._moments, self._found = unit, moments, Survived()
        self._look_s = 0.0

    def run(self) -> Survived:
        """Until all moments were given out, or this home was late too often."""
        try:
            lengths = Lengths(self._measured())
            self._found.lasted_s = lengths.measured
            while len(self._found.late) < LATE_MAX and (aim := self._moments.next()) is not None:
                self._cut(aim, lengths)
        except Exception as error:  # whatever it was, the others are cut in its place
            self._found.late.append(f"{type(error).__name__}: {error}")
        self._count_lost()
        return self._found

    def _measured(self) -> dict[str, float]:
        """Seconds of each phase of an update that nobody cuts, of a home that has had two before.
        Raises `TimeoutError`."""
        self._unit.has_had(RELEASES)
        self._until(lambda: self._unit.phase() == PHASES[0], "an update that begins")
        took, at = dict.fromkeys(PHASES, POLL_S), time.monotonic()

        def is_over() -> bool:
            nonlocal at
            phase, now = self._unit.phase(), time.monotonic()
            took[phase] += now - at
            at = now
            return phase == PHASES[-1] and self._unit.outcome() is not None

        self._until(is_over, "an update's end", decide=False)
        return took

    def _cut(self, aim: Aim, lengths: Lengths) -> None:
        unit, found = self._unit, self._found
        try:
            if aim.phase:
                self._until(lambda: unit.phase() == aim.phase, f"an update that is {aim.phase}")
            moment = time.monotonic() + lengths.wait_s(aim)
            self._until(lambda: time.monotonic() >= moment, "the moment", decide=not aim.phase)
            hit = unit.phase()
        except Exception as error:  # nothing was cut: somebody else is, in its place
            found.late.append(f"{type(error).__name__}: {error}")
            self._moments.give_back(aim)
            return
        unit.box.cut()
        self._moments.cut(aim, hit)
        lengths.cut(aim, hit)
        found.cuts += 1
        found.hit[hit] += 1
        found.mixtures += not unit.is_whole()
        before = unit.starts()

        def is_back() -> bool:
            return unit.starts() > before and unit.connected()

        try:
            self._until(is_back, f"a gateway at its server (cut: {hit})", decide=False, poll_s=0.05)
        except TimeoutError as error:
            found.late.append(str(error))
        else:
            found.started += 1
            found.mixtures += not unit.is_whole()

    def _until(
        self, done: Callable[[], bool], what: str, *, decide: bool = True, poll_s: float = POLL_S
    ) -> None:
        """Let the home run until then; whatever update comes to its end is followed by the next.
        Raises `TimeoutError`."""
        within_s = (2 if decide else 1) * REACH_S
        until = time.monotonic() + within_s
        while not done():
            self._unit.box.tick()
            now = time.monotonic()
            if decide and now - self._look_s >= DECIDE_S:
                self._look_s = now
                self._decide()
            if now > until:
                said = self._unit.box.said()
                raise TimeoutError(f"{what} did not come within {within_s:.0f} s: {said}")
            time.sleep(poll_s)

    def _decide(self) -> None:
        outcome = self._unit.outcome()
        if outcome is None:
            return
        self._found.held += outcome == "held"
        self._found.returned += outcome == "returned"
        self._unit.decide_again(SECOND if self._unit.runs() == FIRST else FIRST)

    def _count_lost(self) -> None:
        """Once what the home wrote had its time to come."""
        written = 0

        def all_came() -> bool:
            nonlocal written
            written, self._found.lost = self._unit.lost()
            return self._found.lost == 0

        try:
            self._until(all_came, "all that the home wrote", decide=False, poll_s=0.2)
        except (TimeoutError, sqlite3.Error) as error:
            self._found.late.append(str(error))
        self._found.written = written
