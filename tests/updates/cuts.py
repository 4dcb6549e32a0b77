"""The power goes at random moments of an update, on a real machine's folders with real gateways.

Each time everything is killed at once, and is started again as a machine does.  What must hold: a
gateway comes up, it is of one release byte for byte, and it is one that was made.  The updates go
on meanwhile, to and fro.  The moments are spread over the whole update: each cut aims at one of its
phases in turn, and comes at a random moment from where that begins.  Not for: what a card loses
that was never synced (`tests/updates/test_slots.py` holds the order of writing).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.updates.unit import Unit

FIRST, SECOND = RELEASES = ("0.3.0", "0.4.0")
"""Between which it updates to and fro; both are published before."""

LASTS_S: Mapping[str, float] = {
    "wanted": 1.0,
    "fetching": 0.2,
    "checking": 1.2,
    "unpacking": 3.0,
    "switched": 1.0,
    "trial": 3.5,
    "over": 0.2,
}
"""Seconds that each phase of an update takes here (`Unit.phase`), in their order, measured.  A cut
that comes after its phase's end hits the next one, and that phase is aimed at more narrowly."""

SHORTER = 0.6
"""Times the seconds of a phase that was over before the cut came."""

REACH_S = 90.0
"""Seconds within which an update comes to any phase, on a machine that others use too."""


@dataclass
class Survived:
    """`started`: of so many cuts a gateway came up and reached its server; `mixtures`: was not one
    release; `taken`: how many updates came to their end between them; `hit`: what each cut hit."""

    cuts: int = 0
    started: int = 0
    mixtures: int = 0
    taken: int = 0
    hit: Counter[str] = field(default_factory=Counter)


def cut_and_start(
    unit: Unit, cuts: int, *, seed: int = 11, aims: Sequence[str] = tuple(LASTS_S)
) -> Survived:
    """So many cuts, while it updates from one of `RELEASES` to the other and back; `aims` are the
    phases that are aimed at, in turn."""
    moments, found, lasts_s = Random(seed), Survived(), dict(LASTS_S)
    for number in range(cuts):
        aim = aims[number % len(aims)]
        _reach(unit, aim, found)
        until = time.monotonic() + moments.uniform(0.0, lasts_s[aim])
        while time.monotonic() < until:
            unit.box.tick()
            time.sleep(0.005)
        hit = unit.phase()
        unit.box.cut()
        found.hit[hit] += 1
        lasts_s[aim] *= 1.0 if hit == aim else SHORTER
        found.cuts += 1
        found.mixtures += not unit.box.is_whole(unit.releases)
        before = unit.starts()
        try:
            unit.box.until(
                lambda: unit.starts() > before and unit.connected(),  # noqa: B023 - at once
                "a gateway that reaches its server",
                within_s=REACH_S,
            )
            found.started += 1
        except TimeoutError:
            continue
        found.mixtures += unit.box.running() not in (None, *unit.releases)
    return found


def _reach(unit: Unit, aim: str, found: Survived) -> None:
    """Let updates go on until one is in this phase; whatever comes to its end is followed by the
    next.  Raises `TimeoutError`."""
    until = time.monotonic() + 3 * REACH_S  # two updates, where the phase is over in this one
    while (phase := unit.phase()) != aim:
        unit.box.tick()
        outcome = unit.outcome() if phase in ("wanted", "over", "none") else None
        if outcome is not None:
            found.taken += outcome == "held"
            unit.decide_again(SECOND if unit.box.running() == FIRST else FIRST)
        if time.monotonic() > until:
            raise TimeoutError(f"no update was ever {aim}: the last one was {phase}")
        time.sleep(0.005)
