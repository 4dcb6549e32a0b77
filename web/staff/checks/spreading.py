"""Which minute a home is given, so that a hundred homes do not ring in one.

Within what the plan allows (`tolerance_min`) the home gets the minutes at which the fewest of the
organisation's other plans ring, the earliest of these: the same plans give the same minutes, and
who wants the exact time sets no tolerance.

Not for: setting a plan (`web.staff.checks.plans`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from gateway.events import PlanTerms
from gateway.night_plan import minutes_of, night_plan

DAY_MIN = 24 * 60


def offset_for(terms: PlanTerms, others: Iterable[PlanTerms]) -> int:
    """Minutes after its times, of those that the plan allows.  Raises `BadPlan`."""
    minutes = minutes_of(night_plan(replace(terms, offset_min=0)))
    if terms.tolerance_min == 0 or not minutes:
        return 0
    taken = Counter(minute for other in others for minute in minutes_of(night_plan(other)))

    def crowd(offset: int) -> tuple[int, int, int]:
        there = [taken[(minute + offset) % DAY_MIN] for minute in minutes]
        return max(there), sum(there), offset

    return min(range(terms.tolerance_min + 1), key=crowd)
