"""A caregiver came and left: from the door's turns, from taps on the phone and from the tag at the
door, never invented.

A visit starts at a person's first unlock that was done, or at a tap; it ends when the same person
locks, or taps that they leave.  An unlock with an unknown outcome proves no arrival, and a visit
without a departure becomes overdue, not ended.  Two caregivers at once are two visits.  A turn for
`service` is no visit.

Not for: planned times, or corrections (a person writes those; a corrected departure only ends the
watch here).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from gateway.access.grants import Action, Reason
from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRequested,
    Ref,
    Stamp,
    Tap,
    VisitCorrected,
    VisitEnded,
    VisitOverdue,
    VisitStarted,
    VisitTapped,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later

NAME = "visit"
VERSION = 1
KINDS = frozenset(
    {
        "unlock.requested",
        "unlock.ended",
        "visit.tapped",
        "visit.started",
        "visit.ended",
        "visit.overdue",
        "visit.corrected",
    }
)

TURN_KEPT = timedelta(hours=1)
"""How long a turn that never ended is remembered; one takes a minute, and a restart ends it."""


class Settings(RuleSettings):
    """When somebody should say how a visit ended."""

    overdue_h: float = Field(default=4.0, gt=0, le=48)
    """Hours from arrival until a visit without a departure is called overdue; home care's longest
    planned visits are about two."""


@dataclass(frozen=True)
class Asked:
    """A turn of the lock that was asked for and has not ended."""

    person: str | None
    action: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Visit:
    """A visit without a departure.  `overdue`: that has been said."""

    ref: Ref
    since: datetime
    overdue: bool = False
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """`turns` by grant, `visits` by person: the newest open one of each."""

    turns: Mapping[str, Asked]
    visits: Mapping[str, Visit]


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody is there."""
    return State({}, {})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _overdue(state, event.at, settings)
    match event.data:
        case LockOperationRequested(grant=grant, action=action, reason=reason):
            recent = {g: t for g, t in state.turns.items() if event.at - t.at < TURN_KEPT}
            asked = Asked(event.person, action, reason, event.at)
            return replace(state, turns={**recent, grant: asked}), ()
        case LockOperationEnded():
            return _turned(state, event, event.data)
        case VisitTapped(tap=tap, source=source) if tap is not Tap.UNKNOWN:
            return state, _stamped(state, event, event.person, tap is Tap.ARRIVE, source)
        case VisitStarted(since=since) if event.person is not None:
            visits = {**state.visits, event.person: Visit(event.ref, since)}
            return replace(state, visits=visits), ()
        case VisitEnded(visit=ref):
            return _without(state, ref), ()
        case VisitCorrected(visit=ref, until=until) if until is not None:
            return _without(state, ref), ()
        case VisitOverdue(visit=ref):
            visits = {
                person: replace(visit, overdue=True, tried=None) if visit.ref == ref else visit
                for person, visit in state.visits.items()
            }
            return replace(state, visits=visits), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next visit becomes overdue."""
    return first_of(
        *(
            due(later(visit.since, minutes=settings.overdue_h * 60.0), visit.tried)
            for visit in state.visits.values()
            if not visit.overdue
        )
    )


def _turned(
    state: State, event: Event, data: LockOperationEnded
) -> tuple[State, Sequence[Decision | Command]]:
    asked = state.turns.get(data.grant)
    if asked is None:
        return state, ()
    turns = {grant: turn for grant, turn in state.turns.items() if grant != data.grant}
    state = replace(state, turns=turns)
    if data.outcome is not LockOperationOutcome.DONE or asked.reason == Reason.SERVICE:
        return state, ()
    arrived = asked.action == Action.UNLOCK
    source = Stamp.UNLOCK if arrived else Stamp.LOCK
    return state, _stamped(state, event, event.person or asked.person, arrived, source)


def _stamped(
    state: State, event: Event, person: str | None, arrived: bool, source: Stamp
) -> Sequence[Decision]:
    """What an arrival or a departure of `person` at `event.at` means."""
    if person is None:
        return ()
    visit = state.visits.get(person)
    if arrived:
        if visit is not None and not visit.overdue:
            return ()
        # an overdue visit stays without an end until a person gives it one
        started = VisitStarted(since=event.at, source=source)
        return (Decision(started, rests_on=(event.ref,), person=person),)
    if visit is None or event.at < visit.since:
        return ()
    ended = VisitEnded(visit=visit.ref, until=event.at, source=source)
    return (Decision(ended, rests_on=(visit.ref, event.ref), person=person),)


def _without(state: State, ref: Ref) -> State:
    visits = {person: visit for person, visit in state.visits.items() if visit.ref != ref}
    return replace(state, visits=visits)


def _overdue(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    visits = dict(state.visits)
    decisions = []
    for person, visit in state.visits.items():
        at = due(later(visit.since, minutes=settings.overdue_h * 60.0), visit.tried)
        if not visit.overdue and at is not None and at <= now:
            visits[person] = replace(visit, tried=now)
            said = VisitOverdue(visit=visit.ref)
            decisions.append(Decision(said, rests_on=(visit.ref,), person=person))
    return replace(state, visits=visits), decisions
