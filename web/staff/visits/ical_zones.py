"""The time zones that an iCalendar file names: the world's, Windows' names for them, and those that
it describes itself (VTIMEZONE; RFC 5545, 3.6.5).

A described zone is followed year by year, and only those years that somebody asks for: Outlook lets
every clock change begin in 1601.  Ours, since icalendar (7) knows none whose changes have an
INTERVAL or began before 1970, and follows one that never comes for ever.  What a zone cannot be
made of is not passed over: the zone is not known then, and the time that needs it is refused.

Not for: the times themselves (`ical_values`), or what repeats (`ical_rule`).
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from web.staff.visits.ical_lines import Component, Property, Wrong

CHANGES_MAX, DATES_MAX = 100, 500
"""Changes of the clock by which a file may describe a time zone, and dates that it may name one by
one: what programs write of a whole century has some sixty.  Each costs its part of every year."""

YEARS_BACK = 8
"""A yearly change that has not come within so many years (29 February: eight) does not come."""

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

NO_PLACES = ("localtime", "posixrules", "Factory")
"""Files among the world's time zones that are none, but whatever a machine is set to."""

_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?")
_TIME = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


class Zones:
    """The time zones that a calendar may name."""

    def __init__(self, parts: Sequence[Component]) -> None:
        self._described: dict[str, Component] = {}
        for part in parts:
            if part.name == "VTIMEZONE":
                # twice the same is what programs write that put two calendars together
                self._described.setdefault(part.text("TZID"), part)
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
        # a name with a comma: some write it as TEXT in a parameter too
        part = self._described.get(name) or self._described.get(name.replace("\\,", ","))
        if part is None or not 1 <= len(part.parts) <= CHANGES_MAX:
            return None
        try:
            return Described(name, [_change(one) for one in part.parts])
        except (Wrong, ValueError):
            return None


def _known(name: str) -> tzinfo | None:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    names = [WINDOWS_TO_OLSON.get(name, name)]
    if name.startswith("/"):  # `/vendor/…/Europe/Stockholm` as some programs write it
        words = name.split("/")
        names = ["/".join(words[-size:]) for size in (3, 2) if size < len(words)]
    for short in names:
        if short in NO_PLACES or short.startswith(("right/", "posix/")):
            continue  # right/: with leap seconds, half a minute off
        try:
            return ZoneInfo(short)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            continue
    return None


# --- described in the file ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Yearly:
    """On which days of each year a clock changes: (which of them in the month, 0: each; Monday is
    0), days of the month, both or one.  `until`: the last one, on the wall or (`in_utc`) in UTC."""

    months: tuple[int, ...]
    weekdays: tuple[tuple[int, int], ...]
    month_days: tuple[int, ...]
    until: datetime | None
    in_utc: bool

    def days(self, year: int) -> tuple[tuple[int, int], ...]:
        """(month, day) of a year."""
        like = LIKE[calendar.isleap(year), calendar.weekday(year, 1, 1)]
        return _days(self.months, self.weekdays, self.month_days, like)


LIKE = {(calendar.isleap(year), calendar.weekday(year, 1, 1)): year for year in range(2000, 2028)}
"""A year of each of the fourteen kinds that there are: days fall alike in all of a kind."""


