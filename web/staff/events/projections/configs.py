"""Folds of homes' configurations (see `web.staff.events.projections.fold`).

Not for: changing one (`web.staff.configs.changes`).
"""

from __future__ import annotations

from datetime import datetime

from gateway import events
from web.staff.events.projections.fold import Fold, Row, Step, on, time_in
from web.staff.storage import tables


def _is_newer(row: Row, column: str, at: datetime) -> bool:
    """What a home said while its log was in memory may come after what it said later."""
    known = time_in(row, column)
    return known is None or at >= known


def _state(fold: Fold) -> Row:
    return fold.row(tables.config_state, home_id=fold.home)


@on(events.ConfigSet)
def _set(fold: Fold, step: Step, data: events.ConfigSet) -> None:
    row = fold.row(tables.home_config, home_id=fold.home, number=data.number)
    event = step.event
    row.update(set_seq=event.seq)
    if row.get("text") != data.text:  # else it is told once more, to a home that lost it
        row.update(set_at=step.at, set_by=event.person)
        row.update(why=data.why.value, undoes=data.undoes, text=data.text)


@on(events.ConfigHeld)
def _held(fold: Fold, step: Step, data: events.ConfigHeld) -> None:
    row = _state(fold)
    if _is_newer(row, "held_at", step.at):
        row.update(held=data.number, held_at=step.at, unpaired=",".join(data.unpaired))
        if data.text:
            row.update(file_text=data.text)


@on(events.ConfigRefused)
def _refused(fold: Fold, step: Step, data: events.ConfigRefused) -> None:
    row = _state(fold)
    if _is_newer(row, "refused_at", step.at):
        row.update(refused=data.number, refused_at=step.at, refused_why=data.why.value)
        row.update(refused_about=data.about, refused_field=data.field, refused_said=data.said)


@on(events.ConfigWaiting)
def _waiting(fold: Fold, step: Step, data: events.ConfigWaiting) -> None:
    row = _state(fold)
    if _is_newer(row, "waits_at", step.at):
        row.update(waits=data.number, waits_at=step.at, waits_why=data.why.value)
