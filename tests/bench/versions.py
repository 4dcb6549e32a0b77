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
from tests.matrix.pairs import PAIRS, all_pairs


def measure() -> Iterator[Figure]:
    """`version_pairs_right`: of all pairs; not measured where the clone lacks the release."""
    version, goal = releases.last_release(), float(PAIRS)
    if not releases.is_here(version):
        note = f"this clone does not have the commit of {version}"
        yield Figure("version_pairs_right", None, f"of {PAIRS}", goal, most=False, note=note)
        return
    with tempfile.TemporaryDirectory(prefix="tryggve-pairs-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the home's page has a certificate of its own
        outcomes = all_pairs(version, Path(folder))
    right = sum(not outcome.wrong for outcome in outcomes)
    wrong = "; ".join(
        f"{outcome.pair}: {', '.join(outcome.wrong)}" for outcome in outcomes if outcome.wrong
    )
    note = wrong or f"{version} and today's, by pairs"
    yield Figure("version_pairs_right", right, f"of {PAIRS}", goal, most=False, note=note)
