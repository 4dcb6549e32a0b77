"""Folds of alarms, night checks, visits and turns of a lock (see
`web.staff.events.projections.fold`).

Not for: devices and the state of the home (`web.staff.events.projections.devices`).
"""

# ruff: noqa: ARG001 - every fold is given the same three arguments

from __future__ import annotations

from typing import Any

from web.staff.events.projections import fold as _fold
from web.staff.events.projections.doors import end_code
from web.staff.storage import tables

# --- alarms


@_fold.on("alarm.raised")
def _raised(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = fold.row(tables.alarm, id=step.ref)
    row.update(
        ref=step.event.ref,
        home_id=fold.home,
        alarm=data.alarm,
        severity=data.severity.value,
        device=step.event.device,
        person=step.event.person,
        since=data.since + step.shift,
        raised_at=step.at,
    )
    if data.alarm == "home_silent" and step.event.origin.startswith("staff:"):
        fold.row(tables.home_state, home_id=fold.home)["silent_alarm"] = step.ref


@_fold.on("alarm.acknowledged")
def _acknowledged(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = fold.alarm(data.alarm)
    first = row.get("acknowledged_at")
    if first is None or step.at < first:
        row.update(acknowledged_at=step.at, acknowledged_by=step.event.person)


@_fold.on("alarm.cancelled")
def _cancelled(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = fold.alarm(data.alarm)
    if row.get("closed_at") is None:
        row.update(
            closed_at=step.at,
            closed_by=step.event.person,
            outcome="cancelled",
            reason=data.reason,
        )


@_fold.on("alarm.resolved")
def _resolved(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = fold.alarm(data.alarm)
    if row.get("closed_at") is None:
        row.update(closed_at=step.at, closed_by=step.event.person, outcome=data.outcome.value)


# --- night checks

_BEFORE_ASKED = ("planned", "due", "unreported")
_CLOSED = ("done", "missed", "escalated")


def _check(fold: _fold.Fold, step: _fold.Step, check: str) -> dict[str, Any]:
    row = fold.row(tables.night_check, home_id=fold.home, check=check)
    if "state" not in row:
        row.update(state="planned", state_at=step.at)
    return row


@_fold.on("check.planned")
def _planned(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    row.update(slot=data.slot, report_by=data.report_by)


@_fold.on("check.due")
def _due(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    row["slot"] = data.slot
    if row["state"] in ("planned", "unreported"):
        row.update(state="due", state_at=step.at)


@_fold.on("check.asked")
def _asked(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    again = data.attempt > (row.get("attempt") or 0)
    if row["state"] in _CLOSED or not (again or row["state"] in _BEFORE_ASKED):
        return
    row.update(
        state="asked",
        state_at=step.at,
        asked_at=step.at,
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


@_fold.on("check.started")
def _started(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    if row["state"] not in _CLOSED and row["state"] != "answered":
        row.update(
            state="started",
            state_at=step.at,
            started_by=step.event.person,
            started_at=step.at,
        )


@_fold.on("check.extended")
def _extended(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    if row["state"] == "started":
        row.update(state="extended", state_at=step.at)


@_fold.on("check.answered")
def _answered(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    row.update(
        answered_by=step.event.person,
        answered_at=step.at,
        finding=data.finding.value,
        looked=data.looked.value,
    )
    if row["state"] not in _CLOSED:
        row.update(state="answered", state_at=step.at)


@_fold.on("check.done")
def _done(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    row.update(state="done", state_at=step.at, closed_at=step.at, done_by=data.by.value)


@_fold.on("check.missed")
def _missed(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    row.update(state="missed", state_at=step.at, closed_at=step.at, why=data.why)


@_fold.on("check.escalated")
def _escalated(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    row.update(state="escalated", state_at=step.at, closed_at=step.at, why=data.why)


@_fold.on("check.unreported")
def _unreported(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _check(fold, step, data.check)
    row["unreported_at"] = step.at
    if row["state"] in _BEFORE_ASKED:
        row.update(state="unreported", state_at=step.at)


# --- visits


def _visit(fold: _fold.Fold, ref: str) -> dict[str, Any]:
    row = fold.row(tables.visit, id=ref)
    row["home_id"] = fold.home
    return row


@_fold.on("visit.started")
def _visit_started(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _visit(fold, step.ref)
    row.update(
        person=step.event.person, since=data.since + step.shift, since_source=data.source.value
    )


@_fold.on("visit.ended")
def _visit_ended(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _visit(fold, data.visit)
    row.update(until=data.until + step.shift, until_source=data.source.value)


@_fold.on("visit.overdue")
def _visit_overdue(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    _visit(fold, data.visit)["overdue"] = True


@_fold.on("visit.corrected")
def _visit_corrected(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
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


@_fold.on("visit.approved")
def _visit_approved(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    _visit(fold, data.visit).update(approved_by=step.event.person, approved_at=step.at)


@_fold.on("visit.declined")
def _visit_declined(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    fold.row(tables.visit_declined, id=step.ref).update(
        home_id=fold.home,
        person=step.event.person,
        at=step.at,
        why=data.why.value,
        planned=data.planned,
    )


@_fold.on("visits.locked")
def _visits_locked(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = fold.row(tables.home_state, home_id=fold.home)
    known = row.get("visits_locked_before")
    if known is None or data.before > known:
        row["visits_locked_before"] = data.before


# --- turns of a lock


def _turn(fold: _fold.Fold, step: _fold.Step, grant: str) -> dict[str, Any]:
    row = fold.row(tables.turn, grant=grant)
    row["home_id"] = fold.home
    if "step" not in row:
        row.update(step="issued", step_at=step.at)
    return row


@_fold.on("grant.issued")
def _issued(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _turn(fold, step, data.grant)
    row.update(
        device=step.event.device,
        person=step.event.person,
        action=data.action,
        reason=data.reason,
        issued_at=step.at,
        expires_at=data.expires,
    )


@_fold.on("unlock.requested")
def _requested(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
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


@_fold.on("unlock.progressed")
def _progressed(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _turn(fold, step, data.grant)
    if row["step"] == "ended":
        return
    if row["step"] in ("issued", "requested", "refused") or step.at >= row["step_at"]:
        row.update(step=data.step.value, step_at=step.at)


@_fold.on("unlock.ended")
def _ended(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _turn(fold, step, data.grant)
    row.update(
        step="ended",
        step_at=step.at,
        outcome=data.outcome.value,
        why=data.why,
        took_s=data.took_s,
    )


@_fold.on("unlock.refused")
def _refused(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    end_code(fold, step, data.grant)
    if data.grant is None or not fold.known(tables.turn, grant=data.grant):
        return
    row = _turn(fold, step, data.grant)
    if row["step"] == "issued":  # a second, refused use says nothing about the first
        row.update(step="refused", step_at=step.at, why=data.why.value)
