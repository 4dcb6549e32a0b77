"""Out of bed and out of the front door at night: an alarm.

Between `night_from` and `night_to`, who had gone to bed, left it, opened the front door and has
shown no sign of life inside for `back_min` since: out in the night, perhaps in a nightdress.  Who
goes out in the evening without having been in bed is going out; a sign of life inside ends it, and
so does a visit (the caregiver's own door).  Where no sensor would show somebody
inside, it is a look and no alarm.  In a home without a bed mat nobody can tell: then every
front door at night counts when `without_mat` says so.

Not for: a door that stands open (`door_open`), or where somebody went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from pydantic import Field

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedDoubted,
    BedEntered,
    BedLeft,
    Ref,
    VisitEnded,
    VisitStarted,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import absences, looks, signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, in_window, later

NAME = "wandering"
VERSION = 2
KINDS = (
    signs_of_life.KINDS
    | absences.KINDS
    | {
        "bed.entered",
        "bed.left",
        "bed.doubted",
        "visit.started",
        "visit.ended",
        "alarm.raised",
    }
)

ALARM = AlarmType.WANDERING

BED_COUNTS = timedelta(hours=10)
"""How long before the door a stay in bed makes it a night's rest that was broken."""

SETTLED = timedelta(minutes=30)
"""A shorter stay in bed is no night's rest."""


class Settings(RuleSettings):
    """When nobody goes out."""

    night_from: time = time(23, 0)
    """Local time from which the front door is watched."""
    night_to: time = time(5, 30)
    """Local time until which it is."""
    back_min: float = Field(default=5.0, ge=0, le=120)
    """Minutes without a sign inside after the front door's last word."""
    without_mat: bool = False
    """In a home without a bed mat: whether every front door at night counts."""


@dataclass(frozen=True)
class State:
    """`lay_from` and `lay_to` are the newest stay in bed (None: still there), `bed` its last word;
    `door` and `door_at` the front door's last word while it is watched; `visits` those that go
    on."""

    lay_from: datetime | None = None
    lay_to: datetime | None = None
    bed: Ref | None = None
    door: Ref | None = None
    door_at: datetime | None = None
    opened_at: datetime | None = None
    visits: frozenset[str] = frozenset()
    tried: datetime | None = None
    absence: absences.Absence = absences.AT_HOME


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """Nobody has gone out."""
    return State()


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
            rested = state.lay_from if state.lay_to is None else None
            lay_from = rested or event.at
            return replace(_inside(state), lay_from=lay_from, lay_to=None, bed=event.ref), ()
        case BedLeft(empty_since=since) | BedDoubted(since=since):
            return replace(state, lay_to=since, bed=event.ref), ()
        case VisitStarted():
            return replace(_inside(state), visits=state.visits | {event.ref}), ()
        case VisitEnded(visit=visit):
            return replace(state, visits=state.visits - {visit}), ()
        case AlarmRaised(type=AlarmType.WANDERING):
            return _inside(state), ()
        case AlarmRaised():
            return state, ()
    if event.kind in absences.KINDS:
        return replace(state, absence=absences.see(state.absence, event)), ()
    return _sign(state, event, settings), ()


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the resident should have been seen inside again."""
    if state.door_at is None:
        return None
    return due(later(state.door_at, minutes=settings.back_min), state.tried)


def _inside(state: State) -> State:
    return replace(state, door=None, door_at=None, opened_at=None, tried=None)


def _sign(state: State, event: Event, settings: Settings) -> State:
    home = settings.home
    facts = home.devices.get(event.device or "")
    if facts is None or signs_of_life.may_be_noise(event, facts):
        return state
    if facts.role != "front_door":
        # pressing the bed, or anything inside: nobody is out
        return state if state.door_at is None else _inside(state)
    if state.door_at is not None:
        return replace(state, door_at=event.at, tried=None)
    watched = in_window(event.at, home.timezone, settings.night_from, settings.night_to)
    if not watched or event.kind != "door.opened" or state.visits:
        return state
    if not _from_bed(state, event.at, settings):
        return state
    return replace(state, door=event.ref, door_at=event.at, opened_at=event.at, tried=None)


def _from_bed(state: State, now: datetime, settings: Settings) -> bool:
    """Whether who opens the door had gone to bed."""
    if not settings.home.with_role("bed"):
        return settings.without_mat
    if state.lay_from is None:
        return False
    until = state.lay_to or now
    return until - state.lay_from >= SETTLED and now - until < BED_COUNTS


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    if state.door is None or state.opened_at is None:
        return state, ()
    if state.absence.at(now):
        return _inside(state), ()
    rests_on = tuple(ref for ref in (state.bed, state.door) if ref is not None)
    if not signs_of_life.watched_inside(settings.home):
        return _inside(state), (looks.ask(NAME, "door_at_night", now, rests_on),)
    alarm = AlarmRaised.usual(ALARM, state.opened_at)
    return replace(state, tried=now), (Decision(alarm, rests_on=rests_on),)
