"""A planned night check that nobody reported: neither an outcome nor a question, and not from the
server either.

The server says so by itself when the home is silent or its plan stands still (`check.unreported`).
This is the home's own word for when the server cannot be reached: `grace_min` later, so that one of
the two raises the alarm and not both.

Not for: a check that was asked and not answered (`night_check`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckAsked,
    CheckDone,
    CheckEscalated,
    CheckMissed,
    CheckPlanned,
    CheckUnreported,
    CheckWithdrawn,
    GatewayStarted,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import first_of, later

NAME = "check_unreported"
VERSION = 2
KINDS = frozenset(
    {
        "check.planned",
        "check.asked",
        "check.done",
        "check.missed",
        "check.escalated",
        "check.withdrawn",
        "check.unreported",
        "gateway.started",
    }
)


class Settings(RuleSettings):
    """How long the server is left to say it first."""

    grace_min: float = Field(default=3.0, ge=1, le=60)
    """Minutes after the time by which a check was to be reported: the server looks every few
    seconds, and its word needs a moment to come."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A check of which nothing has been heard: what planned it, until when it was to be reported,
    and when the home says so."""

    said: Ref
    report_by: datetime
    due: datetime


@dataclass(frozen=True)
class State:
    """Checks ahead of which nothing was heard, by their name."""

    checks: Mapping[str, Planned] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing is planned."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at)
    match event.data:
        case CheckPlanned(check=name, report_by=report_by):
            due = later(report_by, minutes=settings.grace_min)
            if event.at >= due or name in state.checks:
                return state, ()
            return State({**state.checks, name: Planned(event.ref, report_by, due)}), ()
        case GatewayStarted():
            # what came due meanwhile is rung now, and what the server said comes down
            soon = later(event.at, minutes=settings.grace_min)
            checks = {
                name: replace(one, due=max(one.due, soon)) for name, one in state.checks.items()
            }
            return State(checks), ()
        case (
            CheckAsked(check=name)
            | CheckDone(check=name)
            | CheckMissed(check=name)
            | CheckEscalated(check=name)
            | CheckUnreported(check=name)
            | CheckWithdrawn(check=name)
        ):
            return _without(state, name), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the next check is overdue."""
    return first_of(*(one.due for one in state.checks.values()))


def _tick(state: State, now: datetime) -> tuple[State, Sequence[Decision]]:
    overdue = {name: one for name, one in state.checks.items() if one.due <= now}
    decisions = [
        Decision(AlarmRaised.usual(AlarmType.CHECK_UNREPORTED, one.report_by), rests_on=(one.said,))
        for one in overdue.values()
    ]
    left = State({name: one for name, one in state.checks.items() if name not in overdue})
    return left, decisions


def _without(state: State, name: str) -> State:
    if name not in state.checks:
        return state
    return State({other: one for other, one in state.checks.items() if other != name})
