"""Which plan of night checks holds in the home, as a rule sees it.  Helps rules and is none.

What the home said (`plan.held`) counts, never what the server set: which of them holds is decided
once, by the rule `plan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.envelope import Event
from gateway.errors import BadPlan
from gateway.events import CheckMethod, PlanHeld, PlanTerms
from gateway.night_plan import evening_of, night_plan

KINDS = frozenset({"plan.held"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms of the plan that holds; None: the home's file does."""

    terms: PlanTerms | None = None

    @property
    def method(self) -> CheckMethod:
        """How a check is made that comes due now."""
        return CheckMethod.SENSOR if self.terms is None else self.terms.method

    def recheck_min(self, otherwise: float) -> float:
        """Minutes from an unclear look to the next; `otherwise` is the rule's own setting."""
        return otherwise if self.terms is None else self.terms.recheck_min

    def paused(self, slot: datetime, tz: str) -> bool:
        """Whether the night of this slot has no checks."""
        if self.terms is None or not self.terms.pauses:
            return False
        try:
            plan = night_plan(self.terms)
        except BadPlan:  # of a log of another version; the ringer rings none of it
            return False
        return plan.paused(evening_of(plan, tz, slot))


THE_FILE = Plan()


def see(plan: Plan, event: Event) -> Plan:
    """The plan after `event`."""
    match event.data:
        case PlanHeld(terms=terms) if terms != plan.terms:
            return Plan(terms)
        case _:
            return plan
