"""The power goes at random moments of an update, on a real machine's folders with real gateways.

Each time everything is killed at once, and is started again as a machine does.  What must hold: a
gateway comes up, it is of one release byte for byte, and it is one that was made.  The updates go
on meanwhile, to and fro.  Not for: what a card loses that was never synced
(`tests/updates/test_slots.py` holds the order of writing).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random

from tests.updates.unit import Unit

FIRST, SECOND = RELEASES = ("0.3.0", "0.4.0")
"""Between which it updates to and fro; both are published before."""


@dataclass
class Survived:
    """`started`: of so many cuts a gateway came up; `mixtures`: was not one release; `taken`: how
    many updates came to their end between them."""

    cuts: int = 0
    started: int = 0
    mixtures: int = 0
    taken: int = 0


def cut_and_start(unit: Unit, cuts: int, *, seed: int = 11, between_s: float = 20.0) -> Survived:
    """So many cuts, each up to `between_s` after the machine was started, while it updates from one
    of `RELEASES` to the other and back."""
    moments, found = Random(seed), Survived()
    while found.cuts < cuts:
        unit.box.until(lambda: unit.box.running() is not None, "a gateway")
        outcome = unit.outcome()
        if outcome is not None:
            found.taken += outcome == "held"
            unit.decide_again(SECOND if unit.box.running() == FIRST else FIRST)
        until = time.monotonic() + moments.uniform(0.0, between_s)
        while time.monotonic() < until and unit.outcome() is None:
            unit.box.tick()
            time.sleep(0.01)
        unit.box.cut()
        found.cuts += 1
        found.mixtures += not unit.box.is_whole(unit.releases)
        before = unit.starts()
        try:
            unit.box.until(
                lambda: unit.starts() > before and unit.connected(),  # noqa: B023 - at once
                "a gateway that reaches its server",
                within_s=60,
            )
            found.started += 1
        except TimeoutError:
            continue
        found.mixtures += unit.box.running() not in (None, *unit.releases)
    return found
