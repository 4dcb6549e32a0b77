"""Somebody went to the bathroom and nothing has stirred since: an alarm, or a look at night.

The last sign of life in the home was in the bathroom (or of the toilet), and then nothing, there or
elsewhere, for `still_min`: who washes, moves.  Any other sign ends it: the front door, another
room, the bed.  By day it is an alarm; at night a look first, for a detector that misses who sits
still is commoner than a fall.

Only where motion detectors in the bathroom and outside it, or a bed mat, would show both.

Not for: how often somebody goes, or a bathroom without any sensor (a floor mat is `on_floor`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    BedLeft,
    CheckAsked,
    HomeEmptied,
    Ref,
    Severity,
)
from gateway.rules import Decision, HomeFacts, RuleSettings, Tick
from gateway.rules.common import absences, looks, signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, in_window, later

NAME = "bathroom"
VERSION = 2
KINDS = (
    signs_of_life.KINDS
    | absences.KINDS
    | {"bed.entered", "bed.left", "home.emptied", "check.asked", "alarm.raised"}
)

ALARM = AlarmType.BATHROOM_LONG


class Settings(RuleSettings):
    """How long one may be still in the bathroom."""

    still_min: float = Field(default=60.0, ge=5, le=480)
    """Minutes without any sign after the last one in the bathroom, by day."""
    night_still_min: float = Field(default=120.0, ge=5, le=480)
    """The same by night; who came from bed is with `bed_exit`, within half an hour."""
    night_from: time = time(22, 0)
    """Local time from which a night watcher is asked first."""
    night_to: time = time(7, 0)
    """Local time until which."""


@dataclass(frozen=True)
class State:
    """`since` and `said` are the last sign in the bathroom, None once anything stirred elsewhere or
    somebody was told; `can_tell` whether the home's detectors would show it.  `in_bed`, `sat`:
    somebody is somewhere else, or was all the time."""

    can_tell: bool = False
    since: datetime | None = None
    said: Ref | None = None
    in_bed: bool = False
    sat: frozenset[str] = frozenset()
    tried: datetime | None = None
    absence: absences.Absence = absences.AT_HOME


def _can_tell(home: HomeFacts) -> bool:
    """Whether detectors would show somebody moving in the bathroom, and leaving it: without both, a
    flushed toilet before bed would look like a night on the bathroom floor."""
    motion = [one for one in home.devices.values() if one.role == "motion"]
    inside = any(signs_of_life.bathroom(one) for one in motion)
    outside = any(not signs_of_life.bathroom(one) for one in motion)
    return inside and (outside or bool(home.with_role("bed")))


def start(settings: Settings) -> State:
    """Nobody is there."""
    return State(can_tell=_can_tell(settings.home))


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    if event.kind in signs_of_life.KINDS:
        return _sign(state, event, settings), ()
    match event.data:
        case BedEntered():
            return replace(state, in_bed=True, since=None, said=None), ()
        case BedLeft():
            return replace(state, in_bed=False), ()
        case HomeEmptied():
            return replace(state, since=None, said=None), ()
        case CheckAsked(check=name):
            answered = looks.of(NAME, name) or name.startswith(looks.PREFIX)
            return (replace(state, since=None, said=None) if answered else state), ()
        case AlarmRaised(severity=severity):
            # somebody comes, for this or for something else
            answered = severity is Severity.CARE
            return (replace(state, since=None, said=None) if answered else state), ()
    if event.kind in absences.KINDS:
        return replace(state, absence=absences.see(state.absence, event)), ()
    return _sign(state, event, settings), ()


def _sign(state: State, event: Event, settings: Settings) -> State:
    """Somebody stirred."""
    facts = settings.home.devices.get(event.device or "")
    if facts is None or not state.can_tell or signs_of_life.may_be_noise(event, facts):
        return state
    if facts.role == "seat":
        sat = state.sat | {facts.id} if signs_of_life.is_on(event) else state.sat - {facts.id}
        return replace(state, sat=sat, since=None, said=None)
    if signs_of_life.bathroom(facts):
        return replace(state, since=event.at, said=event.ref, tried=None)
    return state if state.since is None else replace(state, since=None, said=None)


def hears(kind: str, device: str | None, settings: Settings) -> bool:
    """Signs of the home's devices only where they can tell."""
    if kind not in signs_of_life.KINDS:
        return True
    return device in settings.home.devices and _can_tell(settings.home)


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the stillness in the bathroom has lasted too long."""
    if state.since is None or state.in_bed or state.sat:
        return None
    night = _at_night(state.since, settings)
    minutes = settings.night_still_min if night else settings.still_min
    return due(later(state.since, minutes=minutes), state.tried)


def _at_night(at: datetime, settings: Settings) -> bool:
    return in_window(at, settings.home.timezone, settings.night_from, settings.night_to)


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    if state.since is None or state.said is None:
        return state, ()
    if state.absence.at(now):
        return replace(state, since=None, said=None), ()
    since, said = state.since, state.said
    state = replace(state, tried=now)
    if _at_night(now, settings):
        return state, (looks.ask(NAME, ALARM, now, (said,)),)
    alarm = AlarmRaised.usual(ALARM, since)
    return state, (Decision(alarm, rests_on=(said,)),)
