"""Nobody is at home: the front door, and then silence.

Who goes out opens the front door, and after it has shut nothing in the home stirs.  When nothing
has for `silent_min` after the door's last word, apart from `grace_min` of coats and bags, the home
is empty (`home.emptied`, since that word).  It ends (`home.occupied`) with the front
door's next word, a bed or a seat that is pressed, or two different sensors inside within
`proof_min`: one alone is not believed, for motion detectors see the sun and the heating.

A home with somebody in bed, or on a seat that is pressed, is not empty.  A resident who came in,
and fell in the hall at once, looks the same as one who went out: that is what the grace costs, and
why it is short.  It changes nothing at night: `bed_exit` and `wandering` have their own times.

Not for: a registered absence (`absence.started`), or which of two residents went.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    BedEntered,
    HomeEmptied,
    HomeOccupied,
    MatFaulted,
    Ref,
)
from gateway.rules import Decision, DeviceFacts, RuleSettings, Tick
from gateway.rules.common import mat_states, signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, later

NAME = "at_home"
VERSION = 3
KINDS = signs_of_life.KINDS | {
    "bed.entered",
    "home.emptied",
    "home.occupied",
    "mat.faulted",
    "alarm.raised",
    "alarm.cancelled",
    "alarm.resolved",
}


class Settings(RuleSettings):
    """How a departure looks."""

    grace_min: float = Field(default=3.0, ge=0, le=30)
    """Minutes after the front door's last word in which signs inside still belong to leaving; in
    the recorded homes nine of ten departures are followed by silence within three."""
    silent_min: float = Field(default=30.0, ge=5, le=240)
    """Minutes of silence until the home is said to be empty."""
    proof_min: float = Field(default=10.0, ge=0, le=120)
    """Minutes within which two different sensors show that somebody is in after all."""


@dataclass(frozen=True)
class State:
    """`door` and `door_at` are the front door's last word, None once somebody stirred later than
    the grace; `last` and `last_at` the last sign, of `last_device`.  `empty` names the
    `home.emptied` in force; `pressed` are the seats and bed mats that are pressed, `doubted` the
    mats that are not believed, with the alarms that say so."""

    door: Ref | None = None
    door_at: datetime | None = None
    last: Ref | None = None
    last_at: datetime | None = None
    last_device: str | None = None
    empty: Ref | None = None
    pressed: frozenset[str] = frozenset()
    doubted: Mapping[str, Ref] = field(default_factory=dict)
    tried: datetime | None = None


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody knows."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _decide(state, event.at)
    if event.kind in signs_of_life.KINDS:
        return _stirred(state, event, settings)
    match event.data:
        case BedEntered():
            return replace(state, door=None, door_at=None), _occupied(state, event, sure=True)
        case HomeEmptied():
            return replace(state, empty=event.ref, last_device=None, tried=None), ()
        case HomeOccupied():
            return replace(state, empty=None, tried=None), ()
        case MatFaulted():
            return replace(state, pressed=state.pressed - {event.device or ""}), ()
        case AlarmRaised() | AlarmCancelled() | AlarmResolved():
            known = mat_states.doubted_after(state.doubted, event)
            if known is state.doubted:
                return state, ()
            return replace(state, doubted=known, pressed=state.pressed - known.keys()), ()
    return _stirred(state, event, settings)


def _stirred(
    state: State, event: Event, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """A device of the home said something."""
    facts = settings.home.devices.get(event.device or "")
    if facts is None:
        return state, ()
    if facts.id in state.doubted or signs_of_life.may_be_noise(event, facts):
        return state, ()
    if facts.role in ("seat", "bed"):
        return _weight(state, event, facts.id)
    if signs_of_life.place(event, settings.home) is None:
        return state, ()
    return _sign(state, event, facts, settings)


def _weight(state: State, event: Event, device: str) -> tuple[State, Sequence[Decision | Command]]:
    """A seat or a bed mat was pressed or released."""
    on = signs_of_life.is_on(event) and event.kind != "mat.released"
    pressed = state.pressed | {device} if on else state.pressed - {device}
    decisions = _occupied(state, event, sure=on)
    return replace(state, pressed=pressed, door=None, door_at=None), decisions


def _sign(
    state: State, event: Event, facts: DeviceFacts, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    front = facts.role == "front_door"
    if (
        not front
        and state.door_at is None
        and state.empty is None
        and state.last_device == facts.id
        and state.last_at is not None
        and 0.0 <= (event.at - state.last_at).total_seconds() < signs_of_life.COARSE_S
    ):
        return state, ()
    second = (
        state.last_device not in (None, facts.id)
        and state.last_at is not None
        and event.at <= later(state.last_at, minutes=settings.proof_min)
    )
    decisions = _occupied(state, event, sure=front or second)
    before = state
    state = replace(state, last=event.ref, last_at=event.at, last_device=facts.id, tried=None)
    if front:
        return replace(state, door=event.ref, door_at=event.at), decisions
    if before.door_at is not None and event.at > later(before.door_at, minutes=settings.grace_min):
        return replace(state, door=None, door_at=None), decisions
    return state, decisions


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the silence after the front door has lasted long enough."""
    if state.door_at is None or state.last_at is None or state.empty or state.pressed:
        return None
    return due(later(state.last_at, minutes=settings.silent_min), state.tried)


def _decide(state: State, now: datetime) -> tuple[State, Sequence[Decision | Command]]:
    if state.door is None or state.door_at is None:
        return state, ()
    rests_on = tuple(dict.fromkeys(ref for ref in (state.door, state.last) if ref is not None))
    emptied = HomeEmptied(since=state.door_at)
    return replace(state, tried=now), (Decision(emptied, rests_on=rests_on),)


def _occupied(state: State, event: Event, *, sure: bool) -> Sequence[Decision]:
    if state.empty is None or not sure:
        return ()
    return (Decision(HomeOccupied(), rests_on=(state.empty, event.ref)),)
