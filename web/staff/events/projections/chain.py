"""Folds of the way of an alarm past the server, and of test alarms (see
`web.staff.events.projections.fold`).

Not for: alarms themselves, or acknowledging one by what a receiver answered
(`web.staff.homelink.second_path`).
"""

# ruff: noqa: ARG001 - every fold is given the same three arguments

from __future__ import annotations

from gateway import events
from web.staff.events.projections.fold import Fold, Row, Step, on, take
from web.staff.storage import tables


def _message(fold: Fold, ref: str) -> Row:
    row = fold.row(tables.path_message, id=ref)
    row["home_id"] = fold.home
    return row


@on(events.GatewayMessageSent)
def _sent(fold: Fold, step: Step, data: events.GatewayMessageSent) -> None:
    _message(fold, step.ref).update(
        alarm=data.alarm,
        receiver=data.receiver,
        channel=data.channel.value,
        attempt=data.attempt,
        sent_at=step.at,
    )


@on(events.GatewayMessageDelivered)
def _delivered(fold: Fold, step: Step, data: events.GatewayMessageDelivered) -> None:
    _message(fold, data.message)["delivered_at"] = step.at


@on(events.GatewayMessageFailed)
def _failed(fold: Fold, step: Step, data: events.GatewayMessageFailed) -> None:
    """One that was not even sent is a row of its own."""
    row = _message(fold, data.message or step.ref)
    row.update(failed_at=step.at, why=data.why)
    row.update(alarm=data.alarm, receiver=data.receiver, channel=data.channel.value)


@on(events.GatewayMessageAnswered)
def _answered(fold: Fold, step: Step, data: events.GatewayMessageAnswered) -> None:
    row = _message(fold, data.message)
    row.update(alarm=data.alarm, receiver=data.receiver, answered_at=step.at)


# --- test alarms ----------------------------------------------------------------------------------


def _home(fold: Fold) -> Row:
    return fold.row(tables.chain_test, home_id=fold.home)


@on(events.GatewayTestSent)
def _test_sent(fold: Fold, step: Step, data: events.GatewayTestSent) -> None:
    row = _home(fold)
    if row.get("test") != step.ref and take(row, "test", step):
        row.update(test=step.ref, why=data.why.value, sent_at=step.at, next_by=data.next_by)
        row.update(answered_at=None, broken=None, missed_at=None)


@on(events.ServerTestAnswered)
def _test_answered(fold: Fold, step: Step, data: events.ServerTestAnswered) -> None:
    row = _home(fold)
    if row.get("test") == data.test:
        row.update(answered_at=step.at, broken=",".join(data.broken))


@on(events.GatewayTestPassed)
def _test_passed(fold: Fold, step: Step, data: events.GatewayTestPassed) -> None:
    row = _home(fold)
    if row.get("test") == data.test:
        row.update(passed_at=step.at, hop=None)


@on(events.GatewayTestFailed)
def _test_failed(fold: Fold, step: Step, data: events.GatewayTestFailed) -> None:
    row = _home(fold)
    if row.get("test") == data.test:
        row["hop"] = data.hop


@on(events.HomeTestMissed)
def _test_missed(fold: Fold, step: Step, data: events.HomeTestMissed) -> None:
    _home(fold)["missed_at"] = step.at


@on(events.GatewaySecondPathFailed, events.GatewaySecondPathReady)
def _second_path(
    fold: Fold,
    step: Step,
    data: events.GatewaySecondPathFailed | events.GatewaySecondPathReady,
) -> None:
    row = _home(fold)
    if not take(row, "path", step):
        return
    row["path_at"] = step.at
    if isinstance(data, events.GatewaySecondPathReady):
        row.update(path="ready", path_why=None, signal_pct=data.signal_pct)
    else:
        row.update(path="failed", path_why=data.why)
