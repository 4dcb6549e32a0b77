"""Spans and local times for rules.  Helps rules and is none; no clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from gateway.schedule import local_to_utc, zone

AGAIN = timedelta(seconds=60)
"""After a tick that decided something, how long until it is decided again if the decision never
came back as an event.  It does come back in the same turn; this is for a state rebuilt under other
settings, where the log has no such event: without it the decision would never be made."""


def later(at: datetime, *, minutes: float = 0.0, seconds: float = 0.0) -> datetime:
    """`at` moved by a span rounded to milliseconds, as times in events are, so that what is in
    memory equals what is read back from the log."""
    return at + _span(minutes, seconds)


@lru_cache(maxsize=256)  # nearly all spans are settings, asked for with every event
def _span(minutes: float, seconds: float) -> timedelta:
    return timedelta(milliseconds=round((minutes * 60.0 + seconds) * 1000.0))


def due(at: datetime | None, tried: datetime | None) -> datetime | None:
    """When to decide: at `at`, but not within `AGAIN` of the last try.  None: never."""
    if at is None or tried is None:
        return at
    return max(at, tried + AGAIN)


def first_of(*moments: datetime | None) -> datetime | None:
    """The earliest of the moments that are not None."""
    first = None
    for moment in moments:  # a plain loop: a third of the time of `min` over a generator
        if moment is not None and (first is None or moment < first):
            first = moment
    return first


def in_window(at: datetime, tz: str, begins: time, ends: time) -> bool:
    """Whether `at` lies in the daily local window [begins, ends), which may span midnight; equal
    ends mean the whole day."""
    local = at.astimezone(zone(tz)).time()
    if begins == ends:
        return True
    if begins < ends:
        return begins <= local < ends
    return local >= begins or local < ends


def next_local(at: datetime, tz: str, local: time) -> datetime:
    """The first moment after `at` at which the home's clock shows `local` (see `gateway.schedule`
    for times that do not exist or occur twice)."""
    there = zone(tz)
    day: date = at.astimezone(there).date()
    moment = _on_day(day, local, tz)
    while moment <= at:
        day += timedelta(days=1)
        moment = _on_day(day, local, tz)
    return moment


@lru_cache(maxsize=64)  # a handful of local times, of today and tomorrow
def _on_day(day: date, local: time, tz: str) -> datetime:
    return local_to_utc(day, local, zone(tz)).astimezone(UTC)
