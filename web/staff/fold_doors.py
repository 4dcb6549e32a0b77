"""Folds of doors: one-time codes, grants that were taken back, orders that nobody answered (see
`web.staff.fold`).

Not for: the steps of a turn (`web.staff.fold_care`).
"""

from __future__ import annotations

from typing import Any

from gateway.codes import ID_PREFIX
from web.staff import fold as _fold
from web.staff import tables

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
