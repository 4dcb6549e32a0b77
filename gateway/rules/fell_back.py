"""The gateway runs without one of its files: the technician is told at once.

Something stands in for it (`gateway.fell_back`), so alarms go on; but what was changed last may be
missing, and the card may be dying.  A start that reads all of its files cancels the alarm.

Not for: what stands in for which file (`gateway.config.stand_ins`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmType, GatewayFellBack, GatewayStarted
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import told_once
from gateway.rules.common.replace import replace
from gateway.rules.common.told_once import ToldOnce

NAME = "fell_back"
VERSION = 1
KINDS = told_once.KINDS | {"gateway.fell_back", "gateway.started"}
ALARM = AlarmType.HOME_FELL_BACK


class Settings(RuleSettings):
    """Nothing is to be set."""


@dataclass(frozen=True)
class State:
    """Whether a file is missing, and it was said; `lacking`: the start that goes on says so."""

    told: ToldOnce = field(default_factory=ToldOnce)
    lacking: bool = False


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """All files are there until a start says otherwise."""
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
        case GatewayFellBack():
            told, said = state.told.begin(ALARM, event)
            return State(told, lacking=True), said
        case GatewayStarted() if state.lacking:
            return replace(state, lacking=False), ()
        case GatewayStarted():
            told, said = state.told.end(ALARM, event)
            return State(told), said
        case _:
            return replace(state, told=state.told.see(event, ALARM)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """Nothing becomes due by itself."""
    return None
