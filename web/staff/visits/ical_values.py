"""What the values of an iCalendar file mean: times, lengths, periods, zones.

A local time that comes twice is the first of the two; one that is skipped is reckoned with the
offset before the gap (RFC 5545, 3.3.5).  A length in days or weeks is by the clock on the wall, one
in hours, minutes and seconds is exact (3.3.6): nine hours from ten at night end at six when summer
time ends.  Not for: what repeats (`ical_rule`, `ical_series`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from web.staff.visits.ical_lines import Component, Property, Wrong, unfolded
from web.staff.visits.plan_import import YEAR_MAX, YEAR_MIN

_TIME = re.compile(r"(\d{8})T(\d{6})(Z?)")
_LENGTH = re.compile(
    r"([+-]?)P(?:(\d{1,4})W|(?:(\d{1,4})D)?(T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?)"
)


CHANGES_MAX, DESCRIBED_MAX_BYTES = 100, 64 * 1024
"""Changes of the clock, and bytes, by which a file may describe a time zone: what programs write of
a whole century has some sixty in ten kilobytes; each costs its part of every year."""


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


# --- zones ----------------------------------------------------------------------------------------


class Zones:
    """The time zones that a calendar may name: the world's, Windows' names for them, and those that
    it describes itself."""

    def __init__(self, calendar: Component, data: bytes) -> None:
        self._described = {
            part.text("TZID"): part for part in calendar.parts if part.name == "VTIMEZONE"
        }
        self._lines = re.split(rb"\r\n|\n|\r", data)
        self._found: dict[str, tzinfo | None] = {}

    def named(self, name: str, line: int) -> tzinfo:
        """Raises `Wrong` for one that is not known: its times would be anybody's guess."""
        if name not in self._found:
            self._found[name] = _known(name) or self._from_file(name)
        zone = self._found[name]
        if zone is None:
            raise Wrong(
                line, "the time zone {name!r} is not known; write Europe/Stockholm.", name=name
            )
        return zone

    def _from_file(self, name: str) -> tzinfo | None:
        from icalendar import Timezone

        part = self._described.get(name)
        if part is None or len(part.parts) > CHANGES_MAX:
            return None
        if not all(_yearly(rule) for one in part.parts for rule in one.all("RRULE")):
            return None
        whole = b"\n".join(self._lines[part.line - 1 : part.last])
        if len(whole) > DESCRIBED_MAX_BYTES:
            return None
        lines = [raw for _, raw in unfolded(whole)]
        # icalendar keeps zones by name for the whole process: none of one file for another's
        named = [_NO_NAME if raw.upper().startswith(b"TZID") else raw for raw in lines]
        try:
            made: Any = Timezone.from_ical(b"\r\n".join(named))
            zone: tzinfo = made.to_tz(lookup_tzid=False)
            datetime(YEAR_MIN, 1, 1, tzinfo=zone).utcoffset()  # it shows here whether it works
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None
        return zone


_NO_NAME = b"TZID:described-in-a-plan"


def _known(name: str) -> tzinfo | None:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    # `/vendor/…/Europe/Stockholm` as some programs write it
    short = re.sub(r"^/(?:.*/)?([A-Z]\w+/[\w+-]+)$", r"\1", name)
    try:
        return ZoneInfo(WINDOWS_TO_OLSON.get(short, short))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def _yearly(rule: Property) -> bool:
    """Whether a change of the clock is one that comes; one that never does is searched for ever."""
    words = dict(part.upper().partition("=")[::2] for part in rule.value.split(";"))
    known = set(words) <= {"FREQ", "BYMONTH", "BYDAY", "UNTIL", "WKST"}
    return known and words.get("FREQ") == "YEARLY" and "BYDAY" in words


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
