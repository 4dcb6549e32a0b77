"""A bed mat wired the wrong way round: pressed while the resident is up, free while they sleep.

A normally-closed mat set up as a normally-open one says the contrary of what is.  Each of its words
is believable, only the pattern is not.  At `at` local time the day that was is judged: somebody was
seen about the home all day, and nearly always while the mat said "in bed"; it spoke; and in the
middle of the night it was free.

Then it is an alarm for the technician that says what to do (turn `normally_closed` round, or the
wires), and one for care, for the bed, when no other mat of it is left to trust.  Until the
technician's is closed, or a later day shows the mat the right way round, nobody believes this mat
(`mat_states`): it is unknown, not read the other way.  Who sleeps by day and has visitors looks
alike from here, and an automatic guess would make an empty bed of theirs.  It is said again every
six days while it lasts.

Not for: a mat that is stuck (`bed`), or that loses sleepers (`mat_quality`).
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
    MatPressed,
    MatReleased,
    Ref,
    Severity,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import mat_states, signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.time import next_local

NAME = "mat_reversed"
VERSION = 2
KINDS = signs_of_life.KINDS | {"mat.faulted", "alarm.raised", "alarm.cancelled", "alarm.resolved"}

ALARM = AlarmType.MAT_REVERSED

AGAIN_AFTER = timedelta(days=5, hours=23)
"""The rules are rebuilt from seven days of log: what holds must stand in them."""

SIGN_EVERY = timedelta(seconds=60)
"""Signs elsewhere that are nearer together than this are one."""


class Settings(RuleSettings):
    """What is believed to be the contrary."""

    at: time = time(12, 0)
    """Local time at which the day before is judged; the technician is called by day."""
    night_from: time = time(2, 0)
    """Local time from which nearly everybody sleeps."""
    night_to: time = time(6, 0)
    """Local time until which they do."""
    signs: int = Field(default=12, ge=4, le=1000)
    """So many signs elsewhere in a day, at least a quarter of them before and after midnight each,
    show that somebody was up and about."""
    pressed_part: float = Field(default=0.9, ge=0.5, le=1.0)
    """The part of them at which a reversed mat is pressed.  Below half of that it is the right way
    round.  In the recorded homes: 0 to 0.3 on a day."""
    night_part: float = Field(default=0.7, ge=0, le=1.0)
    """The part of the night that a reversed mat is pressed at most: one that is pressed day and
    night is stuck, or somebody is ill in bed."""


@dataclass(frozen=True)
class Mat:
    """One mat since the last count.  `pressed_at` is of the present press, `changes` how often it
    spoke; `signs` and `signs_on` are the signs elsewhere, and those while it was pressed, by
    evening and morning; `night_s` how long it was pressed in the night.  `alarms` names the open
    alarms, the technician's first, raised at `alarmed_at`; `technical` is that one."""

    pressed_at: datetime | None = None
    changes: int = 0
    signs: tuple[int, int] = (0, 0)
    signs_on: tuple[int, int] = (0, 0)
    night_s: float = 0.0
    said: Ref | None = None
    alarms: tuple[Ref, ...] = ()
    technical: Ref | None = None
    alarmed_at: datetime | None = None


@dataclass(frozen=True)
class State:
    """`mats` by device; `next_at` is when the next count is due, `night` the night before it (None:
    nothing was heard yet); `sign_at` the newest sign elsewhere that counted."""

    mats: Mapping[str, Mat]
    next_at: datetime | None = None
    night: tuple[datetime, datetime] | None = None
    sign_at: datetime | None = None


def start(settings: Settings) -> State:
    """Every mat is thought to be the right way round."""
    return State({device: Mat() for device in settings.home.with_role("bed")})


