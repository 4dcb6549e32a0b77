"""The bed was left at night and the resident is not back: an alarm.

What counts is when the bed was left: between `night_from` and `night_to`, local time.  The alarm
comes `back_within_min` after the last sign of somebody in it, also when that is just after
`night_to`: who left at five to seven and lies on the floor is not helped by the clock.

**An alarm that was raised stays until a person closes it.**  Back in bed is no proof that all is
well: who fell, lay there and crept back needs somebody to come.  The return is seen as
`bed.entered`, which the pages show beside the open alarm, so that whoever takes it can decide to
look instead of running.  While the alarm rings and nobody has taken it on, another exit raises no
second one; it does once somebody has, or when an hour's ringing has reached nobody.

Not for: whether the bed is empty (`bed`), nor for the other evidence of a home (doors, motion).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    BedEntered,
    BedLeft,
    Ref,
    Severity,
)
from gateway.rules import Decision, RuleSettings, Tick, _absence
from gateway.rules._time import due, in_window, later

NAME = "bed_exit"
VERSION = 1
KINDS = _absence.KINDS | {
    "bed.entered",
    "bed.left",
    "alarm.raised",
    "alarm.acknowledged",
    "alarm.cancelled",
    "alarm.resolved",
}

ALARM = "bed_exit"

RINGS_FOR = timedelta(hours=1)
"""How long an alarm that nobody takes on stands for later exits too.  The ladders are through
by then; without an end, one lost alarm would silence every later night."""


class Settings(RuleSettings):
    """When it is night in this home, and how long one may be up."""

    night_from: time = time(22, 0)
    """Local time from which leaving the bed is watched."""
    night_to: time = time(7, 0)
    """Local time until which leaving the bed is watched."""
    back_within_min: float = Field(default=15.0, ge=0, le=240)
    """Minutes out of bed until it becomes an alarm, from the last sign of somebody in it."""


@dataclass(frozen=True, slots=True)
class State:
    """`left` names the `bed.left` that is watched and `since` is its `empty_since`; both None while
    nothing is.  `ringing` names the alarm that nobody has taken on yet, raised at `rings_since`."""

    left: Ref | None = None
    since: datetime | None = None
    ringing: Ref | None = None
    rings_since: datetime | None = None
    tried: datetime | None = None
    absence: _absence.Absence = _absence.AT_HOME


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing is watched."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _decide(state, event.at)
    match event.data:
        case BedLeft(empty_since=since):
            home = settings.home
            if in_window(since, home.timezone, settings.night_from, settings.night_to):
                return replace(state, left=event.ref, since=since, tried=None), ()
            return replace(state, left=None, since=None), ()
        case BedEntered():
            return replace(state, left=None, since=None, tried=None), ()
        case AlarmRaised(alarm=alarm) if alarm == ALARM:
            return State(ringing=event.ref, rings_since=event.at, absence=state.absence), ()
        case AlarmAcknowledged(alarm=ref) | AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            return (_taken_on(state, event.at, settings) if ref == state.ringing else state), ()
        case _:
            return replace(state, absence=_absence.see(state.absence, event)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the resident should be back."""
    at = _due(state, settings)
    if at is not None and state.rings_since is not None:
        at = max(at, state.rings_since + RINGS_FOR)
    return due(at, state.tried)


def _due(state: State, settings: Settings) -> datetime | None:
    if state.since is None:
        return None
    return later(state.since, minutes=settings.back_within_min)


def _taken_on(state: State, now: datetime, settings: Settings) -> State:
    """Somebody took the alarm on, or it ended: an exit that it stood for needs none of its own."""
    at = _due(state, settings)
    if at is not None and at <= now:
        state = replace(state, left=None, since=None)
    return replace(state, ringing=None, rings_since=None)


def _decide(state: State, now: datetime) -> tuple[State, Sequence[Decision]]:
    if state.left is None or state.since is None:
        return state, ()
    if state.absence.at(now):
        return replace(state, left=None, since=None), ()
    alarm = AlarmRaised(alarm=ALARM, severity=Severity.CARE, since=state.since)
    return replace(state, tried=now), (Decision(alarm, rests_on=(state.left,)),)
