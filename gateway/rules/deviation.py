"""The door does not open as it should: three failures, or a deadline, are a deviation.

What a person then does is the home's fallback routine, which the phone shows.  And five wrong codes
at the door are told to the staff, technically: an alarm for care would widen who may open.

Not for: orders that the home never answered (the server writes those), or trying again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CodesPaused,
    LockOperationDeviated,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRefused,
    LockOperationRequested,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace

NAME = "deviation"
VERSION = 1
KINDS = frozenset(
    {"unlock.requested", "unlock.ended", "unlock.refused", "unlock.deviated", "codes.paused"}
)

DEADLINE = frozenset({"asleep", "no_answer"})
"""Why a turn ended because its time was out."""

NO_FAILURE = frozenset(
    {"revoked", "alarm_closed", "check_closed", "not_approved", "restarted", "not_recorded"}
)
"""Why a turn ended that says nothing about the lock; one that was not recorded was refused, too."""

ASKED_KEPT = timedelta(hours=1)
"""How long a turn that never ended is remembered."""


class Settings(RuleSettings):
    """When failures are a deviation."""

    failures: int = Field(default=3, ge=1, le=10)
    """Failed unlocks of one lock in a row."""
    within_min: float = Field(default=15.0, gt=0, le=120)
    """Minutes that they lie within."""


@dataclass(frozen=True)
class State:
    """`asked` unlocks without an end (grant to its moment); `failed` times and events, by lock."""

    asked: Mapping[str, datetime]
    failed: Mapping[str, tuple[tuple[datetime, Ref], ...]]


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing has failed."""
    return State({}, {})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return state, ()
    device = event.device or ""
    match event.data:
        case LockOperationRequested(grant=grant, action="unlock"):
            recent = {g: at for g, at in state.asked.items() if event.at - at < ASKED_KEPT}
            return replace(state, asked={**recent, grant: event.at}), ()
        case LockOperationEnded(grant=grant) if grant in state.asked:
            asked = {g: at for g, at in state.asked.items() if g != grant}
            return _ended(replace(state, asked=asked), event, event.data, settings)
        case LockOperationRefused(grant=str() as grant) if device and event.person is not None:
            return _failed(state, event, grant, None, settings)
        case LockOperationDeviated():
            rest = {name: failures for name, failures in state.failed.items() if name != device}
            return replace(state, failed=rest), ()
        case CodesPaused():
            raised = AlarmRaised.usual(AlarmType.CODE_GUESSING, event.at)
            return state, (Decision(raised, rests_on=(event.ref,)),)
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - the contract
    """Never: failures tell by themselves."""
    return None


def _ended(
    state: State, event: Event, data: LockOperationEnded, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    device = event.device or ""
    if data.outcome is LockOperationOutcome.DONE:
        rest = {name: failures for name, failures in state.failed.items() if name != device}
        return replace(state, failed=rest), ()
    if data.why in NO_FAILURE:
        return state, ()
    return _failed(state, event, data.grant, "deadline" if data.why in DEADLINE else None, settings)


def _failed(
    state: State, event: Event, grant: str, why: str | None, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    device = event.device or ""
    span = timedelta(minutes=settings.within_min)
    recent = [one for one in state.failed.get(device, ()) if event.at - one[0] < span]
    recent.append((event.at, event.ref))
    state = replace(state, failed={**state.failed, device: tuple(recent)})
    if why is None and len(recent) >= settings.failures:
        why = "three_failures"
    if why is None:
        return state, ()
    said = LockOperationDeviated(grant=grant, why=why)
    refs = tuple(ref for _, ref in recent)
    return state, (Decision(said, rests_on=refs, device=device, person=event.person),)
