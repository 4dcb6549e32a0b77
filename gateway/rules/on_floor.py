"""Somebody lies on the floor: a floor mat is pressed for long, by day or night.

A mat where one walks is pressed for seconds.  Pressure that stays, pauses up to `bridge_s` bridged
because mats chatter, is somebody who does not get up; pressure on several cells of one mat at once
is a body, not a foot, and takes less time.  One alarm until the mat has been free for `free_s`;
what comes again while that alarm is open and new adds to it (`alarm.repeated`).

Not for: a mat that is stuck (it alarms once; nobody lies there, and somebody must see to it all the
same), or falls beside the mat (`bed_exit`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmRepeated,
    AlarmResolved,
    AlarmType,
    Data,
    MatLoaded,
    MatPressed,
    MatReleased,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later

NAME = "on_floor"
VERSION = 2
KINDS = frozenset(
    {
        "mat.pressed",
        "mat.released",
        "mat.loaded",
        "mat.faulted",
        "device.offline",
        "device.failed",
        "gateway.started",
        "alarm.raised",
        "alarm.repeated",
        "alarm.cancelled",
        "alarm.resolved",
    }
)

ALARM = AlarmType.ON_FLOOR


class Settings(RuleSettings):
    """How long is not walking."""

    lie_s: float = Field(default=60.0, ge=5, le=600)
    """Seconds of pressure, by which a fall is told within 90 s of the first touch."""
    cells: int = Field(default=3, ge=2, le=64)
    """So many cells of one mat at once are a body."""
    cells_s: float = Field(default=20.0, ge=1, le=600)
    """Seconds of such pressure."""
    bridge_s: float = Field(default=8.0, ge=0, le=60)
    """Seconds without pressure that still belong to it."""
    free_s: float = Field(default=30.0, ge=1, le=600)
    """Seconds without pressure after which the next is another fall."""
    one_trouble_min: float = Field(default=60.0, ge=0, le=240)
    """Minutes after an alarm within which another fall on the same mat belongs to it, while it is
    open; as `pendant`."""


@dataclass(frozen=True)
class Mat:
    """One floor mat.  `since` and `said` are of the first touch, `body_since` and `body` of the
    moment several cells were loaded; `free_from` is when the pressure ended, None while it lasts.
    `raised`: its alarm was raised, or repeated.  `alarm` names the one that is open, raised at
    `alarm_at`."""

    since: datetime | None = None
    said: Ref | None = None
    body_since: datetime | None = None
    body: Ref | None = None
    free_from: datetime | None = None
    raised: bool = False
    tried: datetime | None = None
    alarm: Ref | None = None
    alarm_at: datetime | None = None


@dataclass(frozen=True)
class State:
    """The floor mats, by device."""

    mats: Mapping[str, Mat]


def start(settings: Settings) -> State:
    """No mat is pressed."""
    return State({device: Mat() for device in settings.home.with_role("floor")})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    if event.kind == "gateway.started":
        # nobody watched meanwhile: what is pressed says so again
        return State(
            {name: replace(mat, since=None, body_since=None) for name, mat in state.mats.items()}
        ), ()
    mat = state.mats.get(event.device or "")
    if mat is None or event.device is None:
        return state, ()
    return State({**state.mats, event.device: _after(mat, event, settings)}), ()


def hears(kind: str, device: str | None, settings: Settings) -> bool:
    """Floor mats, and the start."""
    return kind == "gateway.started" or device in settings.home.with_role("floor")


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next pressure has lasted too long."""
    return first_of(*(_due(mat, settings) for mat in state.mats.values()))


def _after(mat: Mat, event: Event, settings: Settings) -> Mat:
    match event.data:
        case MatPressed():
            return _pressed(mat, event, settings)
        case MatReleased():
            # unknown until pressed again, but a body needs its cells
            return replace(mat, free_from=mat.free_from or event.at, tried=None)
        case MatLoaded(cells=cells) if cells >= settings.cells:
            mat = _pressed(mat, event, settings)
            if mat.body_since is None:
                mat = replace(mat, body_since=event.at, body=event.ref)
            return mat
        case MatLoaded(cells=0):
            return replace(mat, free_from=mat.free_from or event.at, tried=None)
        case MatLoaded():
            return replace(_pressed(mat, event, settings), body_since=None, body=None)
        case AlarmRaised(type=AlarmType.ON_FLOOR):
            return replace(mat, raised=True, tried=None, alarm=event.ref, alarm_at=event.at)
        case AlarmRepeated(alarm=ref) if ref == mat.alarm:
            return replace(mat, raised=True, tried=None)
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref) if ref == mat.alarm:
            return replace(mat, alarm=None, alarm_at=None)
        case AlarmRaised() | AlarmRepeated() | AlarmCancelled() | AlarmResolved():
            return mat
        case _:
            return Mat(raised=mat.raised, alarm=mat.alarm, alarm_at=mat.alarm_at)


def _pressed(mat: Mat, event: Event, settings: Settings) -> Mat:
    if mat.free_from is None and mat.since is not None:
        return mat
    free_s = None if mat.free_from is None else (event.at - mat.free_from).total_seconds()
    if free_s is not None and mat.since is not None and free_s <= settings.bridge_s:
        return replace(mat, free_from=None, tried=None)
    raised = mat.raised and free_s is not None and free_s <= settings.free_s
    return Mat(
        since=event.at, said=event.ref, raised=raised, alarm=mat.alarm, alarm_at=mat.alarm_at
    )


def _due(mat: Mat, settings: Settings) -> datetime | None:
    if mat.since is None or mat.raised:
        return None
    at = later(mat.since, seconds=settings.lie_s)
    if mat.body_since is not None:
        at = min(at, later(mat.body_since, seconds=settings.cells_s))
    if mat.free_from is not None and later(mat.free_from, seconds=settings.bridge_s) < at:
        return None
    return due(at, mat.tried)


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions, mats = [], dict(state.mats)
    for name, mat in state.mats.items():
        at = _due(mat, settings)
        if at is None or at > now or mat.since is None:
            continue
        alarm = _told(mat, mat.since, now, settings)
        rests_on = tuple(ref for ref in (mat.said, mat.body) if ref is not None)
        decisions.append(Decision(alarm, rests_on=rests_on, device=name))
        mats[name] = replace(mat, tried=now)
    return State(mats), decisions


def _told(mat: Mat, since: datetime, now: datetime, settings: Settings) -> Data:
    """A new alarm, or the open one again."""
    if mat.alarm is None or mat.alarm_at is None:
        return AlarmRaised.usual(ALARM, since)
    if mat.alarm_at <= now < later(mat.alarm_at, minutes=settings.one_trouble_min):
        return AlarmRepeated(alarm=mat.alarm)
    return AlarmRaised.usual(ALARM, since)
