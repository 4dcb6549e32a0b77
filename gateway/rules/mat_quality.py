"""How far each bed mat can be trusted: learned from the resident's own nights.

Counted is how long a mat is silent under a sleeper: from a release to its next press, when nothing
else in the home showed the resident elsewhere meanwhile and no other mat of the bed was pressed.
In a home without any other sensor only silences within a stay count (`bed`): nothing else could
tell them from an exit.

At `at` local time, after a night, the count becomes `mat.learned`: the mat's gap distribution and a
word for it.  The event carries the counts, so that a state rebuilt from the last days goes on where
it was; it is written again each day with a night, and at least every six days.

A mat that speaks but has felt nobody, while somebody was about the home, is `unfelt`: it lies where
nobody lies, or feels no weight.  Its silence says nothing and its pulses are noise; three days of
that from the beginning, or `mute_days` of a mat that once felt somebody.

A mat that turns poor, faulty or unfelt is a technical alarm whose word says what to do: move it,
change it.  It comes by day: nobody moves a mat under a sleeper.  An unfelt mat is not believed
while its alarm is open (`mat_states`).

Not for: a mat that is stuck or cut now (`bed`, the driver), or whether somebody lies there (`bed`).
"""

from __future__ import annotations

from bisect import bisect_left
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
    MatLearned,
    MatPressed,
    MatQuality,
    MatReleased,
    Ref,
)
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import signs_of_life
from gateway.rules.common.replace import replace
from gateway.rules.common.silences import CLASSES_S, SLEEPLESS_S, quantile
from gateway.rules.common.time import AGAIN, in_window, next_local

NAME = "mat_quality"
VERSION = 3
KINDS = signs_of_life.KINDS | {
    "bed.entered",
    "bed.left",
    "mat.learned",
    "mat.faulted",
    "alarm.raised",
    "alarm.cancelled",
    "alarm.resolved",
}

NIGHT_S = 8 * 3600.0
"""Seconds that a night before weighs in the share of the time that the mat was on."""

NIGHT_LEAST_S = 2 * 3600.0
"""Seconds in bed that make a night: less teaches nothing of how the mat bears a sleeper."""

NIGHTS_KEPT = 28
"""Nights after which the counts are halved, so that a mat that was moved is judged anew within
weeks."""

LEARNED_AGAIN = timedelta(days=6)
"""The rules are rebuilt from seven days of log: what was learned must stand in them."""

FELT_S = 60.0
"""Seconds of pressure in a day and night below which a mat felt nobody: pulses of noise last one or
two, and the worst recorded mat is on for hours under its sleeper."""

FELT_PART = 0.001
"""Of the time in bed that a mat was on: below that its nights were counted from noise."""

ALARMS = {
    MatQuality.POOR: AlarmType.MAT_POOR,
    MatQuality.FAULTY: AlarmType.MAT_FAULTY,
    MatQuality.UNFELT: AlarmType.MAT_UNFELT,
}


class Settings(RuleSettings):
    """When a mat is judged, and how."""

    at: time = time(12, 0)
    """Local time at which a night is counted."""
    night_from: time = time(21, 0)
    """Local time from which silences count; who sits on the bed by day proves nothing."""
    night_to: time = time(9, 0)
    """Local time until which silences count."""
    nights_min: int = Field(default=3, ge=1, le=30)
    """Nights before a mat is called good or poor."""
    lost_s: float = Field(default=300.0, gt=0, le=3600)
    """A silence under a sleeper longer than this loses the sleeper (the hold of the rule `bed`)."""
    lost_per_night: float = Field(default=0.1, ge=0, le=100)
    """More of those a night than this, three in thirty nights, and a mat that chatters is poor: it
    asks for a look and does not ring, for it would ring falsely as often."""
    chatter_per_night: float = Field(default=10.0, ge=0, le=10000)
    """Short breaks of the pressure a night from which a mat chatters.  One that does not loses
    nobody: its long silences are exits that nothing else saw."""
    mute_days: int = Field(default=5, ge=2, le=60)
    """Days without any reading of the mat, while the resident was active at home, until it is
    faulty; and without a minute of pressure, until one that once felt somebody is unfelt."""


