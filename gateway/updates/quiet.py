"""Whether somebody needs the home right now: then its program does not end for a new one.

Pure.  Not for: how long it has been quiet (`keeper`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.events import Severity
from gateway.state.home_view import Snapshot

BEFORE_CHECK = timedelta(minutes=15)
"""A night check that is so near is waited for: a release on trial has ten minutes."""

CLOSED = frozenset({"done", "missed", "escalated"})


def needed_by(home: Snapshot, now: datetime, *, turning: bool, speaking: bool) -> str | None:
    """What the home is needed for, in a word; None: nothing.  `turning`: a lock is being turned;
    `speaking`: somebody speaks with the home, or looks into it."""
    if any(alarm.severity is not Severity.TECHNICAL for alarm in home.alarms):
        return "alarm"
    if turning:
        return "lock"
    if speaking or home.look is not None:
        return "call"
    if home.visits:
        return "visit"
    for check in home.checks:
        planned = check.state == "planned"
        if check.state not in CLOSED and (not planned or _is_near(check.slot, now)):
            return "check"
    if home.mains is False:
        return "power"
    return None


def _is_near(slot: datetime, now: datetime) -> bool:
    return abs(slot - now) < BEFORE_CHECK
