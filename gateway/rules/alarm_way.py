"""The way of an alarm is broken: a test alarm did not come back, or the gateway cannot tell anybody
itself.  The technician is told, once for each, until it holds again.

Nothing has happened in the home; but the next alarm may reach nobody.  Not for: testing
(`gateway.second_path.chain_test`), or a home that is not heard at all (the server sees that).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
    GatewayTestFailed,
    GatewayTestPassed,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick

NAME = "alarm_way"
VERSION = 1
KINDS = frozenset(
    {
        "gateway.second_path_failed",
        "gateway.second_path_ready",
        "gateway.test_failed",
        "gateway.test_passed",
        "alarm.raised",
        "alarm.cancelled",
        "alarm.resolved",
    }
)
OURS = (AlarmType.SECOND_PATH_DOWN, AlarmType.CHAIN_BROKEN)


class Settings(RuleSettings):
    """Nothing is to be set."""


@dataclass(frozen=True)
class State:
    """What is broken and was told: the alarm's type to its reference, None once somebody closed
    it."""

    told: Mapping[AlarmType, Ref | None] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Everything holds until it is said not to."""
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
        case GatewaySecondPathFailed():
            return _broken(state, event, AlarmType.SECOND_PATH_DOWN)
        case GatewayTestFailed():
            return _broken(state, event, AlarmType.CHAIN_BROKEN)
        case GatewaySecondPathReady():
            return _whole(state, event, AlarmType.SECOND_PATH_DOWN)
        case GatewayTestPassed():
            return _whole(state, event, AlarmType.CHAIN_BROKEN)
        case AlarmRaised(type=AlarmType() as about) if about in OURS:
            if event.origin.startswith("staff:"):
                return state, ()  # the server's own, about its part of the way
            return State({**state.told, about: event.ref}), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            if ref not in state.told.values():
                return state, ()
            return State({a: None if r == ref else r for a, r in state.told.items()}), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> None:
    """Nothing becomes due by itself."""


def _broken(state: State, event: Event, about: AlarmType) -> tuple[State, Sequence[Decision]]:
    if about in state.told:
        return state, ()
    raised = AlarmRaised.usual(about, event.at)
    return State({**state.told, about: None}), (Decision(raised, rests_on=(event.ref,)),)


def _whole(state: State, event: Event, about: AlarmType) -> tuple[State, Sequence[Decision]]:
    if about not in state.told:
        return state, ()
    ref = state.told[about]
    left = State({a: r for a, r in state.told.items() if a is not about})
    if ref is None:
        return left, ()
    over = AlarmCancelled(alarm=ref, reason="recovered")
    return left, (Decision(over, rests_on=(event.ref,)),)
