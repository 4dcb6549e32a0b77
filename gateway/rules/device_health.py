"""A device does not do its work: the technician is told, and care staff when care is affected.

Care is affected by a bed without a mat that works at night, and by the door lock or a pendant at
any time.
Such a fault is an alarm for care (`severity` care) at once when it is certain (a cut or stuck mat,
a silent device, a jammed lock) and after `care_grace_s` when a driver may mend it by itself; one
for the bed, however many mats it has: it is the same bed that nobody sees.  A mat that is not
believed (`mat_states`) does not see it either.
Everything else waits `grace_min` and is a technical alarm; a mat that is down when the night
begins becomes one for care then.

A device that works again ends its alarms (`alarm.cancelled`, `recovered`) once it has worked for
`steady_min`; a device that comes and goes thus rings once, not each time.  An alarm that a person
closed does not come back for the same fault.

Not for: the driver's own restarts, the home's radio (`radio`), or what a silent home means (the
server watches that).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time

from pydantic import Field

from gateway.commands import AskStatus, Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    BatteryLow,
    BatteryOk,
    ContactFault,
    ContactFaulted,
    DeviceFailed,
    DeviceOffline,
    DeviceOnline,
    LockAwake,
    LockJammed,
    LockLocked,
    LockUnknown,
    LockUnlocked,
    MatFault,
    MatFaulted,
    MatReleased,
    Offline,
    PendantPressed,
    Ref,
    Severity,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import mat_states
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, in_window, later, next_local

NAME = "device_health"
VERSION = 2

READINGS = frozenset(
    {
        "button.pressed",
        "pendant.pressed",
        "mat.pressed",
        "mat.released",
        "door.opened",
        "door.closed",
        "motion.detected",
        "moisture.detected",
        "contact.changed",
    }
)
"""What only a device that works can say."""

KINDS = READINGS | {
    "device.online",
    "device.offline",
    "device.failed",
    "device.battery_low",
    "device.battery_ok",
    "mat.faulted",
    "contact.faulted",
    "lock.unlocked",
    "lock.locked",
    "lock.jammed",
    "lock.awake",
    "lock.unknown",
    "alarm.raised",
    "alarm.cancelled",
    "alarm.resolved",
}


class Settings(RuleSettings):
    """How long a device may be silent before somebody hears of it."""

    grace_min: float = Field(default=10.0, ge=0, le=1440)
    """Minutes that a fault lasts until the technician is told."""
    care_grace_s: float = Field(default=60.0, ge=0, le=3600)
    """Seconds that a fault which may mend itself lasts until care staff are told."""
    lock_unknown_min: float = Field(default=5.0, ge=0, le=240)
    """Minutes after a turn that nobody knows where the bolt is, the lock having been asked, until
    care staff are told."""
    steady_min: float = Field(default=5.0, ge=0, le=240)
    """Minutes that a device works again until its alarm ends."""
    night_from: time = time(22, 0)
    """Local time from which the bed mat is needed."""
    night_to: time = time(7, 0)
    """Local time until which the bed mat is needed."""


FAULTS = frozenset(
    {
        AlarmType.DEVICE_DOWN,  # failed, not heard, or its readings cannot be trusted
        AlarmType.LOCK_JAMMED,
        AlarmType.LOCK_UNKNOWN,
        AlarmType.BATTERY_LOW,
    }
)
"""What a device can have, and so what its alarms are about."""


@dataclass(frozen=True)
class Trouble:
    """One fault of one device.  `good_since`: it works again since then, None while it does not.
    `certain`: it does not mend itself; `faulty`: a reading must end it, being heard is not enough;
    `stuck`: only a release does.  `raised_as` are the severities that its alarms had, `open` those
    alarms that are not closed."""

    said: Ref
    since: datetime
    certain: bool
    faulty: bool = False
    stuck: bool = False
    good_since: datetime | None = None
    good_said: Ref | None = None
    raised_as: frozenset[Severity] = frozenset()
    open: tuple[Ref, ...] = ()
    tried: datetime | None = None


Key = tuple[str, AlarmType]


@dataclass(frozen=True)
class State:
    """The troubles there are, by device and fault; `doubted` are the bed mats that are not
    believed, with the alarms that say so."""

    troubles: Mapping[Key, Trouble]
    doubted: Mapping[str, Ref] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """All devices are taken to work until one says otherwise."""
    return State({})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    if not state.troubles and event.kind in READINGS:
        return state, ()  # all is well, and goes on so: nearly every event of a home
    doubted = mat_states.doubted_after(state.doubted, event)
    if doubted is not state.doubted:
        state = replace(state, doubted=doubted)
    data = event.data
    if isinstance(data, AlarmRaised):
        return _raised(state, event, data), ()
    if isinstance(data, AlarmCancelled | AlarmResolved):
        return _closed(state, data.alarm), ()
    if event.device is None:
        return state, ()
    return _device(state, event, event.device)


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next alarm is due, or the next device has worked long enough."""
    if not state.troubles:
        return None
    return first_of(*(_next(state, key, settings) for key in state.troubles))


