"""`config_applied_s`: how long an edit at the server takes until it holds in the home, of a real
pair.

Not for: running it (the group `fleet` does).
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.demo.stage import stage
from tests.bench.figure import Figure
from tests.e2e.configs import Technician, applied_s

TIMES = 5
"""Changes that are timed."""

GOAL_S = 2.0
"""From the click to the home's word at the server."""


def measure() -> Iterator[Figure]:
    """The slowest of `TIMES` changes, of a real staff server and a real home."""
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    options = ("--still", "--awake")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "stage"
        with stage(place, at=at, home_options=options, looks=False, sound=False) as made:
            took = applied_s(Technician(made), TIMES)
    usual = f"the median is {statistics.median(took):.2f} s"
    yield Figure("config_applied_s", max(took), "s", GOAL_S, on="value", note=usual)
