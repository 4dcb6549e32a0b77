"""The bed was left at night and the resident is not back: an alarm, or a look when it is unclear.

Clear: the bed was left (`bed.left`, certain) between `night_from` and `night_to`, and for
`back_within_min` since then, or since the last sign of life elsewhere, nothing stirred.  That is an
alarm, also when it falls just after `night_to`: who left at five to seven and lies on the floor is
not helped by the clock.

Unclear: the bed's mats lose who lies there, or are not known yet (`bed.doubted`, or a `bed.left`
that is not certain), or it is early morning and people get up.  A night watcher is asked to look
when nothing at all has stirred for `look_min`.  One look a silence: the next is asked for only when
something has spoken since, for who falls after the look leaves the very rows of a sleeper whom the
mat has lost again.
A home may trade some of those questions for a longer wait (`calm_h`).

Who shows life elsewhere later than `up_min` after the bed was last felt is up: it is no exit any
more, and what may happen then is the day's business (`inactivity`, `bathroom`, `on_floor`).

**An alarm that was raised stays until a person closes it.**  Back in bed is no proof that all is
well: who fell, lay there and crept back needs somebody to come.  The return is seen as
`bed.entered`, which the pages show beside the open alarm, so that whoever goes can decide to
look instead of running.  While the alarm rings and nobody has acknowledged it, another exit raises
no second one; it does once somebody has, or when an hour's ringing has reached nobody.

Not for: whether the bed is empty (`bed`), or what a look's answer leads to (`look`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    BedDoubted,
    BedEntered,
    BedLeft,
    CheckAsked,
    CheckDone,
    CheckEscalated,
    CheckMissed,
    Data,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import absences, looks, mat_states, signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, in_window, later

NAME = "bed_exit"
VERSION = 4
KINDS = (
    absences.KINDS
    | signs_of_life.KINDS
    | looks.KINDS
    | {
        "bed.entered",
        "bed.left",
        "bed.doubted",
        "alarm.raised",
        "alarm.acknowledged",
        "alarm.cancelled",
        "alarm.resolved",
    }
)

ALARM = AlarmType.BED_EXIT

RINGS_FOR = timedelta(hours=1)
"""How long an alarm that nobody acknowledges stands for later exits too.  The ladders are through
by then; without an end, one lost alarm would silence every later night."""


class Settings(RuleSettings):
    """When it is night in this home, and how long one may be up."""

    night_from: time = time(22, 0)
    """Local time from which leaving the bed is watched."""
    night_to: time = time(7, 0)
    """Local time until which leaving the bed is watched."""
    back_within_min: float = Field(default=15.0, ge=0, le=240)
    """Minutes out of bed until it becomes an alarm, from the last sign of the resident, in the bed
    or elsewhere."""
    look_to: time = time(8, 0)
    """Local time until which an unclear exit is asked about; from `night_from` on."""
    look_min: float = Field(default=29.0, ge=1, le=240)
    """Minutes without any sign of life, after an exit that is not clear, until somebody is asked to
    look.  Half an hour is the longest that a fall may go unanswered."""
    again_look_min: float = Field(default=60.0, ge=1, le=480)
    """The same after `calm_after` looks that found all well, while only the mat has spoken since
    the newest of them."""
    calm_after: int = Field(default=2, ge=1, le=100)
    """Looks within `calm_h` that found all well, until the mat is taken to be what is wrong."""
    calm_h: float = Field(default=0.0, ge=0, le=24)
    """Hours after the newest such look for which `again_look_min` holds.  0: never, the default: a
    fall in that time waits as long (docs/detection.md)."""
    up_min: float = Field(default=15.0, ge=0, le=240)
    """Minutes after the bed was last felt: who shows life elsewhere later than that is up.  The
    quarter of an hour of `back_within_min`; half of the absences at night in recorded homes last
    three to ten minutes."""


@dataclass(frozen=True)
class State:
    """`occupied` is what the newest `bed.entered` or `bed.left` said.  `left` names what is watched
    (`bed.left`, `bed.doubted`, a touch of the mat), None while nothing is; `since` is when the last
    sign in bed ended, `clear` whether that was certain, `alarms` whether it lies in the alarm's
    window.  `life` and `life_at` are the newest sign since then, `felt` the newest of the bed
    itself (None: `since`), `stirred` the newest of all signs elsewhere.  `looked`: a look was asked
    for and nothing stirred since; `look` names the one that is not closed; `well` are the newest
    moments at which one found all well.  `ringing` names the alarm that nobody acknowledged yet,
    raised at `rings_since`; `doubted` are the mats that are not believed, with the alarms that say
    so."""

    occupied: bool = False
    left: Ref | None = None
    since: datetime | None = None
    clear: bool = False
    alarms: bool = False
    life: Ref | None = None
    life_at: datetime | None = None
    felt: datetime | None = None
    stirred: datetime | None = None
    looked: bool = False
    look: str | None = None
    well: tuple[datetime, ...] = ()
    ringing: Ref | None = None
    rings_since: datetime | None = None
    tried: datetime | None = None
    absence: absences.Absence = absences.AT_HOME
    doubted: Mapping[str, Ref] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing is watched."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _decide(state, event.at, settings)
    if event.kind in signs_of_life.KINDS:
        return _sign(state, event, settings), ()
    doubted = mat_states.doubted_after(state.doubted, event)
    if doubted is not state.doubted:
        return replace(state, doubted=doubted), ()
    match event.data:
        case BedLeft(empty_since=since, certain=certain):
            state = replace(state, occupied=False)
            return _left(state, event, since, certain, settings), ()
        case BedDoubted(since=since, why="mat_silent"):
            return _left(state, event, since, False, settings), ()
        case BedEntered():
            return replace(_unwatched(state), occupied=True), ()
        case AlarmRaised(type=AlarmType.BED_EXIT):
            return replace(_unwatched(state), ringing=event.ref, rings_since=event.at), ()
        case AlarmAcknowledged(alarm=ref) | AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            return (_acknowledged(state, event.at, settings) if ref == state.ringing else state), ()
        case CheckAsked() | CheckDone() | CheckMissed() | CheckEscalated():
            return _looked(state, event, event.data), ()
        case _:
            return replace(state, absence=absences.see(state.absence, event)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the resident should be back, or somebody be asked to look."""
    if state.since is None:
        return None
    alarm = _alarm_due(state, settings)
    if alarm is not None and state.rings_since is not None:
        alarm = max(alarm, state.rings_since + RINGS_FOR)
    return due(first_of(alarm, _look_due(state, settings)), state.tried)