@dataclass(frozen=True)
class Mat:
    """One mat.  `counts` by class, `on_s` and `off_s` pressure and silence under a sleeper, all of
    `nights`; `pressed_at` and `quiet_from` are of the present press or silence.  `spoke` says that
    it was heard since the last count, `night_s` how long the sleeper was felt since then (silences
    included), `felt_s` how long it was pressed at all, `mute` how many counts in a row it was not
    heard, `unfelt` in how many it was and felt nobody; `quality` and `said_at` are of the newest
    `mat.learned`."""

    counts: tuple[int, ...] = (0,) * (len(CLASSES_S) + 1)
    nights: int = 0
    on_s: float = 0.0
    off_s: float = 0.0
    pressed_at: datetime | None = None
    quiet_from: datetime | None = None
    night_s: float = 0.0
    spoke: bool = False
    felt_s: float = 0.0
    mute: int = 0
    unfelt: int = 0
    quality: MatQuality = MatQuality.LEARNING
    said: Ref | None = None
    said_at: datetime | None = None
    alarm: Ref | None = None
    alarm_for: AlarmType | None = None


@dataclass(frozen=True)
class State:
    """`mats` by device; `stirred`: there was a sign elsewhere since the last count; `next_at` is
    when the next count is due (None: nothing was heard yet), `in_bed` what the rule `bed` says."""

    mats: Mapping[str, Mat]
    stirred: bool = False
    next_at: datetime | None = None
    in_bed: bool = False
    newest: Ref | None = None


def start(settings: Settings) -> State:
    """Nothing is learned."""
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
        tz = settings.home.timezone
        state = replace(state, next_at=next_local(event.at, tz, settings.at))
    mat = state.mats.get(event.device or "")
    if mat is not None:
        return _of_mat(state, event, mat, settings), ()
    kind = event.kind
    if kind in signs_of_life.KINDS:
        return _elsewhere(state, event, settings), ()
    if kind == "bed.entered":
        return replace(state, in_bed=True), ()
    if kind == "bed.left":
        return _forgotten(replace(state, in_bed=False), only_without_sensors=settings), ()
    if isinstance(event.data, AlarmCancelled | AlarmResolved):
        return _closed(state, event.data.alarm), ()
    return state, ()


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """The next count."""
    return state.next_at


# --- listening ------------------------------------------------------------------------------------


def _put(state: State, device: str | None, mat: Mat) -> State:
    assert device is not None  # noqa: S101 - it was found by its name
    return replace(state, mats={**state.mats, device: mat})


def _of_mat(state: State, event: Event, mat: Mat, settings: Settings) -> State:
    match event.data:
        case MatPressed():
            if mat.pressed_at is not None:
                return state
            mats = dict(state.mats)
            if _any_quiet(state):
                mats = {name: _after_press(state, name, event, settings) for name in mats}
            own = mats[event.device or ""]
            mats[event.device or ""] = replace(own, pressed_at=event.at, spoke=True, mute=0)
            return replace(state, mats=mats, newest=event.ref)
        case MatReleased():
            return _released(state, event, mat, settings)
        case MatLearned() as learned:
            return _put(state, event.device, _learned(mat, event, learned))
        case AlarmRaised(type=AlarmType() as about) if about in ALARMS.values():
            return _put(state, event.device, replace(mat, alarm=event.ref, alarm_for=about))
        case _ if event.kind == "mat.faulted":
            return _put(state, event.device, replace(mat, pressed_at=None, quiet_from=None))
        case AlarmCancelled() | AlarmResolved():
            return _closed(state, event.data.alarm)
        case _:
            return state


def _released(state: State, event: Event, mat: Mat, settings: Settings) -> State:
    held_s, felt_s, quiet = 0.0, 0.0, None
    if mat.pressed_at is not None:
        felt_s = max(0.0, (event.at - mat.pressed_at).total_seconds())
        night = _at_night(event.at, settings)
        if night or _at_night(mat.pressed_at, settings):
            held_s = felt_s
        if night and not _other_pressed(state, event.device):
            quiet = event.at
    mat = replace(
        mat,
        pressed_at=None,
        quiet_from=quiet,
        on_s=mat.on_s + held_s,
        night_s=mat.night_s + held_s,
        felt_s=mat.felt_s + felt_s,
        spoke=True,
        mute=0,
    )
    return replace(state, mats={**state.mats, event.device or "": mat}, newest=event.ref)