def _device(  # noqa: PLR0912 - one branch a kind reads best in one place
    state: State, event: Event, device: str
) -> tuple[State, Sequence[Decision | Command]]:
    """What a device said of itself."""
    match event.data:
        case DeviceFailed():
            return _bad(state, event, (device, AlarmType.DEVICE_DOWN), certain=False), ()
        case DeviceOffline(reason=Offline.RADIO):
            return state, ()  # one fault for all of them: the rule `radio` tells it
        case DeviceOffline():
            return _bad(state, event, (device, AlarmType.DEVICE_DOWN), certain=True), ()
        case MatFaulted(fault=fault):
            certain = fault is not MatFault.FLAPPING
            stuck = fault is MatFault.STUCK
            key = (device, AlarmType.DEVICE_DOWN)
            return _bad(state, event, key, certain=certain, faulty=True, stuck=stuck), ()
        case ContactFaulted(fault=fault):
            certain = fault is not ContactFault.FLAPPING
            return _bad(state, event, (device, AlarmType.DEVICE_DOWN), certain=certain), ()
        case PendantPressed(verified=False):
            return state, ()  # who cannot be proved genuine does not prove that all is well
        case LockJammed():
            return _bad(state, event, (device, AlarmType.LOCK_JAMMED), certain=True), ()
        case LockUnknown() if event.person is not None:
            # somebody turned it: a lock that is merely asked while it sleeps worries nobody
            key = (device, AlarmType.LOCK_UNKNOWN)
            ask = () if key in state.troubles else (AskStatus(device),)
            return _bad(state, event, key, certain=False), ask
        case BatteryLow():
            return _bad(state, event, (device, AlarmType.BATTERY_LOW), certain=True), ()
        case BatteryOk():
            return _good(state, event, (device, AlarmType.BATTERY_LOW)), ()
        case LockLocked() | LockUnlocked():
            for what in (AlarmType.LOCK_JAMMED, AlarmType.LOCK_UNKNOWN, AlarmType.DEVICE_DOWN):
                state = _good(state, event, (device, what))
            return state, ()
        case DeviceOnline() | LockAwake():
            trouble = state.troubles.get((device, AlarmType.DEVICE_DOWN))
            heard = trouble is not None and not trouble.faulty
            return (_good(state, event, (device, AlarmType.DEVICE_DOWN)) if heard else state), ()
        case _:
            trouble = state.troubles.get((device, AlarmType.DEVICE_DOWN))
            if trouble is None or (trouble.stuck and not isinstance(event.data, MatReleased)):
                return state, ()
            return _good(state, event, (device, AlarmType.DEVICE_DOWN)), ()


def _bad(
    state: State,
    event: Event,
    key: Key,
    *,
    certain: bool,
    faulty: bool = False,
    stuck: bool = False,
) -> State:
    old = state.troubles.get(key)
    if old is None:
        new = Trouble(event.ref, event.at, certain, faulty, stuck)
    else:
        new = replace(
            old,
            certain=old.certain or certain,
            faulty=old.faulty or faulty,
            stuck=old.stuck or stuck,
            good_since=None,
            good_said=None,
        )
    return replace(state, troubles={**state.troubles, key: new})


def _good(state: State, event: Event, key: Key) -> State:
    old = state.troubles.get(key)
    if old is None or old.good_since is not None:
        return state
    # `certain`, `faulty` and `stuck` are of the fault that is over, should another follow soon
    new = replace(
        old, good_since=event.at, good_said=event.ref, certain=False, faulty=False, stuck=False
    )
    return replace(state, troubles={**state.troubles, key: new})


