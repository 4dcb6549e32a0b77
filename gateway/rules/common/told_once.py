"""A technical state that is told once, when it begins, and taken back when it ends.

Helps rules and is none: a way of alarms that is broken, a log in memory.  One alarm a state; closed
by a person, it does not come back for the same one.  Not for: what must last before it is an alarm
(`lasting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.envelope import Event
from gateway.events import AlarmCancelled, AlarmRaised, AlarmResolved, AlarmType, Ref
from gateway.rules import Decision

KINDS = frozenset({"alarm.raised", "alarm.cancelled", "alarm.resolved"})


@dataclass(frozen=True)
class ToldOnce:
    """What holds now and was told: the alarm's type to its reference, None while it is on its way
    and once somebody closed it."""

    told: Mapping[AlarmType, Ref | None] = field(default_factory=dict)

    def begin(self, about: AlarmType, event: Event) -> tuple[ToldOnce, Sequence[Decision]]:
        """It holds since `event`; nothing where that was told."""
        if about in self.told:
            return self, ()
        raised = AlarmRaised.usual(about, event.at)
        return ToldOnce({**self.told, about: None}), (Decision(raised, rests_on=(event.ref,)),)

    def end(self, about: AlarmType, event: Event) -> tuple[ToldOnce, Sequence[Decision]]:
        """It holds no more: an open alarm is cancelled."""
        if about not in self.told:
            return self, ()
        ref = self.told[about]
        left = ToldOnce({a: r for a, r in self.told.items() if a is not about})
        if ref is None:
            return left, ()
        over = AlarmCancelled(alarm=ref, reason="recovered")
        return left, (Decision(over, rests_on=(event.ref,)),)

    def see(self, event: Event, *ours: AlarmType) -> ToldOnce:
        """After an alarm was raised or closed; `ours` are the types of the rule.  The server's own
        alarms of a type are about its part, and not these."""
        match event.data:
            case AlarmRaised(type=AlarmType() as about) if about in ours:
                if event.origin.startswith("staff:"):
                    return self
                return ToldOnce({**self.told, about: event.ref})
            case AlarmCancelled(alarm=ref) | AlarmResolved(alarm=ref) if ref in self.told.values():
                return ToldOnce({a: None if r == ref else r for a, r in self.told.items()})
            case _:
                return self
