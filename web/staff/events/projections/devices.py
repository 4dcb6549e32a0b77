"""Folds of devices and of the state of the home (see `web.staff.events.projections.fold`).

Not for: alarms, checks, visits and turns (`web.staff.events.projections.care`).
"""

# ruff: noqa: ARG001 - every fold is given the same three arguments

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway import events
from gateway.origin import is_in_memory
from web.staff.events.projections.fold import Fold, Row, Step, on, take
from web.staff.storage import tables

STATES: Mapping[type[events.Data], str] = {
    events.MatPressed: "pressed",
    events.MatReleased: "released",
    events.MatFaulted: "unknown",
    events.DoorOpened: "open",
    events.DoorClosed: "closed",
    events.MotionDetected: "motion",
    events.MotionCleared: "still",
    events.MoistureDetected: "wet",
    events.LockUnlocked: "unlocked",
    events.LockLocked: "locked",
    events.LockJammed: "jammed",
    events.LockUnknown: "unknown",
}
"""What a reading says about its device."""

HEALTH: Mapping[type[events.Data], str] = {
    events.DeviceOnline: "ok",
    events.DeviceOffline: "offline",
    events.DeviceFailed: "failed",
    events.LockAsleep: "asleep",
    events.LockAwake: "ok",
    events.LockUnreachable: "offline",
}


def _device(fold: Fold, step: Step) -> Row | None:
    device = step.event.device
    return None if device is None else fold.row(tables.device, home_id=fold.home, id=device)


def _set(step: Step, row: Row | None, what: str, value: str) -> bool:
    if row is None or not take(row, what, step):
        return False
    row[what], row[f"{what}_at"] = value, step.at
    return True


@on(*STATES)
def _reading(fold: Fold, step: Step, data: events.Data) -> None:
    if isinstance(data, events.LockUnknown) and data.unanswered:
        return  # it did not answer and was not turned: what it said last stands, with its time
    row = _device(fold, step)
    _set(step, row, "state", STATES[type(data)])


@on(events.ContactChanged)
def _contact(fold: Fold, step: Step, data: events.ContactChanged) -> None:
    _set(step, _device(fold, step), "state", "on" if data.on else "off")


@on(*HEALTH)
def _health(fold: Fold, step: Step, data: events.Data) -> None:
    row = _device(fold, step)
    if _set(step, row, "health", HEALTH[type(data)]) and row is not None:
        row["health_text"] = _why(data)


def _why(data: events.Data) -> str | None:
    match data:
        case events.DeviceFailed(text=text):
            return text
        case events.DeviceOffline(reason=reason):
            return reason
        case _:
            return None


@on(events.BatteryLow, events.BatteryOk)
def _battery(fold: Fold, step: Step, data: events.BatteryLow | events.BatteryOk) -> None:
    row = _device(fold, step)
    low = isinstance(data, events.BatteryLow)
    if _set(step, row, "battery", "low" if low else "ok") and row is not None:
        row["battery_pct"] = data.level_pct
    _point(fold, step, data.level_pct, low=low)


@on(events.BatteryTold)
def _level(fold: Fold, step: Step, data: events.BatteryTold) -> None:
    row = _device(fold, step)
    if row is not None and take(row, "battery", step):
        row["battery_pct"], row["battery_at"] = data.level_pct, step.at
    _point(fold, step, data.level_pct, low=None)


def _point(fold: Fold, step: Step, level_pct: int | None, *, low: bool | None) -> None:
    """One point of a battery's history."""
    if step.event.device is not None:
        point = fold.row(tables.battery_point, id=step.ref)
        point.update(device=step.event.device, at=step.at, level_pct=level_pct, low=low)


def _home(fold: Fold) -> Row:
    return fold.row(tables.home_state, home_id=fold.home)


@on(events.HomeDescribed)
def _described(fold: Fold, step: Step, data: events.HomeDescribed) -> None:
    home = _home(fold)
    if not take(home, "described", step):
        return
    home.update(described_at=step.at, resident=data.resident)
    told = {device.id: device for device in data.devices}
    for device_id in {*fold.devices(), *told}:
        row = fold.row(tables.device, home_id=fold.home, id=device_id)
        device = told.get(device_id)
        row["present"] = device is not None
        if device is not None:
            row.update(driver=device.driver, type=device.type, role=device.role, room=device.room)


def _in_memory(home: Row, step: Step) -> None:
    """Whether the home's newest log is on its disk, as far as this event says."""
    if not take(home, "memory", step):
        return
    if not is_in_memory(step.event.origin):
        home["memory_since"] = None
    elif home.get("memory_since") is None:
        home["memory_since"] = step.at


@on(events.LogLeftDisk, events.LogReturned, events.LogRecovered)
def _log_moved(fold: Fold, step: Step, data: events.Data) -> None:
    _in_memory(_home(fold), step)


PAGE_URL = re.compile(r"https://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
"""Where a home may say that its page is: phones go there."""


@on(events.PageDescribed)
def _page_described(fold: Fold, step: Step, data: events.PageDescribed) -> None:
    home = _home(fold)
    if take(home, "page", step) and PAGE_URL.fullmatch(data.url):
        home.update(page_url=data.url, page_fingerprint=data.fingerprint, page_key=data.page_key)


@on(events.GatewayStarted)
def _gateway_started(fold: Fold, step: Step, data: events.GatewayStarted) -> None:
    home = _home(fold)
    if take(home, "page", step):  # it tells of its page again, unless it is too old to have one
        home.update(page_url=None, page_fingerprint=None, page_key=None)
    _in_memory(home, step)
    if take(home, "run", step):
        home.update(started_at=step.at, version=data.version, clock=step.event.clock)


@on(events.ClockSynced)
def _synced(fold: Fold, step: Step, data: events.ClockSynced) -> None:
    home = _home(fold)
    if take(home, "run", step):
        home["clock"] = "synced"


@on(events.BedEntered)
def _bed_entered(fold: Fold, step: Step, data: events.BedEntered) -> None:
    home = _home(fold)
    if take(home, "bed", step):
        home.update(in_bed="on", bed_since=step.at)


@on(events.BedLeft)
def _bed_left(fold: Fold, step: Step, data: events.BedLeft) -> None:
    home = _home(fold)
    if take(home, "bed", step):
        home.update(in_bed="off", bed_since=data.empty_since + step.shift)


@on(events.BedDoubted)
def _bed_doubted(fold: Fold, step: Step, data: events.BedDoubted) -> None:
    home = _home(fold)
    if take(home, "bed", step):
        home.update(in_bed="unknown", bed_since=data.since + step.shift)


@on(events.PowerLost, events.PowerRestored)
def _power(fold: Fold, step: Step, data: events.PowerLost | events.PowerRestored) -> None:
    lost = isinstance(data, events.PowerLost)
    _set(step, _home(fold), "power", "battery" if lost else "mains")


@on(events.HomeSilent)
def _silent(fold: Fold, step: Step, data: events.HomeSilent) -> None:
    _home(fold)["silent_since"] = step.at


@on(events.HomeHeard)
def _heard(fold: Fold, step: Step, data: events.HomeHeard) -> None:
    _home(fold).update(silent_since=None, silent_alarm=None)
