"""Months of the staff's own time: which one is asked for, when it begins, whether it is over.

Not for: what happened in one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import request

from web.staff.core.context import staff
from web.staff.core.i18n import FIRST_YEAR, ZONE, day_of


def this() -> date:
    """The first day of this month."""
    return staff().clock.now().astimezone(ZoneInfo(ZONE)).date().replace(day=1)


def asked() -> date:
    """The first day of the month that is asked for (`?manad=2026-11`); of none, or one that is to
    come, this one."""
    here = this()
    wanted = day_of(f"{request.args.get('manad', '')}-01")
    return here if wanted is None or wanted > here or wanted.year <= FIRST_YEAR else wanted


def after(month: date) -> date:
    """The one after it."""
    return (month + timedelta(days=31)).replace(day=1)


def before(month: date) -> date:
    """The one before it."""
    return (month - timedelta(days=1)).replace(day=1)


def begins(month: date) -> datetime:
    """When a month begins in the staff's own time, which summer time moves."""
    return datetime.combine(month, time(), ZoneInfo(ZONE)).astimezone(UTC)


def ends(month: date) -> datetime:
    """When the one after it begins."""
    return begins(after(month))


def is_finished(month: date) -> bool:
    """Whether nothing is added any more: what is shown day after day is not seen to grow by one."""
    return ends(month) <= staff().clock.now()


def last(count: int) -> list[date]:
    """So many months, this one first."""
    found = [this()]
    while len(found) < count and found[-1].year > FIRST_YEAR:
        found.append(before(found[-1]))
    return found