# --- what is watched ------------------------------------------------------------------------------


def _left(state: State, event: Event, since: datetime, certain: bool, settings: Settings) -> State:
    """The bed was left, or it is in doubt whether it was."""
    tz = settings.home.timezone
    alarms = certain and in_window(since, tz, settings.night_from, settings.night_to)
    watched = alarms or in_window(since, tz, settings.night_from, settings.look_to)
    if not watched:
        return _unwatched(state)
    if state.left is not None and state.since == since:
        # the doubt became an exit: what was seen and asked since stays
        return replace(state, left=event.ref, clear=certain, alarms=alarms, tried=None)
    life_at = state.stirred if state.stirred is not None and state.stirred > since else None
    return replace(
        _unwatched(state),
        left=event.ref,
        since=since,
        clear=certain,
        alarms=alarms,
        life=state.life if life_at is not None else None,
        life_at=life_at,
    )


def _sign(state: State, event: Event, settings: Settings) -> State:
    """Somebody stirred: in the bed, too little to be lying there, or outside it."""
    facts = settings.home.devices.get(event.device or "")
    if facts is None or facts.id in state.doubted or signs_of_life.may_be_noise(event, facts):
        return state
    if facts.role == "bed":
        if state.left is None:
            return _touched(state, event, settings)
        return replace(
            state, life=event.ref, life_at=event.at, felt=event.at, looked=False, tried=None
        )
    since = state.felt or state.since
    if state.left is None or since is None:
        last = state.stirred
        if last is not None and 0.0 <= (event.at - last).total_seconds() < signs_of_life.COARSE_S:
            return state
        return replace(state, stirred=event.at, life=event.ref)
    state = replace(state, stirred=event.at, life=event.ref)
    if event.at > later(since, minutes=settings.up_min):
        return _unwatched(state)
    return replace(state, life_at=event.at, looked=False, tried=None)


