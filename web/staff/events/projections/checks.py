"""Folds of what the server says of a night check: whose claim lapsed, who goes there (see
`web.staff.events.projections.fold`).

The row is the check's own (`care`): what is left to be visited is a part of it, so that it is lost
with nothing but the events.  Not for: what the home says of a check (`care`), or whether somebody
has been there since (`web.staff.checks.visits`).
"""

from __future__ import annotations

from gateway import events
from web.staff.events.projections.care import check_row
from web.staff.events.projections.fold import Fold, Step, on


@on(events.CheckClaimLapsed)
def _lapsed(fold: Fold, step: Step, data: events.CheckClaimLapsed) -> None:
    """Others may look; one that somebody else has, or that is answered, stays as it is."""
    row = check_row(fold, step, data.check)
    if row["state"] != "started" or row.get("started_by") != step.event.person:
        return
    row.update(
        state="asked",
        state_at=step.at,
        before_by=step.event.person,
        before_at=step.at,
        before_why="lapsed",
        started_by=None,
        started_at=None,
    )


@on(events.CheckVisitAsked)
def _visit_asked(fold: Fold, step: Step, data: events.CheckVisitAsked) -> None:
    row = check_row(fold, step, data.check)
    if row.get("visit_asked_at") is None:
        row.update(visit_asked_at=step.at, visit_why=data.why)


@on(events.CheckVisitTaken)
def _visit_taken(fold: Fold, step: Step, data: events.CheckVisitTaken) -> None:
    row = check_row(fold, step, data.check)
    row.update(visit_by=step.event.person, visit_by_at=step.at)


@on(events.CheckVisitSettled)
def _visit_settled(fold: Fold, step: Step, data: events.CheckVisitSettled) -> None:
    row = check_row(fold, step, data.check)
    if row.get("settled_at") is None:
        row.update(
            settled_at=step.at,
            settled_by=step.event.person,
            settled_why=data.why.value,
            settled_ref=data.note_ref,
        )
