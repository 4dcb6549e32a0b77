"""`install_steps` and `install_simulated_min`: from a new card to an accepted home, of a simulated
installer with a real pair; each step's time is printed beside the figures.

Not for: running it (the group `fleet` does), or what a step is (`gateway.demo.installer`).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.demo.installer import install
from tests.bench.figure import Figure

GOAL_MIN = 30.0


def measure() -> Iterator[Figure]:
    """One installation."""
    with tempfile.TemporaryDirectory(prefix="tryggve-install-") as name:
        done = install(Path(name) / "stage", tell=_print)
    person, here = (sum(getattr(step, of) for step in done.steps) for of in ("person_s", "here_s"))
    yield Figure("install_steps", len(done.steps), "steps", None, note="each is printed above")
    note = f"{person / 60:.1f} of them a person's, as assumed; {here / 60:.1f} the programs' here"
    yield Figure("install_simulated_min", done.minutes, "min", GOAL_MIN, note=note)


def _print(line: str) -> None:
    """A step: beside the figures, which may be read by a program."""
    print(f"  {line}", file=sys.stderr, flush=True)