def _touched(state: State, event: Event, settings: Settings) -> State:
    """The bed was touched at night, too little to be lying there: that is how a sleeper looks to a
    mat that loses who lies there, and how one who sits down and slides to the floor looks to any.
    Whoever is up shows it before `look_min` is over."""
    if state.occupied:
        return state
    if not in_window(event.at, settings.home.timezone, settings.night_from, settings.look_to):
        return state
    return replace(_unwatched(state), left=event.ref, since=event.at)


def _unwatched(state: State) -> State:
    return replace(
        state,
        left=None,
        since=None,
        clear=False,
        alarms=False,
        life_at=None,
        felt=None,
        looked=False,
        tried=None,
    )


def _looked(state: State, event: Event, data: Data) -> State:
    """A look of this rule was asked for, or closed."""
    match data:
        case CheckAsked(check=name) if looks.of(NAME, name):
            return replace(state, look=name, looked=True, tried=None)
        case CheckDone(check=name) if name == state.look:
            return replace(state, look=None, well=(*state.well, event.at)[-8:], tried=None)
        case CheckMissed(check=name) | CheckEscalated(check=name) if name == state.look:
            return replace(state, look=None, tried=None)
        case _:
            return state


def _acknowledged(state: State, now: datetime, settings: Settings) -> State:
    """Somebody acknowledged the alarm, or it ended: an exit that it stood for needs none."""
    at = _alarm_due(state, settings)
    if at is not None and at <= now:
        state = _unwatched(state)
    return replace(state, ringing=None, rings_since=None)


# --- when, and what -------------------------------------------------------------------------------


def _newest(state: State) -> datetime | None:
    """The last sign of the resident, in bed or elsewhere."""
    if state.since is None:
        return None
    return state.since if state.life_at is None else max(state.since, state.life_at)


def _alarm_due(state: State, settings: Settings) -> datetime | None:
    if not state.alarms or (newest := _newest(state)) is None:
        return None
    return later(newest, minutes=settings.back_within_min)


def _look_due(state: State, settings: Settings) -> datetime | None:
    if state.alarms or state.looked or state.look is not None:
        return None
    newest = _newest(state)
    if newest is None:
        return None
    calm = not state.clear and _calm(state, newest, settings)
    return later(newest, minutes=settings.again_look_min if calm else settings.look_min)


def _calm(state: State, newest: datetime, settings: Settings) -> bool:
    """Whether watchers found all well so often, and nothing but the mat has spoken since, that the
    mat is taken to be what is wrong."""
    if len(state.well) < settings.calm_after:
        return False  # nearly always, and asked with every touch of an empty bed
    span = timedelta(hours=settings.calm_h)
    recent = [at for at in state.well if newest - at < span]
    if len(recent) < settings.calm_after:
        return False
    return state.stirred is None or state.stirred < recent[-1]


def _decide(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    if state.left is None or state.since is None:
        return state, ()
    if state.absence.at(now):
        return _unwatched(state), ()
    left, since = state.left, state.since
    life = (state.life,) if state.life is not None and state.life_at is not None else ()
    rests_on = (left, *life)
    state = replace(state, tried=now)
    alarm = _alarm_due(state, settings)
    if alarm is not None and alarm <= now:
        raised = AlarmRaised.usual(ALARM, since)
        return state, (Decision(raised, rests_on=rests_on),)
    look = _look_due(state, settings)
    if look is not None and look <= now:
        why = (
            "bed_doubtful"
            if not state.clear and not life
            else "not_back"
            if state.clear
            else ("all_silent")
        )
        return state, (looks.ask(NAME, why, now, rests_on),)
    return state, ()
