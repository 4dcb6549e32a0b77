"""The way of an alarm is broken: a test alarm did not come back, or the gateway cannot tell anybody
itself.  The technician is told, once for each, until it holds again.

Nothing has happened in the home; but the next alarm may reach nobody.  Not for: testing
(`gateway.second_path.chain_test`), or a home that is not heard at all (the server sees that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmType,
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
    GatewayTestFailed,
    GatewayTestPassed,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import told_once
from gateway.rules.common.told_once import ToldOnce

NAME = "alarm_way"
VERSION = 1
KINDS = told_once.KINDS | {
    "gateway.second_path_failed",
    "gateway.second_path_ready",
    "gateway.test_failed",
    "gateway.test_passed",
}
PATH, CHAIN = AlarmType.SECOND_PATH_DOWN, AlarmType.CHAIN_BROKEN


class Settings(RuleSettings):
    """Nothing is to be set."""


@dataclass(frozen=True)
class State:
    """What is broken and was told."""

    way: ToldOnce = field(default_factory=ToldOnce)


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
            way, said = state.way.begin(PATH, event)
        case GatewayTestFailed():
            way, said = state.way.begin(CHAIN, event)
        case GatewaySecondPathReady():
            way, said = state.way.end(PATH, event)
        case GatewayTestPassed():
            way, said = state.way.end(CHAIN, event)
        case _:
            way, said = state.way.see(event, PATH, CHAIN), ()
    return State(way), said


def wake_at(state: State, settings: Settings) -> None:
    """Nothing becomes due by itself."""
