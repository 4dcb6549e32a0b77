"""Night checks: is all well at the slot's time?  The sensors first; if they cannot tell, a person.

A slot is done once.  When it is due and the resident lies in bed (the rule `bed`) with a fresh
reading of a mat that can be trusted, the check is done without anybody looking.  Otherwise a night
watcher is asked.  What the watcher found decides:

    ok               done
    unclear          look again after `recheck_min`, the sensors first; unclear twice: escalated
    help             escalated, and an alarm
    could_not_look   escalated: somebody must go there
    no answer        escalated, and an alarm

Where a look was refused or broke off and nobody told what was seen, the server says that somebody
must go there (`check.visit_asked`): escalated too, so that each check has one end.

Unclear twice is an alarm too: a look that twice showed no well person is answered by a visit at
once.  While the resident is registered as away, each slot is said to be missed (`absent`), and so
is one of a night that the plan pauses (`paused`): a pause is never silent.  An answer to a check
that is closed or was never asked changes nothing.

A plan of the server's (`plan.held`) says how its checks are made and after how long an unclear one
is made again; one that is open keeps what held when it came due.  With the method `camera` a person
is asked to look whatever the sensors say, with `visit` to go there.

The look after `recheck_min` is a new question (`check.asked`, `recheck`, attempt 2), which the
sensors may answer first.  It is not a look that goes on: 30 s, and once 30 s more, are what a
camera's look may last.

Not for: which slots there are (`gateway.schedule`, `gateway.night_plan`), ringing them, or which
plan holds (the rule `plan`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    BedLeft,
    CheckAnswered,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    CheckEscalated,
    CheckMethod,
    CheckMissed,
    CheckVisitAsked,
    Data,
    Finding,
    Ref,
)
from gateway.ports import Level
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import absences, mat_states, plans
from gateway.rules.common.replace import replace
from gateway.rules.common.time import AGAIN, due, first_of, later

NAME = "night_check"
VERSION = 3
KINDS = (
    mat_states.KINDS
    | absences.KINDS
    | plans.KINDS
    | {
        "bed.entered",
        "bed.left",
        "check.due",
        "check.asked",
        "check.answered",
        "check.done",
        "check.missed",
        "check.escalated",
        "check.visit_asked",
    }
)

BY_PERSON = (CheckMethod.CAMERA, CheckMethod.VISIT)
"""How a check is made that no sensor answers."""

CLOSED_KEPT = timedelta(days=2)
"""How long a closed check is remembered after its slot, so that a slot that is rung again, after a
restart or a corrected clock, is not done twice."""


class Settings(RuleSettings):
    """The waits of a night check."""

    fresh_min: float = Field(default=5.0, ge=0, le=60)
    """Minutes since somebody was felt in the bed; older than that is no answer."""
    late_min: float = Field(default=30.0, ge=0, le=720)
    """Minutes after its slot at which a check comes too late to mean that slot."""
    report_min: float = Field(default=10.0, gt=0, le=720)
    """Minutes after the slot by which the home has reported an outcome or a question (see
    `report_by`)."""
    answer_min: float = Field(default=15.0, gt=0, le=240)
    """Minutes that the watchers have to answer."""
    recheck_min: float = Field(default=15.0, ge=0, le=240)
    """Minutes from an unclear look to the next, where the server has set no plan."""


def report_by(slot: datetime, settings: Settings) -> datetime:
    """When a slot that the home has neither answered nor asked about counts as nobody's look: the
    `report_by` of `check.planned`."""
    return later(slot, minutes=settings.report_min)


class Phase(StrEnum):
    """Where a check is."""

    DUE = "due"
    """Its time came; the decision is on its way."""
    ASKED = "asked"
    """A watcher was asked."""
    WAITING = "waiting"
    """A look was unclear; the next comes later."""
    CLOSED = "closed"


@dataclass(frozen=True)
class Check:
    """One check.  `next_at` is when something must happen without an answer: the end of the time to
    answer, or the next look; `said` the event that the present phase rests on, `asked_at` when it
    was asked first; `plan` what held when it came due."""

    slot: datetime
    phase: Phase
    said: Ref
    next_at: datetime | None
    asked_at: datetime | None = None
    attempt: int = 1
    tried: datetime | None = None
    plan: plans.Plan = plans.THE_FILE


@dataclass(frozen=True)
class State:
    """`in_bed` None: not known; `bed_said` names the event that told.  `checks` by their name."""

    mats: mat_states.Mats
    checks: Mapping[str, Check]
    in_bed: bool | None = None
    bed_said: Ref | None = None
    absence: absences.Absence = absences.AT_HOME
    plan: plans.Plan = plans.THE_FILE


def start(settings: Settings) -> State:
    """Nothing is known and no check is due."""
    return State(mats=mat_states.start(settings.home.with_role("bed")), checks={})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    if event.kind in mat_states.READINGS:  # nine of ten
        mats = mat_states.see(state.mats, event)
        return (state if mats is state.mats else replace(state, mats=mats)), ()
    match event.data:
        case CheckDue(check=name, slot=slot):
            return _come_due(state, name, slot, event, settings)
        case CheckAsked(check=name, answer_by=answer_by, attempt=attempt):
            return _asked(state, name, event, answer_by, attempt), ()
        case CheckAnswered(check=name):
            return _answered(state, name, event, event.data, settings)
        case CheckVisitAsked(check=name, why=why):
            return state, _left_to_visit(state, name, why, event)
        case CheckDone(check=name) | CheckMissed(check=name) | CheckEscalated(check=name):
            return _put(state, name, phase=Phase.CLOSED, said=event.ref, next_at=None), ()
        case BedEntered():
            return replace(state, in_bed=True, bed_said=event.ref), ()
        case BedLeft():
            return replace(state, in_bed=False, bed_said=event.ref), ()
        case _:
            mats = mat_states.see(state.mats, event)
            absence = absences.see(state.absence, event)
            plan = plans.see(state.plan, event)
            if mats is state.mats and absence is state.absence and plan is state.plan:
                return state, ()
            return replace(state, mats=mats, absence=absence, plan=plan), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the next time to answer ends, or the next look comes."""
    if not state.checks:
        return None
    return first_of(*(due(check.next_at, check.tried) for check in state.checks.values()))