def step(
    state: State, event: Event | Tick, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if not state.mats:
        return state, ()
    if isinstance(event, Tick):
        return _count(state, event.at, settings)
    if state.next_at is None:
        state = _from(state, event.at, settings)
    if event.kind in mat_states.READINGS:  # nine of ten
        mat = state.mats.get(event.device or "")
        return (_sign(state, event, settings) if mat is None else _heard(state, event, mat)), ()
    match event.data:
        case AlarmRaised(type=about, severity=severity):
            mat = state.mats.get(event.device or "")
            if mat is None or about is not ALARM or event.device is None:
                return state, ()
            technical = event.ref if severity is Severity.TECHNICAL else mat.technical
            alarms = (*mat.alarms, event.ref)
            mat = replace(mat, alarms=alarms, technical=technical, alarmed_at=event.at)
            return replace(state, mats={**state.mats, event.device: mat}), ()
        case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
            return _closed(state, ref), ()
    mat = state.mats.get(event.device or "")
    return (_sign(state, event, settings) if mat is None else _heard(state, event, mat)), ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """The next count."""
    return state.next_at


def _from(state: State, at: datetime, settings: Settings) -> State:
    """Counting begins anew at `at`."""
    tz = settings.home.timezone
    begins = next_local(at, tz, settings.night_from)
    next_at = next_local(at, tz, settings.at)
    return replace(
        state, next_at=next_at, night=(begins, next_local(begins, tz, settings.night_to))
    )


# --- listening ------------------------------------------------------------------------------------


def _heard(state: State, event: Event, mat: Mat) -> State:
    """After a word of a mat."""
    new = _read(mat, event, state)
    return state if new is mat else replace(state, mats={**state.mats, event.device or "": new})


def _read(mat: Mat, event: Event, state: State) -> Mat:
    match event.data:
        case MatPressed() if mat.pressed_at is None:
            return replace(mat, pressed_at=event.at, changes=mat.changes + 1, said=event.ref)
        case MatReleased() if mat.pressed_at is not None:
            night_s = mat.night_s + _at_night(state, mat.pressed_at, event.at)
            changes = mat.changes + 1
            return replace(mat, pressed_at=None, changes=changes, night_s=night_s, said=event.ref)
        case _ if event.kind == "mat.faulted":
            return replace(mat, pressed_at=None)
        case _:
            return mat


def _at_night(state: State, begin: datetime, end: datetime) -> float:
    if state.night is None:
        return 0.0
    return max(0.0, (min(end, state.night[1]) - max(begin, state.night[0])).total_seconds())


def _sign(state: State, event: Event, settings: Settings) -> State:
    place = signs_of_life.place(event, settings.home)
    if place is None or place is signs_of_life.Place.BEDROOM or state.night is None:
        return state
    if state.sign_at is not None and event.at - state.sign_at < SIGN_EVERY:
        return state
    begin, end = state.night
    if begin <= event.at < end:
        return replace(state, sign_at=event.at)  # up at night proves neither
    half = 0 if event.at < begin else 1
    mats = {
        name: replace(
            mat,
            signs=_more(mat.signs, half, 1),
            signs_on=_more(mat.signs_on, half, mat.pressed_at is not None),
        )
        for name, mat in state.mats.items()
    }
    return replace(state, mats=mats, sign_at=event.at)


def _more(pair: tuple[int, int], half: int, by: int) -> tuple[int, int]:
    return (pair[0] + by, pair[1]) if half == 0 else (pair[0], pair[1] + by)


def _closed(state: State, ref: Ref) -> State:
    for name, mat in state.mats.items():
        if ref in mat.alarms:
            alarms = tuple(one for one in mat.alarms if one != ref)
            technical = None if mat.technical == ref else mat.technical
            left = replace(mat, alarms=alarms, technical=technical)
            return replace(state, mats={**state.mats, name: left})
    return state


# --- judging --------------------------------------------------------------------------------------


def _count(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """Judge the day that was, and begin the next."""
    decisions: list[Decision] = []
    mats: dict[str, Mat] = {}
    verdicts = {name: _reversed(state, mat, now, settings) for name, mat in state.mats.items()}
    for name, mat in state.mats.items():
        known = any(_for_care(decision) for decision in decisions)
        decisions += _tell(state, name, verdicts, now, care_knows=known)
        begun = now if mat.pressed_at is not None else None
        mats[name] = Mat(
            pressed_at=begun,
            said=mat.said,
            alarms=mat.alarms,
            technical=mat.technical,
            alarmed_at=mat.alarmed_at,
        )
    return _from(replace(state, mats=mats), now, settings), decisions


def _reversed(state: State, mat: Mat, now: datetime, settings: Settings) -> bool | None:
    """Whether the mat said the contrary all day; None when the day does not tell."""
    signs, on = sum(mat.signs), sum(mat.signs_on)
    if state.night is None or signs < settings.signs or min(mat.signs) * 4 < settings.signs:
        return None
    if on < settings.pressed_part * signs / 2:
        return False
    night_s = mat.night_s
    if mat.pressed_at is not None:
        night_s += _at_night(state, mat.pressed_at, now)
    whole_s = (state.night[1] - state.night[0]).total_seconds()
    free = night_s <= settings.night_part * whole_s
    spoke = mat.changes >= 2
    return True if spoke and free and on >= settings.pressed_part * signs else None


def _for_care(decision: Decision) -> bool:
    return isinstance(decision.data, AlarmRaised) and decision.data.severity is Severity.CARE


def _tell(
    state: State,
    name: str,
    verdicts: Mapping[str, bool | None],
    now: datetime,
    *,
    care_knows: bool,
) -> list[Decision]:
    mat = state.mats[name]
    if mat.said is None:
        return []
    if mat.alarms and verdicts[name] is False:
        ended = (AlarmCancelled(alarm=ref, reason="learned_good") for ref in mat.alarms)
        return [Decision(one, rests_on=(mat.said,), device=name) for one in ended]
    lasts = mat.technical is not None and mat.alarmed_at is not None
    if lasts and mat.alarmed_at is not None and now - mat.alarmed_at < AGAIN_AFTER:
        return []
    if not (verdicts[name] or lasts):
        return []
    decisions = [
        Decision(AlarmCancelled(alarm=ref, reason="told_again"), rests_on=(mat.said,), device=name)
        for ref in mat.alarms
    ]
    others = (
        verdicts[other] or state.mats[other].technical is not None
        for other in state.mats
        if other != name
    )
    severities = [Severity.TECHNICAL]
    if all(others) and not care_knows:
        severities.append(Severity.CARE)
    for severity in severities:
        alarm = AlarmRaised(type=ALARM, severity=severity, since=now)
        decisions.append(Decision(alarm, rests_on=(mat.said,), device=name))
    return decisions
