"""The front door stands open: an alarm until it is shut.

By night for care, by day without haste.  Without haste at night too while the contact is not proved
to be right (`contact_proof`), as on the evening after the installation: the technician hears of
that, and who looks sees the door in the list, but nobody is woken by a contact that may say the
contrary.  A door whose contact is known to be wrong (`contact_reversed`) is not told about at all:
that has its own alarm.

Not for: who went out (`wandering`, `at_home`), or where the lock's bolt is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    DoorClosed,
    DoorOpened,
    Ref,
    Severity,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import contact_proof
from gateway.rules.common.lasting import KINDS as LASTING
from gateway.rules.common.lasting import Lasting
from gateway.rules.common.replace import replace
from gateway.rules.common.time import in_window, later

NAME = "door_open"
VERSION = 3
KINDS = LASTING | contact_proof.KINDS

ALARM = AlarmType.DOOR_LEFT_OPEN


class Settings(RuleSettings):
    """How long the front door may stand open."""

    open_min: float = Field(default=15.0, ge=1, le=240)
    """Minutes until an open front door is an alarm; the longest in a recorded home is nine."""
    night_from: time = time(22, 0)
    """Local time from which it is an alarm for care."""
    night_to: time = time(7, 0)
    """Local time until which it is."""


@dataclass(frozen=True)
class State:
    """The doors that stand open; `wrong` are the alarms about contacts that are not believed, by
    device; `proofs` is what is known of each contact."""

    doors: Lasting = field(default_factory=Lasting)
    wrong: Mapping[str, Ref] = field(default_factory=dict)
    proofs: contact_proof.Proofs = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """The doors are thought shut until they say otherwise."""
    return State()


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        doors, raised = state.doors.tick(event.at)
        return replace(state, doors=doors), raised
    home = settings.home
    key = (event.device, ALARM)
    proofs = contact_proof.see(state.proofs, event, home)
    if proofs is not state.proofs:
        state = replace(state, proofs=proofs)
    proof = proofs.get(event.device or "", contact_proof.Proof())
    match event.data:
        case AlarmRaised(type=AlarmType.CONTACT_REVERSED) if event.device is not None:
            state = replace(state, wrong={**state.wrong, event.device: event.ref})
            if proof.settled():
                state = replace(state, doors=state.doors.without_unraised(key))
            return state, ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref) if ref in state.wrong.values():
            wrong = {name: alarm for name, alarm in state.wrong.items() if alarm != ref}
            return replace(state, wrong=wrong), ()
        case DoorOpened() if event.device in state.wrong and proof.settled():
            return state, ()
        case DoorOpened() if event.device in home.with_role("front_door"):
            at = later(event.at, minutes=settings.open_min)
            night = in_window(at, home.timezone, settings.night_from, settings.night_to)
            severity = Severity.CARE if night and proof.believed() else Severity.ROUTINE
            return replace(state, doors=state.doors.begin(key, event, at, severity)), ()
        case DoorClosed():
            doors, decisions = state.doors.end(key, event, "closed")
            return (replace(state, doors=doors) if doors is not state.doors else state), decisions
        case _:
            doors = state.doors.see(event)
            return (replace(state, doors=doors) if doors is not state.doors else state), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """When the next open door has stood open long enough."""
    return state.doors.wake_at()
