"""A pendant was pressed: an alarm, always, in the same turn.

Also when the message could not be proved genuine, when the resident is registered as away, and by
day or night: a false alarm costs a call, a missed one a life.  One press that a radio brings twice
within seconds is one alarm.

Not for: who is told (the server's ladders), or cancelling it (the wearer and the staff do that).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmRaised, AlarmType, PendantPressed
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.time import later

NAME = "pendant"
VERSION = 1
KINDS = frozenset({"pendant.pressed", "alarm.raised"})

ALARM = AlarmType.PENDANT


class Settings(RuleSettings):
    """What counts as one press."""

    again_s: float = Field(default=5.0, ge=0, le=30)
    """Seconds after an alarm within which the same pendant is the same press."""


@dataclass(frozen=True, slots=True)
class State:
    """When each pendant last raised its alarm."""

    raised: Mapping[str | None, datetime] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody has pressed."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return state, ()
    match event.data:
        case PendantPressed():
            before = state.raised.get(event.device)
            if before is not None and before <= event.at < later(before, seconds=settings.again_s):
                return state, ()
            alarm = AlarmRaised.usual(ALARM, event.at)
            return state, (Decision(alarm, rests_on=(event.ref,), device=event.device),)
        case AlarmRaised(type=AlarmType.PENDANT, since=since):
            return State({**state.raised, event.device: since}), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """Never: a press needs no time."""
    return None
