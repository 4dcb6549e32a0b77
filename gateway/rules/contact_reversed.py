"""A front door's contact that says "open" day and night: wired the wrong way round, or no magnet.

At `at` local time the day that was is judged: the contact spoke, and said "open" for most of it.
Then it is a technical alarm that says to mend the contact, and until that is closed, or a later day
is mostly shut, nobody is rung at night about this door standing open (`door_open`): each of those
alarms would say the contrary of what is.  Its changes stay signs of life.  It is said again every
six days while it lasts.

Not for: a door that stands open tonight (`door_open`), or a contact that says nothing
(`device_silent`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

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
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common.replace import replace
from gateway.rules.common.time import next_local

NAME = "contact_reversed"
VERSION = 1
KINDS = frozenset(
    {"door.opened", "door.closed", "alarm.raised", "alarm.cancelled", "alarm.resolved"}
)

ALARM = AlarmType.CONTACT_REVERSED

AGAIN_AFTER = timedelta(days=5, hours=23)
"""The rules are rebuilt from seven days of log: what holds must stand in them."""

LEAST = timedelta(hours=12)
"""A shorter time heard says nothing of a day."""


class Settings(RuleSettings):
    """How open a door may be."""

    at: time = time(12, 0)
    """Local time at which the day before is judged; the technician is called by day."""
    open_part: float = Field(default=0.5, gt=0, le=1)
    """The part of the day and night from which a front door is not believed to stand open.  In the
    recorded homes 0 to 0.01; one with a contact that is wrong: 0.9."""


@dataclass(frozen=True)
class Door:
    """One door since `from_`: `open_at` is of the present opening, `open_s` all before it,
    `changes` how often it spoke, `said` its newest word; `alarm` names the open alarm."""

    from_: datetime
    open_at: datetime | None = None
    open_s: float = 0.0
    changes: int = 0
    said: Ref | None = None
    alarm: Ref | None = None
    alarm_at: datetime | None = None


@dataclass(frozen=True)
class State:
    """The front doors that were heard; `next_at` is when the next count is due."""

    doors: Mapping[str, Door]
    next_at: datetime | None = None


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """No door was heard."""
    return State({})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _count(state, event.at, settings)
    device = event.device
    match event.data:
        case DoorOpened() | DoorClosed() if device in settings.home.with_role("front_door"):
            door = state.doors.get(device, Door(from_=event.at))
            next_at = state.next_at or next_local(event.at, settings.home.timezone, settings.at)
            return State({**state.doors, device: _read(door, event)}, next_at), ()
        case AlarmRaised(type=AlarmType.CONTACT_REVERSED) if device and device in state.doors:
            door = replace(state.doors[device], alarm=event.ref, alarm_at=event.at)
            return replace(state, doors={**state.doors, device: door}), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            for name, one in state.doors.items():
                if one.alarm == ref:
                    closed = replace(one, alarm=None, alarm_at=None)
                    return replace(state, doors={**state.doors, name: closed}), ()
            return state, ()
        case _:
            return state, ()


def hears(kind: str, device: str | None, settings: Settings) -> bool:
    """Of all doors those to the outside."""
    door = kind in ("door.opened", "door.closed")
    return not door or device in settings.home.with_role("front_door")


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """The next count."""
    return state.next_at


def _read(door: Door, event: Event) -> Door:
    if isinstance(event.data, DoorOpened):
        begun = door.open_at or event.at
        return replace(door, open_at=begun, changes=door.changes + 1, said=event.ref)
    open_s = door.open_s
    if door.open_at is not None:
        open_s += max(0.0, (event.at - door.open_at).total_seconds())
    return replace(door, open_at=None, open_s=open_s, changes=door.changes + 1, said=event.ref)


def _count(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    decisions: list[Decision] = []
    doors = {}
    for name, door in state.doors.items():
        decisions += _tell(name, door, now, settings)
        begun = now if door.open_at is not None else None
        doors[name] = Door(now, begun, said=door.said, alarm=door.alarm, alarm_at=door.alarm_at)
    return State(doors, next_local(now, settings.home.timezone, settings.at)), decisions


def _tell(name: str, door: Door, now: datetime, settings: Settings) -> list[Decision]:
    heard = now - door.from_
    if door.said is None:
        return []
    open_s = door.open_s
    if door.open_at is not None:
        open_s += (now - door.open_at).total_seconds()
    part = open_s / heard.total_seconds() if heard >= LEAST else None
    wrong = part is not None and part >= settings.open_part and door.changes >= 2
    rests_on = (door.said,)
    decisions = []
    if door.alarm is not None and door.alarm_at is not None:
        mended = part is not None and part < settings.open_part / 2
        if not mended and now - door.alarm_at < AGAIN_AFTER:
            return []
        reason = "recovered" if mended else "told_again"
        ended = AlarmCancelled(alarm=door.alarm, reason=reason)
        decisions.append(Decision(ended, rests_on=rests_on, device=name))
        wrong = not mended
    if wrong:
        alarm = AlarmRaised.usual(ALARM, door.from_)
        decisions.append(Decision(alarm, rests_on=rests_on, device=name))
    return decisions
