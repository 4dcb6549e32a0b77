"""Folds of alarms and of their way to a person (see `web.staff.events.projections.fold`).

What is told again, late or in another order ends in the same row: of times the first counts, of
what may change (who has it, the ladder's step, what it was) the newest by the number of the
server's event.

Not for: computing how long help took (`web.staff.care.response_times`).
"""

from __future__ import annotations

from gateway import events
from web.staff.events.projections.fold import Fold, Row, Step, on, time_in
from web.staff.storage import tables
from web.staff.storage.coming import Coming


@on(events.AlarmRaised)
def _raised(fold: Fold, step: Step, data: events.AlarmRaised) -> None:
    row = fold.row(tables.alarm, id=step.ref)
    row.update(
        ref=step.event.ref,
        home_id=fold.home,
        type=data.type,
        severity=data.severity.value,
        device=step.event.device,
        person=step.event.person,
        since=data.since + step.shift,
        raised_at=step.at,
    )
    if not step.event.origin.startswith("staff:"):
        return
    if data.type is events.AlarmType.HOME_SILENT:
        fold.row(tables.home_state, home_id=fold.home)["silent_alarm"] = step.ref
    elif data.type is events.AlarmType.CHAIN_BROKEN:
        fold.row(tables.chain_test, home_id=fold.home)["missed_alarm"] = step.ref


@on(events.AlarmRepeated)
def _repeated(fold: Fold, step: Step, data: events.AlarmRepeated) -> None:
    fold.alarm(data.alarm)  # one of this home, or nothing is counted
    fold.row(tables.alarm_repeat, id=step.ref).update(alarm=data.alarm, at=step.at)


@on(events.AlarmCancelled)
def _cancelled(fold: Fold, step: Step, data: events.AlarmCancelled) -> None:
    row = fold.alarm(data.alarm)
    if row.get("closed_at") is None:
        row.update(
            closed_at=step.at,
            closed_by=step.event.person,
            outcome="cancelled",
            reason=data.reason,
        )


@on(events.AlarmResolved)
def _resolved(fold: Fold, step: Step, data: events.AlarmResolved) -> None:
    row = fold.alarm(data.alarm)
    if row.get("closed_at") is None:
        row.update(closed_at=step.at, closed_by=step.event.person, outcome=data.outcome.value)


# --- who has it -----------------------------------------------------------------------------------


@on(events.AlarmAcknowledged)
def _acknowledged(fold: Fold, step: Step, data: events.AlarmAcknowledged) -> None:
    """The newest has it: it could only be taken by somebody when it was free."""
    row = fold.alarm(data.alarm)
    _first(row, "first_acknowledged_at", step)
    if step.event.seq < _number(row, "acknowledged_seq"):
        return
    row.update(acknowledged_seq=step.event.seq, last_acknowledged_at=step.at)
    _not_coming(row, step)
    if step.event.seq > _number(row, "lapsed_seq"):
        row.update(acknowledged_at=step.at, acknowledged_by=step.event.person)


@on(events.AlarmLapsed)
def _lapsed(fold: Fold, step: Step, data: events.AlarmLapsed) -> None:
    """Nobody has it, until the next one takes it."""
    row = fold.alarm(data.alarm)
    if step.event.seq < _number(row, "lapsed_seq"):
        return
    row.update(lapsed_at=step.at, lapsed_by=step.event.person, lapsed_seq=step.event.seq)
    _not_coming(row, step)
    if _number(row, "acknowledged_seq") < step.event.seq:
        row.update(acknowledged_at=None, acknowledged_by=None)


# --- its way --------------------------------------------------------------------------------------


@on(events.AlarmSent)
def _sent(fold: Fold, step: Step, data: events.AlarmSent) -> None:
    _first(fold.alarm(data.alarm), "sent_at", step)


@on(events.AlarmDelivered)
def _delivered(fold: Fold, step: Step, data: events.AlarmDelivered) -> None:
    _first(fold.alarm(data.alarm), "delivered_at", step)


@on(events.AlarmShown)
def _shown(fold: Fold, step: Step, data: events.AlarmShown) -> None:
    """What is shown has been delivered, also where no provider said so."""
    row = fold.alarm(data.alarm)
    _first(row, "shown_at", step)
    _first(row, "delivered_at", step)


@on(events.AlarmEscalated)
def _escalated(fold: Fold, step: Step, data: events.AlarmEscalated) -> None:
    row = fold.alarm(data.alarm)
    if step.event.seq >= _number(row, "escalated_seq"):
        row.update(step=data.step, round=data.round, escalated_seq=step.event.seq)


@on(events.AlarmResponderDeparted)
def _departed(fold: Fold, step: Step, data: events.AlarmResponderDeparted) -> None:
    row = fold.alarm(data.alarm)
    if _first(row, "departed_at", step):
        row["departed_by"] = step.event.person
    _comes(row, step, Coming.SET_OUT)


@on(events.AlarmArrivalAsked)
def _asked(fold: Fold, step: Step, data: events.AlarmArrivalAsked) -> None:
    _comes(fold.alarm(data.alarm), step, Coming.ASKED)


@on(events.AlarmArrivalAnswered)
def _answered(fold: Fold, step: Step, data: events.AlarmArrivalAnswered) -> None:
    _comes(fold.alarm(data.alarm), step, Coming.THERE if data.there else Coming.STILL)


@on(events.AlarmResponderArrived)
def _arrived(fold: Fold, step: Step, data: events.AlarmResponderArrived) -> None:
    row = fold.alarm(data.alarm)
    if _first(row, "arrived_at", step):
        row.update(arrived_by=step.event.person, arrived_visit=data.visit)


@on(events.AlarmExplained)
def _explained(fold: Fold, step: Step, data: events.AlarmExplained) -> None:
    row = fold.alarm(data.alarm)
    if step.event.seq >= _number(row, "explained_seq"):
        row.update(
            finding=data.finding.value,
            explained_by=step.event.person,
            explained_seq=step.event.seq,
        )


def _comes(row: Row, step: Step, word: Coming) -> None:
    """How far who has it is on the way: their newest step since they took it."""
    since = max(_number(row, name) for name in ("coming_seq", "acknowledged_seq", "lapsed_seq"))
    if step.event.seq >= since:
        row.update(coming=word.value, coming_at=step.at, coming_seq=step.event.seq)


def _not_coming(row: Row, step: Step) -> None:
    """Another one has it, or nobody: what was before is of who had it."""
    if _number(row, "coming_seq") < step.event.seq:
        row.update(coming=None, coming_at=None, coming_seq=step.event.seq)


def _first(row: Row, column: str, step: Step) -> bool:
    """Keep the earliest time; whether this is it."""
    known = time_in(row, column)
    if known is not None and known <= step.at:
        return False
    row[column] = step.at
    return True


def _number(row: Row, column: str) -> int:
    """The number in a column; 0: none is there, or it is from before numbers were kept."""
    number = row.get(column)
    return number if isinstance(number, int) else 0
