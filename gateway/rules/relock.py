"""Shuts a bolt that has been open for as long as it may (`relock_s`, by the lock's role).

Never while somebody turns the lock, never while the door's contact says open, and it only ever
shuts.  It follows from the log, so a restart in between changes nothing: what came due meanwhile is
ordered after the start.  A lock that does not obey is tried three times; then `lock_open` is what
remains.

Not for: turning (`gateway.doors.orders`), or who may open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import Field

from gateway.commands import Command, LockDoor
from gateway.envelope import Event
from gateway.events import (
    DOOR_OPEN,
    DoorClosed,
    DoorOpened,
    LockJammed,
    LockLocked,
    LockOperationEnded,
    LockOperationRequested,
    LockUnlocked,
    Ref,
    RelockOrdered,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import first_of, later

NAME = "relock"
VERSION = 1
KINDS = frozenset(
    {
        "lock.unlocked",
        "lock.locked",
        "lock.jammed",
        "unlock.requested",
        "unlock.ended",
        "door.opened",
        "door.closed",
        "relock.ordered",
    }
)

AGAIN_S = 120.0
"""Seconds until a lock that did not obey is told again: longer than one try can take."""

TRIES = 3
"""Orders for one opening; a lock that three did not shut needs a person."""


class Settings(RuleSettings):
    """After how long each lock is shut again."""

    relock_s: Mapping[str, float] = Field(default_factory=dict)
    """Seconds that the bolt stays open, by the lock's role, as `{ front_door = 120 }`; a role that
    is not named is not shut by itself."""
    contacts: Mapping[str, str] = Field(default_factory=dict)
    """The door contact (a device id) of a lock, by the lock's role: while it says open, the bolt is
    left alone."""


@dataclass(frozen=True)
class Open:
    """A bolt that its lock reported open, `since`; `ordered` times it was told to shut."""

    since: datetime
    ref: Ref
    ordered: int = 0
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """`bolts` by lock; `turning` requests without an end, grant to lock; `ajar` contacts that say
    open."""

    bolts: Mapping[str, Open]
    turning: Mapping[str, str]
    ajar: frozenset[str]


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nothing is known to be open."""
    return State({}, {}, frozenset())


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _due(state, event.at, settings)
    device = event.device or ""
    match event.data:
        case LockUnlocked() if _limit_s(device, settings) is not None:
            old = state.bolts.get(device)
            if old is not None and event.person is None:
                return state, ()  # asked again, as after a restart: it is the same opening
            return replace(state, bolts={**state.bolts, device: Open(event.at, event.ref)}), ()
        case LockLocked() | LockJammed():
            return replace(state, bolts=_without(state.bolts, device)), ()
        case LockOperationRequested(grant=grant):
            return replace(state, turning={**state.turning, grant: device}), ()
        case LockOperationEnded(grant=grant, why=why):
            ended = replace(state, turning=_without(state.turning, grant))
            old = state.bolts.get(device)
            if why != DOOR_OPEN or old is None:
                return ended, ()
            again = replace(old, ordered=max(0, old.ordered - 1))  # the lock was not told
            return replace(ended, bolts={**state.bolts, device: again}), ()
        case DoorOpened():
            return replace(state, ajar=state.ajar | {device}), ()
        case DoorClosed():
            return replace(state, ajar=state.ajar - {device}), ()
        case RelockOrdered() if device in state.bolts:
            old = state.bolts[device]
            ordered = replace(old, ordered=old.ordered + 1, tried=event.at)
            return replace(state, bolts={**state.bolts, device: ordered}), ()
        case _:
            return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the next bolt has been open for long enough."""
    return first_of(*(_when(state, device, settings) for device in state.bolts))


def _when(state: State, device: str, settings: Settings) -> datetime | None:
    bolt, limit_s = state.bolts[device], _limit_s(device, settings)
    contact = settings.contacts.get(_role(device, settings) or "")
    if limit_s is None or bolt.ordered >= TRIES or contact in state.ajar:
        return None
    if device in state.turning.values():
        return None
    at = later(bolt.since, seconds=limit_s)
    return at if bolt.tried is None else max(at, later(bolt.tried, seconds=AGAIN_S))


def _due(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    outputs: list[Decision | Command] = []
    bolts = dict(state.bolts)
    for device, bolt in state.bolts.items():
        at = _when(state, device, settings)
        if at is not None and at <= now:
            bolts[device] = replace(bolt, tried=now)
            outputs.append(Decision(RelockOrdered(), rests_on=(bolt.ref,), device=device))
            contact = settings.contacts.get(_role(device, settings) or "")
            outputs.append(LockDoor(device, contact))
    return replace(state, bolts=bolts), outputs


def _role(device: str, settings: Settings) -> str | None:
    facts = settings.home.devices.get(device)
    return None if facts is None or facts.type != "lock" else facts.role


def _limit_s(device: str, settings: Settings) -> float | None:
    return settings.relock_s.get(_role(device, settings) or "")


V = TypeVar("V")


def _without(of: Mapping[str, V], key: str) -> Mapping[str, V]:
    return {name: value for name, value in of.items() if name != key}
