"""Which plan of night checks held when, as the home said it, and so which slots there are.

The plans of the home's file hold until the home says that it holds one of the server's; then that
one does, from its next slot on.  What was due before a change is of the plan that held then, also
when it is rung later: so a slot is of one plan and comes once.

Not for: deciding which plan holds (the rule `plan`), or ringing (the slot ringer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway import night_plan, schedule
from gateway.errors import BadPlan
from gateway.events import PlanTerms
from gateway.schedule import Plan, Slot

KEPT = 50
"""Plans of before that are remembered: slots are looked for two days back at the most."""

_MOMENT = timedelta(microseconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
_ALWAYS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A plan and since when it holds.  `terms` None: the home's file; `since` None: ever since."""

    number: int = 0
    terms: PlanTerms | None = None
    since: datetime | None = None

    def paused(self, at: datetime, tz: str) -> bool:
        """Whether the night that `at` lies in has no checks."""
        night = _read(self)
        return night is not None and night.paused(night_plan.evening_of(night, tz, at))


THE_FILE = HeldPlan()


def with_held(plans: tuple[HeldPlan, ...], held: HeldPlan) -> tuple[HeldPlan, ...]:
    """The plans, oldest first, when the home has said what it holds; it may say the same again."""
    last = plans[-1] if plans else THE_FILE
    if (last.number, last.terms) == (held.number, held.terms):
        return plans
    return (*plans, held)[-KEPT:]


def slots(
    file: Mapping[str, Plan],
    plans: Sequence[HeldPlan],
    tz: str,
    start: datetime,
    end: datetime,
) -> list[Slot]:
    """The slots with `start` ≤ `at` < `end` (aware), sorted: each by the plan that held then."""
    found: list[Slot] = []
    since = _NEVER
    followed = [(plan, _read(plan)) for plan in (THE_FILE, *plans)]
    followed = [one for one in followed if one[0].terms is None or one[1] is not None]
    for number, (plan, night) in enumerate(followed):
        if plan.since is not None:
            since = plan.since + _MOMENT
        later = followed[number + 1][0].since if number + 1 < len(followed) else None
        until = _ALWAYS if later is None else later + _MOMENT
        low, high = max(start, since), min(end, until)
        if low >= high:
            continue
        if night is None:
            found += schedule.merged(file, tz, low, high)
        else:
            found += night_plan.slots(night, tz, low, high)
    return sorted(found)


def _read(plan: HeldPlan) -> night_plan.NightPlan | None:
    """None: the file, or what another version held and this one cannot follow: then the one before
    goes on."""
    if plan.terms is None:
        return None
    try:
        return night_plan.night_plan(plan.terms)
    except BadPlan:
        return None
