"""A plan of night checks that was set at the server: what may stand in it, and its dated slots.

A night begins at noon: what lies before noon is of the night that began the evening before, and a
pause or a day of the week means that evening.  A local time runs as `gateway.schedule` says, once
on every night of the year.  An interval counts the minutes that pass, from the window's begin to
its end: on the night in October with an hour more there is a check more, and in March one less.

A check is named after the time that it was planned for, not after the minute that the home was
given so that homes do not ring together (`offset_min`): one whose minute changes is the same check,
and is made once.

Pure, and used by both programs: the home rings these slots, the server shows them beforehand.  Not
for: the plans in a home's file (`gateway.schedule`), or who may set one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.errors import BadPlan
from gateway.events import Night, PlanTerms
from gateway.schedule import REACH_DAYS, Slot, check_id, local_to_utc, zone

NAME = "night"
"""Begins the names of its checks."""

NOON = time(12)

TIMES_MAX = 24
"""Local times of a plan: one an hour.  More is an interval."""

EVERY_MIN = (15, 720)
"""Minutes between two checks of an interval: closer than a quarter of an hour is no sleep, farther
than half a day is no interval."""

RECHECK_MIN = (1, 240)
"""Minutes from an unclear look to the next: as the rule `night_check` takes them."""

TOLERANCE_MAX_MIN = 60
"""Minutes that a check may come later than planned."""

PAUSES_MAX = 50
"""Pauses of a plan: one a week for a year."""


class PlanFault(StrEnum):
    """What is wrong with a plan; the server has a sentence for each."""

    TIME = "time"
    TIMES_MANY = "times_many"
    INTERVAL_PARTS = "interval_parts"
    INTERVAL_RANGE = "interval_range"
    WINDOW = "window"
    NIGHTS = "nights"
    METHOD = "method"
    RECHECK = "recheck"
    TOLERANCE = "tolerance"
    DATE = "date"
    PAUSE_ORDER = "pause_order"
    PAUSES_MANY = "pauses_many"


@dataclass(frozen=True, slots=True)
class NightPlan:
    """A plan whose every value was found to be one.  `nights` are days of the week, Monday 0."""

    times: tuple[time, ...]
    every: timedelta | None
    begins: time
    ends: time
    nights: frozenset[int]
    offset: timedelta
    pauses: tuple[tuple[date, date], ...]

    def paused(self, evening: date) -> bool:
        """Whether the night that begins on this evening has no checks."""
        return any(first <= evening <= last for first, last in self.pauses)


def night_plan(terms: PlanTerms) -> NightPlan:
    """The plan that these terms say.  Raises `BadPlan` for the first thing that is wrong."""
    times = tuple(sorted({_time(text) for text in terms.times}))
    if len(times) > TIMES_MAX:
        raise BadPlan(PlanFault.TIMES_MANY)
    every, begins, ends = _interval(terms)
    nights = frozenset(_WEEK.index(night) for night in terms.nights if night in _WEEK)
    if not nights or len(nights) != len(terms.nights):
        raise BadPlan(PlanFault.NIGHTS)
    if terms.method not in type(terms.method).offered():
        raise BadPlan(PlanFault.METHOD)
    if not RECHECK_MIN[0] <= terms.recheck_min <= RECHECK_MIN[1]:
        raise BadPlan(PlanFault.RECHECK)
    if not 0 <= terms.offset_min <= terms.tolerance_min <= TOLERANCE_MAX_MIN:
        raise BadPlan(PlanFault.TOLERANCE)
    if len(terms.pauses) > PAUSES_MAX:
        raise BadPlan(PlanFault.PAUSES_MANY)
    pauses = tuple((_date(pause.first), _date(pause.last)) for pause in terms.pauses)
    if any(last < first for first, last in pauses):
        raise BadPlan(PlanFault.PAUSE_ORDER)
    offset = timedelta(minutes=terms.offset_min)
    return NightPlan(times, every, begins, ends, nights, offset, pauses)


def slots(plan: NightPlan, tz: str, start: datetime, end: datetime) -> list[Slot]:
    """The slots with `start` ≤ `at` < `end` (aware), sorted, each once; also those of paused
    nights.  Windows compose as those of `gateway.schedule.slots`."""
    there = zone(tz)
    first, last = (one.astimezone(there).date() for one in (start, end))
    days = (last - first).days + 2 * REACH_DAYS + 1
    evenings = (first + timedelta(days=number - REACH_DAYS) for number in range(days))
    planned = {
        moment
        for evening in evenings
        if evening.weekday() in plan.nights
        for moment in _planned(plan, evening, there)
    }
    found = (Slot(at + plan.offset, check_id(NAME, at), NAME) for at in sorted(planned))
    return [slot for slot in found if start <= slot.at < end]


def evening_of(plan: NightPlan, tz: str, at: datetime) -> date:
    """The evening on which the night of a slot at `at` began."""
    local = (at - plan.offset).astimezone(zone(tz))
    return local.date() - timedelta(days=local.time() < NOON)


def minutes_of(plan: NightPlan) -> list[int]:
    """The minutes of the day, 0 to 1439, at which a usual night rings."""
    day, there = date(2026, 1, 14), ZoneInfo("UTC")
    offset = int(plan.offset.total_seconds()) // 60
    return sorted({(at.hour * 60 + at.minute + offset) % 1440 for at in _planned(plan, day, there)})


# --- reading --------------------------------------------------------------------------------------

_WEEK = tuple(Night.offered())


def _time(text: str) -> time:
    try:
        at = time.fromisoformat(text)
    except ValueError:
        raise BadPlan(PlanFault.TIME, text) from None
    if f"{at:%H:%M}" != text:  # seconds, a zone, or another way to write it
        raise BadPlan(PlanFault.TIME, text)
    return at


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadPlan(PlanFault.DATE, text) from None
    if day.isoformat() != text:
        raise BadPlan(PlanFault.DATE, text)
    return day


def _interval(terms: PlanTerms) -> tuple[timedelta | None, time, time]:
    said = (terms.every_min, terms.begins, terms.ends)
    if said == (None, None, None):
        return None, NOON, NOON
    if terms.every_min is None or terms.begins is None or terms.ends is None:
        raise BadPlan(PlanFault.INTERVAL_PARTS)
    begins, ends = _time(terms.begins), _time(terms.ends)
    if not EVERY_MIN[0] <= terms.every_min <= EVERY_MIN[1]:
        raise BadPlan(PlanFault.INTERVAL_RANGE)
    if _of_night(begins) >= _of_night(ends):
        raise BadPlan(PlanFault.WINDOW)
    return timedelta(minutes=terms.every_min), begins, ends


def _of_night(at: time) -> tuple[bool, time]:
    """Orders times as they come in a night, from noon to noon."""
    return at < NOON, at


# --- a night --------------------------------------------------------------------------------------


def _planned(plan: NightPlan, evening: date, there: ZoneInfo) -> Iterator[datetime]:
    """The moments that the night of this evening is planned for, aware UTC."""
    for at in plan.times:
        yield _moment(evening, at, there)
    if plan.every is not None:
        moment = _moment(evening, plan.begins, there)
        last = _moment(evening, plan.ends, there)
        while moment <= last:
            yield moment
            moment += plan.every


def _moment(evening: date, at: time, there: ZoneInfo) -> datetime:
    day = evening + timedelta(days=at < NOON)
    return local_to_utc(day, at, there).astimezone(UTC)
