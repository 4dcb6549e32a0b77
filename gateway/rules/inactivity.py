"""No sign of life by day: the resident is asked, and when nobody answers it is an alarm.

Between `day_from` and `day_to`, when nothing has stirred for `quiet_h`, the home asks: the
indicators light (`activity.prewarned`).  A press of a button (role `button`) or any sign of life
ends it (`activity.answered`).  After `answer_min` without either it is an alarm.  Silence is
counted from the morning on: a night without a sign is a night.

Who lies in bed (`bed`) or sits on a seat that is pressed is somewhere: that is no silence, up to
`bed_h` and `seat_h`.  While the home is empty (`at_home`) or the resident registered as away it
pauses.  One alarm a silence.

Not for: nights (`bed_exit`, `night_check`), or asking by voice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time

from pydantic import Field

from gateway.commands import Command, SetIndicator
from gateway.envelope import Event
from gateway.events import (
    LISTENING_ROLE,
    LOOKING_ROLE,
    ActivityAnswered,
    ActivityPrewarned,
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    BedEntered,
    BedLeft,
    ButtonPressed,
    DeviceOnline,
    HomeEmptied,
    HomeOccupied,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import absences, mat_states, signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, in_window, later, next_local

NAME = "inactivity"
VERSION = 2
KINDS = (
    signs_of_life.KINDS
    | absences.KINDS
    | {
        "bed.entered",
        "bed.left",
        "home.emptied",
        "home.occupied",
        "activity.prewarned",
        "activity.answered",
        "alarm.raised",
        "alarm.cancelled",
        "alarm.resolved",
        "device.online",
    }
)

ALARM = AlarmType.INACTIVITY


class Settings(RuleSettings):
    """When it is day, and how quiet a day may be."""

    day_from: time = time(8, 0)
    """Local time from which silence counts."""
    day_to: time = time(22, 0)
    """Local time until which it does."""
    quiet_h: float = Field(default=7.0, gt=0, le=24)
    """Hours without a sign until the resident is asked.  In the recorded homes five hours happen up
    to four times a month although somebody may be in, six twice, seven once."""
    answer_min: float = Field(default=15.0, ge=1, le=240)
    """Minutes to answer."""
    bed_h: float = Field(default=14.0, gt=0, le=72)
    """Hours in bed, from lying down, that are no silence."""
    seat_h: float = Field(default=10.0, gt=0, le=72)
    """Hours on a seat, from sitting down, that are no silence; a recorded resident sat 8.7 h."""


@dataclass(frozen=True)
class State:
    """`can_tell`: the home has sensors whose silence says something; without, nothing is asked.
    `life` and `life_at` are the last sign; `bed_at` when the resident lay down, None when not in
    bed; `seats` since when each pressed seat is; `empty` names the `home.emptied` in force.
    `asked` names the pre-warning that is not answered, until `answer_by`; `raised`: this silence
    has had its alarm.  `doubted` are the bed mats that are not believed, with the alarms that say
    so."""

    can_tell: bool = False
    life: Ref | None = None
    life_at: datetime | None = None
    bed_at: datetime | None = None
    seats: tuple[tuple[str, datetime], ...] = ()
    empty: Ref | None = None
    asked: Ref | None = None
    answer_by: datetime | None = None
    raised: bool = False
    tried: datetime | None = None
    absence: absences.Absence = absences.AT_HOME
    doubted: Mapping[str, Ref] = field(default_factory=dict)


def start(settings: Settings) -> State:
    """Nothing was heard; silence counts from the first sign."""
    return State(can_tell=signs_of_life.watched_inside(settings.home))


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return _tick(state, event.at, settings)
    if event.kind in signs_of_life.KINDS:
        return _stirred(state, event, settings)
    match event.data:
        case BedEntered():
            return _alive(replace(state, bed_at=event.at), event, settings)
        case BedLeft():
            return _alive(replace(state, bed_at=None), event, settings)
        case HomeEmptied():
            return replace(state, empty=event.ref, tried=None), ()
        case HomeOccupied():
            return _alive(replace(state, empty=None), event, settings)
        case ActivityPrewarned(answer_by=answer_by):
            state = replace(state, asked=event.ref, answer_by=answer_by, tried=None)
            return state, ()
        case ActivityAnswered():
            return replace(state, asked=None, answer_by=None, tried=None), ()
        case AlarmRaised(type=AlarmType.INACTIVITY):
            return replace(state, raised=True, asked=None, answer_by=None, tried=None), ()
        case AlarmRaised() | AlarmCancelled() | AlarmResolved():
            doubted = mat_states.doubted_after(state.doubted, event)
            return (state if doubted is state.doubted else replace(state, doubted=doubted)), ()
        case DeviceOnline():
            # an indicator begins dark: after a restart it asks on while nobody has answered
            return state, _lights(settings, on=True, only=event.device) if state.asked else ()
    if event.kind in absences.KINDS:
        return replace(state, absence=absences.see(state.absence, event), tried=None), ()
    return _stirred(state, event, settings)


def _stirred(
    state: State, event: Event, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """A device of the home said something."""
    facts = settings.home.devices.get(event.device or "")
    if facts is None or not state.can_tell or facts.id in state.doubted:
        return state, ()
    if signs_of_life.may_be_noise(event, facts):
        return state, ()
    if facts.role == "seat":
        seats = tuple(seat for seat in state.seats if seat[0] != facts.id)
        if signs_of_life.is_on(event):
            seats = (*seats, (facts.id, event.at))
        state = replace(state, seats=seats)
    return _alive(state, event, settings)


def hears(kind: str, device: str | None, settings: Settings) -> bool:
    """Signs of the home's devices only where silence says something."""
    if kind not in signs_of_life.KINDS:
        return True
    return device in settings.home.devices and signs_of_life.watched_inside(settings.home)


