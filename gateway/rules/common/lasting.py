"""A condition of a device that lasts becomes an alarm, and its end cancels it.

Helps rules and is none: the door that stands open, the room that is too warm, the mains that is
gone.  One alarm a condition; closed by a person, it does not come back for the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.envelope import Event
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    Ref,
    Severity,
)
from gateway.rules import Decision
from gateway.rules.common.replace import replace
from gateway.rules.common.time import due, first_of

KINDS = frozenset({"alarm.raised", "alarm.cancelled", "alarm.resolved"})

Key = tuple[str | None, AlarmType]
"""Device (None: the home) and what the alarm is about."""


@dataclass(frozen=True)
class Condition:
    """It holds since `since`, as `said` told; `at` is when it becomes an alarm for `severity`.
    `raised`: it has; `open` names the alarm while nobody closed it."""

    since: datetime
    said: Ref
    at: datetime
    severity: Severity
    raised: bool = False
    open: Ref | None = None
    tried: datetime | None = None


@dataclass(frozen=True)
class Lasting:
    """The conditions that hold now."""

    now: Mapping[Key, Condition] = field(default_factory=dict)

    def begin(self, key: Key, event: Event, at: datetime, severity: Severity) -> Lasting:
        """The condition holds from `event` on; one that holds already goes on."""
        if key in self.now:
            return self
        return Lasting({**self.now, key: Condition(event.at, event.ref, at, severity)})

    def sooner(self, key: Key, event: Event) -> Lasting:
        """What `event` says makes it an alarm now, or begins it as one; a condition that was raised
        stays as it is."""
        old = self.now.get(key)
        if old is not None and (old.raised or old.at <= event.at):
            return self
        severity = key[1].severity if old is None else old.severity
        since = event.at if old is None else old.since
        new = Condition(since, event.ref, event.at, severity)
        return Lasting({**self.now, key: new})

    def end(self, key: Key, event: Event, reason: str) -> tuple[Lasting, tuple[Decision, ...]]:
        """It holds no more: an open alarm is cancelled."""
        old = self.now.get(key)
        if old is None:
            return self, ()
        left = Lasting({name: one for name, one in self.now.items() if name != key})
        if old.open is None:
            return left, ()
        ended = AlarmCancelled(alarm=old.open, reason=reason)
        return left, (Decision(ended, rests_on=(old.said, event.ref), device=key[0]),)

    def without_unraised(self, key: Key) -> Lasting:
        """It is not believed any more: no alarm will be raised; one that was stays."""
        old = self.now.get(key)
        if old is None or old.raised:
            return self
        return Lasting({name: one for name, one in self.now.items() if name != key})

    def see(self, event: Event) -> Lasting:
        """After an alarm was raised or closed."""
        match event.data:
            case AlarmRaised(type=AlarmType() as about):
                key = (event.device, about)
                old = self.now.get(key)
                if old is None:
                    return self
                new = replace(old, raised=True, open=event.ref, tried=None)
                return Lasting({**self.now, key: new})
            case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref):
                return Lasting(
                    {
                        key: replace(one, open=None) if one.open == ref else one
                        for key, one in self.now.items()
                    }
                )
            case _:
                return self

    def wake_at(self) -> datetime | None:
        """When the next condition has lasted long enough."""
        return first_of(*(due(c.at, c.tried) for c in self.now.values() if not c.raised))

    def tick(self, now: datetime) -> tuple[Lasting, Sequence[Decision]]:
        """Raise what is due."""
        decisions = []
        conditions = dict(self.now)
        for key, one in self.now.items():
            at = due(one.at, one.tried)
            if one.raised or at is None or at > now:
                continue
            alarm = AlarmRaised(type=key[1], severity=one.severity, since=one.since)
            decisions.append(Decision(alarm, rests_on=(one.said,), device=key[0]))
            conditions[key] = replace(one, tried=now)
        return Lasting(conditions), decisions
