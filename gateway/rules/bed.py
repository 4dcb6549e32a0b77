"""Somebody lies in the bed, left it, or nobody can tell: an estimate, with its evidence.

Real mats chatter: in recorded homes they are on in pulses of 1–2 s, for only 40–76 % of the time
that somebody lies there, and silent for up to four hours under a sleeper.  So it takes some seconds
of pressure to be in bed, and minutes without any to have left it.  How much the silence of a mat
says depends on the mat:

    a mat that does not lose who lies there    silent for `leave_s`: left, certain once that is
                                               learned, and not before
    one that does (learned, or seen tonight)   silent for `leave_s` and somebody shows elsewhere:
                                               left, not certain
                                               silent for `doubt_s` and nothing else: in doubt

A mat that cannot be trusted (faulted, offline, failed, stuck) is unknown and never an empty bed:
when it was part of what we knew, nobody is said to have left until a mat that can be trusted has
shown somebody, or all of them can be trusted again; until then it is in doubt.

Not for: whether it matters (`bed_exit`, `night_check`), or learning about mats (`mat_quality`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    BedDoubted,
    BedEntered,
    BedLeft,
    MatFault,
    MatFaulted,
    MatLearned,
    MatQuality,
    Ref,
)
from gateway.ports import Level
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import mat_states, signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later

NAME = "bed"
VERSION = 4
KINDS = (
    mat_states.KINDS
    | signs_of_life.KINDS
    | {"bed.entered", "bed.left", "bed.doubted", "mat.learned"}
)

NIGHT_REACH_S = 4 * 3600.0
"""A silence (seconds) longer than this begins another night, in which the mat shows anew what it is
like."""


class Settings(RuleSettings):
    """How long, before it is believed."""

    enter_s: float = Field(default=10.0, ge=0, le=600)
    """Seconds of pressure, pulses added up, until somebody is said to lie there."""
    again_s: float = Field(default=2.0, ge=0, le=600)
    """The same while it is in doubt whether the sleeper ever left."""
    pause_s: float = Field(default=60.0, gt=0, le=3600)
    """Seconds without pressure after which adding up begins anew: somebody sat down and rose."""
    leave_s: float = Field(default=300.0, gt=0, le=7200)
    """Seconds without pressure until the bed is said to be left.  19 of 20 gaps of a person lying
    there are below 140 s in the worst recorded mat; 60 s would call 30 exits a night there, 300 s
    14."""
    doubt_s: float = Field(default=900.0, gt=0, le=7200)
    """Seconds without pressure, and without a sign of the resident elsewhere, until a mat that
    loses sleepers leaves it in doubt whether anybody lies there."""
    breaks: int = Field(default=10, ge=1, le=1000)
    """So many short breaks of the pressure in one night (each below `pause_s`), and a mat of which
    nothing is learned yet is taken for one that loses sleepers: it chatters."""
    stuck_h: float = Field(default=16.0, gt=0, le=240)
    """Hours of unbroken pressure after which a mat is called stuck; the longest real night in the
    recordings is 10.2 h."""


@dataclass(frozen=True)
class State:
    """`occupied` None: not known; `doubted` names the `bed.doubted` in force.  `pressed_s` is the
    pressure added up since `first_ref`, the running press (`on_since`) not included.  `quiet_since`
    is when the last sign of somebody ended, `seen` the first sign elsewhere since then;
    `watched_since` from when on the mats could be trusted again after they could not, `blind` (at
    `blind_since`) whether they still cannot.  `breaks` counts this night's short breaks of
    the pressure; `learned` is what is known of each mat."""

    mats: mat_states.Mats
    occupied: bool | None = None
    doubted: Ref | None = None
    on_since: datetime | None = None
    pressed_s: float = 0.0
    first_ref: Ref | None = None
    last_ref: Ref | None = None
    quiet_since: datetime | None = None
    seen: Ref | None = None
    watched_since: datetime | None = None
    blind: bool = False
    blind_since: datetime | None = None
    breaks: int = 0
    learned: Mapping[str, MatQuality] = field(default_factory=dict)
    tried: datetime | None = None


def start(settings: Settings) -> State:
    """Nothing is known of any mat."""
    return State(mats=mat_states.start(settings.home.with_role("bed")))


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        decisions = _decide(state, event.at, settings)
        return (replace(state, tried=event.at) if decisions else state), decisions
    if not state.mats:
        return state, ()
    if event.kind in mat_states.READINGS and event.device in state.mats:  # nine of ten
        mats = mat_states.see(state.mats, event)
        return (state if mats is state.mats else _read(state, mats, event, settings)), ()
    match event.data:
        case BedEntered():
            return replace(state, occupied=True, doubted=None, tried=None), ()
        case BedLeft():
            return replace(state, occupied=False, doubted=None, pressed_s=0.0, tried=None), ()
        case BedDoubted():
            return replace(state, doubted=event.ref, pressed_s=0.0, tried=None), ()
        case MatLearned(quality=quality) if event.device is not None:
            return replace(state, learned={**state.learned, event.device: quality}), ()
    if event.device in state.mats or event.kind not in signs_of_life.KINDS:
        mats = mat_states.see(state.mats, event)
        if mats is state.mats:
            return state, ()
        return _read(state, mats, event, settings), ()
    if (
        state.quiet_since is not None
        and state.on_since is None
        and state.seen is None
        and signs_of_life.place(event, settings.home)
        in (signs_of_life.Place.ELSEWHERE, signs_of_life.Place.FRONT)
    ):
        return replace(state, seen=event.ref, tried=None), ()
    return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When enough pressure, or enough quiet, or too much pressure will have been."""
    return due(first_of(*_moments(state, settings)), state.tried)


