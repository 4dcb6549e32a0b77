"""One device as it is now, folded from what it said and what was said of it.

A part of `gateway.state.home_view`.  Not for: what the readings mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from gateway import events as e
from gateway.envelope import Event
from gateway.ports import Bolt, Level

DEVICE_KINDS = (
    *("device.", "mat.", "door.", "motion.", "moisture.", "lock.", "contact.", "pendant."),
    *("button.", "temperature."),
)
"""How the kinds begin that a device itself says, or that are said of it."""


class Health(StrEnum):
    """Whether a device does its work."""

    UNKNOWN = "unknown"
    """Nothing was heard of it yet."""
    ONLINE = "online"
    OFFLINE = "offline"
    FAILED = "failed"
    FAULTED = "faulted"
    """It is heard, and what it says cannot be trusted."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device.  `level` is what it last read, unknown while it cannot be trusted; `bolt` a
    lock's own report; `battery_low` None: never told; `why` says what is wrong, None when nothing
    is; `heard_at` when it last told anything."""

    id: str
    driver: str | None = None
    type: str | None = None
    role: str | None = None
    room: str | None = None
    health: Health = Health.UNKNOWN
    level: Level = Level.UNKNOWN
    bolt: Bolt = Bolt.UNKNOWN
    battery_low: bool | None = None
    battery_pct: int | None = None
    why: str | None = None
    asleep: bool = False
    mends_online: bool = False
    """Its fault is over when it says that it is online: a button has no reading for that."""
    changed_at: datetime | None = None
    heard_at: datetime | None = None


_LEVELS: dict[type[e.Data], Level] = {
    e.MatPressed: Level.ON,
    e.MatReleased: Level.OFF,
    e.DoorOpened: Level.ON,
    e.DoorClosed: Level.OFF,
    e.MotionDetected: Level.ON,
    e.MotionCleared: Level.OFF,
    e.MoistureDetected: Level.ON,
    e.MoistureCleared: Level.OFF,
}

_BOLTS: dict[type[e.Data], Bolt] = {
    e.LockUnlocked: Bolt.UNLOCKED,
    e.LockLocked: Bolt.LOCKED,
    e.LockJammed: Bolt.JAMMED,
    e.LockUnknown: Bolt.UNKNOWN,
}


def heard(old: DeviceView, event: Event) -> DeviceView:
    """The device after what it said, or what was said of it."""
    return replace(_said(old, event) or _ailing(old, event) or old, heard_at=event.at)


def _said(old: DeviceView, event: Event) -> DeviceView | None:
    """After a reading, or a sign of life; None: `event` is neither."""
    data, at = event.data, event.at
    well = replace(old, health=Health.ONLINE, why=None, asleep=False, mends_online=False)
    if isinstance(data, e.ContactChanged):
        return replace(well, level=Level.ON if data.on else Level.OFF, changed_at=at)
    level, bolt = _LEVELS.get(type(data)), _BOLTS.get(type(data))
    if level is not None:
        if old.why == e.MatFault.STUCK and level is Level.ON:
            return old  # that it still says "pressed" is what is wrong with it
        return replace(well, level=level, changed_at=at)
    if bolt is not None:
        return replace(well, bolt=bolt, changed_at=at)
    match data:
        case e.DeviceOnline() if old.health is not Health.FAULTED or old.mends_online:
            return replace(well, changed_at=at)
        case e.LockAsleep():
            return replace(old, asleep=True)
        case e.LockAwake():
            return replace(old, asleep=False)
        case e.PendantPressed(verified=True) | e.ButtonPressed(verified=True):
            return replace(well, changed_at=at)
        case e.DeviceHeard() | e.TemperatureMeasured() if old.health is not Health.FAULTED:
            return well
        case _:
            return None


def _ailing(old: DeviceView, event: Event) -> DeviceView | None:
    """After a fault or a word about the battery; None: `event` is neither."""
    lost = replace(old, level=Level.UNKNOWN, changed_at=event.at, mends_online=False)
    match event.data:
        case e.DeviceOffline(reason=reason):
            return replace(lost, health=Health.OFFLINE, why=reason, bolt=Bolt.UNKNOWN)
        case e.DeviceFailed(error=error):
            return replace(lost, health=Health.FAILED, why=error, bolt=Bolt.UNKNOWN)
        case e.ContactFaulted(fault=fault):
            return replace(lost, health=Health.FAULTED, why=fault.value, mends_online=True)
        case e.MatFaulted(fault=fault):
            return replace(lost, health=Health.FAULTED, why=fault.value)
        case e.LockUnreachable():
            return replace(old, bolt=Bolt.UNKNOWN, changed_at=event.at)
        case e.BatteryLow(level_pct=level_pct):
            return replace(old, battery_low=True, battery_pct=level_pct)
        case e.BatteryOk(level_pct=level_pct):
            return replace(old, battery_low=False, battery_pct=level_pct)
        case e.BatteryTold(level_pct=int() as level_pct):
            return replace(old, battery_pct=level_pct)
        case _:
            return None
