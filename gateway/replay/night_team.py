"""A night team that answers all that a run of the rules asks of it.

A look is answered `ok` after `LOOK_MIN` minutes and an alarm for care is acknowledged after
`ACKNOWLEDGE_MIN`; where a fall was put into the night, help is given.  Not for: what staff really
said (`real_team`), or running the rules (`score`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush

from gateway.engine.sequencer import Sequencer
from gateway.envelope import Draft, Event
from gateway.events import (
    AlarmAcknowledged,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    CheckAnswered,
    CheckAsked,
    Data,
    Finding,
    Looked,
    Severity,
)
from gateway.replay.injected_falls import Fall

LOOK_MIN = 5.0
"""Minutes until the night team answers a look."""

ACKNOWLEDGE_MIN, CLOSE_MIN = 5.0, 30.0
"""Minutes until the night team acknowledges an alarm, and until it is closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One alarm for care, or one look.  `word` is the alarm's word or the look's why; `because` the
    events it rests on."""

    at: datetime
    look: bool
    rule: str
    word: str
    because: tuple[str, ...]


class Team:
    """The night team, and a note of what it was told.  What it says to an alarm or a look is
    `answer_alarm` and `answer_look`."""

    def __init__(self, falls: Sequence[Fall] = ()) -> None:
        self.decided: list[Event] = []
        self.answers: list[Answer] = []
        self._falls = [(fall.at, fall.until) for fall in falls]
        self._waiting: list[tuple[datetime, int, Data]] = []
        self._count = 0

    def see(self, event: Event) -> None:
        """Note what the rules decided, and what to say to it later."""
        data, because = event.data, event.because
        if because is None:
            return
        self.decided.append(event)
        if isinstance(data, AlarmRaised):
            if data.severity is Severity.CARE:
                alarm = Answer(event.at, False, because.rule, data.type, because.events)
                self.answers.append(alarm)
            self.answer_alarm(event, data)
        elif isinstance(data, CheckAsked):
            self.answers.append(Answer(event.at, True, because.rule, data.why, because.events))
            self.answer_look(event, data)

    def answer_alarm(self, event: Event, data: AlarmRaised) -> None:
        """An alarm for care is taken and closed; one of technique is left."""
        if data.severity is Severity.CARE:
            self.later(event.at, ACKNOWLEDGE_MIN, AlarmAcknowledged(alarm=event.ref))
            outcome = AlarmOutcome.HELPED if self._fallen(event.at) else AlarmOutcome.NO_NEED
            self.later(event.at, CLOSE_MIN, AlarmResolved(alarm=event.ref, outcome=outcome))

    def answer_look(self, event: Event, data: CheckAsked) -> None:
        """A look is answered."""
        finding = Finding.HELP if self._fallen(event.at) else Finding.OK
        said = CheckAnswered(check=data.check, finding=finding, looked=Looked.PHONE)
        self.later(event.at, LOOK_MIN, said)

    def speak(self, dry: Sequencer, until: datetime) -> None:
        """Say what is due by `until`, each at its own time, the rules' ticks in between."""
        while True:
            wake = dry.fold.wake
            if self._waiting and self._waiting[0][0] <= until:
                at, _, data = self._waiting[0]
                if wake is None or wake > at:
                    heappop(self._waiting)
                    dry.number(Draft(data, person="night-team", at=at), at=at, mono_s=0.0)
                    continue
            if wake is None or wake > until:
                return
            # one moment's ticks at a time: what they ask for may be answered before the next
            dry.run_due(wake, 0.0)

    def _fallen(self, at: datetime) -> bool:
        return any(begin <= at < end for begin, end in self._falls)

    def later(self, at: datetime, minutes: float, data: Data) -> None:
        """Say it so many minutes after `at`."""
        self._count += 1
        heappush(self._waiting, (at + timedelta(minutes=minutes), self._count, data))
