"""Whether the resident is registered as away.  Helps rules and is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.envelope import Event
from gateway.events import AbsenceEnded, AbsenceStarted, Ref

KINDS = frozenset({"absence.started", "absence.ended"})


@dataclass(frozen=True, slots=True)
class Absence:
    """`ref` names the `absence.started` in force, None when the resident is at home; `until` is
    when it ends by itself, None when only an `absence.ended` ends it."""

    ref: Ref | None = None
    until: datetime | None = None

    def at(self, moment: datetime) -> bool:
        """Whether the resident is away at `moment`."""
        return self.ref is not None and (self.until is None or moment < self.until)


AT_HOME = Absence()


def see(absence: Absence, event: Event) -> Absence:
    """The absence after `event`."""
    match event.data:
        case AbsenceStarted(until=until):
            return Absence(event.ref, until)
        case AbsenceEnded():
            return AT_HOME
        case _:
            return absence
