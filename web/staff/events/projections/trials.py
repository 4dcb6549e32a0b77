"""Folds of what homes tell of their own trials (see `web.staff.events.projections.fold`).

Not for: those at a page of this server (`web.staff.installs.trial` keeps where they stand).
"""

from __future__ import annotations

from gateway import events
from web.staff.events.projections.fold import Fold, Step, on
from web.staff.storage import tables


@on(events.InstallAccepted)
def _accepted(fold: Fold, step: Step, _data: events.InstallAccepted) -> None:
    event = step.event
    if event.origin != f"staff:{fold.home}":
        row = fold.row(tables.home_trial, home_id=fold.home, origin=event.origin, seq=event.seq)
        row.update(accepted_at=step.at)
