"""The group `versions`: the last release's programs beside today's, pair by pair.

Not for: how quick they are together; a pair is right when all scenes are (`tests.matrix`).
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure
from tests.matrix import releases
from tests.matrix.pairs import all_pairs


def measure() -> Iterator[Figure]:
    """`version_pairs_right`: of all pairs; not measured where the clone lacks the release."""
    version = releases.last_release()
    if not releases.is_here(version):
        note = f"this clone does not have the commit of {version}"
        yield Figure("version_pairs_right", None, "pairs", None, note=note)
        return
    with tempfile.TemporaryDirectory(prefix="tryggve-pairs-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the home's page has a certificate of its own
        outcomes = all_pairs(version, Path(folder))
    right = sum(not outcome.wrong for outcome in outcomes)
    wrong = "; ".join(
        f"{outcome.pair}: {', '.join(outcome.wrong)}" for outcome in outcomes if outcome.wrong
    )
    note = wrong or f"of {len(outcomes)}: {version} and today's"
    goal = float(len(outcomes))
    yield Figure("version_pairs_right", float(right), "pairs", goal, most=False, note=note)
