"""Figures over night checks: how each was answered, and what was saved against the unit's own past.

Each check that was planned is counted once, by the most that it took to answer it.  A night belongs
to the evening on which it began, in the home's own time; everything is read from `night_check`, a
fold over events, so that a rebuild gives the same figures.

Not for: looks that a rule or a watcher asked for between the planned ones, or what may be shown to
whom (the page).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from gateway.events import CheckBy, Looked
from web.staff.care.few import hidden
from web.staff.core.i18n import zone_of
from web.staff.storage import tables as t
from web.staff.storage.among import among

NOON = time(12)
"""A night is from noon to noon: nobody has night checks at noon, and an evening's check at six and
the last in the morning belong to one night."""

EXCUSED = ("absent", "paused")
"""The `why` of a check that nobody was to make: the resident was away, or the plan pauses."""


class Way(StrEnum):
    """The most that one check took, from least to most; the last ones were not answered."""

    SENSOR = "sensor"
    """The bed's sensor alone: nobody looked."""
    CAMERA = "camera"
    """A camera was opened."""
    PHONE = "phone"
    OTHER = "other"
    """All was well, and how that was known is a word of a newer version."""
    VISIT = "visit"
    """Somebody was there, or had to go."""
    AWAY = "away"
    """The resident was away, or the plan paused."""
    MISSED = "missed"
    """Nobody looked, or the home has not said so far."""
    OPEN = "open"
    """Not over yet."""


WITHDRAWN = "withdrawn"
"""The state of a slot that a change of plan took away before its time: there was no check."""

CARRIED_OUT = (Way.SENSOR, Way.CAMERA, Way.PHONE, Way.OTHER, Way.VISIT)


@dataclass(frozen=True, slots=True)
class Counts:
    """Checks by way, of some homes in some nights.

    `rounds` is how many nights of a home were gone through: 1 for a home of which each check of a
    night was carried out, a half where half of them were.  A check that nobody made saved nothing.
    """

    ways: Mapping[Way, int] = field(default_factory=dict)
    rounds: float = 0.0

    @property
    def total(self) -> int:
        return sum(self.ways.values())

    @property
    def looks_avoided(self) -> int:
        """Checks for which no camera was opened, nobody rang and nobody went."""
        return self.of(Way.SENSOR)

    def of(self, way: Way) -> int:
        """How many were answered so."""
        return self.ways.get(way, 0)

    def __add__(self, other: Counts) -> Counts:
        ways = {way: self.of(way) + other.of(way) for way in Way}
        return Counts({way: n for way, n in ways.items() if n}, self.rounds + other.rounds)


@dataclass(frozen=True, slots=True)
class HomeNight:
    """One home in one night."""

    home: str
    night: date
    counts: Counts


@dataclass(frozen=True, slots=True)
class Before:
    """What a night's round was: visits to a home in a night, minutes and kilometres of each."""

    visits: float
    minutes: float
    km: float


@dataclass(frozen=True, slots=True)
class Saved:
    """What was not needed; below zero where more was done than before."""

    visits: float
    minutes: float
    km: float


def saved(counts: Counts, before: Before) -> Saved:
    """Visits of before in as many rounds, without those that the checks led to."""
    visits = counts.rounds * before.visits - counts.of(Way.VISIT)
    return Saved(visits, visits * before.minutes, visits * before.km)


def together(nights: Iterable[HomeNight]) -> Counts:
    """The sum of them."""
    return sum((one.counts for one in nights), Counts())


def shown(ways: Mapping[Way, int]) -> dict[Way, int | None]:
    """Each way's count as it may leave the unit, beside their sum; None: too few to say."""
    gone = hidden(ways)
    return {way: None if way in gone else ways.get(way, 0) for way in Way}


# --- nights ---------------------------------------------------------------------------------------


def night_of(at: datetime, zone: str) -> date:
    """The evening on which the night of this moment began."""
    wall = at.astimezone(zone_of(zone))
    return wall.date() if wall.time() >= NOON else wall.date() - timedelta(days=1)


def begins(night: date, zone: str) -> datetime:
    """When a night begins: noon of its evening."""
    return datetime.combine(night, NOON, zone_of(zone)).astimezone(UTC)


def nights_from(first: date, count: int) -> list[date]:
    """So many nights, `first` the first."""
    return [first + timedelta(days=n) for n in range(count)]


# --- from the table -------------------------------------------------------------------------------


def _way() -> ColumnElement[str]:
    """What way a row of `night_check` is, as the database says it."""
    c = t.night_check.c
    done, by = c.state == "done", c.done_by
    watched = and_(done, by == CheckBy.WATCHER.value)
    seen = or_(c.look_pictures.is_(None), c.look_pictures > 0)
    opened = or_(
        c.looked == Looked.CAMERA.value,
        c.look_state == "begun",
        and_(c.look_state == "ended", seen),
    )
    return case(
        (c.state == "escalated", Way.VISIT.value),
        (and_(watched, c.looked == Looked.IN_PERSON.value), Way.VISIT.value),
        (and_(done, opened), Way.CAMERA.value),
        (and_(watched, c.looked == Looked.PHONE.value), Way.PHONE.value),
        (and_(done, by == CheckBy.SENSOR.value), Way.SENSOR.value),
        (done, Way.OTHER.value),
        (and_(c.state == "missed", c.why.in_(EXCUSED)), Way.AWAY.value),
        (c.state.in_(("missed", "unreported")), Way.MISSED.value),
        else_=Way.OPEN.value,
    )


def read(conn: Connection, zones: Mapping[str, str], nights: Sequence[date]) -> Iterator[HomeNight]:
    """What each home had in each of these nights (in order, without gaps); `zones` are the homes
    with their time zones.  One statement for each zone."""
    by_zone: dict[str, set[str]] = {}
    for home, zone in zones.items():
        by_zone.setdefault(zone, set()).add(home)
    for zone in sorted(by_zone):
        yield from _of_zone(conn, by_zone[zone], zone, nights)


def _of_zone(
    conn: Connection, homes: Collection[str], zone: str, nights: Sequence[date]
) -> Iterator[HomeNight]:
    c = t.night_check.c
    starts = [begins(night, zone) for night in (*nights, nights[-1] + timedelta(days=1))]
    number = (
        case(
            *((c.slot < end, place) for place, end in enumerate(starts[1:-1])),
            else_=len(nights) - 1,
        )
        if len(nights) > 1
        else case((c.slot.is_not(None), 0), else_=0)
    )
    checks = (
        select(c.home_id, number.label("night"), _way().label("way"))
        .where(
            among(c.home_id, homes),
            c.slot >= starts[0],
            c.slot < starts[-1],
            c.state != WITHDRAWN,
        )
        .subquery()
    )
    counted = [func.count(case((checks.c.way == way.value, 1))).label(way.value) for way in Way]
    query = (
        select(checks.c.home_id, checks.c.night, *counted)
        .group_by(checks.c.home_id, checks.c.night)
        .order_by(checks.c.home_id, checks.c.night)
    )
    for home, night, *each in conn.execute(query):
        ways = {way: n for way, n in zip(Way, each, strict=True) if n}
        yield HomeNight(home, nights[night], Counts(ways, _rounds(ways)))


def _rounds(ways: Mapping[Way, int]) -> float:
    """Which part of a home's night was gone through; 0 where there was nothing to do."""
    due = sum(n for way, n in ways.items() if way is not Way.AWAY)
    return sum(ways.get(way, 0) for way in CARRIED_OUT) / due if due else 0.0