def _tells(state: State, settings: Settings) -> bool:
    """Whether the bed's mats, when silent, say that nobody lies there: none was learned to be poor,
    and one that is not yet known does not chatter tonight."""
    good = True
    for device in state.mats:
        quality = state.learned.get(device, MatQuality.LEARNING)
        if quality is MatQuality.POOR or quality is MatQuality.FAULTY:
            return False
        good = good and (quality is MatQuality.GOOD or quality is MatQuality.UNFELT)
    return good or state.breaks < settings.breaks


def _certain(state: State) -> bool:
    """Whether what they say is certain: all that feel anybody are known to lose nobody.  A mat
    whose nights are still being learned may lose sleepers, silent though it be until then."""
    qualities = {state.learned.get(device, MatQuality.LEARNING) for device in state.mats}
    return qualities - {MatQuality.UNFELT} == {MatQuality.GOOD}


def _moments(
    state: State, settings: Settings
) -> tuple[datetime | None, datetime | None, datetime | None, datetime | None]:
    """When somebody has entered, left, is in doubt, or a mat is stuck."""
    entered = left = doubt = stuck = None
    if state.on_since is not None:
        if state.occupied is not True or state.doubted is not None:
            needed_s = settings.again_s if state.doubted is not None else settings.enter_s
            entered = later(state.on_since, seconds=max(0.0, needed_s - state.pressed_s))
        since = None
        for mat in state.mats.values():
            at = mat.pressed_since
            if mat.level is Level.ON and at is not None and (since is None or at < since):
                since = at
        assert since is not None  # noqa: S101 - what is pressed knows since when
        stuck = later(since, minutes=settings.stuck_h * 60.0)
    elif state.occupied and state.blind:
        if state.doubted is None and state.blind_since is not None:
            doubt = later(state.blind_since, seconds=settings.leave_s)
    elif state.occupied and state.quiet_since is not None:
        quiet = max(state.quiet_since, state.watched_since or state.quiet_since)
        if _tells(state, settings) or state.seen is not None:
            left = later(quiet, seconds=settings.leave_s)
        elif state.doubted is None:
            doubt = later(quiet, seconds=max(settings.doubt_s, settings.leave_s))
    return entered, left, doubt, stuck


def _decide(state: State, now: datetime, settings: Settings) -> list[Decision]:
    entered, left, doubt, stuck = _moments(state, settings)
    decisions = []
    if stuck is not None and stuck <= now:
        for device, mat in state.mats.items():
            since = mat.pressed_since
            if (
                mat.level == "on"
                and since is not None
                and later(since, minutes=settings.stuck_h * 60.0) <= now
            ):
                fault = MatFaulted(fault=MatFault.STUCK)
                decisions.append(Decision(fault, rests_on=_refs(mat.ref), device=device))
        return decisions
    if entered is not None and entered <= now:
        decisions.append(Decision(BedEntered(), rests_on=_refs(state.first_ref, state.last_ref)))
    if left is not None and left <= now and state.quiet_since is not None:
        said = BedLeft(empty_since=state.quiet_since, certain=_certain(state))
        decisions.append(Decision(said, _refs(state.last_ref, state.seen)))
    elif doubt is not None and doubt <= now:
        since = state.blind_since if state.blind else state.quiet_since
        why = "mat_unknown" if state.blind else "mat_silent"
        said_doubt = BedDoubted(since=since or now, why=why)
        decisions.append(Decision(said_doubt, _refs(state.last_ref)))
    return decisions


def _read(state: State, mats: mat_states.Mats, event: Event, settings: Settings) -> State:
    """The state after a mat's level changed."""
    if mat_states.pressed(mats):
        if state.on_since is None:
            return _pressed(state, mats, event, settings)
        return replace(state, mats=mats, tried=None)
    if state.on_since is None:
        state = replace(state, mats=mats, tried=None)
    else:
        pressed_s = max(0.0, (event.at - state.on_since).total_seconds())
        state = replace(
            state,
            mats=mats,
            tried=None,
            on_since=None,
            pressed_s=state.pressed_s + pressed_s,
            quiet_since=event.at,
            seen=None,
            last_ref=event.ref,
        )
    if not state.blind and event.kind in mat_states.READINGS:
        return state  # nearly always: whether all are known makes no difference
    if mat_states.all_known(mats):
        if state.blind:
            state = replace(
                state, blind=False, blind_since=None, watched_since=event.at, last_ref=event.ref
            )
        return state
    lost = event.kind not in mat_states.READINGS
    if lost and not state.blind:
        return replace(state, blind=True, blind_since=event.at, last_ref=event.ref)
    return state


def _pressed(state: State, mats: mat_states.Mats, event: Event, settings: Settings) -> State:
    """The first mat of the bed is pressed after none was."""
    quiet = state.quiet_since
    gap_s = None if quiet is None else (event.at - quiet).total_seconds()
    anew = gap_s is None or gap_s > settings.pause_s
    breaks = state.breaks
    if gap_s is not None:
        breaks = 0 if gap_s > NIGHT_REACH_S else breaks + (not anew)
    return replace(
        state,
        mats=mats,
        tried=None,
        on_since=event.at,
        pressed_s=0.0 if anew else state.pressed_s,
        first_ref=event.ref if anew or state.first_ref is None else state.first_ref,
        last_ref=event.ref,
        blind=False,
        blind_since=None,
        breaks=breaks,
    )


def _refs(*refs: Ref | None) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys(ref for ref in refs if ref is not None))
