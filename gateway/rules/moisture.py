"""Moisture: time to change, told without haste and without a sound, once until it is dry.

Not for: water on a floor that damages the home (give such a sensor another rule).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmType, MoistureCleared, MoistureDetected
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.lasting import KINDS as LASTING
from gateway.rules.common.lasting import Lasting
from gateway.rules.common.time import later

NAME = "moisture"
VERSION = 1
KINDS = LASTING | {"moisture.detected", "moisture.cleared"}

ALARM = AlarmType.MOISTURE


class Settings(RuleSettings):
    """How long it is wet before somebody is told."""

    wet_min: float = Field(default=2.0, ge=0, le=240)
    """Minutes of moisture until it is told; a drop that dries is none."""


@dataclass(frozen=True, slots=True)
class State:
    """Which sensors are wet."""

    wet: Lasting = field(default_factory=Lasting)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """All is dry."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        wet, raised = state.wet.tick(event.at)
        return State(wet), raised
    key = (event.device, ALARM)
    match event.data:
        case MoistureDetected():
            at = later(event.at, minutes=settings.wet_min)
            return State(state.wet.begin(key, event, at, ALARM.severity)), ()
        case MoistureCleared():
            wet, decisions = state.wet.end(key, event, "dry")
            return State(wet), decisions
        case _:
            return State(state.wet.see(event)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the next wet sensor has been wet long enough."""
    return state.wet.wake_at()
