"""Folds of night checks, visits and turns of a lock (see
`web.staff.events.projections.fold`).

Not for: alarms (`web.staff.events.projections.alarms`), devices and the state of the home
(`web.staff.events.projections.devices`).
"""

# ruff: noqa: ARG001 - every fold is given the same three arguments

from __future__ import annotations

from gateway import events
from web.staff.events.projections.doors import end_code
from web.staff.events.projections.fold import Fold, Row, Step, on, time_in
from web.staff.storage import tables

# --- night checks

_BEFORE_ASKED = ("planned", "due", "unreported")
_CLOSED = ("done", "missed", "escalated")


def check_row(fold: Fold, step: Step, check: str) -> Row:
    """The check's row, begun where this is the first word of it."""
    row = fold.row(tables.night_check, home_id=fold.home, check=check)
    if "state" not in row:
        row.update(state="planned", state_at=step.at)
    return row


@on(events.CheckPlanned)
def _planned(fold: Fold, step: Step, data: events.CheckPlanned) -> None:
    row = check_row(fold, step, data.check)
    row.update(slot=data.slot, report_by=data.report_by)
    if row["state"] == "withdrawn":
        row.update(state="planned", state_at=step.at, closed_at=None)


@on(events.CheckWithdrawn)
def _withdrawn(fold: Fold, step: Step, data: events.CheckWithdrawn) -> None:
    row = check_row(fold, step, data.check)
    if row["state"] == "planned":
        row.update(state="withdrawn", state_at=step.at, closed_at=step.at)


@on(events.CheckDue)
def _due(fold: Fold, step: Step, data: events.CheckDue) -> None:
    row = check_row(fold, step, data.check)
    row["slot"] = data.slot
    if row["state"] in ("planned", "unreported"):
        row.update(state="due", state_at=step.at)


@on(events.CheckAsked)
def _asked(fold: Fold, step: Step, data: events.CheckAsked) -> None:
    row = check_row(fold, step, data.check)
    before = row.get("attempt")
    again = data.attempt > (before if isinstance(before, int) else 0)
    if row["state"] in _CLOSED or not (again or row["state"] in _BEFORE_ASKED):
        return
    row.update(
        state="asked",
        state_at=step.at,
        asked_at=step.at,
        asked_ref=step.ref,
        answer_by=data.answer_by,
        attempt=data.attempt,
        why=data.why,
        started_by=None,
        started_at=None,
        answered_by=None,
        answered_at=None,
        finding=None,
        looked=None,
    )


@on(events.CheckStarted)
def _started(fold: Fold, step: Step, data: events.CheckStarted) -> None:
    row = check_row(fold, step, data.check)
    if row["state"] not in _CLOSED and row["state"] != "answered":
        before = row.get("started_by")
        if row["state"] == "started" and before != step.event.person:
            row.update(before_by=before, before_at=step.at, before_why="taken_over")
        row.update(
            state="started",
            state_at=step.at,
            started_by=step.event.person,
            started_at=step.at,
        )


@on(events.CheckAnswered)
def _answered(fold: Fold, step: Step, data: events.CheckAnswered) -> None:
    row = check_row(fold, step, data.check)
    row.update(
        answered_by=step.event.person,
        answered_at=step.at,
        finding=data.finding.value,
        looked=data.looked.value,
    )
    if row["state"] not in _CLOSED:
        row.update(state="answered", state_at=step.at)


@on(events.CheckDone)
def _done(fold: Fold, step: Step, data: events.CheckDone) -> None:
    row = check_row(fold, step, data.check)
    row.update(
        state="done",
        state_at=step.at,
        closed_at=step.at,
        done_by=data.by.value,
        closed_ref=step.ref,
    )


@on(events.CheckMissed)
def _missed(fold: Fold, step: Step, data: events.CheckMissed) -> None:
    row = check_row(fold, step, data.check)
    row.update(
        state="missed", state_at=step.at, closed_at=step.at, why=data.why, closed_ref=step.ref
    )


@on(events.CheckEscalated)
def _escalated(fold: Fold, step: Step, data: events.CheckEscalated) -> None:
    row = check_row(fold, step, data.check)
    row.update(
        state="escalated", state_at=step.at, closed_at=step.at, why=data.why, closed_ref=step.ref
    )


@on(events.CheckUnreported)
def _unreported(fold: Fold, step: Step, data: events.CheckUnreported) -> None:
    row = check_row(fold, step, data.check)
    row["unreported_at"] = step.at
    if row["state"] in _BEFORE_ASKED:
        row.update(state="unreported", state_at=step.at)


