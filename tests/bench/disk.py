"""The group `disk`: how many of the scenes of a card, or a server's disk, that fails are survived.

Each scene is a test with the real programs and real errors; here they are counted.  Not for: what a
scene is (`tests/e2e/test_dying_disk.py`, `tests/staff/runtime/test_full_disk.py`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tests.bench.figure import Figure

SCENES = (
    "tests/e2e/test_dying_disk.py",
    "tests/e2e/test_syncs.py",
    "tests/staff/runtime/test_full_disk.py",
    "tests/test_watchdog.py",
)

LONGEST_S = 1200
"""Seconds for all of them: a fair machine takes a fifth of it."""


def measure() -> Iterator[Figure]:
    """All figures of the group."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-n0", "-q", f"--junitxml={report}", *SCENES],
            stdout=subprocess.DEVNULL,
            timeout=LONGEST_S,
            check=False,  # what failed is counted
        )
        suite = next(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - ours
    ran, skipped, failed = (int(suite.get(key, 0)) for key in ("tests", "skipped", "failures"))
    failed += int(suite.get("errors", 0))
    scenes = ran - skipped
    note = f"of {scenes} scenes; {skipped} cannot be played here" if skipped else f"of {scenes}"
    survived = scenes - failed if scenes else None
    yield Figure("disk_faults_survived", survived, "scenes", scenes, most=False, note=note)
