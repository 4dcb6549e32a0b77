"""The night plan: local times of a home, expanded into dated UTC slots.

A local time that does not exist (02:30 on the last Sunday of March in Stockholm) runs at the next
that does, 03:00; one that occurs twice runs once, the first time.  Two times that fall on the same
minute are one slot: a slot is done once.

Pure: the caller says between which moments.  Not for: ringing (the slot ringer) or answering
(the rule `night_check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ONE_DAY = timedelta(days=1)

REACH_DAYS = 2
"""Local days looked at on either side of a window: a zone is at most 14 h from UTC, and one that
crosses the date line leaves a whole day out (Apia, 30 December 2011)."""


class Weekday(StrEnum):
    """A day of the week, in the order of `date.weekday`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEKDAYS = tuple(Weekday)


def _whole_minute(value: time) -> time:
    if value.tzinfo is not None or value.second or value.microsecond:
        raise ValueError("a time of the plan is a local HH:MM")
    return value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pause(_Model):
    """Local dates without checks, both included.  A slot belongs to the date of its own local
    time: 01:30 on the night to Tuesday is Tuesday's."""

    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> Pause:
        if self.last < self.first:
            raise ValueError("a pause ends before it begins")
        return self


class Plan(_Model):
    """When a home is looked in on.  Times are local, in the home's time zone."""

    name: str = Field(default="", pattern=r"^([a-z][a-z0-9_-]{0,31})?$")
    """Names the plan's checks, `<name>@<UTC minute>Z`; `named` gives it where the plan is read from
    a table that carries its name as its key."""
    times: tuple[Annotated[time, AfterValidator(_whole_minute)], ...] = Field(min_length=1)
    """Local times, `HH:MM`."""
    weekdays: tuple[Weekday, ...] = _WEEKDAYS
    """On which local dates; every day when not said."""
    pauses: tuple[Pause, ...] = ()
    """Dates without checks."""

    def named(self, name: str) -> Plan:
        """The same plan with a name.  Raises `ValidationError` for one that cannot be in a check's
        id."""
        return Plan.model_validate({**self.model_dump(), "name": name})

    def runs_on(self, day: date) -> bool:
        """Whether the plan has checks on the local date `day`."""
        if _WEEKDAYS[day.weekday()] not in self.weekdays:
            return False
        return not any(pause.first <= day <= pause.last for pause in self.pauses)


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One check of a plan: `at` is aware UTC, a whole minute in every zone in use today."""

    at: datetime
    check: str
    plan: str


@lru_cache(maxsize=32)
def zone(name: str) -> ZoneInfo:
    """The time zone `name` (IANA).  Raises `ValueError` with one sentence when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone") from error


def check_id(plan: str, at: datetime) -> str:
    """The name of a check: `night@2026-03-29T01:00Z`."""
    return f"{plan}@{at.astimezone(UTC):%Y-%m-%dT%H:%M}Z"


def local_to_utc(day: date, at: time, tz: ZoneInfo) -> datetime:
    """The UTC moment of a local date and time by the rule of this module's first paragraph."""
    wall = datetime.combine(day, at)
    first = wall.replace(tzinfo=tz, fold=0)
    moment = first.astimezone(UTC)
    if moment.astimezone(tz).replace(tzinfo=None) == wall:
        return moment
    # in a gap the offset before the change is that of fold 0 (PEP 495); the change itself, the
    # first moment after the gap, lies in the last (gap length) before `moment`
    before = first.utcoffset()
    low = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    high = moment
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def slots(plan: Plan, tz: str, start: datetime, end: datetime) -> list[Slot]:
    """The slots with `start` ≤ `at` < `end`, sorted, each once.

    Windows compose: those of [a, b) and [b, c) together are those of [a, c).  Raises `ValueError`
    for a plan without a name, an unknown time zone or naive moments.
    """
    if not plan.name:
        raise ValueError("a plan without a name has no checks")
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("the window of a plan needs aware moments")
    there = zone(tz)
    within = {
        Slot(at, check_id(plan.name, at), plan.name)
        for day in _days(start.astimezone(there).date(), end.astimezone(there).date())
        if plan.runs_on(day)
        for at in (local_to_utc(day, local, there) for local in plan.times)
        if start <= at < end
    }
    return sorted(within)


def merged(plans: Mapping[str, Plan], tz: str, start: datetime, end: datetime) -> list[Slot]:
    """The slots of several plans, each under its key as its name, sorted; otherwise as `slots`."""
    named = [plan.named(name) for name, plan in plans.items()]
    return sorted(slot for plan in named for slot in slots(plan, tz, start, end))


def _days(first: date, last: date) -> Iterator[date]:
    day, stop = first - REACH_DAYS * ONE_DAY, last + REACH_DAYS * ONE_DAY
    while day <= stop:
        yield day
        day += ONE_DAY
