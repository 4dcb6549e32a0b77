"""A mat that cannot watch this bed: it makes the night team look more than once a night, in vain.

Counted are the looks that `bed_exit` asked for because the bed's mats could not tell, and that
found all well or were answered by the bed itself.  More than one in a night, for `nights` nights of
`within_days`: no threshold mends that, and a team that is called in vain stops looking.  At `at`
local time it is a technical alarm, which the technician and the coordinator see: another mat,
another place for it, or another way to watch this bed.  It is said once.  A person closes it;
closed as mended, counting begins anew, else it is known and not said again.

Not for: how good a mat is (`mat_quality`: told already after three nights, and of a mat that nobody
is called about too), or whether somebody must look (`bed_exit`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    CheckAsked,
    CheckDone,
    CheckEscalated,
    CheckMissed,
    MatLearned,
    MatQuality,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import looks
from gateway.rules.common.replace import replace
from gateway.rules.common.time import next_local

NAME = "mat_unfit"
VERSION = 1
KINDS = looks.KINDS | {"mat.learned", "alarm.raised", "alarm.cancelled", "alarm.resolved"}

ALARM = AlarmType.MAT_UNFIT

BY_MAT = frozenset({"bed_doubtful", "all_silent"})
"""Why a look was asked for when it was the mats that could not tell."""


class Settings(RuleSettings):
    """How often is too often."""

    at: time = time(12, 0)
    """Local time at which the night is counted; the technician is called by day."""
    looks: int = Field(default=2, ge=1, le=100)
    """Looks in vain that make a night bad."""
    nights: int = Field(default=3, ge=1, le=6)
    """So many bad nights."""
    within_days: int = Field(default=6, ge=1, le=6)
    """Within so many days; the rules are rebuilt from seven days of log."""


@dataclass(frozen=True)
class State:
    """`asked` are the looks that are not closed, `vain` those of this night that were in vain, by
    the event that asked; `bad` the nights before, each with its looks.  `next_at` is when the night
    is counted, None while there is nothing to count.  `alarm` names the open alarm; `known`: a
    person closed it without mending.  `poor` are the mats that were learned not to be good."""

    asked: Mapping[str, Ref] = field(default_factory=dict)
    vain: tuple[Ref, ...] = ()
    bad: tuple[tuple[datetime, tuple[Ref, ...]], ...] = ()
    next_at: datetime | None = None
    alarm: Ref | None = None
    known: bool = False
    poor: frozenset[str] = frozenset()


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody was called in vain."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _count(state, event.at, settings)
    match event.data:
        case CheckAsked(check=name, why=why, attempt=1) if looks.of("bed_exit", name):
            if why in BY_MAT:
                return replace(state, asked={**state.asked, name: event.ref}), ()
        case CheckDone(check=name) if name in state.asked:
            next_at = state.next_at
            if next_at is None:
                next_at = next_local(event.at, settings.home.timezone, settings.at)
            vain = (*state.vain, state.asked[name])
            return replace(_without(state, name), vain=vain, next_at=next_at), ()
        case CheckMissed(check=name) | CheckEscalated(check=name) if name in state.asked:
            return _without(state, name), ()
        case MatLearned(quality=quality) if event.device is not None:
            good = quality is MatQuality.GOOD
            one = frozenset({event.device})
            return replace(state, poor=state.poor - one if good else state.poor | one), ()
        case AlarmRaised(type=AlarmType.MAT_UNFIT):
            return replace(state, alarm=event.ref, bad=()), ()
        case AlarmCancelled(alarm=ref) if ref == state.alarm:
            return replace(state, alarm=None), ()
        case AlarmResolved(alarm=ref, outcome=outcome) if ref == state.alarm:
            mended = outcome is AlarmOutcome.MENDED
            return replace(state, alarm=None, known=not mended, bad=()), ()
    return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When a night is counted."""
    return state.next_at


def _without(state: State, name: str) -> State:
    return replace(state, asked={n: ref for n, ref in state.asked.items() if n != name})


def _count(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    oldest = now - timedelta(days=settings.within_days)
    bad = tuple(night for night in state.bad if night[0] > oldest)
    if len(state.vain) >= settings.looks:
        bad = (*bad, (now, state.vain))
    state = replace(state, vain=(), bad=bad, next_at=None)
    mats = settings.home.with_role("bed")
    if len(bad) < settings.nights or state.alarm is not None or state.known or not mats:
        return state, ()
    worst = next((mat for mat in mats if mat in state.poor), mats[0])
    rests_on = tuple(ref for _, asked in bad for ref in asked)
    alarm = AlarmRaised.usual(ALARM, bad[0][0])
    return state, (Decision(alarm, rests_on=rests_on, device=worst),)
