"""A visit that repeats (RFC 5545, 3.8.5): when it is due, what is left out, what was moved.

The occurrences of a series are known by their *slots*: the instants when they begin as its rule and
dates have it.  EXDATE and RECURRENCE-ID name slots, in whatever zone, or a day of them.  What is
left out and what is moved is compared as instants, never as what two clocks show.

Ours on top of `ical_rule`: recurring-ical-events (3.8) is bound to python-dateutil below 3, loses
the last day of an UNTIL that is a day, stretches nine hours over a clock change, and passes over
EXRULE and METHOD.  Not for: who and what a visit is (`plan_ical`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from web.staff.visits.ical_lines import Component, Property, Wrong
from web.staff.visits.ical_rule import Rule, names_start, read, walk
from web.staff.visits.ical_values import (
    Length,
    Moment,
    Period,
    day_start,
    length_of,
    moment,
    moments,
    wall_in,
)
from web.staff.visits.ical_zones import Zones

REPEATS = ("RRULE", "RDATE", "EXRULE")
"""Any of these makes an event a series."""

DATES_A_DAY = 10
"""Dates that are named one by one (RDATE) and cost as much to look at as a day of a rule."""

A_DAY = timedelta(days=1)


class Visit(NamedTuple):
    """Instants: which slot of its series it is, and when it begins and ends."""

    slot: datetime
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Times:
    """When an event is, once."""

    start: Moment
    length: Length


@dataclass(frozen=True, slots=True)
class Series:
    """An event with all its repetitions.  `left_out`: instants, and days in the zone of `start`."""

    times: Times
    rule: Rule | None
    without: tuple[Rule, ...]
    dates: tuple[tuple[Moment, Length], ...]
    left_out: frozenset[datetime]
    left_out_days: frozenset[date]
    repeats: bool

    @property
    def zone(self) -> tzinfo:
        """The zone in which it repeats."""
        return self.times.start.zone

    def visits(self, first: datetime, last: datetime) -> list[Visit]:
        """The visits whose slots lie from `first` to `last` (instants), in order.  Those that the
        file names one by one (RDATE) are all there from `first` on."""
        found = {at.utc(): (at, self.times.length) for at in self._ruled(first, last)}
        for at, length in self.dates:
            if at.utc() >= first:
                found[at.utc()] = (at, length)
        gone = {at.utc() for rule in self.without for at in self._walked(rule, first, last)}
        return [
            Visit(slot, slot, length.end(at))
            for slot, (at, length) in sorted(found.items(), key=lambda item: item[0])
            if slot not in self.left_out
            and slot not in gone
            and wall_in(slot, self.zone).date() not in self.left_out_days
        ]

    def days_walked(self, first: datetime, last: datetime) -> int:
        """How many days the rules are followed over for `visits`: what it costs."""
        start = self.times.start.utc()
        rules = [rule for rule in (self.rule, *self.without) if rule is not None]
        begins = [start if rule.count is not None else max(start, first) for rule in rules]
        walked = sum(max((last - begin).days, 0) + 1 for begin in begins)
        return walked + len(self.dates) // DATES_A_DAY

    def on_day(self, day: date) -> list[Visit]:
        """The visits of a day in the zone of the series, with nothing left out."""
        start = day_start(day, self.zone)
        found = self._whole().visits(start - A_DAY, start + 2 * A_DAY)
        return [one for one in found if wall_in(one.slot, self.zone).date() == day]

    def has(self, slot: datetime) -> bool:
        """Whether it has a visit at this instant, or had one that is left out."""
        return any(one.slot == slot for one in self._whole().visits(slot, slot))

    def _whole(self) -> Series:
        return Series(self.times, self.rule, (), self.dates, frozenset(), frozenset(), self.repeats)

    def _ruled(self, first: datetime, last: datetime) -> Iterator[Moment]:
        if self.rule is not None:
            yield from self._walked(self.rule, first, last)
        elif not self.repeats or first <= self.times.start.utc() <= last:
            yield self.times.start

    def _walked(self, rule: Rule, first: datetime, last: datetime) -> Iterator[Moment]:
        # a day more at either end: clocks differ, and it is instants that are asked for
        begin, end = (wall_in(at, self.zone) for at in (first - A_DAY, last + A_DAY))
        for wall in walk(rule, self.times.start.wall, begin, end):
            at = Moment(wall, self.zone)
            if first <= at.utc() <= last and not rule.ended(at):
                yield at


def times_of(event: Component, zones: Zones, zone: tzinfo) -> Times:
    """When an event is; `zone` is for times that name none.  Raises `Wrong`."""
    begins, ends, lasts = (event.one(name) for name in ("DTSTART", "DTEND", "DURATION"))
    if begins is None:
        raise Wrong(event.line, "the event has no DTSTART.")
    start = moment(begins, zones, zone)
    if ends is not None and lasts is not None:
        raise Wrong(lasts.line, "the event has both DTEND and DURATION.")
    if lasts is not None:
        return Times(start, length_of(lasts.value, lasts.line))
    if ends is None:
        raise Wrong(event.line, "the event has no end.")
    end = moment(ends, zones, zone)
    # 02:45 to 02:15 in the hour that comes twice: it ends the second time
    until = end.utc() if end.utc() > start.utc() else end.later()
    if until <= start.utc() and start.is_skipped() and end.zone == start.zone:
        # 02:30 to 03:00 in the hour that is skipped: as long as that
        return Times(start, Length(0, end.wall - start.wall))
    return Times(start, Length(0, until - start.utc()))


def series_of(event: Component, zones: Zones, zone: tzinfo) -> Series:
    """An event with its repetitions.  Raises `Wrong` for what cannot be honoured."""
    times = times_of(event, zones, zone)
    here = times.start.zone
    rules = event.all("RRULE")
    if len(rules) > 1:
        raise Wrong(rules[1].line, "the event has more than one rule to repeat.")
    rule = read(rules[0], zones, here) if rules else None
    if rule is not None and not names_start(rule, times.start.wall):
        raise Wrong(rules[0].line, "the rule to repeat does not name the event's own beginning.")
    left_out: set[datetime] = set()
    left_out_days: set[date] = set()
    for found in event.all("EXDATE"):
        for value in moments(found, zones, here, allow=("DATE-TIME", "DATE")):
            if isinstance(value, Moment) and _means_its_day(value, times, rule, event):
                left_out_days.add(value.wall.date())
            elif isinstance(value, Moment):
                left_out.add(value.utc())
            elif isinstance(value, date):
                left_out_days.add(value)
    return Series(
        times=times,
        rule=rule,
        without=tuple(read(found, zones, here) for found in event.all("EXRULE")),
        dates=tuple(_dates(event.all("RDATE"), times, zones)),
        left_out=frozenset(left_out),
        left_out_days=frozenset(left_out_days),
        repeats=any(event.all(name) for name in REPEATS),
    )


def _means_its_day(left_out: Moment, times: Times, rule: Rule | None, event: Component) -> bool:
    """Whether it is midnight in a series that has its visits at another time: so some programs
    write a day."""
    if left_out.wall.time() != time() or event.all("RDATE"):
        return False
    if rule is not None and {"BYHOUR", "BYMINUTE", "BYSECOND"} & set(rule.by):
        return False
    return wall_in(left_out.utc(), times.start.zone).time() != times.start.wall.time()


def _dates(found: list[Property], times: Times, zones: Zones) -> Iterator[tuple[Moment, Length]]:
    here = times.start.zone
    for one in found:
        for value in moments(one, zones, here, allow=("DATE-TIME", "DATE", "PERIOD")):
            if isinstance(value, Period):
                yield value.start, value.length
            elif isinstance(value, Moment):
                yield value, times.length
            else:  # a day: at the time of the series
                yield Moment(datetime.combine(value, times.start.wall.time()), here), times.length
