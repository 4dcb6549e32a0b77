"""Mains power is gone: the technician is told, and care staff when it lasts or the battery ends.

The gateway goes on from its battery; what it cannot see without mains it says itself.  Nobody
needs to go to a home for a minute without power, but somebody must know before its alarms fall
silent: after `care_min`, or at once when the battery is low.  A supply that is too weak is told to
the technician: it stops a Pi, and spoils its card.

Batteries of devices are with `device_health`.  Not for: reading the power's sources
(`gateway.services.power_watch`), or an outage of the network (the server sees that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmType,
    PowerBatteryLow,
    PowerLost,
    PowerRestored,
    PowerSteadied,
    PowerUndervolted,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.lasting import KINDS as LASTING
from gateway.rules.common.lasting import Key, Lasting
from gateway.rules.common.time import later

NAME = "power"
VERSION = 2
KINDS = LASTING | {
    "power.lost",
    "power.restored",
    "power.battery_low",
    "power.undervolted",
    "power.steadied",
}

LOST: Key = (None, AlarmType.POWER_LOST)
FAILING: Key = (None, AlarmType.POWER_FAILING)
WEAK: Key = (None, AlarmType.POWER_WEAK)


class Settings(RuleSettings):
    """How long the mains may be gone, or the supply too weak."""

    grace_s: float = Field(default=60.0, ge=0, le=3600)
    """Seconds without mains until the technician is told; a fuse that is changed at once is no
    alarm."""
    care_min: float = Field(default=4.0, ge=0, le=1440)
    """Minutes without mains until care staff are told: tenders ask that they know within five. With
    a low battery they are told at once."""
    weak_s: float = Field(default=120.0, ge=0, le=86400)
    """Seconds that the supply is too weak until the technician is told; one dip is no alarm."""


@dataclass(frozen=True, slots=True)
class State:
    """What is wrong with the power: mains gone, so long that it is care's concern, supply weak."""

    power: Lasting = field(default_factory=Lasting)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """The power is good until it is said to be gone."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    power = state.power
    if isinstance(event, Tick):
        power, raised = power.tick(event.at)
        return State(power), raised
    match event.data:
        case PowerLost():
            power = _begin(power, LOST, event, later(event.at, seconds=settings.grace_s))
            # pendants, door and night checks live from here on by a battery
            return State(
                _begin(power, FAILING, event, later(event.at, minutes=settings.care_min))
            ), ()
        case PowerBatteryLow():
            return State(power.sooner(FAILING, event)), ()
        case PowerRestored():
            power, decisions = power.end(LOST, event, "power_restored")
            power, more = power.end(FAILING, event, "power_restored")
            return State(power), (*decisions, *more)
        case PowerUndervolted():
            return State(_begin(power, WEAK, event, later(event.at, seconds=settings.weak_s))), ()
        case PowerSteadied():
            power, decisions = power.end(WEAK, event, "recovered")
            return State(power), decisions
        case _:
            return State(power.see(event)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the mains has been gone, or the supply weak, long enough."""
    return state.power.wake_at()


def _begin(power: Lasting, key: Key, event: Event, at: datetime) -> Lasting:
    return power.begin(key, event, at, key[1].severity)
