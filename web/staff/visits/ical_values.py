"""What the values of an iCalendar file mean: times, lengths, periods.

A local time that comes twice is the first of the two; one that is skipped is reckoned with the
offset before the gap (RFC 5545, 3.3.5).  A length in days or weeks is by the clock on the wall, one
in hours, minutes and seconds is exact (3.3.6): nine hours from ten at night end at six when summer
time ends.

Not for: zones (`ical_zones`), or what repeats (`ical_rule`, `ical_series`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from web.staff.visits.ical_lines import Property, Wrong
from web.staff.visits.ical_zones import Zones
from web.staff.visits.plan_import import YEAR_MAX, YEAR_MIN

_TIME = re.compile(r"(\d{8})T(\d{6})(Z?)")
_LENGTH = re.compile(
    r"([+-]?)P(?:(\d{1,4})W|(?:(\d{1,4})D)?(T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?)"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time on the wall (naive) in a zone."""

    wall: datetime
    zone: tzinfo

    def utc(self) -> datetime:
        """The instant, aware in UTC."""
        return self.wall.replace(tzinfo=self.zone).astimezone(UTC)

    def later(self) -> datetime:
        """The instant; the second one where this time comes twice."""
        return self.wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)

    def is_skipped(self) -> bool:
        """Whether no clock on the wall shows it, for summer time begins."""
        return wall_in(self.utc(), self.zone) != self.wall


@dataclass(frozen=True, slots=True)
class Length:
    """How long: days by the clock on the wall, and an exact rest."""

    days: int
    exact: timedelta

    def end(self, start: Moment) -> datetime:
        """The instant when what begins at `start` ends."""
        return Moment(start.wall + timedelta(days=self.days), start.zone).utc() + self.exact


@dataclass(frozen=True, slots=True)
class Period:
    """A beginning with an end of its own (RFC 5545, 3.3.9)."""

    start: Moment
    length: Length


def wall_in(at: datetime, zone: tzinfo) -> datetime:
    """What the clock on the wall shows in `zone` at an instant; naive."""
    return at.astimezone(zone).replace(tzinfo=None)


def day_start(day: date, zone: tzinfo) -> datetime:
    """The instant when a day begins."""
    return Moment(datetime.combine(day, time()), zone).utc()


# --- times and lengths ----------------------------------------------------------------------------


def moments(
    found: Property, zones: Zones, zone: tzinfo, *, allow: Sequence[str] = ("DATE-TIME",)
) -> list[Moment | Period | date]:
    """The values of a property with times, at least one; a time that names no zone is in `zone`.

    `allow`: DATE-TIME, DATE, PERIOD.  Raises `Wrong`.
    """
    here = zones.named(found.params["TZID"], found.line) if "TZID" in found.params else zone
    values: list[Moment | Period | date] = []
    for text in found.value.strip().split(","):
        value = _value(found, text.strip(), here)
        kind = {Moment: "DATE-TIME", Period: "PERIOD"}.get(type(value), "DATE")
        said = found.params.get("VALUE", kind).upper()
        if said != kind:
            raise Wrong(
                found.line,
                "{name} says that it is a {said}, and {text} is none.",
                name=found.name,
                said=said,
                text=text,
            )
        if kind not in allow:
            if kind == "DATE":
                raise Wrong(
                    found.line,
                    "the event has a day and no time in {name}; a visit needs both.",
                    name=found.name,
                )
            raise Wrong(found.line, "{name} cannot be a {kind}.", name=found.name, kind=kind)
        values.append(value)
    return values


def moment(found: Property, zones: Zones, zone: tzinfo) -> Moment:
    """The one time of a property.  Raises `Wrong`."""
    value = one_moment(found, zones, zone, allow=("DATE-TIME",))
    assert isinstance(value, Moment)  # noqa: S101 nothing else is allowed
    return value


def one_moment(
    found: Property, zones: Zones, zone: tzinfo, *, allow: Sequence[str] = ("DATE-TIME", "DATE")
) -> Moment | date:
    """The one time, or day, of a property.  Raises `Wrong`."""
    (value, *more) = moments(found, zones, zone, allow=allow)
    if more or isinstance(value, Period):
        raise Wrong(found.line, "{name} has more than one time.", name=found.name)
    return value


def _value(found: Property, text: str, here: tzinfo) -> Moment | Period | date:
    if "/" in text:
        first, last = text.split("/", 1)
        start = _moment(found, first, here)
        if last[:1] in ("P", "+", "-"):
            return Period(start, length_of(last, found.line))
        return Period(start, Length(0, _moment(found, last, here).utc() - start.utc()))
    return _date(found, text) if re.fullmatch(r"\d{8}", text) else _moment(found, text, here)


def _moment(found: Property, text: str, here: tzinfo) -> Moment:
    parts = _TIME.fullmatch(text.upper())
    try:
        if parts is None:
            raise ValueError
        wall = datetime.strptime(parts[1] + parts[2], "%Y%m%d%H%M%S")  # noqa: DTZ007 wall time
    except ValueError:
        raise Wrong(
            found.line, "{name} has {text!r}, which is no time.", name=found.name, text=text
        ) from None
    _check_year(found, wall)
    return Moment(wall, UTC if parts[3] else here)


def _date(found: Property, text: str) -> date:
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise Wrong(
            found.line, "{name} has {text!r}, which is no day.", name=found.name, text=text
        ) from None
    _check_year(found, day)
    return day


def _check_year(found: Property, at: date) -> None:
    if not YEAR_MIN <= at.year <= YEAR_MAX:
        raise Wrong(found.line, "{name} has the year {year}.", name=found.name, year=at.year)


def length_of(text: str, line: int) -> Length:
    """A DURATION.  Raises `Wrong`."""
    parts = _LENGTH.fullmatch(text.strip().upper())
    if parts is None or not any(parts[n] for n in (2, 3, 5, 6, 7)):
        raise Wrong(line, "{text!r} is no length of time; write it as PT45M.", text=text)
    if parts[1] == "-":
        raise Wrong(line, "the visit ends before it begins.")
    weeks, days, hours, minutes, seconds = (int(parts[n] or 0) for n in (2, 3, 5, 6, 7))
    return Length(weeks * 7 + days, timedelta(hours=hours, minutes=minutes, seconds=seconds))
