"""What a ladder is: steps of receivers with a time-out each, and the alarms that it is for.

Not for: who a receiver is now (`receivers`), or keeping ladders (`definitions`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from gateway.events import Severity

STEPS_MAX = 10
"""Steps of a ladder: with the shortest time-out, the last is reached within five minutes."""

RECEIVERS_MAX = 20
"""Receivers that a step names; a team is one of them."""

TIMEOUT_MIN_S, TIMEOUT_MAX_S = 30, 3600
"""Seconds that a step waits for somebody to take the alarm: an alarm centre has 20 s to answer, and
a channel `SEND_MAX_S` to hand a message over; an alarm that waits longer than an hour for its next
step is on no ladder."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Model):
    """One person, by the person id."""

    kind: Literal["person"] = "person"
    id: str


class Team(_Model):
    """Everybody of a team."""

    kind: Literal["team"] = "team"
    id: int


class OnCall(_Model):
    """Whoever a rota has on call at that moment."""

    kind: Literal["on_call"] = "on_call"
    id: str


class Assigned(_Model):
    """Everybody who is assigned to the home in person."""

    kind: Literal["assigned"] = "assigned"


class Area(_Model):
    """Everybody in a team that covers the home's area."""

    kind: Literal["area"] = "area"


class InRole(_Model):
    """Everybody with this role; `area`: only those in a team of the home's area, or assigned."""

    kind: Literal["role"] = "role"
    id: Literal["caregiver", "night_watcher", "coordinator", "technician"]
    area: bool = False


class Centre(_Model):
    """An alarm centre outside."""

    kind: Literal["centre"] = "centre"
    id: str


Receiver = Annotated[
    Person | Team | OnCall | Assigned | Area | InRole | Centre, Field(discriminator="kind")
]


class Step(_Model):
    """Who is told at once, and how many seconds (domain time) the ladder waits for one of them."""

    receivers: Annotated[tuple[Receiver, ...], Field(min_length=1, max_length=RECEIVERS_MAX)]
    timeout_s: Annotated[int, Field(ge=TIMEOUT_MIN_S, le=TIMEOUT_MAX_S)] = 120


_STEPS = TypeAdapter(
    Annotated[tuple[Step, ...], Field(min_length=1, max_length=STEPS_MAX)],
)


def read_steps(text: str) -> tuple[Step, ...]:
    """The steps in a row's JSON.  Raises `pydantic.ValidationError`."""
    return _STEPS.validate_python(json.loads(text))


def write_steps(steps: Sequence[Step]) -> str:
    """Steps as a row keeps them."""
    return _STEPS.dump_json(tuple(steps)).decode()


LAPSE_MIN = {Severity.CARE.value: 15, Severity.TECHNICAL.value: 24 * 60}
"""Minutes in which who took an alarm sets out, arrives or closes it: a drive across a municipality
takes longer, and who drives has set out; what is broken is mended by the next day."""

ARRIVE_MIN = {Severity.CARE.value: 30, Severity.TECHNICAL.value: 24 * 60}
"""Minutes after which who set out is asked whether they are there.  Half an hour is what many
municipalities promise at the most; where the roads are long a ladder says more.  Nobody's distance
is known here, and none is guessed."""

ANSWER_MIN = {Severity.CARE.value: 5, Severity.TECHNICAL.value: 60}
"""Minutes in which they answer, else the alarm is open to others: who drives stops for that."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A ladder and the alarms that it is for (see `ladder_tables.ladder`).  `built_in`: nobody set
    it up; it leaves out whoever has no address, without a word."""

    id: str
    name: str
    steps: tuple[Step, ...]
    severity: str | None = None
    types: frozenset[str] = frozenset()
    area: int | None = None
    days: int = 127
    from_min: int = 0
    until_min: int = 0
    lapse_min: int | None = None
    built_in: bool = False
    arrive_min: int | None = None

    def fits(self, about: str, severity: str, area: int | None, local: datetime) -> bool:
        """Whether an alarm of this type and severity, in a home of this area, raised at this time
        by the home's clock, climbs this ladder."""
        return (
            self.severity in (None, severity)
            and (not self.types or about in self.types)
            and self.area in (None, area)
            and self.is_on(local)
        )

    def is_on(self, local: datetime) -> bool:
        """Whether it is for this time; hours that pass midnight belong to the day they begin on."""
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.from_min < self.until_min:
            return self._has(day) and self.from_min <= minute < self.until_min
        if self.from_min == self.until_min and self.from_min == 0:
            return self._has(day)
        return (self._has(day) and minute >= self.from_min) or (
            self._has(day - 1) and minute < self.until_min
        )

    def _has(self, day: int) -> bool:
        return bool(self.days >> (day % 7) & 1)

    def lapse_s(self, severity: str) -> float:
        """Seconds after which an alarm that somebody took is open to others again."""
        return (self.lapse_min or _usual(LAPSE_MIN, severity)) * 60.0

    def arrive_s(self, severity: str) -> float:
        """Seconds after which who set out is asked whether they are there."""
        return (self.arrive_min or _usual(ARRIVE_MIN, severity)) * 60.0


def answer_s(severity: str) -> float:
    """Seconds in which who was asked whether they are there answers."""
    return _usual(ANSWER_MIN, severity) * 60.0


def _usual(minutes: Mapping[str, int], severity: str) -> int:
    """What is not known counts as care."""
    return minutes.get(severity, minutes[Severity.CARE.value])
