"""Alarms through twenty random `kill -9` of home, server and database: how many were lost, how many
nobody heard of any more, how many were there twice.

Not for: what a power cut does to the disk (`disk`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure
from tests.e2e import alarm_kills
from tests.staff import postgres

KILLS, SEED = 20, 2026


def measure() -> Iterator[Figure]:
    """The figures; none where PostgreSQL is not installed."""
    if postgres.programs() is None:
        note = "PostgreSQL is not installed (Debian: postgresql)"
        yield Figure("alarms_lost", None, "", 0, note=note)
        return
    with tempfile.TemporaryDirectory() as folder:
        whom = alarm_kills.order(KILLS, SEED)
        came = alarm_kills.play(Path(folder) / "stage", whom, SEED)
    note = f"{len(came.raised)} alarms, {KILLS} kills of home, server and PostgreSQL"
    for name, which in (
        ("alarms_lost", came.lost),
        ("alarms_unanswered", came.unanswered),
        ("alarms_shown_twice", came.shown_twice),
    ):
        yield Figure(name, float(len(which)), "", 0, note=note)
