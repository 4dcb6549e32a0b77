"""A look that a rule asked for: what its answer leads to.

A rule that cannot tell asks a night watcher (`check.asked`, named `look-…`).  Then, as with a
planned check:

    ok               done
    unclear          asked again after `recheck_min`, or what the plan of the server's says; unclear
                     twice: escalated, and an alarm
    help             escalated, and an alarm
    could_not_look   escalated: somebody must go there
    no answer        escalated, and an alarm

So is one of which the server says that somebody must go there (`check.visit_asked`).

When the resident is felt in bed again before anybody began to look, the question answers itself
(`check.done`, by the sensor).  Once a watcher has begun (`check.started`), only the watcher ends
it.  Where the plan says that checks are visits, the second question is one to go there.

Not for: when a look is needed (the rule that asks), or planned checks (`night_check`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    CheckAnswered,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckEscalated,
    CheckMethod,
    CheckMissed,
    CheckStarted,
    CheckVisitAsked,
    Data,
    Finding,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import looks, plans
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later

NAME = "look"
VERSION = 2
KINDS = (
    looks.KINDS
    | plans.KINDS
    | {"check.started", "check.answered", "check.visit_asked", "bed.entered"}
)

KEPT = timedelta(hours=12)
"""How long an open look is remembered at most: its time to answer is minutes."""

BED = (f"{looks.PREFIX}bed_exit@",)
"""Looks that a resident in bed answers; one about the bathroom or the door it does not."""


class Settings(RuleSettings):
    """The waits of a look."""

    recheck_min: float = Field(default=5.0, ge=0, le=240)
    """Minutes from an unclear look to the next: shorter than for a planned check, for something
    made a rule ask.  Where the server has set no plan."""


@dataclass(frozen=True)
class Look:
    """One open look.  `said` is what its phase rests on, `next_at` when something must happen
    without an answer, `waiting` whether that is the next look."""

    said: Ref
    asked_at: datetime
    next_at: datetime
    why: str
    attempt: int = 1
    waiting: bool = False
    begun: bool = False
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """The open looks, by name, and the plan."""

    looks: Mapping[str, Look] = field(default_factory=dict)
    plan: plans.Plan = plans.THE_FILE


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody was asked."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at)
    match event.data:
        case CheckAsked(check=name) if name.startswith(looks.PREFIX):
            return _asked(state, event, event.data), ()
        case CheckStarted(check=name) if name in state.looks:
            return _put(state, name, begun=True), ()
        case CheckAnswered(check=name) if name in state.looks:
            return _answered(state, event, event.data, settings)
        case CheckVisitAsked(check=name, why=why) if name in state.looks:
            look = state.looks[name]
            return state, _escalate(name, look, why, None, (look.said, event.ref))
        case CheckDone(check=name) | CheckMissed(check=name) | CheckEscalated(check=name):
            if name not in state.looks:
                return state, ()
            left = {n: look for n, look in state.looks.items() if n != name}
            return replace(state, looks=left), ()
        case BedEntered():
            done = CheckBy.SENSOR
            return state, [
                Decision(CheckDone(check=name, by=done), rests_on=(look.said, event.ref))
                for name, look in state.looks.items()
                if name.startswith(BED) and not look.begun
            ]
        case _:
            plan = plans.see(state.plan, event)
            return (state if plan is state.plan else replace(state, plan=plan)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the next time to answer ends, or the next look comes."""
    return first_of(*(due(look.next_at, look.tried) for look in state.looks.values()))


def _asked(state: State, event: Event, data: CheckAsked) -> State:
    old = state.looks.get(data.check)
    look = Look(
        said=event.ref,
        asked_at=event.at if old is None else old.asked_at,
        next_at=data.answer_by,
        why=data.why if old is None else old.why,
        attempt=data.attempt,
    )
    recent = {n: one for n, one in state.looks.items() if event.at - one.asked_at < KEPT}
    return replace(state, looks={**recent, data.check: look})


def _answered(
    state: State, event: Event, data: CheckAnswered, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    name, look = data.check, state.looks[data.check]
    rests_on = (look.said, event.ref)
    match data.finding:
        case Finding.OK:
            done = CheckDone(check=name, by=CheckBy.WATCHER)
            return state, (Decision(done, rests_on=rests_on, person=event.person),)
        case Finding.UNCLEAR if look.waiting:
            return state, ()  # a second watcher saw the same: the next look is coming
        case Finding.UNCLEAR if look.attempt < 2:
            again = later(event.at, minutes=state.plan.recheck_min(settings.recheck_min))
            return _put(state, name, said=event.ref, next_at=again, waiting=True), ()
        case Finding.UNCLEAR:
            return state, _escalate(name, look, "unclear_twice", AlarmType.CHECK_UNCLEAR, rests_on)
        case Finding.HELP:
            return state, _escalate(name, look, "help", AlarmType.CHECK_HELP, rests_on)
        case Finding.COULD_NOT_LOOK:
            return state, _escalate(name, look, "could_not_look", None, rests_on)
        case Finding.UNKNOWN:
            return state, _escalate(name, look, "not_understood", None, rests_on)


def _escalate(
    name: str, look: Look, why: str, alarm: AlarmType | None, rests_on: tuple[Ref, ...]
) -> Sequence[Decision]:
    decided: list[Data] = [CheckEscalated(check=name, why=why)]
    if alarm is not None:
        decided.append(AlarmRaised.usual(alarm, look.asked_at))
    return [Decision(data, rests_on=rests_on) for data in decided]


def _tick(state: State, now: datetime) -> tuple[State, Sequence[Decision | Command]]:
    decisions: list[Decision] = []
    visit = state.plan.method is CheckMethod.VISIT
    for name, look in state.looks.items():
        at = due(look.next_at, look.tried)
        if at is None or at > now:
            continue
        if look.waiting:
            asked = CheckAsked(
                check=name,
                why="visit" if visit else "recheck",
                answer_by=later(now, minutes=looks.ANSWER_MIN),
                attempt=look.attempt + 1,
            )
            decisions.append(Decision(asked, rests_on=(look.said,)))
        else:
            decisions += _escalate(name, look, "no_answer", AlarmType.CHECK_NO_ANSWER, (look.said,))
        state = _put(state, name, tried=now)
    return state, decisions


def _put(state: State, name: str, **changes: object) -> State:
    changed = replace(state.looks[name], **{"tried": None, **changes})  # type: ignore[arg-type]
    return replace(state, looks={**state.looks, name: changed})
