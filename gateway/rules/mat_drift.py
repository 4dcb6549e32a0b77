"""A mat's empty level has wandered to where it is hardly followed: the technician is told.

The mat's driver says when it is near its limit and when it is back (`mat.drifted`).  A warm night
or a heated blanket brings it near for hours; near for a whole day is age, a wet cell or another
mattress.  Then it is a technical alarm at the next noon that says to calibrate it anew, while the
mat still works.  It ends when the mat says that it is back, as it does after a calibration.

Not for: a mat that reads wrong already (`mat_quality`, `bed`), or how far it is followed (the
driver).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    MatDrifted,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later, next_local

NAME = "mat_drift"
VERSION = 1
KINDS = frozenset({"mat.drifted", "alarm.raised", "alarm.cancelled", "alarm.resolved"})

ALARM = AlarmType.MAT_DRIFTED


class Settings(RuleSettings):
    """When a level that wandered is told."""

    at: time = time(12, 0)
    """Local time at which it is told; the technician is called by day."""
    near_h: float = Field(default=24.0, ge=1, le=240)
    """Hours near the limit until then.  At one hundredth of the load a day there are two weeks left
    in which the mat still reads right."""


@dataclass(frozen=True)
class Mat:
    """A mat that is near its limit since `since`, as `said` told; `since` None: only its alarm is
    known.  `raised`: it was told; `alarm` names the alarm while nobody closed it."""

    said: Ref
    since: datetime | None = None
    raised: bool = False
    alarm: Ref | None = None
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """The mats that are near their limit, by device."""

    mats: Mapping[str, Mat] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """No mat has wandered."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    device = event.device or ""
    old = state.mats.get(device)
    match event.data:
        case MatDrifted(near=True) if old is None:
            return _put(state, device, Mat(event.ref, event.at)), ()
        case MatDrifted(near=True) if old is not None and old.since is None:
            return _put(state, device, replace(old, since=event.at)), ()
        case MatDrifted(near=False) if old is not None:
            left = State({name: mat for name, mat in state.mats.items() if name != device})
            if old.alarm is None:
                return left, ()
            ended = AlarmCancelled(alarm=old.alarm, reason="recovered")
            return left, (Decision(ended, rests_on=(old.alarm, event.ref), device=device),)
        case AlarmRaised(type=AlarmType.MAT_DRIFTED):
            mat = old or Mat(event.ref)
            return _put(state, device, replace(mat, raised=True, alarm=event.ref, tried=None)), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            return _closed(state, ref), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next mat has been near its limit for long enough."""
    return first_of(*(_due(mat, settings) for mat in state.mats.values()))


def _due(mat: Mat, settings: Settings) -> datetime | None:
    if mat.raised or mat.since is None:
        return None
    long = later(mat.since, minutes=60.0 * settings.near_h)
    return due(next_local(long, settings.home.timezone, settings.at), mat.tried)


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions = []
    for device, mat in state.mats.items():
        at = _due(mat, settings)
        if at is None or at > now or mat.since is None:
            continue
        raised = AlarmRaised.usual(ALARM, mat.since)
        decisions.append(Decision(raised, rests_on=(mat.said,), device=device))
        state = _put(state, device, replace(mat, tried=now))
    return state, decisions


def _put(state: State, device: str, mat: Mat) -> State:
    return State({**state.mats, device: mat})


def _closed(state: State, alarm: Ref) -> State:
    """A person closed it; the same wandering is not told again."""
    for device, mat in state.mats.items():
        if mat.alarm == alarm:
            return _put(state, device, replace(mat, alarm=None))
    return state
