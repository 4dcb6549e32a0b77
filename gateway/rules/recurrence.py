"""The same fault of the same device three times in 30 days: the technician is told to change it.

Each fault is counted when its alarm is raised, and the count is an event, `fault.counted`, written
again at least every six days: the rules are rebuilt from seven days of log and count over thirty.

Not for: the fault itself (`device_health`, `mat_quality`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmRaised, AlarmType, AnyAlarmType, FaultCounted, Ref, Trait
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of

NAME = "recurrence"
VERSION = 1
KINDS = frozenset({"alarm.raised", "fault.counted"})

ALARM = AlarmType.FAULT_RECURRING

AGAIN_AFTER = timedelta(days=6)
"""The rules are rebuilt from seven days of log."""

TIMES_MAX = 50
"""Faults of one device that are remembered: more say no more."""


class Settings(RuleSettings):
    """What is often."""

    times: int = Field(default=3, ge=2, le=20)
    """So many times."""
    within_days: float = Field(default=30.0, ge=1, le=90)
    """Within so many days."""


@dataclass(frozen=True)
class Count:
    """One fault of one device: when it came, and the event that says so."""

    times: tuple[datetime, ...]
    said: Ref
    said_at: datetime
    tried: datetime | None = None


Key = tuple[str, AnyAlarmType]


@dataclass(frozen=True)
class State:
    """Counts by device and fault."""

    counts: Mapping[Key, Count] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing was counted."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _again(state, event.at, settings)
    match event.data:
        case AlarmRaised(type=fault, since=since) if event.device and _is_fault(fault):
            return state, _counted(state, event, fault, since, settings)
        case FaultCounted(fault=fault, times=times) if event.device:
            count = Count(times, event.ref, event.at)
            return State({**state.counts, (event.device, fault): count}), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next count must be written again."""
    return first_of(*(_due(count, settings) for count in state.counts.values()))


def _due(count: Count, settings: Settings) -> datetime | None:
    at = count.said_at + AGAIN_AFTER
    if not _within(count.times, at, settings):
        return None
    return due(at, count.tried)


def _within(times: Sequence[datetime], now: datetime, settings: Settings) -> tuple[datetime, ...]:
    oldest = now - timedelta(days=settings.within_days)
    return tuple(at for at in times if at >= oldest)[-TIMES_MAX:]


def _is_fault(about: AnyAlarmType) -> bool:
    return Trait.DEVICE_FAULT in about.traits


def _counted(
    state: State,
    event: Event,
    fault: AnyAlarmType,
    since: datetime,
    settings: Settings,
) -> Sequence[Decision]:
    old = state.counts.get((event.device or "", fault))
    if old is not None and since in old.times:
        return ()  # the same fault, told to the technician and then to care
    times = (*_within(old.times if old else (), event.at, settings), since)
    rests_on = ((old.said,) if old else ()) + (event.ref,)
    decisions = [Decision(FaultCounted(fault=fault, times=times), rests_on, device=event.device)]
    if len(times) % settings.times == 0:
        alarm = AlarmRaised.usual(ALARM, times[0])
        decisions.append(Decision(alarm, rests_on=rests_on, device=event.device))
    return decisions


def _again(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions, counts = [], dict(state.counts)
    for (device, fault), count in state.counts.items():
        at = _due(count, settings)
        if at is None or at > now:
            continue
        times = _within(count.times, now, settings)
        counted = FaultCounted(fault=fault, times=times)
        decisions.append(Decision(counted, rests_on=(count.said,), device=device))
        counts[device, fault] = replace(count, tried=now)
    return State(counts), decisions
