"""Folds of doors: one-time codes, grants that were taken back, orders that nobody answered, and
technicians' requests (see `web.staff.events.projections.fold`).

Not for: the steps of a turn (`web.staff.events.projections.care`).
"""

from __future__ import annotations

from typing import Any

from gateway.access.codes import ID_PREFIX
from web.staff.events.projections import fold as _fold
from web.staff.storage import tables

NOT_OVER = ("issued", "requested", "waking", "connecting")
"""Steps in which a turn can still be taken back."""


@_fold.on("codes.issued")
def _issued(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    for told in data.codes:
        row = fold.row(tables.door_code, id=told.id)
        row.update(
            home_id=fold.home,
            person=step.event.person,
            device=told.device,
            number=told.number,
            kid=data.kid,
            seq=step.event.seq,
            not_before=told.not_before,
            expires_at=told.expires,
        )


def end_code(fold: _fold.Fold, step: _fold.Step, grant: str | None) -> None:
    """A code was used, refused by its name, or revoked: it is good no more."""
    if grant is None or not grant.startswith(ID_PREFIX):
        return
    row = fold.row(tables.door_code, id=grant)
    row["home_id"] = fold.home
    if row.get("ended_at") is None:
        row["ended_at"] = step.at


@_fold.on("grant.revoked")
def _revoked(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    end_code(fold, step, data.grant)
    if fold.known(tables.turn, grant=data.grant):
        row = fold.row(tables.turn, grant=data.grant)
        if row["step"] in NOT_OVER:
            row["why"] = "revoked"


@_fold.on("unlock.deviated")
def _deviated(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    if data.grant is None or not fold.known(tables.turn, grant=data.grant):
        return
    row = fold.row(tables.turn, grant=data.grant)
    if data.why == "no_word" and row["step"] == "issued":
        row.update(step="ended", step_at=step.at, outcome="unknown", why="no_word")


# --- a technician's requests


def _decided_here(fold: _fold.Fold, step: _fold.Step) -> bool:
    """Whether the server itself wrote it: a home cannot approve anything."""
    return step.event.origin == f"staff:{fold.home}"


@_fold.on("grant.requested")
def _asked(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    if not _decided_here(fold, step):
        return
    event = step.event
    row = fold.row(tables.service_request, id=step.ref)
    row.update(
        home_id=fold.home,
        person=event.person,
        device=event.device,
        action=data.action,
        why=data.why,
        asked_at=step.at,
    )


@_fold.on("grant.approved")
def _approved(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    _answer(fold, step, data.request, data.until)


@_fold.on("grant.refused")
def _declined(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    _answer(fold, step, data.request, None)


def _answer(fold: _fold.Fold, step: _fold.Step, request: str, until: Any) -> None:
    if not _decided_here(fold, step) or not fold.known(tables.service_request, id=request):
        return
    row = fold.row(tables.service_request, id=request)
    row.update(answer=step.ref, answered_by=step.event.person, answered_at=step.at, until=until)