# --- what the sensors say -------------------------------------------------------------------------


def _sensors(state: State, now: datetime, settings: Settings) -> tuple[str | None, tuple[Ref, ...]]:
    """Why the sensors do not answer a check at `now`, None when they do; and what that rests on."""
    bed_said = (state.bed_said,) if state.bed_said else ()
    if not state.mats:
        return "no_sensor", ()
    trusted = [mat for mat in state.mats.values() if mat.level is not Level.UNKNOWN]
    if not trusted:
        faulty = [mat.ref for mat in state.mats.values() if mat.ref is not None]
        return ("mat_faulty" if faulty else "reading_stale"), tuple(faulty)
    if state.in_bed is False:
        return "bed_empty", bed_said
    oldest = now - timedelta(minutes=settings.fresh_min)
    for mat in trusted:
        on = mat.level is Level.ON
        fresh = on or (mat.last_on is not None and mat.last_on >= oldest)
        if fresh and state.in_bed and mat.ref is not None:
            return None, (*bed_said, mat.ref)
    return "reading_stale", (*bed_said, *(mat.ref for mat in trusted if mat.ref is not None))


# --- the steps of a check -------------------------------------------------------------------------


def _come_due(
    state: State, name: str, slot: datetime, event: Event, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    if name in state.checks:
        return state, ()
    checks = {n: c for n, c in state.checks.items() if not _forget(c, event.at)}
    # decided below, in this turn; `next_at` is for a log in which that decision is missing
    checks[name] = Check(slot, Phase.DUE, event.ref, next_at=event.at + AGAIN, plan=state.plan)
    state = replace(state, checks=checks)
    return state, _look(state, name, event.at, settings)


def _look(state: State, name: str, now: datetime, settings: Settings) -> Sequence[Decision]:
    """Decide a check that is due, or to be looked at again: absent, paused, too late, done, or
    ask."""
    check = state.checks[name]
    if state.absence.at(now):
        away = (check.said, *((state.absence.ref,) if state.absence.ref else ()))
        return (Decision(CheckMissed(check=name, why="absent"), rests_on=away),)
    if check.phase is Phase.DUE and check.plan.paused(check.slot, settings.home.timezone):
        return (Decision(CheckMissed(check=name, why="paused"), rests_on=(check.said,)),)
    if check.phase is Phase.DUE and now > later(check.slot, minutes=settings.late_min):
        return (Decision(CheckMissed(check=name, why="too_late"), rests_on=(check.said,)),)
    again = check.phase is Phase.WAITING
    why: str = check.plan.method.value
    rests_on: tuple[Ref, ...] = (check.said,)
    if check.plan.method not in BY_PERSON:
        lacking, seen = _sensors(state, now, settings)
        rests_on = (check.said, *seen)
        if lacking is None:
            return (Decision(CheckDone(check=name, by=CheckBy.SENSOR), rests_on=rests_on),)
        why = "recheck" if again else lacking
    asked = CheckAsked(
        check=name,
        why=why,
        answer_by=later(now, minutes=settings.answer_min),
        attempt=check.attempt + 1 if again else check.attempt,
    )
    return (Decision(asked, rests_on=rests_on),)


def _asked(state: State, name: str, event: Event, answer_by: datetime, attempt: int) -> State:
    old = state.checks.get(name)
    if old is None:
        return state
    return _put(
        state,
        name,
        phase=Phase.ASKED,
        said=event.ref,
        next_at=answer_by,
        asked_at=old.asked_at or event.at,
        attempt=attempt,
    )


def _answered(
    state: State, name: str, event: Event, data: CheckAnswered, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    check = state.checks.get(name)
    if check is None or check.phase not in (Phase.ASKED, Phase.WAITING):
        return state, ()
    rests_on = (check.said, event.ref)
    match data.finding:
        case Finding.OK:
            done = CheckDone(check=name, by=CheckBy.WATCHER)
            return state, (Decision(done, rests_on=rests_on, person=event.person),)
        case Finding.UNCLEAR if check.phase is Phase.WAITING:
            return state, ()  # a second watcher saw the same: the next look is coming
        case Finding.UNCLEAR if check.attempt < 2:
            again = later(event.at, minutes=check.plan.recheck_min(settings.recheck_min))
            return _put(state, name, phase=Phase.WAITING, said=event.ref, next_at=again), ()
        case Finding.UNCLEAR:
            return state, _escalate(name, check, "unclear_twice", AlarmType.CHECK_UNCLEAR, rests_on)
        case Finding.HELP:
            return state, _escalate(name, check, "help", AlarmType.CHECK_HELP, rests_on, event.at)
        case Finding.COULD_NOT_LOOK:
            return state, _escalate(name, check, "could_not_look", None, rests_on)
        case Finding.UNKNOWN:
            return state, _escalate(name, check, "not_understood", None, rests_on)


def _left_to_visit(state: State, name: str, why: str, event: Event) -> Sequence[Decision]:
    """A check that is open ends; after a watcher's answer it has ended already."""
    check = state.checks.get(name)
    if check is None or check.phase not in (Phase.ASKED, Phase.WAITING):
        return ()
    return _escalate(name, check, why, None, (check.said, event.ref))


def _escalate(
    name: str,
    check: Check,
    why: str,
    alarm: AlarmType | None,
    rests_on: tuple[Ref, ...],
    since: datetime | None = None,
) -> Sequence[Decision]:
    decided: list[Data] = [CheckEscalated(check=name, why=why)]
    if alarm is not None:
        since = since or check.asked_at or check.slot
        decided.append(AlarmRaised.usual(alarm, since))
    return [Decision(data, rests_on=rests_on) for data in decided]


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions: list[Decision] = []
    for name, check in state.checks.items():
        at = due(check.next_at, check.tried)
        if at is None or at > now:
            continue
        if check.phase is Phase.ASKED:
            decisions += _escalate(
                name, check, "no_answer", AlarmType.CHECK_NO_ANSWER, (check.said,)
            )
        else:
            decisions += _look(state, name, now, settings)
        state = _put(state, name, tried=now)
    return state, decisions


def _put(state: State, name: str, **changes: object) -> State:
    """The state with a check changed; a check that is not known stays unknown."""
    old = state.checks.get(name)
    if old is None:
        return state
    changed = replace(old, **{"tried": None, **changes})  # type: ignore[arg-type]
    return replace(state, checks={**state.checks, name: changed})


def _forget(check: Check, now: datetime) -> bool:
    return check.phase is Phase.CLOSED and now - check.slot > CLOSED_KEPT
