"""Somebody lies in the bed, or left it: an estimate from the pressure mats of the role `bed`.

Real mats chatter: in recorded homes they are on in pulses of 1–2 s, for only 40–76 % of the time
that somebody lies there.  So it takes some seconds of pressure to be in bed, and minutes without
any to have left it.  A mat that cannot be trusted (faulted, offline, failed, stuck) is unknown and
never an empty bed: when it was part of what we knew, nobody is said to have left until a mat that
can be trusted has shown somebody, or all of them can be trusted again.

Not for: whether it matters that the bed is empty (`bed_exit`, `night_check`), nor for learning what
this resident's gaps look like; until then one hold time serves all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import BedEntered, BedLeft, MatFault, MatFaulted, Ref
from gateway.rules import Decision, RuleSettings, Tick, _mats
from gateway.rules._time import due, first_of, later

NAME = "bed"
VERSION = 1
KINDS = _mats.KINDS | {"bed.entered", "bed.left"}


class Settings(RuleSettings):
    """How long, before it is believed."""

    enter_s: float = Field(default=10.0, ge=0, le=600)
    """Seconds of pressure, pulses added up, until somebody is said to lie there."""
    pause_s: float = Field(default=60.0, gt=0, le=3600)
    """Seconds without pressure after which adding up begins anew: somebody sat down and rose."""
    leave_s: float = Field(default=300.0, gt=0, le=7200)
    """Seconds without pressure until the bed is said to be left.  19 of 20 gaps of a person lying
    there are below 140 s in the worst recorded mat; 60 s would call 30 exits a night there, 300 s
    14."""
    stuck_h: float = Field(default=16.0, gt=0, le=240)
    """Hours of unbroken pressure after which a mat is called stuck; the longest real night in the
    recordings is 10.2 h."""


@dataclass(frozen=True, slots=True)
class State:
    """`occupied` None: not known yet.  `pressed_s` is the pressure added up since `first_ref`, the
    running press (`on_since`) not included.  `quiet_since` is when the last sign of somebody ended,
    `watched_since` from when on the mats could be trusted again after they could not, `blind`
    whether they still cannot."""

    mats: _mats.Mats
    occupied: bool | None = None
    on_since: datetime | None = None
    pressed_s: float = 0.0
    first_ref: Ref | None = None
    last_ref: Ref | None = None
    quiet_since: datetime | None = None
    watched_since: datetime | None = None
    blind: bool = False
    tried: datetime | None = None


def start(settings: Settings) -> State:
    """Nothing is known of any mat."""
    return State(mats=_mats.start(settings.home.with_role("bed")))


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        made = _decide(state, event.at, settings)
        return (replace(state, tried=event.at) if made else state), made
    if isinstance(event.data, BedEntered):
        return replace(state, occupied=True, tried=None), ()
    if isinstance(event.data, BedLeft):
        return replace(state, occupied=False, pressed_s=0.0, tried=None), ()
    mats = _mats.see(state.mats, event)
    if mats is state.mats:
        return state, ()
    return _read(state, mats, event, settings), ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When enough pressure, or enough quiet, or too much pressure will have been."""
    return due(first_of(*_moments(state, settings)), state.tried)


def _moments(
    state: State, settings: Settings
) -> tuple[datetime | None, datetime | None, datetime | None]:
    entered = left = stuck = None
    if state.on_since is not None:
        if state.occupied is not True:
            missing_s = max(0.0, settings.enter_s - state.pressed_s)
            entered = later(state.on_since, seconds=missing_s)
        since = [m.pressed_since for m in state.mats.values() if m.level == "on"]
        stuck = later(min(s for s in since if s is not None), minutes=settings.stuck_h * 60.0)
    elif state.occupied and not state.blind and state.quiet_since is not None:
        left = later(
            max(state.quiet_since, state.watched_since or state.quiet_since),
            seconds=settings.leave_s,
        )
    return entered, left, stuck


def _decide(state: State, now: datetime, settings: Settings) -> list[Decision]:
    entered, left, stuck = _moments(state, settings)
    made = []
    if stuck is not None and stuck <= now:
        for device, mat in state.mats.items():
            since = mat.pressed_since
            if (
                mat.level == "on"
                and since is not None
                and later(since, minutes=settings.stuck_h * 60.0) <= now
            ):
                fault = MatFaulted(fault=MatFault.STUCK)
                made.append(Decision(fault, rests_on=_refs(mat.ref), device=device))
        return made
    if entered is not None and entered <= now:
        made.append(Decision(BedEntered(), rests_on=_refs(state.first_ref, state.last_ref)))
    if left is not None and left <= now and state.quiet_since is not None:
        made.append(Decision(BedLeft(empty_since=state.quiet_since), _refs(state.last_ref)))
    return made


def _read(state: State, mats: _mats.Mats, event: Event, settings: Settings) -> State:
    """The state after a mat's level changed."""
    on = _mats.pressed(mats)
    state = replace(state, mats=mats, tried=None)
    if on and state.on_since is None:
        quiet = state.quiet_since
        anew = quiet is None or event.at - quiet > timedelta(seconds=settings.pause_s)
        return replace(
            state,
            on_since=event.at,
            pressed_s=0.0 if anew else state.pressed_s,
            first_ref=event.ref if anew or state.first_ref is None else state.first_ref,
            last_ref=event.ref,
            blind=False,
        )
    if not on and state.on_since is not None:
        pressed_s = max(0.0, (event.at - state.on_since).total_seconds())
        state = replace(
            state,
            on_since=None,
            pressed_s=state.pressed_s + pressed_s,
            quiet_since=event.at,
            last_ref=event.ref,
        )
    if on:
        return state
    if _mats.all_known(mats):
        if state.blind:
            state = replace(state, blind=False, watched_since=event.at, last_ref=event.ref)
        return state
    lost = event.data.KIND not in ("mat.pressed", "mat.released")
    return replace(state, blind=True) if lost else state


def _refs(*refs: Ref | None) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys(ref for ref in refs if ref is not None))
