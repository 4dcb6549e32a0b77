"""A camera's shutter that does not do as it is told: the technician is told at once, once.

One that does not shut leaves a camera in a bedroom uncovered: it is off, and the resident cannot
see that.  One that does not open takes the night's looks away, each of which becomes a visit.  The
alarm ends when the shutter does as it is told again (`camera.shutter_well`); a person who closes it
is not told of the same fault twice.

Not for: whether anybody looks (`gateway.media`), or a camera that does not answer
(`device_health`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    Ref,
    ShutterStuck,
    ShutterWanted,
    ShutterWell,
)
from gateway.rules import Decision, RuleSettings, Tick

NAME = "shutter"
VERSION = 1
KINDS = frozenset(
    {
        "camera.shutter_stuck",
        "camera.shutter_well",
        "alarm.raised",
        "alarm.cancelled",
        "alarm.resolved",
    }
)

TYPES = (AlarmType.CAMERA_OPEN, AlarmType.CAMERA_COVERED)


class Settings(RuleSettings):
    """Nothing is to be set."""


@dataclass(frozen=True)
class State:
    """What was told, by device and type, with the alarm's name; None once somebody closed it."""

    told: Mapping[tuple[str, AlarmType], Ref | None] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Every shutter is taken to do as it is told."""
    return State()


def step(
    state: State,
    event: Event | Tick,
    settings: Settings,  # noqa: ARG001 - the contract of a rule
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return state, ()
    device = event.device or ""
    match event.data:
        case ShutterStuck(wanted=wanted):
            # a word of a newer version is taken as the graver of the two
            opens = wanted is ShutterWanted.OPEN
            type_ = AlarmType.CAMERA_COVERED if opens else AlarmType.CAMERA_OPEN
            if (device, type_) in state.told:
                return state, ()
            raised = AlarmRaised.usual(type_, event.at)
            told = {**state.told, (device, type_): None}
            return State(told), (Decision(raised, rests_on=(event.ref,), device=device),)
        case AlarmRaised(type=type_) if type_ in TYPES:
            return State({**state.told, (device, AlarmType(type_)): event.ref}), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            told = {key: None if alarm == ref else alarm for key, alarm in state.told.items()}
            return State(told), ()
        case ShutterWell():
            return _well(state, device, event.ref)
        case _:
            return state, ()


def _well(state: State, device: str, said: Ref) -> tuple[State, Sequence[Decision | Command]]:
    """The device's alarms are over."""
    over = [
        Decision(
            AlarmCancelled(alarm=alarm, reason="recovered"), rests_on=(alarm, said), device=device
        )
        for (of, _), alarm in state.told.items()
        if of == device and alarm is not None
    ]
    return State({key: alarm for key, alarm in state.told.items() if key[0] != device}), over


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """Nothing becomes due by itself."""
    return None
