"""Folds of devices and of the state of the home (see `web.staff.events.projections.fold`).

Not for: alarms, checks, visits and turns (`web.staff.events.projections.care`).
"""

# ruff: noqa: ARG001 - every fold is given the same three arguments

from __future__ import annotations

from typing import Any

from web.staff.events.projections import fold as _fold
from web.staff.storage import tables

STATES = {
    "mat.pressed": "pressed",
    "mat.released": "released",
    "mat.faulted": "unknown",
    "door.opened": "open",
    "door.closed": "closed",
    "motion.detected": "motion",
    "motion.cleared": "still",
    "moisture.detected": "wet",
    "lock.unlocked": "unlocked",
    "lock.locked": "locked",
    "lock.jammed": "jammed",
    "lock.unknown": "unknown",
}
"""What a reading says about its device."""

HEALTH = {
    "device.online": "ok",
    "device.offline": "offline",
    "device.failed": "failed",
    "lock.asleep": "asleep",
    "lock.awake": "ok",
    "lock.unreachable": "offline",
}


def _device(fold: _fold.Fold, step: _fold.Step) -> dict[str, Any] | None:
    device = step.event.device
    return None if device is None else fold.row(tables.device, home_id=fold.home, id=device)


def _set(step: _fold.Step, row: dict[str, Any] | None, what: str, value: str) -> bool:
    if row is None or not _fold.take(row, what, step):
        return False
    row[what], row[f"{what}_at"] = value, step.at
    return True


@_fold.on(*STATES)
def _reading(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _device(fold, step)
    _set(step, row, "state", STATES[step.event.kind])


@_fold.on("contact.changed")
def _contact(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    _set(step, _device(fold, step), "state", "on" if data.on else "off")


@_fold.on(*HEALTH)
def _health(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _device(fold, step)
    if _set(step, row, "health", HEALTH[step.event.kind]) and row is not None:
        text = getattr(data, "text", None) or getattr(data, "reason", None)
        row["health_text"] = text


@_fold.on("device.battery_low", "device.battery_ok")
def _battery(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    row = _device(fold, step)
    low = step.event.kind == "device.battery_low"
    if _set(step, row, "battery", "low" if low else "ok") and row is not None:
        row["battery_pct"] = data.level_pct


def _home(fold: _fold.Fold) -> dict[str, Any]:
    return fold.row(tables.home_state, home_id=fold.home)


@_fold.on("home.described")
def _described(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    home = _home(fold)
    if not _fold.take(home, "described", step):
        return
    home.update(described_at=step.at, resident=data.resident)
    told = {device.id: device for device in data.devices}
    for device_id in {*fold.devices(), *told}:
        row = fold.row(tables.device, home_id=fold.home, id=device_id)
        device = told.get(device_id)
        row["present"] = device is not None
        if device is not None:
            row.update(driver=device.driver, type=device.type, role=device.role, room=device.room)


@_fold.on("gateway.started")
def _gateway_started(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    home = _home(fold)
    if _fold.take(home, "run", step):
        home.update(started_at=step.at, version=data.version, clock=step.event.clock)


@_fold.on("clock.synced")
def _synced(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    home = _home(fold)
    if _fold.take(home, "run", step):
        home["clock"] = "synced"


@_fold.on("bed.entered")
def _bed_entered(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    home = _home(fold)
    if _fold.take(home, "bed", step):
        home.update(in_bed="on", bed_since=step.at)


@_fold.on("bed.left")
def _bed_left(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    home = _home(fold)
    if _fold.take(home, "bed", step):
        home.update(in_bed="off", bed_since=data.empty_since + step.shift)


@_fold.on("bed.doubted")
def _bed_doubted(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    home = _home(fold)
    if _fold.take(home, "bed", step):
        home.update(in_bed="unknown", bed_since=data.since + step.shift)


@_fold.on("power.lost", "power.restored")
def _power(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    lost = step.event.kind == "power.lost"
    _set(step, _home(fold), "power", "battery" if lost else "mains")


@_fold.on("home.silent")
def _silent(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    _home(fold)["silent_since"] = step.at


@_fold.on("home.heard")
def _heard(fold: _fold.Fold, step: _fold.Step, data: Any) -> None:
    _home(fold).update(silent_since=None, silent_alarm=None)
