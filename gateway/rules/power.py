"""Mains power is gone: the technician is told, and care staff when it lasts.

The gateway goes on from its battery; what it cannot see without mains it says itself.  Batteries of
devices are with `device_health`.  Not for: an outage of the network (the server sees that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmType, PowerLost, PowerRestored
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.lasting import KINDS as LASTING
from gateway.rules.common.lasting import Lasting
from gateway.rules.common.time import later

NAME = "power"
VERSION = 1
KINDS = LASTING | {"power.lost", "power.restored"}

ALARM = AlarmType.POWER_LOST


class Settings(RuleSettings):
    """How long the mains may be gone."""

    grace_s: float = Field(default=60.0, ge=0, le=3600)
    """Seconds until it is an alarm; a fuse that is changed at once is none."""


@dataclass(frozen=True, slots=True)
class State:
    """Whether the mains is gone."""

    mains: Lasting = field(default_factory=Lasting)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """There is mains power until it is said to be gone."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        mains, raised = state.mains.tick(event.at)
        return State(mains), raised
    key = (None, ALARM)
    match event.data:
        case PowerLost():
            at = later(event.at, seconds=settings.grace_s)
            # for care: pendants, door and night checks live from here on by a battery
            return State(state.mains.begin(key, event, at, ALARM.severity)), ()
        case PowerRestored():
            mains, decisions = state.mains.end(key, event, "power_restored")
            return State(mains), decisions
        case _:
            return State(state.mains.see(event)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the mains has been gone long enough."""
    return state.mains.wake_at()
