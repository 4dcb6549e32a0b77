"""Which plan of night checks holds: the last one that the server set and this home understands.

The plans of the home's file (`[checks.*]`) hold until the server has set one; from then on they do
not, whatever the link does: without the server the last plan goes on.  A plan that cannot be read
whole, or has a value that no plan may have, is refused in words (`plan.refused`), once, and the one
before it goes on.

The home says which one holds (`plan.held`) when that changes, at each start, and every third day:
the ringer, the other rules and the pages go by that word alone, so that a log that lets old events
go does not forget the plan, and the server knows what this home does.  Beside it stands whether
looks were agreed to: what cannot be read there means that they were not.

Not for: ringing (the slot ringer), or what a check leads to (`night_check`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.commands import Command
from gateway.envelope import Event
from gateway.errors import BadPlan
from gateway.events import (
    ConsentSettled,
    GatewayStarted,
    PlanHeld,
    PlanRefusal,
    PlanRefused,
    PlanSet,
    PlanTerms,
    Ref,
    Unknown,
)
from gateway.night_plan import night_plan
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due

NAME = "plan"
VERSION = 1
KINDS = frozenset({"plan.set", "plan.held", "consent.settled", "gateway.started"})

AGAIN_AFTER = timedelta(days=3)
"""Until what holds is said again: less than half of the seven days that `[log] retain_days` keeps
at the least."""


class Settings(RuleSettings):
    """Which plan holds: nothing to set."""


@dataclass(frozen=True)
class State:
    """What holds, which event said so (None: nothing ever did, the file holds and nobody agreed to
    looks), and when the home said it last."""

    number: int = 0
    terms: PlanTerms | None = None
    looks_agreed: bool = False
    said: Ref | None = None
    told_at: datetime | None = None
    tried: datetime | None = None


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """The file holds."""
    return State()


def step(
    state: State,
    event: Event | Tick,
    settings: Settings,  # noqa: ARG001 - contract
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return replace(state, tried=event.at), _tell(state)
    match event.data:
        case PlanSet(number=number, terms=terms):
            if not _is_good(terms):
                return state, _refuse(number, PlanRefusal.OUT_OF_RANGE, event)
            state = replace(state, number=number, terms=terms, said=event.ref)
            return state, _tell(state)
        case ConsentSettled(held=held):
            state = replace(state, looks_agreed=held, said=event.ref)
            return state, _tell(state)
        case PlanHeld(number=number, terms=terms, looks_agreed=looks_agreed):
            held_now = State(number, terms, looks_agreed, event.ref, event.at)
            return held_now, ()
        case GatewayStarted():
            return state, _tell(state)
        case Unknown(fields=fields) if event.kind == PlanSet.KIND:
            given = fields.get("number")
            known = given if type(given) is int else None
            return state, _refuse(known, PlanRefusal.NOT_UNDERSTOOD, event)
        case Unknown() if event.kind == ConsentSettled.KIND:
            state = replace(state, looks_agreed=False, said=event.ref)
            return state, _tell(state)
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When what holds is to be said again."""
    if state.told_at is None:
        return None
    return due(state.told_at + AGAIN_AFTER, state.tried)


def _is_good(terms: PlanTerms) -> bool:
    try:
        night_plan(terms)
    except BadPlan:
        return False
    return True


def _tell(state: State) -> Sequence[Decision]:
    if state.said is None:
        return ()
    held = PlanHeld(number=state.number, terms=state.terms, looks_agreed=state.looks_agreed)
    return (Decision(held, rests_on=(state.said,)),)


def _refuse(number: int | None, why: PlanRefusal, event: Event) -> Sequence[Decision]:
    return (Decision(PlanRefused(number=number, why=why), rests_on=(event.ref,)),)
