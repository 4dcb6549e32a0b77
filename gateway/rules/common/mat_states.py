"""What is known of each mat now: on, off or unknown.  Helps rules and is none.

A mat that is faulted, offline or failed is unknown until its next reading, and so is every mat
when the gateway starts: nobody watched meanwhile.  A mat that was found stuck is unknown until it
is *released*: that it still says "pressed" is what was wrong with it.  One that is wired the wrong
way round (`mat_reversed`) or has felt nobody (`mat_quality`) is unknown, whatever it says, until
the technician's alarm is closed.

Not for: what the mats together mean (the rule `bed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    DeviceFailed,
    DeviceOffline,
    GatewayStarted,
    MatFault,
    MatFaulted,
    MatPressed,
    MatReleased,
    Ref,
    Severity,
)
from gateway.ports import Level
from gateway.rules.common.replace import replace

READINGS = frozenset({"mat.pressed", "mat.released"})
"""What a mat says of its weight."""

KINDS = frozenset(
    {
        *READINGS,
        "mat.faulted",
        "device.offline",
        "device.failed",
        "gateway.started",
        "alarm.raised",
        "alarm.cancelled",
        "alarm.resolved",
    }
)

_READ = (MatPressed, MatReleased)

_DOUBTS = (AlarmType.MAT_REVERSED, AlarmType.MAT_UNFELT)
"""The technician's alarms that say that a mat is not to be believed."""


@dataclass(frozen=True)
class Mat:
    """One mat.  `pressed_since` is when it was last pressed without a break (kept over a restart,
    so that a stuck mat is found all the same), `last_on` the last moment it was seen pressed while
    it is not pressed now, `ref` the newest reading or fault; None: never.  `doubted` names the
    technician's alarm that it is not to be believed, while that is open."""

    level: Level = Level.UNKNOWN
    pressed_since: datetime | None = None
    last_on: datetime | None = None
    ref: Ref | None = None
    stuck: bool = False
    doubted: Ref | None = None


Mats = Mapping[str, Mat]


@lru_cache(maxsize=8)  # the same object for all rules that ask, see `see`
def start(devices: tuple[str, ...]) -> Mats:
    """Mats of which nothing is known yet."""
    return {device: Mat() for device in devices}


_newest: list[tuple[Mats, Event | None, Mats]] = [({}, None, {})]
"""The last mats, event and answer of `see`: two rules ask the same, one after the other."""


def see(mats: Mats, event: Event) -> Mats:
    """The mats after `event`; the same object when it changes nothing (another device, or the same
    reading once more)."""
    before, seen, after = _newest[0]  # one look: another thread may fold other events
    if seen is event and before is mats:
        return after
    after = _see(mats, event)
    _newest[0] = (mats, event, after)
    return after


def _see(mats: Mats, event: Event) -> Mats:
    device = event.device
    if isinstance(event.data, _READ):  # nine of ten events: the checks below are not for them
        old = mats.get(device or "")
        if device is None or old is None:
            return mats
        new = _read(old, event)
        return mats if new is old else {**mats, device: new}
    if isinstance(event.data, GatewayStarted):
        return {device: _lost(mat, event, restarted=True) for device, mat in mats.items()}
    if isinstance(event.data, AlarmCancelled | AlarmResolved):
        return _trusted_again(mats, event.data.alarm)
    if device is None or device not in mats:
        return mats
    old = mats[device]
    new = _after(old, event)
    return mats if new is old else {**mats, device: new}


def doubted_after(known: Mapping[str, Ref], event: Event) -> Mapping[str, Ref]:
    """For a rule that reads mats by itself: the mats that are not to be believed, and the alarms
    that say so, after `event`; the same object when it changes nothing."""
    match event.data:
        case AlarmRaised(type=about, severity=Severity.TECHNICAL) if about in _DOUBTS:
            return {**known, event.device or "": event.ref}
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref) if ref in known.values():
            return {device: alarm for device, alarm in known.items() if alarm != ref}
        case _:
            return known


def pressed(mats: Mats) -> bool:
    """Whether a mat that can be trusted is pressed now."""
    for mat in mats.values():  # noqa: SIM110 - asked with every reading; a generator costs double
        if mat.level is Level.ON:
            return True
    return False


def all_known(mats: Mats) -> bool:
    """Whether every mat can be trusted now; True for no mats at all."""
    for mat in mats.values():  # noqa: SIM110 - as above
        if mat.level is Level.UNKNOWN:
            return False
    return True


def _trusted_again(mats: Mats, alarm: Ref) -> Mats:
    if all(mat.doubted != alarm for mat in mats.values()):
        return mats
    return {
        device: Mat(ref=mat.ref) if mat.doubted == alarm else mat for device, mat in mats.items()
    }


def _read(mat: Mat, event: Event) -> Mat:
    """The mat after it was pressed or released."""
    if mat.doubted is not None:
        return mat
    if isinstance(event.data, MatPressed):
        if mat.level is Level.ON or mat.stuck:
            return mat
        since = mat.pressed_since or event.at
        return replace(mat, level=Level.ON, pressed_since=since, ref=event.ref)
    if mat.level is Level.OFF:
        return mat
    last_on = event.at if mat.level is Level.ON else mat.last_on
    return replace(
        mat, level=Level.OFF, pressed_since=None, last_on=last_on, ref=event.ref, stuck=False
    )


def _after(mat: Mat, event: Event) -> Mat:
    match event.data:
        case AlarmRaised(type=about, severity=Severity.TECHNICAL) if about in _DOUBTS:
            return replace(_lost(mat, event), doubted=event.ref)
        case AlarmRaised():
            return mat
        case _ if mat.doubted is not None:
            return mat
        case MatFaulted(fault=MatFault.STUCK) if not mat.stuck:
            return replace(_lost(mat, event), stuck=True)
        case MatFaulted() | DeviceOffline() | DeviceFailed():
            # what is unknown already is not lost once more: a driver that fails again and again
            # must not hide what the other mats of the bed tell
            return mat if mat.level is Level.UNKNOWN else _lost(mat, event)
        case _:
            return mat


def _lost(mat: Mat, event: Event, *, restarted: bool = False) -> Mat:
    return replace(
        mat,
        level=Level.UNKNOWN,
        pressed_since=mat.pressed_since if restarted else None,
        last_on=event.at if mat.level is Level.ON else mat.last_on,
        ref=event.ref,
    )
