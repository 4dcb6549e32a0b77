"""Folds of what is done about a night check: whose claim lapsed, who looks by the camera, who goes
there (see `web.staff.events.projections.fold`).

The row is the check's own (`care`): what is left to be visited is a part of it, so that it is lost
with nothing but the events.  Not for: what the home says of a check (`care`), or whether somebody
has been there since (`web.staff.checks.visits`).
"""

from __future__ import annotations

from gateway import events
from web.staff.events.projections.care import check_row
from web.staff.events.projections.fold import Fold, Row, Step, on


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


# --- its newest look ------------------------------------------------------------------------------


@on(events.LookPermitted)
def _permitted(fold: Fold, step: Step, data: events.LookPermitted) -> None:
    """A new look; a permit that makes one longer changes nothing."""
    if data.check is not None:
        _look(fold, step, data.look, data.check)


@on(events.LookBegun)
def _begun(fold: Fold, step: Step, data: events.LookBegun) -> None:
    if data.check is None:
        return
    row = _look(fold, step, data.look, data.check)
    if row["look_state"] == "permitted":
        row.update(look_state="begun", look_at=step.at)


@on(events.LookEnded)
def _look_ended(fold: Fold, step: Step, data: events.LookEnded) -> None:
    check = fold.check_of_look(data.look)
    if check is None:
        return
    row = check_row(fold, step, check)
    row.update(
        look_state="ended",
        look_at=step.at,
        look_why=data.why.value,
        look_pictures=data.pictures,
    )


@on(events.LookRefused)
def _look_refused(fold: Fold, step: Step, data: events.LookRefused) -> None:
    """One that has begun goes on: what was refused then is its extension."""
    check = None if data.look is None else fold.check_of_look(data.look)
    if check is None:
        return
    row = check_row(fold, step, check)
    if row["look_state"] == "permitted":
        row.update(look_state="refused", look_at=step.at, look_why=data.why.value)


def _look(fold: Fold, step: Step, look: str, check: str) -> Row:
    row = check_row(fold, step, check)
    if row.get("look") != look:
        row.update(
            look=look,
            look_by=step.event.person,
            look_state="permitted",
            look_at=step.at,
            look_why=None,
            look_pictures=None,
        )
    return row
