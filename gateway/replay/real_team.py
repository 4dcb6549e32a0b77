"""What staff really said to a home's alarms and looks, said again where the rules raise them anew.

An alarm of another run that is like one that really came (its type, and within `SAME` of it) is
taken and closed as that one was: so many minutes after it, with that outcome, or by nobody.  A look
likewise.  One that nothing real is like gets what the assumed team says (`night_team`), and is
counted as assumed.

Not for: running the rules, or counting alarms (`what_if`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.envelope import Event
from gateway.events import (
    AlarmAcknowledged,
    AlarmRaised,
    AlarmResolved,
    CheckAnswered,
    CheckAsked,
    CheckStarted,
    Data,
    Severity,
)
from gateway.replay.night_team import Team

SAME = timedelta(minutes=30)
"""Two alarms of one type within that time are the same one, told sooner or later."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What a person said to it, and how long after it came."""

    after: timedelta
    data: AlarmAcknowledged | AlarmResolved | CheckStarted | CheckAnswered


@dataclass(slots=True)
class Real:
    """An alarm or a look that really came.  `word` is the alarm's type, or the look's why; nothing
    `said`: it was taken by nobody, or ended by itself."""

    at: datetime
    look: bool
    word: str
    device: str | None
    check: str | None = None
    said: list[Saying] = field(default_factory=list)


class Heard:
    """Collects what really came and what was said to it, from a home's events in order."""

    def __init__(self) -> None:
        self.found: list[Real] = []
        self._alarms: dict[str, Real] = {}
        self._looks: dict[str, Real] = {}

    def see(self, at: datetime, event: Event) -> None:
        """One event, with its moment."""
        data = event.data
        if isinstance(data, AlarmRaised):
            self._alarms[event.ref] = real = Real(at, False, str(data.type), event.device)
            self.found.append(real)
        elif isinstance(data, CheckAsked):
            # each question of a check is one of its own: what is said is said to the last
            self._looks[data.check] = real = Real(at, True, data.why, event.device, data.check)
            self.found.append(real)
        elif isinstance(data, AlarmAcknowledged | AlarmResolved):
            _note(self._alarms.get(data.alarm), at, data)
        elif isinstance(data, CheckStarted | CheckAnswered):
            _note(self._looks.get(data.check), at, data)


def _note(
    real: Real | None,
    at: datetime,
    data: AlarmAcknowledged | AlarmResolved | CheckStarted | CheckAnswered,
) -> None:
    """Each sort of saying counts once: who comes second says nothing new."""
    if real is not None and not any(type(one.data) is type(data) for one in real.said):
        real.said.append(Saying(max(at - real.at, timedelta(0)), data))


class RealTeam(Team):
    """Says what was really said; `assumed` and `left` are the moments of those that it had to
    assume something of: that they are answered, or that they are left until they end."""

    def __init__(self, real: Iterable[Real]) -> None:
        super().__init__()
        self._real: dict[tuple[bool, str], list[Real]] = {}
        for one in real:
            self._real.setdefault((one.look, one.word), []).append(one)
        self.assumed: list[datetime] = []
        self.left: list[datetime] = []

    def answer_alarm(self, event: Event, data: AlarmRaised) -> None:
        """As it was answered, or as is assumed."""
        real = self._taken(False, str(data.type), event.at, event.device)
        if real is not None:
            for one in real.said:
                self._again(event, one)
            return
        if data.severity is Severity.CARE:
            self.assumed.append(event.at)
        else:
            self.left.append(event.at)
        super().answer_alarm(event, data)

    def answer_look(self, event: Event, data: CheckAsked) -> None:
        """As it was answered, or as is assumed."""
        real = self._taken(True, data.why, event.at, event.device, data.check)
        if real is None:
            self.assumed.append(event.at)
            super().answer_look(event, data)
            return
        for one in real.said:
            self._again(event, one)

    def _again(self, event: Event, one: Saying) -> None:
        said, asked = one.data, event.data
        if isinstance(said, AlarmAcknowledged | AlarmResolved):
            again: Data = replace(said, alarm=event.ref)
        elif isinstance(asked, CheckAsked):
            again = replace(said, check=asked.check)
        else:
            return
        self.later(event.at, one.after / timedelta(minutes=1), again)

    def _taken(
        self, look: bool, word: str, at: datetime, device: str | None, check: str | None = None
    ) -> Real | None:
        """The real one that is most like it, which no other is then; None: there is none."""
        left = self._real.get((look, word), [])
        near = [one for one in left if abs(one.at - at) <= SAME]
        if not near:
            return None
        best = min(
            near, key=lambda one: (one.check != check, one.device != device, abs(one.at - at))
        )
        left.remove(best)
        return best


def since(moments: Sequence[datetime], begin: datetime) -> int:
    """How many of them are counted."""
    return sum(moment >= begin for moment in moments)
