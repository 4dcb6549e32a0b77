"""Folds of plans of night checks, and of what all consents to looks mean (see
`web.staff.events.projections.fold`).

Not for: the checks themselves (`web.staff.events.projections.care`), or each consent
(`web.staff.people.consents`, which keeps them as they were given).
"""

from __future__ import annotations

import json
from datetime import datetime

from gateway import events
from gateway.events import codec
from web.staff.events.projections.fold import Fold, Row, Step, on, time_in
from web.staff.storage import tables


def _state(fold: Fold) -> Row:
    return fold.row(tables.plan_state, home_id=fold.home)


def _is_newer(row: Row, column: str, at: datetime) -> bool:
    """What a home held while its log was in memory may come after what it said later."""
    known = time_in(row, column)
    return known is None or at >= known


@on(events.PlanSet)
def _set(fold: Fold, step: Step, data: events.PlanSet) -> None:
    row = fold.row(tables.check_plan, home_id=fold.home, number=data.number)
    terms = json.dumps(codec.to_fields(data)["terms"])
    event = step.event
    row.update(set_seq=event.seq)
    if row.get("terms") != terms:  # else it is told once more, to a home that lost it
        row.update(set_at=step.at, set_by=event.person, terms=terms)


@on(events.PlanHeld)
def _held(fold: Fold, step: Step, data: events.PlanHeld) -> None:
    row = _state(fold)
    if _is_newer(row, "held_at", step.at):
        row.update(held=data.number, held_at=step.at, held_looks=data.looks_agreed)


@on(events.PlanRefused)
def _refused(fold: Fold, step: Step, data: events.PlanRefused) -> None:
    row = _state(fold)
    if _is_newer(row, "refused_at", step.at):
        row.update(refused=data.number, refused_at=step.at, refused_why=data.why.value)


@on(events.ConsentSettled)
def _settled(fold: Fold, step: Step, data: events.ConsentSettled) -> None:
    row = _state(fold)
    if row.get("looks_agreed") != data.held:  # else it is told once more, to a home that lost it
        row.update(looks_agreed=data.held, looks_at=step.at)