def _any_quiet(state: State) -> bool:
    """Whether a silence is counted now."""
    for mat in state.mats.values():  # noqa: SIM110 - with every press; a generator costs double
        if mat.quiet_from is not None:
            return True
    return False


def _other_pressed(state: State, device: str | None) -> bool:
    return any(mat.pressed_at is not None for name, mat in state.mats.items() if name != device)


def _at_night(at: datetime, settings: Settings) -> bool:
    return in_window(at, settings.home.timezone, settings.night_from, settings.night_to)


def _after_press(state: State, name: str, event: Event, settings: Settings) -> Mat:
    """The mat `name` when one of the bed's mats, itself or another, is pressed.

    Another mat is where the sleeper is now: what this one was silent for says nothing.  Unless the
    whole bed was silent for so long that it lost the sleeper: then each of its mats did.
    """
    mat = state.mats[name]
    since = mat.quiet_from if name == event.device else None
    if since is None:
        since = max((one.quiet_from for one in state.mats.values() if one.quiet_from), default=None)
        if since is not None and (event.at - since).total_seconds() <= settings.lost_s:
            since = None
    if since is not None:
        mat = _silence_ended(state, mat, since, event, settings)
    return mat if mat.quiet_from is None else replace(mat, quiet_from=None)


def _silence_ended(
    state: State, mat: Mat, since: datetime, event: Event, settings: Settings
) -> Mat:
    """The mat with one more silence counted, if it can have been under a sleeper."""
    gap_s = (event.at - since).total_seconds()
    if not 0.0 <= gap_s <= SLEEPLESS_S:
        return mat
    if not state.in_bed and not signs_of_life.can_show(settings.home):
        return mat
    index = bisect_left(CLASSES_S, gap_s)
    counts = (*mat.counts[:index], mat.counts[index] + 1, *mat.counts[index + 1 :])
    return replace(
        mat,
        quiet_from=None,
        counts=counts,
        off_s=mat.off_s + gap_s,
        night_s=mat.night_s + gap_s,
    )


def _elsewhere(state: State, event: Event, settings: Settings) -> State:
    place = signs_of_life.place(event, settings.home)
    if place is None:
        return state
    if not state.stirred:
        state = replace(state, stirred=True)
    if place is signs_of_life.Place.BEDROOM:
        return state
    return _forgotten(state)


def _forgotten(state: State, only_without_sensors: Settings | None = None) -> State:
    """The present silences are not under a sleeper."""
    if only_without_sensors is not None and signs_of_life.can_show(only_without_sensors.home):
        return state
    if not _any_quiet(state):
        return state
    return replace(
        state, mats={name: replace(mat, quiet_from=None) for name, mat in state.mats.items()}
    )


def _learned(mat: Mat, event: Event, learned: MatLearned) -> Mat:
    """What was learned is the base from here on: live, and after a rebuild."""
    classes = len(CLASSES_S) + 1
    # another version may count in other classes: what they mean is not known, so none is counted
    counts = learned.counts if len(learned.counts) == classes else (0,) * classes
    whole_s = learned.nights * NIGHT_S
    share = learned.on_share_pct / 100.0
    return replace(
        mat,
        counts=counts,
        nights=learned.nights,
        on_s=whole_s * share,
        off_s=whole_s * (1.0 - share),
        quality=learned.quality,
        said=event.ref,
        said_at=event.at,
        night_s=0.0,
        felt_s=0.0,
        spoke=False,
        mute=0 if mat.spoke else mat.mute + 1,
    )


def _closed(state: State, alarm: Ref) -> State:
    for name, mat in state.mats.items():
        if mat.alarm == alarm:
            return _put(state, name, replace(mat, alarm=None, alarm_for=None))
    return state


# --- judging --------------------------------------------------------------------------------------


