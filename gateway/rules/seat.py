"""Somebody sits on a seat, or rose: concluded from its mat, so that noise is nobody.

Seat mats pulse by themselves and when somebody passes: in a recorded home four of ten presses last
one or two seconds, some of them while everybody is out or asleep.  A press that lasts `sit_s` is
somebody who sits there (`seat.taken`), and its end is somebody who rises (`seat.left`).  Those are
signs of life; the mat's own words are none (`signs_of_life`).

Not for: bed mats, which chatter under who lies there (`bed`), or how long one may sit
(`inactivity`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import ContactChanged, MatPressed, MatReleased, Ref, SeatLeft, SeatTaken
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later

NAME = "seat"
VERSION = 1
KINDS = frozenset({"mat.pressed", "mat.released", "contact.changed", "seat.taken", "seat.left"})


class Settings(RuleSettings):
    """What is sitting."""

    sit_s: float = Field(default=3.0, ge=0, le=60)
    """Seconds of pressure that are somebody; the pulses of noise last one or two."""


@dataclass(frozen=True)
class Seat:
    """One seat that is pressed since `since`, as `said` told, or was: `since` None.  `taken` names
    the `seat.taken` that is not over."""

    said: Ref
    since: datetime | None = None
    taken: Ref | None = None
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """The seats that are pressed or taken, by device."""

    seats: Mapping[str, Seat] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody sits anywhere."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    device = event.device
    if device is None or device not in settings.home.with_role("seat"):
        return state, ()
    seat = state.seats.get(device)
    match event.data:
        case MatPressed() | ContactChanged(on=True) if seat is None or seat.since is None:
            taken = None if seat is None else seat.taken
            return _put(state, device, Seat(event.ref, event.at, taken)), ()
        case MatReleased() | ContactChanged(on=False) if seat is not None:
            if seat.taken is None:
                return _without(state, device), ()
            left = Decision(SeatLeft(), rests_on=(seat.taken, event.ref), device=device)
            return _put(state, device, replace(seat, since=None, tried=None)), (left,)
        case SeatTaken() if seat is not None:
            return _put(state, device, replace(seat, taken=event.ref, tried=None)), ()
        case SeatLeft() if seat is not None:
            if seat.since is None:
                return _without(state, device), ()
            return _put(state, device, replace(seat, taken=None)), ()
        case _:
            return state, ()


def hears(kind: str, device: str | None, settings: Settings) -> bool:  # noqa: ARG001 - contract
    """Seats alone."""
    return device in settings.home.with_role("seat")


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next press has lasted long enough."""
    return first_of(*(_due(seat, settings) for seat in state.seats.values()))


def _due(seat: Seat, settings: Settings) -> datetime | None:
    if seat.since is None or seat.taken is not None:
        return None
    return due(later(seat.since, seconds=settings.sit_s), seat.tried)


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions = []
    for device, seat in state.seats.items():
        at = _due(seat, settings)
        if at is None or at > now or seat.since is None:
            continue
        taken = SeatTaken(since=seat.since)
        decisions.append(Decision(taken, rests_on=(seat.said,), device=device))
        state = _put(state, device, replace(seat, tried=now))
    return state, decisions


def _put(state: State, device: str, seat: Seat) -> State:
    return State({**state.seats, device: seat})


def _without(state: State, device: str) -> State:
    return State({name: seat for name, seat in state.seats.items() if name != device})
