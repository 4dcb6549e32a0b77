"""When a device's battery must be changed: a forecast from what it told, or that there is none yet.

Two ways, the first that has enough to go by.  From the levels since the last change: a line through
them, and the day on which it falls below what counts as low.  From the lives before: how long this
device's batteries lasted, when at least two of them ended.  Nothing is guessed from fewer points, a
shorter time, or a level that does not fall: the reason is told instead.

Pure but for `points`.  Not for: batteries that are low already (the device says it and is an
alarm), or who changes them (`changing`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median

from sqlalchemy import Connection, select

from web.staff.storage import tables
from web.staff.storage.among import among

LOW_PCT = 15
"""Percent at which a coin cell is called low (`drivers.radio.bthome_events`); locks say so at 20,
which is days later at the most."""

POINTS_MIN = 4
"""Levels since the last change: a line through fewer is any line."""

SPAN_MIN = timedelta(days=21)
"""From the first of them to the last: a battery that is warm today and cold tomorrow says some
percent more or less."""

FALL_MIN_PCT = 5
"""Percent that the level must have fallen by the line: below it is noise."""

LIVES_MIN = 2
"""Batteries of this very device that ran from new to low, for a forecast without levels."""

AHEAD_MAX = timedelta(days=3 * 365)
"""A forecast beyond it says nothing: coin cells age on the shelf."""

CHANGED_PCT = 20
"""Percent by which a level rises when a battery is changed; a warm day raises it by a few."""

KEPT = timedelta(days=4 * 365)
"""How far back points are looked at: some lives of a battery."""

POINTS_MAX = 500
"""Points of one device that are looked at, the newest: one a day for as long as a cell lasts."""


class Why(StrEnum):
    """Why there is no forecast."""

    NONE = "none"
    """It never told of a battery."""
    FEW = "few"
    """Too few points, or over too short a time."""
    FLAT = "flat"
    """The level does not fall."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was told at a time.  `low` None: told between."""

    at: datetime
    level_pct: int | None
    low: bool | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`on`: the day on which it is expected to be low; None: `why` there is none.  `since`: when
    the battery was changed, as far as can be seen; `levels` of that battery, the oldest first."""

    on: date | None
    why: Why | None
    since: datetime | None
    levels: tuple[Point, ...]


def points(
    conn: Connection, homes: Collection[str], now: datetime
) -> dict[tuple[str, str], list[Point]]:
    """The points of these homes' devices, by home and device, each in order."""
    b = tables.battery_point.c
    query = (
        select(b.home_id, b.device, b.at, b.level_pct, b.low)
        .where(among(b.home_id, homes), b.at > now - KEPT)
        .order_by(b.home_id, b.device, b.at, b.id)
    )
    found: dict[tuple[str, str], list[Point]] = {}
    for row in conn.execute(query):
        found.setdefault((row.home_id, row.device), []).append(
            Point(row.at, row.level_pct, row.low)
        )
    return {key: told[-POINTS_MAX:] for key, told in found.items()}


def forecast(told: Sequence[Point], now: datetime) -> Forecast:
    """When this battery will be low."""
    if not told:
        return Forecast(None, Why.NONE, None, ())
    lives = _lives(told)
    present = lives[-1]
    since = present[0].at if len(lives) > 1 else None
    levels = tuple(one for one in present if one.level_pct is not None)
    if any(one.low for one in present):
        return Forecast(now.date(), None, since, levels)
    on, why = _by_level(levels)
    if on is None and since is not None:
        lasted = [life[-1].at - life[0].at for life in lives[1:-1] if life[-1].low]
        if len(lasted) >= LIVES_MIN:
            usual_s = median(life.total_seconds() for life in lasted)
            on = (since + timedelta(seconds=usual_s)).date()
    if on is None or on > (now + AHEAD_MAX).date():
        return Forecast(None, why or Why.FLAT, since, levels)
    return Forecast(max(on, now.date()), None, since, levels)


def _lives(told: Sequence[Point]) -> list[list[Point]]:
    """The points battery by battery: another one begins when it is in order after it was low, or
    when the level has risen as no weather raises it."""
    lives: list[list[Point]] = [[]]
    level: int | None = None
    low = False
    for one in told:
        risen = (
            one.level_pct is not None and level is not None and one.level_pct >= level + CHANGED_PCT
        )
        if lives[-1] and ((low and one.low is False) or risen):
            lives.append([])
        lives[-1].append(one)
        low = low if one.low is None else one.low
        level = one.level_pct if one.level_pct is not None else level
    return lives


def _by_level(levels: Sequence[Point]) -> tuple[date | None, Why | None]:
    """The day on which the line through the levels falls below low; or why there is none."""
    if len(levels) < POINTS_MIN or levels[-1].at - levels[0].at < SPAN_MIN:
        return None, Why.FEW
    first = levels[0].at
    days = [(one.at - first) / timedelta(days=1) for one in levels]
    values = [float(one.level_pct or 0) for one in levels]
    mean_x, mean_y = sum(days) / len(days), sum(values) / len(values)
    spread = sum((x - mean_x) ** 2 for x in days)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(days, values, strict=True)) / spread
    if -slope * (days[-1] - days[0]) < FALL_MIN_PCT:
        return None, Why.FLAT
    until = mean_x + (LOW_PCT - mean_y) / slope
    if until > days[-1] + AHEAD_MAX.days:
        return None, Why.FLAT
    return (first + timedelta(days=until)).date(), None
