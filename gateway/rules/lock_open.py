"""The bolt has been open for too long in the hours that matter: an alarm for care.

Only what the lock itself reported counts.  A bolt that becomes unknown is not shut: the alarm stays
until the lock says locked, or a person resolves it.  Off until `minutes` is set, because many live
with an unlocked door by day.

Not for: the door's own contact, or shutting the bolt (`relock`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    LockLocked,
    LockUnlocked,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, in_window, later, next_local

NAME = "lock_open"
VERSION = 1
ALARM = AlarmType.LOCK_OPEN
KINDS = frozenset(
    {"lock.unlocked", "lock.locked", "alarm.raised", "alarm.cancelled", "alarm.resolved"}
)

Span = Annotated[
    str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")
]


class Settings(RuleSettings):
    """How long a bolt may be open, and when that matters."""

    minutes: float | None = Field(default=None, gt=0, le=1440)
    """Minutes that a bolt may be open within a window. None: no alarm."""
    windows: tuple[Span, ...] = ("22:00-06:00",)
    """Local hours in which it matters, as `22:00-06:00`; equal ends mean all day."""


@dataclass(frozen=True)
class Open:
    """A bolt that its lock reported open, `since`; `alarm` the alarm about it, `raised` whether
    there was one (a person who resolved it knows)."""

    since: datetime
    ref: Ref
    alarm: Ref | None = None
    raised: bool = False
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """The open bolts, by lock."""

    bolts: Mapping[str, Open]


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing is known to be open."""
    return State({})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _due(state, event.at, settings)
    device = event.device or ""
    old = state.bolts.get(device)
    match event.data:
        case LockUnlocked() if old is None:
            return _with(state, device, Open(event.at, event.ref)), ()
        case LockLocked() if old is not None:
            rest = {name: bolt for name, bolt in state.bolts.items() if name != device}
            if old.alarm is None:
                return State(rest), ()
            gone = AlarmCancelled(alarm=old.alarm, reason="locked")
            cancelled = Decision(gone, rests_on=(old.alarm, event.ref), device=device)
            return State(rest), (cancelled,)
        case AlarmRaised(type=AlarmType.LOCK_OPEN) if old is not None:
            return _with(state, device, replace(old, alarm=event.ref, raised=True)), ()
        case AlarmResolved(alarm=ref) | AlarmCancelled(alarm=ref):
            bolts = {
                name: replace(bolt, alarm=None) if bolt.alarm == ref else bolt
                for name, bolt in state.bolts.items()
            }
            return State(bolts), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next open bolt becomes an alarm."""
    return first_of(*(_when(bolt, settings) for bolt in state.bolts.values()))


def _when(bolt: Open, settings: Settings) -> datetime | None:
    if bolt.raised or settings.minutes is None:
        return None
    return due(
        first_of(*(_in(span, bolt.since, settings) for span in settings.windows)), bolt.tried
    )


def _in(span: str, since: datetime, settings: Settings) -> datetime | None:
    """When a bolt open since `since` has been so for long enough within one window; None: the
    window is too short for that."""
    begins, ends = (time.fromisoformat(part) for part in span.split("-"))
    tz, begin = settings.home.timezone, since
    for _ in range(2):  # what is left of this window may be too short: then the next one
        if not in_window(begin, tz, begins, ends):
            begin = next_local(begin, tz, begins)
        at = later(begin, minutes=settings.minutes or 0.0)
        if begins == ends or in_window(at, tz, begins, ends):
            return at
        begin = at
    return None


def _due(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions = []
    bolts = dict(state.bolts)
    for device, bolt in state.bolts.items():
        at = _when(bolt, settings)
        if at is not None and at <= now:
            bolts[device] = replace(bolt, tried=now)
            raised = AlarmRaised.usual(ALARM, bolt.since)
            decisions.append(Decision(raised, rests_on=(bolt.ref,), device=device))
    return State(bolts), decisions


def _with(state: State, device: str, bolt: Open) -> State:
    return State({**state.bolts, device: bolt})
