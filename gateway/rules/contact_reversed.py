"""A front door's contact that says "open" day and night: wired the wrong way round, or no magnet.

Early: a contact that is not proved to be right yet (`contact_proof`) says "open" for `doubt_min`,
or for `BOLT_MIN` while its door's lock reports the bolt shut.  That is asked of the technician at
once, before anybody is woken by it, and ends as soon as the contact is proved.

Late: at `at` local time the day that was is judged: the contact spoke, and said "open" for most of
it.  Then it is a technical alarm that says to mend the contact, and until that is closed, or a
later day is mostly shut, nobody is rung at night about this door standing open (`door_open`): each
of those alarms would say the contrary of what is.  Its changes stay signs of life.  It is said
again every six days while it lasts.

A lock that is shut while the contact says "open" proves nothing against a contact that is proved:
a bolt can be thrown in the air, and that door stands open indeed.

Not for: a door that stands open tonight (`door_open`), or a contact that says nothing
(`device_silent`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    Data,
    DoorClosed,
    DoorOpened,
    LockLocked,
    LockUnlocked,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import contact_proof
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of, later, next_local

NAME = "contact_reversed"
VERSION = 2
KINDS = contact_proof.KINDS | {"lock.locked", "lock.unlocked"}

ALARM = AlarmType.CONTACT_REVERSED

AGAIN_AFTER = timedelta(days=5, hours=23)
"""The rules are rebuilt from seven days of log: what holds must stand in them."""

BOLT_MIN = 2.0
"""Minutes for which a bolt is shut and its door "open", until one of the two is doubted: a contact
by radio may tell late."""

LEAST = timedelta(hours=12)
"""A shorter time heard says nothing of a day."""


class Settings(RuleSettings):
    """How open a door may be."""

    at: time = time(12, 0)
    """Local time at which the day before is judged; the technician is called by day."""
    doubt_min: float = Field(default=20.0, ge=1, le=240)
    """Minutes of "open" from a contact that is not proved to be right, until the technician is
    asked.  Later than the door that stands open is told (`door_open`): that it is told does not
    rest on this one."""
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
    tried: datetime | None = None


@dataclass(frozen=True)
class State:
    """The front doors that were heard; `next_at` is when the next count is due; `proofs` is what is
    known of each contact, `shut_at` when each lock reported its bolt shut that has not reported
    otherwise since."""

    doors: Mapping[str, Door]
    next_at: datetime | None = None
    proofs: contact_proof.Proofs = field(default_factory=dict)
    shut_at: Mapping[str, datetime] = field(default_factory=dict)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """No door was heard."""
    return State({})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    device = event.device
    proofs = contact_proof.see(state.proofs, event, settings.home)
    if proofs is not state.proofs:
        state = replace(state, proofs=proofs)
    match event.data:
        case LockLocked() if device in settings.home.with_role("front_door"):
            return replace(state, shut_at={**state.shut_at, device or "": event.at}), ()
        case LockUnlocked() if device in state.shut_at:
            others = {name: at for name, at in state.shut_at.items() if name != device}
            return replace(state, shut_at=others), ()
        case DoorOpened() | DoorClosed() if device in settings.home.with_role("front_door"):
            door = state.doors.get(device, Door(from_=event.at))
            next_at = state.next_at or next_local(event.at, settings.home.timezone, settings.at)
            doors = {**state.doors, device: _read(door, event)}
            return replace(state, doors=doors, next_at=next_at), ()
        case AlarmRaised(type=AlarmType.CONTACT_REVERSED) if device and device in state.doors:
            door = replace(state.doors[device], alarm=event.ref, alarm_at=event.at, tried=None)
            return replace(state, doors={**state.doors, device: door}), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            for name, one in state.doors.items():
                if one.alarm == ref:
                    closed = replace(one, alarm=None, alarm_at=None, tried=None)
                    return replace(state, doors={**state.doors, name: closed}), ()
            return state, ()
        case _:
            return state, ()


def hears(kind: str, device: str | None, settings: Settings) -> bool:
    """Of all doors those to the outside."""
    door = kind in ("door.opened", "door.closed")
    return not door or device in settings.home.with_role("front_door")


def wake_at(state: State, settings: Settings) -> datetime | None:
    """The next count, or when a contact is doubted, or proved."""
    sooner = (_early(state, name, settings) for name in state.doors)
    return first_of(state.next_at, *sooner)


def _early(state: State, name: str, settings: Settings) -> datetime | None:
    """When something is told of this door before the next count."""
    door, proof = state.doors[name], state.proofs.get(name)
    if proof is None:
        return None
    if door.alarm is not None:
        return due(proof.believed_at(), door.tried) if proof.doubt else None
    if not proof.open or proof.since is None or proof.believed():
        return None
    at = later(proof.since, minutes=settings.doubt_min)
    shut_at = _bolt_shut_at(state, settings)
    if shut_at is not None:
        at = min(at, later(max(shut_at, proof.since), minutes=BOLT_MIN))
    return due(at, door.tried)


def _bolt_shut_at(state: State, settings: Settings) -> datetime | None:
    """When the door's lock reported its bolt shut; None: it did not, or the home has several locks
    or contacts, and nobody knows which belong together."""
    devices = settings.home.with_role("front_door")
    return next(iter(state.shut_at.values()), None) if len(devices) == 2 else None


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    if state.next_at is not None and state.next_at <= now:
        return _count(state, now, settings)
    decisions: list[Decision] = []
    doors = dict(state.doors)
    for name, door in state.doors.items():
        at = _early(state, name, settings)
        if at is None or at > now or door.said is None:
            continue
        doors[name] = replace(door, tried=now)
        if door.alarm is None:
            since = state.proofs[name].since or now
            told: Data = AlarmRaised.usual(ALARM, since)
        else:
            told = AlarmCancelled(alarm=door.alarm, reason="recovered")
        decisions.append(Decision(told, rests_on=(door.said,), device=name))
    return replace(state, doors=doors), decisions


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
    next_at = next_local(now, settings.home.timezone, settings.at)
    return replace(state, doors=doors, next_at=next_at), decisions


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
        reason = "recovered" if mended else contact_proof.TOLD_AGAIN
        ended = AlarmCancelled(alarm=door.alarm, reason=reason)
        decisions.append(Decision(ended, rests_on=rests_on, device=name))
        wrong = not mended
    if wrong:
        alarm = AlarmRaised.usual(ALARM, door.from_)
        decisions.append(Decision(alarm, rests_on=rests_on, device=name))
    return decisions
