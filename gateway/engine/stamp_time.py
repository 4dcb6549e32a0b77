"""The time that events are stamped with while the clock may still be set, and what that time was.

A clock that is not right yet is set in one jump, and what came before it is corrected by that jump
once it is told (`clock.synced`).  Between the jump and that word the old time goes on: what was
stamped with the new one would be corrected too, into the future.

A clock that counts as right may be set too, by hand or by a server of the time that was wrong.
Then, too, the old time goes on until that is told (`clock.stepped`), and what is folded from the
log has the times that lie as far apart as they did: else a deadline that waits would come hours
late, or at once.

Not for: whether the clock is right, or that it jumped (`gateway.services.clock_watch`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.clock import MADE, Clock
from gateway.engine.event_log import EventLog
from gateway.envelope import Event, corrected_at
from gateway.envelope_fields import NO_TIME
from gateway.events import ClockStepped, ClockSynced

REBUILD_DAYS = 7
"""Days of log that the rules' state is rebuilt from; a rule that must remember longer writes what
it learned as an event at least that often."""

CORRECT_OVER_S = 1.0
"""A clock that was off by less is not worth folding the log again."""

JUMP_S = 60.0
"""Seconds after its jump in which somebody calls a clock right; NTP's is told within two.  One that
was set by hand is taken then, though nobody does."""


STEP_OVER_S = 10.0
"""A right clock that is set by less moves no deadline that matters."""

STEP_S = 5.0
"""Seconds after such a jump in which it is told: it is looked for each second.  Then it is taken
all the same."""


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
        if abs(jump_s) > (STEP_OVER_S if is_sure else CORRECT_OVER_S):
            self._jumped_s = min(self._jumped_s, mono_s)
            if mono_s - self._jumped_s < (STEP_S if is_sure else JUMP_S):
                return _whole_ms(now - timedelta(seconds=jump_s))
        self._apart_s, self._jumped_s = apart_s, math.inf
        return _whole_ms(now)

    def take(self) -> None:
        """The jump is being told: from now on the time that the clock has."""
        self._apart_s, self._jumped_s = None, math.inf


def _whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def corrected(log: EventLog, since: datetime, boot: str = "") -> Iterator[tuple[Event, datetime]]:
    """The events of a log from `since` on (`EventLog.since`), each with when it was received: those
    of a boot that was told the time later with the time that it was, those from before a right
    clock was set with the times that lie as far from later ones as they did, and those of 1970 that
    nobody can correct, for their boot was over before it was told the time, with the time of the
    one before.  `boot`: this one, which may be told yet."""
    offsets, steps = _offsets(log, since), _steps(log, since)
    before = timedelta()  # the home's own event before, by its steps: so was what it received
    last = since
    for found, received in log.since(since):
        event, received_at = found, received
        offset_s = _offset_of(event, offsets.get(event.boot, ()))
        is_none = received_at < MADE <= since and not offset_s and event.boot != boot
        if event.at == NO_TIME or is_none:  # it stands after the one before it
            received_at = last if is_none or received == NO_TIME else received
            if event.at in (received, NO_TIME):
                event = replace(event, at=received_at)
        own = steps.get(event.boot)
        if own is not None:
            before = timedelta(seconds=sum(by_s for at_s, by_s in own if event.mono_s < at_s))
        if offset_s and event.clock == "unsynced":
            last = corrected_at(event, offset_s) + before
            event = replace(event, at=last)
        elif own is not None and before:
            last = event.at + before
            event = replace(event, at=last)
        elif event.origin.startswith("staff:"):
            last = received_at + before
        else:
            before = before if own is not None else timedelta()
            last = received_at
        yield event, last


def _offset_of(event: Event, synced: Sequence[tuple[float, float]]) -> float:
    """How far an unsynced time is off, as the next word of its boot says: a gateway that was
    restarted says once more that its clock is right, and means what came since."""
    return next((offset_s for at_s, offset_s in synced if event.mono_s <= at_s), 0.0)


def _offsets(log: EventLog, since: datetime) -> dict[str, list[tuple[float, float]]]:
    """Boot to when its clock became right, by the one that runs on, and by how many seconds it had
    been off until then; a boot that never was synced is not in it."""
    offsets: dict[str, list[tuple[float, float]]] = {}
    old = log.told_to_old(since, ClockSynced.KIND)
    for obj in (*old, *log.told(since, ClockSynced.KIND)):
        boot, at_s, offset_s = obj.get("boot"), obj.get("mono_s"), _said(obj, "offset_s")
        if isinstance(at_s, int | float) and isinstance(offset_s, int | float):
            offsets.setdefault(str(boot), []).append((float(at_s), float(offset_s)))
    return offsets


def _steps(log: EventLog, since: datetime) -> dict[str, list[tuple[float, float]]]:
    """Boot to when its clock was set, by the one that runs on, and by how many seconds."""
    steps: dict[str, list[tuple[float, float]]] = {}
    for obj in log.told(since, ClockStepped.KIND):
        boot, at_s, by_s = obj.get("boot"), obj.get("mono_s"), _said(obj, "step_s")
        if isinstance(at_s, int | float) and isinstance(by_s, int | float):
            steps.setdefault(str(boot), []).append((float(at_s), float(by_s)))
    return steps


def _said(obj: dict[str, Any], name: str) -> Any:
    """A field of an event's data, which another version may have written in its own way."""
    data = obj.get("data")
    return data.get(name) if isinstance(data, dict) else None