def _count(
    state: State, now: datetime, settings: Settings
) -> tuple[State, Sequence[Decision | Command]]:
    """Count the night that was."""
    tz = settings.home.timezone
    decisions: list[Decision] = []
    mats = dict(state.mats)
    for name, heard in state.mats.items():
        mat = mats[name] = replace(heard, unfelt=_unfelt(heard, state, now))
        learned = _judge(mat, state, now, settings)
        again = mat.said_at is None or now - mat.said_at >= LEARNED_AGAIN - AGAIN
        if not mat.spoke and not again and learned.quality is mat.quality and not state.stirred:
            continue
        rests_on = tuple(ref for ref in (mat.said, state.newest) if ref is not None)
        if not rests_on:
            continue
        decisions.append(Decision(learned, rests_on=rests_on, device=name))
        decisions += _tell(name, mat, learned.quality, now, rests_on)
    next_at = next_local(now, tz, settings.at)
    return replace(state, mats=mats, stirred=False, next_at=next_at), decisions


def _tell(
    device: str, mat: Mat, quality: MatQuality, now: datetime, rests_on: tuple[Ref, ...]
) -> list[Decision]:
    """The alarm that a change of quality needs, or ends."""
    word = ALARMS.get(quality)
    decisions: list[Decision] = []
    if mat.alarm is not None and mat.alarm_for != word:
        ended = AlarmCancelled(alarm=mat.alarm, reason="learned_good")
        decisions.append(Decision(ended, rests_on=rests_on, device=device))
    if word is not None and quality is not mat.quality:
        alarm = AlarmRaised.usual(word, now)
        decisions.append(Decision(alarm, rests_on=rests_on, device=device))
    return decisions


def _felt(mat: Mat, now: datetime) -> bool:
    """Whether it felt somebody since the last count."""
    pressed_s = 0.0 if mat.pressed_at is None else (now - mat.pressed_at).total_seconds()
    return mat.felt_s + pressed_s >= FELT_S


def _unfelt(mat: Mat, state: State, now: datetime) -> int:
    """In how many counts in a row, this one included, the mat spoke and felt nobody."""
    return 0 if _felt(mat, now) else mat.unfelt + (1 if mat.spoke and state.stirred else 0)


def _feels_nobody(mat: Mat, nights: int, settings: Settings) -> bool:
    """Whether the mat, whose `unfelt` is of now, lies where nobody lies."""
    if mat.unfelt and mat.quality is MatQuality.UNFELT:
        return True
    if mat.unfelt >= (settings.mute_days if mat.nights else settings.nights_min):
        return True
    total_s = mat.on_s + mat.off_s
    return nights >= settings.nights_min and mat.on_s < FELT_PART * total_s


def _judge(mat: Mat, state: State, now: datetime, settings: Settings) -> MatLearned:
    slept = mat.night_s >= NIGHT_LEAST_S and _felt(mat, now)
    nights = mat.nights + (1 if slept else 0)
    counts = mat.counts
    if nights > NIGHTS_KEPT:
        nights, counts = nights // 2, tuple(count // 2 for count in counts)
    total_s = mat.on_s + mat.off_s
    lost = sum(
        count
        for count, top in zip(counts, (*CLASSES_S, float("inf")), strict=True)
        if top > settings.lost_s
    )
    chatter = sum(count for count, top in zip(counts, CLASSES_S, strict=False) if top <= 60.0)
    # half as many to be called good again: a mat must not come and go around the limit
    allowed = settings.lost_per_night * (0.5 if mat.quality is MatQuality.POOR else 1.0)
    mute = 0 if mat.spoke else mat.mute + (1 if state.stirred else 0)
    if mute >= settings.mute_days:
        quality = MatQuality.FAULTY
    elif _feels_nobody(mat, nights, settings):
        quality = MatQuality.UNFELT
    elif nights < settings.nights_min:
        quality = MatQuality.LEARNING
    elif lost > allowed * nights and chatter > settings.chatter_per_night * nights:
        quality = MatQuality.POOR
    else:
        quality = MatQuality.GOOD
    return MatLearned(
        quality=quality,
        nights=nights,
        gaps=sum(counts),
        gap_p50_s=quantile(counts, 0.50),
        gap_p95_s=quantile(counts, 0.95),
        gap_p99_s=quantile(counts, 0.99),
        on_share_pct=round(100.0 * mat.on_s / total_s, 1) if total_s > 0 else 0.0,
        counts=counts,
    )
