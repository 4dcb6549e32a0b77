"""The home's disk refuses its log, which goes on in memory: the technician is told at once.

Everything works and is sent, but a power cut would lose what the server has not got, and a disk
that refuses is worn out or full.  When the disk takes events again the alarm is cancelled.

Not for: trying the disk, or changing logs (`gateway.engine.disk_watch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    GatewayStarted,
    LogLeftDisk,
    LogReturned,
    Ref,
)
from gateway.origin import is_in_memory
from gateway.rules import Decision, RuleSettings, Tick

NAME = "log_in_memory"
VERSION = 1
KINDS = frozenset(
    {
        "log.left_disk",
        "log.returned",
        "gateway.started",
        "alarm.raised",
        "alarm.cancelled",
        "alarm.resolved",
    }
)


class Settings(RuleSettings):
    """Nothing is to be set."""


@dataclass(frozen=True, slots=True)
class State:
    """`told`: the log is in memory, and it was said; `alarm` is the open one, None once somebody
    closed it."""

    told: bool = False
    alarm: Ref | None = None


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """The disk takes the log until it is said to refuse it."""
    return State()


def step(
    state: State,
    event: Event | Tick,
    settings: Settings,  # noqa: ARG001 - the contract of a rule
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return state, ()
    match event.data:
        case LogLeftDisk():
            if state.told:
                return state, ()
            raised = AlarmRaised.usual(AlarmType.LOG_IN_MEMORY, event.at)
            return State(told=True), (Decision(raised, rests_on=(event.ref,)),)
        case AlarmRaised(type=AlarmType.LOG_IN_MEMORY):
            return State(told=True, alarm=event.ref), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            return (State(told=state.told) if ref == state.alarm else state), ()
        case LogReturned() | GatewayStarted() if not is_in_memory(event.origin):
            if state.alarm is None:
                return State(), ()
            over = AlarmCancelled(alarm=state.alarm, reason="recovered")
            return State(), (Decision(over, rests_on=(event.ref,)),)
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """Nothing becomes due by itself."""
    return None
