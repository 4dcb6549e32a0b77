"""A pendant was pressed: an alarm, always, in the same turn.

Also when the message could not be proved genuine, when the resident is registered as away, and by
day or night: a false alarm costs a call, a missed one a life.  One press that a radio brings twice
within seconds is one alarm; one that comes again while its alarm is open and new is the same
trouble, and is told as such (`alarm.repeated`), so that it rings again and stands as one.  Once the
alarm is closed the next press is another, however soon: who took it back and fell is heard.

The resident takes it back by holding the button that answers the home (`role = "button"`); its
press must be proved genuine.  The pendant itself takes nothing back unless the home says so: who is
afraid holds on to it.

Not for: who is told (the server's ladders), or what the staff do about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmRepeated,
    AlarmResolved,
    AlarmType,
    ButtonPressed,
    PendantPressed,
    PressHow,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.time import later

NAME = "pendant"
VERSION = 3
KINDS = frozenset(
    {
        "pendant.pressed",
        "button.pressed",
        "alarm.raised",
        "alarm.repeated",
        "alarm.cancelled",
        "alarm.resolved",
    }
)

ALARM = AlarmType.PENDANT


class Settings(RuleSettings):
    """What counts as one press."""

    again_s: float = Field(default=5.0, ge=0, le=30)
    """Seconds after an alarm within which the same pendant is the same press, while it is open."""

    one_trouble_min: float = Field(default=60.0, ge=0, le=240)
    """Minutes after an alarm within which another press of the same pendant belongs to it, while it
    is open.  An hour, as `bed_exit` rings: who pressed before and was forgotten needs a new one."""
    take_back_min: float = Field(default=30.0, ge=0, le=240)
    """Minutes after an alarm in which the answering button, held, takes it back; 0: never."""
    hold_takes_back_s: float = Field(default=0.0, ge=0, le=600)
    """Seconds after an alarm in which the pendant itself, held, takes it back; 0, the default:
    never."""


@dataclass(frozen=True, slots=True)
class Open:
    """An alarm of a pendant that nobody has closed, and when it was raised."""

    ref: Ref
    at: datetime


@dataclass(frozen=True, slots=True)
class State:
    """When each pendant was pressed last, as its alarms say, and which of those are open."""

    raised: Mapping[str | None, datetime] = field(default_factory=dict)
    open: Mapping[str | None, Open] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody has pressed."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return state, ()
    match event.data:
        case PendantPressed():
            return state, _pressed(state, event, event.data, settings)
        case ButtonPressed(verified=True, how=PressHow.LONG | PressHow.HELD):
            return state, _held(state, event, settings)
        case AlarmRaised(type=AlarmType.PENDANT, since=since):
            opened = {**state.open, event.device: Open(event.ref, event.at)}
            return State({**state.raised, event.device: since}, opened), ()
        case AlarmRepeated(alarm=ref):
            again = {device: event.at for device, one in state.open.items() if one.ref == ref}
            return (State({**state.raised, **again}, state.open) if again else state), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            over = {device for device, one in state.open.items() if one.ref == ref}
            return (_without(state, over) if over else state), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """Never: a press needs no time."""
    return None


def _without(state: State, devices: AbstractSet[str | None]) -> State:
    """Their alarms are closed: what they send now is a press of its own."""
    raised = {device: at for device, at in state.raised.items() if device not in devices}
    return State(
        raised, {device: one for device, one in state.open.items() if device not in devices}
    )


def _pressed(
    state: State, event: Event, press: PendantPressed, settings: Settings
) -> Sequence[Decision]:
    before = state.raised.get(event.device)
    if before is not None and before <= event.at < later(before, seconds=settings.again_s):
        return ()
    own = state.open.get(event.device)
    if own is None or not own.at <= event.at < later(own.at, minutes=settings.one_trouble_min):
        alarm = AlarmRaised.usual(ALARM, event.at)
        return (Decision(alarm, rests_on=(event.ref,), device=event.device),)
    held = press.verified and press.how in (PressHow.LONG, PressHow.HELD)
    if held and event.at < later(own.at, seconds=settings.hold_takes_back_s):
        return (_taken_back(own, event, event.device),)
    again = AlarmRepeated(alarm=own.ref)
    return (Decision(again, rests_on=(event.ref,), device=event.device),)


def _held(state: State, event: Event, settings: Settings) -> Sequence[Decision]:
    """The answering button was held."""
    facts = settings.home.devices.get(event.device or "")
    if facts is None or facts.role != "button":
        return ()
    return tuple(
        _taken_back(one, event, device)
        for device, one in state.open.items()
        if one.at <= event.at < later(one.at, minutes=settings.take_back_min)
    )


def _taken_back(one: Open, event: Event, device: str | None) -> Decision:
    ended = AlarmCancelled(alarm=one.ref, reason="wearer")
    return Decision(ended, rests_on=(one.ref, event.ref), device=device)