def wake_at(state: State, settings: Settings) -> datetime | None:
    """When the resident is asked, or the time to answer ends."""
    if state.raised or state.empty is not None or state.life_at is None:
        return None
    if state.asked is not None:
        return due(state.answer_by, state.tried)
    return due(_quiet_until(state, settings), state.tried)


def _quiet_until(state: State, settings: Settings) -> datetime | None:
    """When this silence will have lasted too long, by day."""
    assert state.life_at is not None  # noqa: S101 - the caller asked
    home = settings.home
    at = later(_counted_from(state.life_at, settings), minutes=settings.quiet_h * 60.0)
    if state.bed_at is not None:
        at = max(at, later(state.bed_at, minutes=settings.bed_h * 60.0))
    for _, since in state.seats:
        at = max(at, later(since, minutes=settings.seat_h * 60.0))
    if not in_window(at, home.timezone, settings.day_from, settings.day_to):
        morning = next_local(at, home.timezone, settings.day_from)
        return later(morning, minutes=settings.quiet_h * 60.0)
    return at


def _counted_from(life_at: datetime, settings: Settings) -> datetime:
    """Silence that begins at night counts from the morning."""
    home = settings.home
    if in_window(life_at, home.timezone, settings.day_from, settings.day_to):
        return life_at
    return next_local(life_at, home.timezone, settings.day_from)


def _alive(
    state: State, event: Event, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """Somebody stirred, or pressed the button."""
    if not state.can_tell:
        return state, ()
    if (
        state.asked is None
        and not state.raised
        and state.life_at is not None
        and 0.0 <= (event.at - state.life_at).total_seconds() < signs_of_life.COARSE_S
    ):
        return state, ()
    state = replace(state, life=event.ref, life_at=event.at, raised=False, tried=None)
    if state.asked is None:
        return state, ()
    by = "button" if isinstance(event.data, ButtonPressed) else "activity"
    answered = Decision(ActivityAnswered(by=by), rests_on=(state.asked, event.ref))
    return state, (answered, *_lights(settings, on=False))


def _lights(settings: Settings, *, on: bool, only: str | None = None) -> list[Command]:
    """The words to the indicators; `only` names the one that is meant, None: all."""
    devices = settings.home.devices.values()
    return [
        SetIndicator(device.id, on)
        for device in devices
        if device.type == "indicator"
        and device.role not in (LISTENING_ROLE, LOOKING_ROLE)
        and only in (None, device.id)
    ]


def _tick(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    if state.life is None or state.life_at is None:
        return state, ()
    if state.absence.at(now):
        # the next sign, or the end of the absence, begins a silence anew
        return replace(state, raised=True), ()
    life, asked_before = state.life, state.asked
    quiet_since = _counted_from(state.life_at, settings)
    state = replace(state, tried=now)
    if asked_before is not None:
        alarm = AlarmRaised.usual(ALARM, quiet_since)
        raised = Decision(alarm, rests_on=(asked_before, life))
        return state, (raised, *_lights(settings, on=False))
    prewarned = ActivityPrewarned(
        quiet_since=quiet_since, answer_by=later(now, minutes=settings.answer_min)
    )
    asked = Decision(prewarned, rests_on=(life,))
    return state, (asked, *_lights(settings, on=True))