# --- visits


def _visit(fold: Fold, ref: str) -> Row:
    row = fold.row(tables.visit, id=ref)
    row["home_id"] = fold.home
    return row


@on(events.VisitStarted)
def _visit_started(fold: Fold, step: Step, data: events.VisitStarted) -> None:
    row = _visit(fold, step.ref)
    row.update(
        person=step.event.person, since=data.since + step.shift, since_source=data.source.value
    )


@on(events.VisitEnded)
def _visit_ended(fold: Fold, step: Step, data: events.VisitEnded) -> None:
    row = _visit(fold, data.visit)
    row.update(until=data.until + step.shift, until_source=data.source.value)


@on(events.VisitOverdue)
def _visit_overdue(fold: Fold, step: Step, data: events.VisitOverdue) -> None:
    _visit(fold, data.visit)["overdue"] = True


@on(events.VisitCorrected)
def _visit_corrected(fold: Fold, step: Step, data: events.VisitCorrected) -> None:
    row = _visit(fold, data.visit)
    row.update(
        corrected_since=data.since or row.get("corrected_since"),
        corrected_until=data.until or row.get("corrected_until"),
        corrected_by=step.event.person,
        correction_reason=data.reason,
        corrected_ref=step.ref,
        approved_by=None,
        approved_at=None,
    )


@on(events.VisitApproved)
def _visit_approved(fold: Fold, step: Step, data: events.VisitApproved) -> None:
    _visit(fold, data.visit).update(approved_by=step.event.person, approved_at=step.at)


@on(events.VisitDeclined)
def _visit_declined(fold: Fold, step: Step, data: events.VisitDeclined) -> None:
    fold.row(tables.visit_declined, id=step.ref).update(
        home_id=fold.home,
        person=step.event.person,
        at=step.at,
        why=data.why.value,
        planned=data.planned,
    )


@on(events.VisitsLocked)
def _visits_locked(fold: Fold, step: Step, data: events.VisitsLocked) -> None:
    row = fold.row(tables.home_state, home_id=fold.home)
    known = time_in(row, "visits_locked_before")
    if known is None or data.before > known:
        row["visits_locked_before"] = data.before


# --- turns of a lock


def _turn(fold: Fold, step: Step, grant: str) -> Row:
    row = fold.row(tables.turn, grant=grant)
    row["home_id"] = fold.home
    if "step" not in row:
        row.update(step="issued", step_at=step.at)
    return row


@on(events.GrantIssued)
def _issued(fold: Fold, step: Step, data: events.GrantIssued) -> None:
    row = _turn(fold, step, data.grant)
    row.update(
        device=step.event.device,
        person=step.event.person,
        action=data.action,
        reason=data.reason,
        issued_at=step.at,
        expires_at=data.expires,
    )


@on(events.LockOperationRequested)
def _requested(fold: Fold, step: Step, data: events.LockOperationRequested) -> None:
    end_code(fold, step, data.grant)
    row = _turn(fold, step, data.grant)
    if row["step"] in ("issued", "refused"):
        row.update(step="requested", step_at=step.at, why=None)
    for name, value in (
        ("device", step.event.device),
        ("person", step.event.person),
        ("action", data.action),
        ("reason", data.reason),
    ):
        if row.get(name) is None:
            row[name] = value


@on(events.LockOperationProgressed)
def _progressed(fold: Fold, step: Step, data: events.LockOperationProgressed) -> None:
    row = _turn(fold, step, data.grant)
    if row["step"] == "ended" or data.step is events.LockOperationStep.UNKNOWN:
        return
    reached = time_in(row, "step_at")
    if row["step"] in ("issued", "requested", "refused") or reached is None or step.at >= reached:
        row.update(step=data.step.value, step_at=step.at)


@on(events.LockOperationEnded)
def _ended(fold: Fold, step: Step, data: events.LockOperationEnded) -> None:
    row = _turn(fold, step, data.grant)
    row.update(
        step="ended",
        step_at=step.at,
        outcome=data.outcome.value,
        why=data.why,
        took_s=data.took_s,
    )


@on(events.LockOperationRefused)
def _refused(fold: Fold, step: Step, data: events.LockOperationRefused) -> None:
    end_code(fold, step, data.grant)
    if data.grant is None or not fold.known(tables.turn, grant=data.grant):
        return
    row = _turn(fold, step, data.grant)
    if row["step"] == "issued":  # a second, refused use says nothing about the first
        row.update(step="refused", step_at=step.at, why=data.why.value)