def _raised(state: State, event: Event, data: AlarmRaised) -> State:
    if event.device is None or data.type not in FAULTS:
        return state
    key = (event.device, AlarmType(data.type))
    trouble = state.troubles.get(key)
    if trouble is None:
        return state
    new = replace(
        trouble,
        raised_as=trouble.raised_as | {data.severity},
        open=(*trouble.open, event.ref),
        tried=None,
    )
    return replace(state, troubles={**state.troubles, key: new})


def _closed(state: State, alarm: Ref) -> State:
    for key, trouble in state.troubles.items():
        if alarm in trouble.open:
            left = tuple(ref for ref in trouble.open if ref != alarm)
            if not left and trouble.good_since is not None and trouble.tried is not None:
                # the recovery was decided and this was the last alarm to end: it is over
                left_over = {k: t for k, t in state.troubles.items() if k != key}
                return replace(state, troubles=left_over)
            changed = replace(trouble, open=left)
            return replace(state, troubles={**state.troubles, key: changed})
    return state


# --- when, and whom it concerns -------------------------------------------------------------------


def _next(state: State, key: Key, settings: Settings) -> datetime | None:
    """When something is due for this trouble."""
    trouble = state.troubles[key]
    if trouble.good_since is not None:
        return due(later(trouble.good_since, minutes=settings.steady_min), trouble.tried)
    return due(
        first_of(_care_due(state, key, settings), _technical_due(key, trouble, settings)),
        trouble.tried,
    )


def _care_due(state: State, key: Key, settings: Settings) -> datetime | None:
    """When care staff are told; None when care is not affected, or they have been."""
    device, what = key
    trouble = state.troubles[key]
    if Severity.CARE in trouble.raised_as or what is AlarmType.BATTERY_LOW:
        return None
    home = settings.home
    grace_s = 0.0 if trouble.certain else settings.care_grace_s
    if what is AlarmType.LOCK_UNKNOWN:
        grace_s = settings.lock_unknown_min * 60.0
    at = later(trouble.since, seconds=grace_s)
    facts = home.devices.get(device)
    if facts is not None and (facts.type == "lock" or facts.role == "pendant"):
        return at
    if what is not AlarmType.DEVICE_DOWN or facts is None or facts.role != "bed":
        return None
    others = [
        state.troubles.get((mat, AlarmType.DEVICE_DOWN))
        for mat in home.with_role("bed")
        if mat != device and mat not in state.doubted
    ]
    if any(other is None or Severity.CARE in other.raised_as for other in others):
        return None  # another mat still tells, or care knows already that none does
    if in_window(at, home.timezone, settings.night_from, settings.night_to):
        return at
    return next_local(at, home.timezone, settings.night_from)


def _technical_due(key: Key, trouble: Trouble, settings: Settings) -> datetime | None:
    """When the technician is told; None when somebody has been."""
    if trouble.raised_as:
        return None
    grace_min = 0.0 if key[1] is AlarmType.BATTERY_LOW else settings.grace_min
    return later(trouble.since, minutes=grace_min)


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    troubles = dict(state.troubles)
    decisions: list[Decision] = []
    told_of_bed = False
    for key, trouble in state.troubles.items():
        at = _next(state, key, settings)
        if at is None or at > now:
            continue
        if trouble.good_since is not None and not trouble.open:
            del troubles[key]
            continue
        told = _due_now(state, key, now, settings)
        if any(_of_bed_for_care(one, settings) for one in told):
            if told_of_bed:
                continue  # in the same instant: once that alarm is seen, this one is not due
            told_of_bed = True
        troubles[key] = replace(trouble, tried=now)
        decisions += told
    return replace(state, troubles=troubles), decisions


def _of_bed_for_care(decision: Decision, settings: Settings) -> bool:
    raised = isinstance(decision.data, AlarmRaised) and decision.data.severity is Severity.CARE
    return raised and decision.device in settings.home.with_role("bed")


def _due_now(state: State, key: Key, now: datetime, settings: Settings) -> list[Decision]:
    device, what = key
    trouble = state.troubles[key]
    if trouble.good_since is not None:
        why = (trouble.said, *((trouble.good_said,) if trouble.good_said else ()))
        return [
            Decision(AlarmCancelled(alarm=ref, reason="recovered"), rests_on=why, device=device)
            for ref in trouble.open
        ]
    care = _care_due(state, key, settings)
    severity = Severity.CARE if care is not None and care <= now else Severity.TECHNICAL
    alarm = AlarmRaised(type=what, severity=severity, since=trouble.since)
    return [Decision(alarm, rests_on=(trouble.said,), device=device)]
