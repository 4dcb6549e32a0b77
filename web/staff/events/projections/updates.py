"""Folds of releases: what a home was to take, what came of it, and its system's own updates (see
`web.staff.events.projections.fold`).

A home speaks of the plan that it was told last; what it says of another is passed over.
Not for: which home is told what when (`web.staff.releases`).
"""

from __future__ import annotations

from gateway import events
from web.staff.events.projections.fold import Fold, Row, Step, on, take
from web.staff.storage import tables


def _home(fold: Fold) -> Row:
    return fold.row(tables.home_update, home_id=fold.home)


@on(events.UpdateWanted)
def _wanted(fold: Fold, step: Step, data: events.UpdateWanted) -> None:
    row = _home(fold)
    again = row.get("plan") == data.plan and row.get("state") in ("wanted", "fetched")
    if not again:  # one that is told once more has waited since the first time
        row.update(plan=data.plan, version=data.version, state="wanted", why=None, missing=None)
        row.update(state_at=step.at)
    row.update(wanted_at=step.at)


def _told(fold: Fold, step: Step, plan: int, state: str, **more: object) -> None:
    row = _home(fold)
    if row.get("plan") == plan:
        row.update(state=state, state_at=step.at, **more)


@on(events.UpdateCalledOff)
def _called_off(fold: Fold, step: Step, data: events.UpdateCalledOff) -> None:
    _told(fold, step, data.plan, "off")


@on(events.UpdateFetched)
def _fetched(fold: Fold, step: Step, data: events.UpdateFetched) -> None:
    _told(fold, step, data.plan, "fetched")


@on(events.UpdateBegun)
def _begun(fold: Fold, step: Step, data: events.UpdateBegun) -> None:
    _told(fold, step, data.plan, "begun")


@on(events.UpdateRefused)
def _refused(fold: Fold, step: Step, data: events.UpdateRefused) -> None:
    _told(fold, step, data.plan, "refused", why=data.why.value)


@on(events.UpdateHeld)
def _held(fold: Fold, step: Step, data: events.UpdateHeld) -> None:
    _told(fold, step, data.plan, "held", why=None)


@on(events.UpdateReturned)
def _returned(fold: Fold, step: Step, data: events.UpdateReturned) -> None:
    _told(fold, step, data.plan, "returned", why=data.why.value, missing=data.missing)


@on(events.UpdateSystemTold)
def _system(fold: Fold, step: Step, data: events.UpdateSystemTold) -> None:
    row = _home(fold)
    if take(row, "system", step):
        row.update(
            system_at=step.at,
            system_automatic=data.automatic,
            system_pending=data.pending,
            system_restart=data.restart,
            system_ran_at=data.ran_at,
        )
