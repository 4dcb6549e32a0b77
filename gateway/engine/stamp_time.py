"""The time that events are stamped with while the clock may still be set, and what that time was.

A clock that is not right yet is set in one jump, and what came before it is corrected by that jump
once it is told (`clock.synced`).  Between the jump and that word the old time goes on: what was
stamped with the new one would be corrected too, into the future.

Not for: whether the clock is right, or that it jumped (`gateway.services.clock_watch`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.clock import Clock
from gateway.engine.event_log import EventLog
from gateway.envelope import Event, corrected_at
from gateway.envelope_fields import NO_TIME

CORRECT_OVER_S = 1.0
"""A clock that was off by less is not worth folding the log again."""

JUMP_S = 60.0
"""Seconds after its jump in which somebody calls a clock right; NTP's is told within two.  One that
was set by hand is taken then, though nobody does."""


class StampTime:
    """Stamps by `clock`.  Any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart_s: float | None = None  # the clock that can be set, beyond the one that runs on
        self._jumped_s = math.inf  # when it was set, by the one that runs on

    def now(self, *, is_sure: bool) -> datetime:
        """Whole milliseconds; `is_sure`: the clock was called right."""
        now, mono_s = self._clock.now(), self._clock.mono_s()
        apart_s = now.timestamp() - mono_s
        jump_s = 0.0 if self._apart_s is None else apart_s - self._apart_s
        if not is_sure and abs(jump_s) > CORRECT_OVER_S:
            self._jumped_s = min(self._jumped_s, mono_s)
            if mono_s - self._jumped_s < JUMP_S:
                return _whole_ms(now - timedelta(seconds=jump_s))
        self._apart_s, self._jumped_s = apart_s, math.inf
        return _whole_ms(now)


def _whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def corrected(log: EventLog, since: datetime) -> Iterator[tuple[Event, datetime]]:
    """The events of a log from `since` on (`EventLog.since`), each with when it was received: those
    of a boot that was told the time later with the time that it was."""
    offsets = log.clock_offsets(since)
    last = since
    for found, received in log.since(since):
        event, received_at = found, received
        if event.at == NO_TIME:  # of another version: it stands after the one before it
            received_at = last if received == NO_TIME else received
            event = replace(event, at=received_at)
        last = received_at
        offset_s = offsets.get(event.boot)
        if offset_s and event.clock == "unsynced":
            moment = corrected_at(event, offset_s)
            yield replace(event, at=moment), moment
        else:
            yield event, received_at