@lru_cache(maxsize=14 * CHANGES_MAX)
def _days(
    months: tuple[int, ...],
    weekdays: tuple[tuple[int, int], ...],
    month_days: tuple[int, ...],
    year: int,
) -> tuple[tuple[int, int], ...]:
    found = []
    for month in months:
        first, size = calendar.monthrange(year, month)
        for day in range(1, size + 1):
            if month_days and not {day, day - size - 1} & set(month_days):
                continue
            places = (0, (day - 1) // 7 + 1, -((size - day) // 7 + 1))
            weekday = (first + day - 1) % 7
            if not weekdays or any((n, weekday) in weekdays for n in places):
                found.append((month, day))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of the clock: its times by the clock before it, naive, and what it changes."""

    start: datetime
    dates: tuple[datetime, ...]
    yearly: _Yearly | None
    before: timedelta
    after: timedelta

    def in_year(self, year: int) -> Iterator[datetime]:
        """Its times in a year."""
        yield from (at for at in (self.start, *self.dates) if at.year == year)
        rule = self.yearly
        if rule is None or year < self.start.year:
            return
        if rule.until is not None and year > rule.until.year + 1:
            return
        for month, day in rule.days(year):
            at = datetime.combine(datetime(year, month, day), self.start.time())  # noqa: DTZ001
            said = at - self.before if rule.in_utc else at
            if at > self.start and (rule.until is None or said <= rule.until):
                yield at

    def last_before(self, year: int) -> datetime | None:
        """Its last time before a year."""
        named = [at for at in (self.start, *self.dates) if at.year < year]
        if self.yearly is not None and named:
            until = self.yearly.until
            last = year - 1 if until is None else min(year - 1, until.year + 1)
            for one in range(last, max(last - YEARS_BACK, self.start.year - 1), -1):
                if found := list(self.in_year(one)):
                    return max(*named, *found)
        return max(named, default=None)


class Described(tzinfo):
    """A time zone as a file describes it.  As in `zoneinfo`: `fold` chooses where a time comes
    twice, and one that is skipped is reckoned with the offset before the gap."""

    def __init__(self, name: str, changes: Sequence[_Change]) -> None:
        self._name, self._changes = name, tuple(changes)
        self._first = min(changes, key=lambda one: one.start - one.before)
        self._of_year = cache(self._around)

    def _around(self, year: int) -> tuple[list[datetime], list[timedelta]]:
        """The changes (UTC, naive) in and beside a year, and the offset before and after each."""
        found: dict[datetime, timedelta] = {}
        for one in self._changes:
            times = [at for near in (year - 1, year, year + 1) for at in one.in_year(near)]
            last = one.last_before(year - 1)
            for at in (*times, *(() if last is None else (last,))):
                found[at - one.before] = one.after
        order = sorted(found)
        return order, [self._first.before, *(found[at] for at in order)]

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        if at is None:
            return None
        order, offsets = self._of_year(at.year)
        wall, choose = at.replace(tzinfo=None), min if at.fold else max
        begins = [
            change + choose(pair) for change, pair in zip(order, pairwise(offsets), strict=True)
        ]
        return offsets[bisect_right(begins, wall)]

    def fromutc(self, at: datetime) -> datetime:
        order, offsets = self._of_year(at.year)
        plain = at.replace(tzinfo=None)
        place = bisect_right(order, plain)
        wall = plain + offsets[place]
        again = place > 0 and plain - order[place - 1] < offsets[place - 1] - offsets[place]
        return wall.replace(tzinfo=self, fold=int(again))

    def dst(self, _at: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _at: datetime | None) -> str:
        return self._name


def _change(part: Component) -> _Change:
    """Raises `Wrong` or `ValueError` for what is no change of a clock, or not every year's."""
    start, before, after = (_one(part, name) for name in ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO"))
    rules, dates = part.all("RRULE"), part.all("RDATE")
    named = [text for found in dates for text in found.value.split(",")]
    if part.all("EXDATE") or part.all("EXRULE") or len(rules) > 1 or len(named) > DATES_MAX:
        raise ValueError
    begins = _at(start)[0]
    others = tuple(_at(text.strip())[0] for text in named)
    if not all(1 < at.year < MAXYEAR for at in (begins, *others)):
        raise ValueError  # at the ends of time none can be reckoned with
    return _Change(
        start=begins,
        dates=others,
        yearly=_yearly(rules[0], begins) if rules else None,
        before=_offset(before),
        after=_offset(after),
    )


def _one(part: Component, name: str) -> str:
    found = part.one(name)
    if found is None:
        raise ValueError
    return found.value.strip()


def _at(text: str) -> tuple[datetime, bool]:
    """A time, and whether it is in UTC; a day is its last second."""
    found = _TIME.fullmatch(text.upper())
    if found is None:
        raise ValueError
    at = datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    return at, bool(found[3])


def _offset(text: str) -> timedelta:
    found = _OFFSET.fullmatch(text)
    if found is None or int(found[2]) > 23 or int(found[3]) > 59 or int(found[4] or 0) > 59:
        raise ValueError
    size = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    return -size if found[1] == "-" else size


def _yearly(rule: Property, start: datetime) -> _Yearly:
    pairs = [part.partition("=") for part in rule.value.strip().upper().strip(";").split(";")]
    words = {name.strip(): value.strip() for name, _, value in pairs}
    if len(words) < len(pairs) or words.pop("FREQ", "") != "YEARLY":
        raise ValueError
    if words.pop("INTERVAL", "1") != "1":
        raise ValueError
    words.pop("WKST", None)
    months = _numbers(words.pop("BYMONTH", str(start.month)), 1, 12)
    weekdays = tuple(map(_weekday, words.pop("BYDAY").split(","))) if "BYDAY" in words else ()
    days = _numbers(words.pop("BYMONTHDAY"), -31, 31) if "BYMONTHDAY" in words else ()
    if not days and any(number == 0 for number, _ in weekdays):
        raise ValueError  # each Sunday
    until, in_utc = _at(words.pop("UNTIL")) if "UNTIL" in words else (None, False)
    if words:
        raise ValueError
    made = _Yearly(months, weekdays, days or (() if weekdays else (start.day,)), until, in_utc)
    some = range(start.year, start.year + YEARS_BACK + 1)
    if not any(made.days(year) for year in some if year < MAXYEAR):
        raise ValueError  # one that never comes
    return made


def _numbers(text: str, low: int, high: int) -> tuple[int, ...]:
    found = tuple(int(one) for one in text.split(",") if re.fullmatch(r"[+-]?\d{1,2}", one))
    if len(found) < text.count(",") + 1 or not all(low <= one <= high and one for one in found):
        raise ValueError
    return found


def _weekday(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([+-]?[1-5])?([A-Z]{2})", text)
    if found is None or found[2] not in DAYS:
        raise ValueError
    return int(found[1] or 0), DAYS.index(found[2])
