"""Spans and local times for rules.  Helps rules and is none; no clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from gateway.schedule import local_to_utc, zone

AGAIN = timedelta(seconds=60)
"""After a tick that decided something, how long until it is decided again if the decision never
came back as an event.  It does come back in the same turn; this is for a state rebuilt under other
settings, where the log has no such event: without it the decision would never be made."""


def later(at: datetime, *, minutes: float = 0.0, seconds: float = 0.0) -> datetime:
    """`at` moved by a span rounded to milliseconds, as times in events are, so that what is in
    memory equals what is read back from the log."""
    return at + timedelta(milliseconds=round((minutes * 60.0 + seconds) * 1000.0))


def due(at: datetime | None, tried: datetime | None) -> datetime | None:
    """When to decide: at `at`, but not within `AGAIN` of the last try.  None: never."""
    if at is None or tried is None:
        return at
    return max(at, tried + AGAIN)


def first_of(*moments: datetime | None) -> datetime | None:
    """The earliest of the moments that are not None."""
    return min((m for m in moments if m is not None), default=None)


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
    moment = local_to_utc(day, local, there)
    while moment <= at:
        day += timedelta(days=1)
        moment = local_to_utc(day, local, there)
    return moment.astimezone(UTC)
