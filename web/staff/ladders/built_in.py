"""Ladders for an organisation that has set none, and for what none of its own fits: an alarm is
never silent for want of a setting.

Not for: ladders that somebody made (`definitions`).
"""

from __future__ import annotations

from gateway.events import Severity
from web.staff.ladders.steps import Area, Assigned, InRole, Ladder, Step

CARE = Ladder(
    id="care",
    name="",
    steps=(
        Step(receivers=(Assigned(), InRole(id="night_watcher", area=True)), timeout_s=120),
        Step(receivers=(Area(),), timeout_s=120),
        Step(receivers=(InRole(id="coordinator"),), timeout_s=180),
    ),
    built_in=True,
)
"""Who works in the home, then everybody of its teams, then the coordinators.  Two minutes: the time
in which a call to a phone is heard, and somebody decides whether they can go."""

TECHNICAL = Ladder(
    id="technical",
    name="",
    steps=(
        Step(receivers=(InRole(id="technician"),), timeout_s=900),
        Step(receivers=(Assigned(), Area()), timeout_s=900),
        Step(receivers=(InRole(id="coordinator"),), timeout_s=900),
    ),
    built_in=True,
)
"""Who mends, then who works there, then the coordinators.  A quarter of an hour: nobody is harmed
yet."""


def for_severity(severity: str) -> Ladder:
    """The ladder of an alarm as severe as this; what is not known counts as care."""
    return TECHNICAL if severity == Severity.TECHNICAL.value else CARE
