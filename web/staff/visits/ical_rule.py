"""RRULE and EXRULE (RFC 5545, 3.3.10): which times a rule names, by the clock on the wall.

The rule is walked period by period, and no further than the days that are asked for.  Ours, since
python-dateutil looks for the next time until the year 9999: the 30th of February took it 25 s a
rule.  tests/staff/test_ical_rule.py holds the two to each other.

Not for: instants, and what is left out or moved (`ical_series`).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import product

from web.staff.visits.ical_lines import Property, Wrong
from web.staff.visits.ical_values import Moment, one_moment
from web.staff.visits.ical_zones import Zones

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

SLOW = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
"""How often a visit may repeat; a rule by the minute is a mistake, or an attack."""

RANGES = {
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYSETPOS": (1, 366, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 59, False),
}
"""Lowest and highest of each list, and whether it may be counted from the end."""

NUMBER_MAX = 10_000
"""Of INTERVAL and COUNT: a visit a day for 27 years."""

A_DAY_MAX = 48
"""Times a day that BYHOUR, BYMINUTE and BYSECOND may name: each half-hour."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`weekdays`: (which of them in the month or year, 0: each; Monday is 0).  `until`: an instant
    or a time in the zone of the series, or a day, which is the last one."""

    freq: str
    interval: int
    count: int | None
    until: Moment | date | None
    week_start: int
    weekdays: tuple[tuple[int, int], ...]
    by: dict[str, tuple[int, ...]]

    def ended(self, at: Moment) -> bool:
        """Whether `at`, in the zone of the series, is after the end of the rule."""
        if self.until is None:
            return False
        if isinstance(self.until, Moment):
            return at.utc() > self.until.utc()
        return at.wall.date() > self.until


def read(found: Property, zones: Zones, zone: tzinfo) -> Rule:
    """The rule of an event whose beginning is in `zone`.  Raises `Wrong` for what is not honoured:
    no part of a rule is passed over."""
    name, line = found.name, found.line
    words: dict[str, str] = {}
    for part in found.value.strip().upper().strip(";").split(";"):
        key, _, value = part.partition("=")
        if key in words or not value:
            raise Wrong(line, "{name} cannot be read at {part!r}.", name=name, part=part)
        words[key] = value
    freq = words.pop("FREQ", "")
    if freq in ("HOURLY", "MINUTELY", "SECONDLY"):
        raise Wrong(line, "the event repeats more often than daily.")
    if freq not in SLOW:
        raise Wrong(line, "{name} has no FREQ that is known.", name=name)
    rule = Rule(
        freq=freq,
        interval=_number(words.pop("INTERVAL", "1"), "INTERVAL", line),
        count=_number(words.pop("COUNT"), "COUNT", line) if "COUNT" in words else None,
        until=_until(words.pop("UNTIL"), zones, zone, line) if "UNTIL" in words else None,
        week_start=_weekday(words.pop("WKST", "MO"), line)[1],
        weekdays=tuple(_weekday(one, line) for one in _listed(words.pop("BYDAY", ""))),
        by={key: _numbers(key, words.pop(key), line) for key in RANGES if key in words},
    )
    if words:
        raise Wrong(
            line,
            "{name} has {words}, which is not honoured here.",
            name=name,
            words=", ".join(words),
        )
    _check(rule, line)
    return rule


def _listed(text: str) -> list[str]:
    return text.split(",") if text else []


def _number(text: str, key: str, line: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= NUMBER_MAX:
        raise Wrong(
            line, "{key}={text} is no number from 1 to {most}.", key=key, text=text, most=NUMBER_MAX
        )
    return int(text)


def _numbers(key: str, text: str, line: int) -> tuple[int, ...]:
    low, high, signed = RANGES[key]
    found = []
    for one in text.split(","):
        pattern = r"[+-]?[0-9]{1,3}" if signed else r"[0-9]{1,2}"
        if not re.fullmatch(pattern, one) or not low <= abs(int(one)) <= high:
            raise Wrong(line, "{key}={text} is no such number.", key=key, text=one)
        found.append(int(one))
    return tuple(found)


def _weekday(text: str, line: int) -> tuple[int, int]:
    found = re.fullmatch(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", text)
    if found is None or not (found[1] is None or 1 <= abs(int(found[1])) <= 53):
        raise Wrong(line, "{text!r} is no day of the week.", text=text)
    return int(found[1] or 0), DAYS.index(found[2])


def _until(text: str, zones: Zones, zone: tzinfo, line: int) -> Moment | date:
    # without VALUE: a day or a time shows by itself
    return one_moment(Property("UNTIL", {}, text, line), zones, zone)


def _check(rule: Rule, line: int) -> None:
    """What RFC 5545 forbids, or leaves open."""
    which = any(number for number, _ in rule.weekdays)
    if which and rule.freq not in ("MONTHLY", "YEARLY"):
        raise Wrong(line, "a {freq} rule cannot count the days of BYDAY.", freq=rule.freq)
    if "BYMONTHDAY" in rule.by and rule.freq == "WEEKLY":
        raise Wrong(line, "a WEEKLY rule has no BYMONTHDAY.")
    if "BYYEARDAY" in rule.by and rule.freq != "YEARLY":
        raise Wrong(line, "a {freq} rule has no BYYEARDAY.", freq=rule.freq)
    if "BYSETPOS" in rule.by and not (rule.weekdays or len(rule.by) > 1):
        raise Wrong(line, "BYSETPOS chooses among nothing.")
    a_day = 1
    for key in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        a_day *= len(set(rule.by.get(key, (0,))))
    if a_day > A_DAY_MAX:
        raise Wrong(line, "the event repeats more often than daily.")


# --- walking --------------------------------------------------------------------------------------


def walk(rule: Rule, start: datetime, first: datetime, last: datetime) -> Iterator[datetime]:
    """The times that the rule names from `start` on, in order, of those from `first` to `last`.
    All are on the wall, naive; UNTIL is for the caller (`Rule.ended`)."""
    clocks = _clocks(rule, start)
    weekdays, by = _defaults(rule, start)
    left = rule.count
    skip = start.date() if left is not None else max(start, first).date()  # COUNT counts from start
    for days in _periods(rule, start.date(), skip, last.date()):
        fit = [day for day in days if _fits(rule.freq, weekdays, by, day)]
        times = [datetime.combine(day, clock) for day in fit for clock in clocks]
        if "BYSETPOS" in rule.by:
            times = _chosen(times, rule.by["BYSETPOS"])
        for at in times:
            if at < start:
                continue
            if at > last:
                return
            if at >= first:
                yield at
            if left is not None:
                left -= 1
                if left == 0:
                    return


def names_start(rule: Rule, start: datetime) -> bool:
    """Whether the rule names the beginning itself; if not, RFC 5545 leaves open what it means."""
    return next(walk(rule, start, start, start), None) is not None


def _clocks(rule: Rule, start: datetime) -> list[time]:
    hours = sorted(set(rule.by.get("BYHOUR", (start.hour,))))
    minutes = sorted(set(rule.by.get("BYMINUTE", (start.minute,))))
    seconds = sorted(set(rule.by.get("BYSECOND", (start.second,))))
    return [time(*parts) for parts in product(hours, minutes, seconds)]


def _defaults(
    rule: Rule, start: datetime
) -> tuple[tuple[tuple[int, int], ...], dict[str, tuple[int, ...]]]:
    """What a rule leaves out is taken from the beginning (RFC 5545, 3.3.10)."""
    by = dict(rule.by)
    if rule.weekdays or "BYMONTHDAY" in by or "BYYEARDAY" in by or rule.freq == "DAILY":
        return rule.weekdays, by
    if rule.freq == "WEEKLY":
        return ((0, start.weekday()),), by
    if rule.freq == "YEARLY":
        by.setdefault("BYMONTH", (start.month,))
    by["BYMONTHDAY"] = (start.day,)
    return (), by


def _periods(rule: Rule, start: date, skip: date, last: date) -> Iterator[list[date]]:
    """The days of each period that counts, whole, from that of `start` or the last to `skip`."""
    step = rule.interval
    if rule.freq in ("DAILY", "WEEKLY"):
        size = 1 if rule.freq == "DAILY" else 7
        begin = start
        if size == 7:
            begin -= timedelta(days=(start.weekday() - rule.week_start) % 7)
        begin += timedelta(days=(skip - begin).days // (size * step) * size * step)
        while begin <= last:
            yield [begin + timedelta(days=n) for n in range(size)]
            begin += timedelta(days=size * step)
        return
    size = 1 if rule.freq == "MONTHLY" else 12
    begin_at, skip_at, last_at = (
        (day.year * 12 + day.month - 1) // size for day in (start, skip, last)
    )
    for period in range(begin_at + (skip_at - begin_at) // step * step, last_at + 1, step):
        months = [divmod(period * size + n, 12) for n in range(size)]
        yield [
            date(year, month + 1, day + 1)
            for year, month in months
            for day in range(calendar.monthrange(year, month + 1)[1])
        ]


def _fits(
    freq: str, weekdays: Sequence[tuple[int, int]], by: dict[str, tuple[int, ...]], day: date
) -> bool:
    if "BYMONTH" in by and day.month not in by["BYMONTH"]:
        return False
    in_month = calendar.monthrange(day.year, day.month)[1]
    if "BYMONTHDAY" in by and not _counted(day.day, in_month, by["BYMONTHDAY"]):
        return False
    in_year = 366 if calendar.isleap(day.year) else 365
    in_the_year = day.timetuple().tm_yday
    if "BYYEARDAY" in by and not _counted(in_the_year, in_year, by["BYYEARDAY"]):
        return False
    if not weekdays:
        return True
    if freq == "YEARLY" and "BYMONTH" not in by:
        place, size = in_the_year, in_year
    else:
        place, size = day.day, in_month
    from_start, from_end = (place - 1) // 7 + 1, -((size - place) // 7 + 1)
    return any(
        weekday == day.weekday() and number in (0, from_start, from_end)
        for number, weekday in weekdays
    )


def _counted(place: int, size: int, wanted: Sequence[int]) -> bool:
    return place in wanted or place - size - 1 in wanted


def _chosen(times: list[datetime], places: Sequence[int]) -> list[datetime]:
    size = len(times)
    found = {n - 1 if n > 0 else size + n for n in places}
    return [times[n] for n in sorted(found) if 0 <= n < size]
