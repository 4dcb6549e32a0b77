"""Folds of doors: one-time codes, grants that were taken back, orders that nobody answered, and
technicians' requests (see `web.staff.events.projections.fold`).

Not for: the steps of a turn (`web.staff.events.projections.care`).
"""

from __future__ import annotations

from datetime import datetime

from gateway import events
from gateway.access.codes import ID_PREFIX
from web.staff.events.projections.fold import Fold, Step, on
from web.staff.storage import tables

NOT_OVER = ("issued", "requested", "waking", "connecting")
"""Steps in which a turn can still be taken back."""


@on(events.CodesIssued, events.CodesGiven)
def _issued(fold: Fold, step: Step, data: events.CodesIssued | events.CodesGiven) -> None:
    for told in data.codes:
        row = fold.row(tables.door_code, id=told.id)
        row.update(
            home_id=fold.home,
            person=step.event.person,
            device=told.device,
            number=told.number,
            kid=data.kid,
            seq=step.event.seq,
            page_key=told.page_key if isinstance(told, events.CodeGiven) else None,
            not_before=told.not_before,
            expires_at=told.expires,
        )


def end_code(fold: Fold, step: Step, grant: str | None) -> None:
    """A code was used, refused by its name, or revoked: it is good no more."""
    if grant is None or not grant.startswith(ID_PREFIX):
        return
    row = fold.row(tables.door_code, id=grant)
    row["home_id"] = fold.home
    if row.get("ended_at") is None:
        row["ended_at"] = step.at


@on(events.PageOpened)
def _page_opened(fold: Fold, step: Step, data: events.PageOpened) -> None:
    end_code(fold, step, data.grant)


@on(events.GrantRevoked)
def _revoked(fold: Fold, step: Step, data: events.GrantRevoked) -> None:
    end_code(fold, step, data.grant)
    if fold.known(tables.turn, grant=data.grant):
        row = fold.row(tables.turn, grant=data.grant)
        if row["step"] in NOT_OVER:
            row["why"] = "revoked"


@on(events.LockOperationDeviated)
def _deviated(fold: Fold, step: Step, data: events.LockOperationDeviated) -> None:
    if data.grant is None or not fold.known(tables.turn, grant=data.grant):
        return
    row = fold.row(tables.turn, grant=data.grant)
    if data.why == "no_word" and row["step"] == "issued":
        row.update(step="ended", step_at=step.at, outcome="unknown", why="no_word")


# --- setting an event aside


@on(events.EventAsideAsked)
def _aside_asked(fold: Fold, step: Step, data: events.EventAsideAsked) -> None:
    row = fold.row(tables.set_aside, id=step.ref)
    row.update(event=data.event, why=data.why.value, asked_by=step.event.person, asked_at=step.at)


@on(events.EventSetAside, events.EventAsideDeclined)
def _aside_answered(
    fold: Fold, step: Step, data: events.EventSetAside | events.EventAsideDeclined
) -> None:
    if not fold.known(tables.set_aside, id=data.request):
        return
    row = fold.row(tables.set_aside, id=data.request)
    row.update(answer=step.ref, answered_by=step.event.person, answered_at=step.at)


# --- a technician's requests


def _decided_here(fold: Fold, step: Step) -> bool:
    """Whether the server itself wrote it: a home cannot approve anything."""
    return step.event.origin == f"staff:{fold.home}"


@on(events.GrantRequested)
def _asked(fold: Fold, step: Step, data: events.GrantRequested) -> None:
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


@on(events.GrantApproved)
def _approved(fold: Fold, step: Step, data: events.GrantApproved) -> None:
    _answer(fold, step, data.request, data.until)


@on(events.GrantDeclined)
def _declined(fold: Fold, step: Step, data: events.GrantDeclined) -> None:
    _answer(fold, step, data.request, None)


def _answer(fold: Fold, step: Step, request: str, until: datetime | None) -> None:
    if not _decided_here(fold, step) or not fold.known(tables.service_request, id=request):
        return
    row = fold.row(tables.service_request, id=request)
    row.update(answer=step.ref, answered_by=step.event.person, answered_at=step.at, until=until)
