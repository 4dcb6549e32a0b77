"""Too warm or too cold at home for long: told without haste, and for care when it is extreme.

A heat wave kills slowly and unseen.  The limits follow what Swedish public health advice calls too
warm and too cold indoors for frail people; a room that swings around a limit is one condition until
it is half a degree on the right side.  A sensor that is not heard says nothing: what it told last
does not go on (`device_silent` sees to it).

Not for: the temperature outdoors (role `outdoor`), fridges, or fire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmType, Severity, TemperatureMeasured
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.lasting import KINDS as LASTING
from gateway.rules.common.lasting import Lasting
from gateway.rules.common.replace import replace
from gateway.rules.common.time import later

NAME = "temperature"
VERSION = 1
KINDS = LASTING | {"temperature.measured", "device.offline", "device.failed"}

COLD, HOT = AlarmType.TOO_COLD, AlarmType.TOO_HOT

BACK_C = 0.5
"""Degrees on the right side of a limit before it is normal again: two steps of a usual sensor."""


class Settings(RuleSettings):
    """What is too warm and too cold, and for how long."""

    low_c: float = Field(default=17.0, ge=-20, le=30)
    """Degrees Celsius below which it is too cold."""
    low_h: float = Field(default=3.0, ge=0, le=72)
    """Hours below it."""
    high_c: float = Field(default=28.0, ge=10, le=60)
    """Degrees Celsius above which it is too warm."""
    high_h: float = Field(default=4.0, ge=0, le=72)
    """Hours above it."""
    extreme_c: float = Field(default=5.0, ge=0, le=30)
    """Degrees beyond a limit at which it is an alarm for care, after a quarter of the time."""


@dataclass(frozen=True)
class State:
    """The rooms that are too warm or too cold."""

    rooms: Lasting = field(default_factory=Lasting)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing was measured."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        rooms, raised = state.rooms.tick(event.at)
        return State(rooms), raised
    if isinstance(event.data, TemperatureMeasured):
        facts = settings.home.devices.get(event.device or "")
        if facts is not None and facts.role == "outdoor":
            return state, ()
        return _measured(state, event, event.data.celsius, settings)
    if event.kind in ("device.offline", "device.failed"):
        rooms = state.rooms
        for word in (COLD, HOT):
            condition = rooms.now.get((event.device, word))
            if condition is not None and not condition.raised:
                rooms, _ = rooms.end((event.device, word), event, "normal")
        return State(rooms), ()
    return State(state.rooms.see(event)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the next room has been too warm or too cold for long enough."""
    return state.rooms.wake_at()


def _measured(
    state: State, event: Event, celsius: float, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    rooms = state.rooms
    decisions: list[Decision] = []
    for word, beyond_c, hours in (
        (COLD, settings.low_c - celsius, settings.low_h),
        (HOT, celsius - settings.high_c, settings.high_h),
    ):
        key = (event.device, word)
        if beyond_c > 0:
            extreme = beyond_c >= settings.extreme_c
            minutes = hours * 60.0 * (0.25 if extreme else 1.0)
            severity = Severity.CARE if extreme else Severity.ROUTINE
            at = later(event.at, minutes=minutes)
            rooms = _worse(rooms.begin(key, event, at, severity), key, at, severity)
        elif beyond_c <= -BACK_C:
            rooms, ended = rooms.end(key, event, "normal")
            decisions += ended
    return State(rooms), decisions


def _worse(
    rooms: Lasting, key: tuple[str | None, AlarmType], at: datetime, severity: Severity
) -> Lasting:
    """The condition with the earlier time and the higher severity, while it is not told."""
    old = rooms.now[key]
    if old.raised or severity is old.severity or severity is not Severity.CARE:
        return rooms
    new = replace(old, at=min(at, old.at), severity=severity)
    return Lasting({**rooms.now, key: new})
