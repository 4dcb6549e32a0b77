"""One ladder that takes a step: which step it is, whom that means, what is written and sent of it.

Not for: whether it takes one (`climbing`), or who a receiver is (`receivers`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from gateway.envelope import Draft
from gateway.events import AlarmEscalated, AlarmUndelivered, Climbed, Severity
from web.staff.channels.contract import Why
from web.staff.ladders import queueing
from web.staff.ladders.alarms import Alarm
from web.staff.ladders.choosing import Ladders
from web.staff.ladders.receivers import Asked, Reached, resolve
from web.staff.ladders.steps import Ladder, Step

STEADY_ROUNDS = 5
"""Rounds of the last step that follow each other at its time-out; then the pauses double."""

PAUSE_MAX_S = {Severity.CARE.value: 15 * 60.0, Severity.TECHNICAL.value: 4 * 3600.0}
"""Seconds between two rounds at the most: nobody is told less often than four times an hour that a
person waits, or woken by a flat battery more often than twice a night."""


@dataclass(slots=True)
class Told:
    """A receiver of the step, and in which homes."""

    reached: Reached
    homes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Climb:
    """`alarms` are those that wait for somebody, by home: one, or those of a mass alarm; `ladders`
    what each home climbs."""

    row: Row[Any]
    alarms: Mapping[str, Alarm]
    ladders: Mapping[str, Ladder]
    step: int
    round: int
    why: Climbed
    told: list[Told] = field(default_factory=list)

    @property
    def lead(self) -> Alarm:
        """The alarm in whose log it is written: the oldest that waits."""
        return min(self.alarms.values(), key=lambda one: (one.raised_at, one.id))

    @property
    def is_last(self) -> bool:
        """Whether there is no step after this one."""
        return self.step >= max(len(ladder.steps) for ladder in self.ladders.values())

    @property
    def is_told(self) -> bool:
        """Whether anybody of this step can be reached."""
        return any(one.reached.contacts for one in self.told)

    @property
    def is_again(self) -> bool:
        """Whether it is told again in the middle of a step: the alarm's cause came again, or
        another home of a mass alarm has nobody any more."""
        row = self.row
        return bool(row.look and not row.over and row.step and row.state == "climbing")

    def at(self, home: str) -> Step:
        """The step that a home is at: its own last one, where others have more."""
        steps = self.ladders[home].steps
        return steps[min(self.step, len(steps)) - 1]

    def go_on(self) -> None:
        """To the next step, or to the last one again; told again in the middle, to the same."""
        if self.why in (Climbed.REPEATED, Climbed.LAPSED) and self.is_again:
            self.round += 1
            return
        if not self.step or not self.is_last:
            self.step, self.round = self.step + 1, 1
            return
        self.round += 1
        if self.why is not Climbed.LAPSED:
            self.why = Climbed.REPEATED

    def pause_s(self) -> float:
        """Seconds until the step after this one."""
        timeout_s = float(max(self.at(home).timeout_s for home in self.ladders))
        more = max(0, self.round - STEADY_ROUNDS)
        longest_s = PAUSE_MAX_S.get(self.row.severity, PAUSE_MAX_S[Severity.CARE.value])
        return max(timeout_s, min(timeout_s * 2.0 ** min(more, 16), longest_s))

    def drafts(self) -> Iterator[Draft]:
        """What is written of the step: that it is taken, and who of it has no address."""
        lead = self.lead
        yield Draft(
            AlarmEscalated(
                alarm=lead.id,
                step=self.step,
                round=self.round,
                why=self.why,
                ladder=self.ladders[lead.home].id,
            )
        )
        if self.round > 1:
            return  # told once
        for one in self.told:
            if not one.reached.contacts:
                why = AlarmUndelivered(
                    alarm=lead.id, message=queueing.new_id(), why=Why.NO_CHANNEL.value
                )
                yield Draft(why, person=one.reached.person)

    def messages(self, made_at: datetime, boot: str) -> Iterator[dict[str, Any]]:
        """The rows of the outbox: each receiver once, by the addresses that are tried first."""
        for one in self.told:
            alarm = self.alarms[one.homes[0]]
            about = queueing.About(
                escalation=self.row.id,
                org=self.row.org_id,
                home=alarm.home,
                alarm=alarm.id,
                others=len(one.homes) - 1,
                step=self.step,
                round=self.round,
            )
            first = queueing.first_of(one.reached.contacts)
            yield from queueing.rows_for(about, one.reached, first, made_at, boot)


def begin(
    row: Row[Any],
    waiting: Mapping[str, Alarm],
    ladders: Ladders,
    why: Climbed,
    now: datetime,
) -> Climb | None:
    """A ladder before its next step; None: none of its homes is there any more."""
    known = {home: alarm for home, alarm in waiting.items() if home in ladders.places}
    if not known:
        return None
    own = row.ladder if row.mass_id is None else None  # of a mass alarm each home has its own
    chosen = {
        home: ladders.climbed(own, home, alarm.about, alarm.severity, now)
        for home, alarm in known.items()
    }
    return Climb(row, known, chosen, row.step, row.round, why)


Key = tuple[str, str, int, str]
"""Organisation, ladder, number of the step, severity: one question, whatever the homes."""


def reach(
    conn: Connection, climbs: Sequence[Climb], channels: Collection[str], now: datetime
) -> None:
    """Find whom the present step of each of these means."""
    steps: dict[Key, Step] = {}
    homes: dict[Key, set[str]] = {}
    for climb in climbs:
        for home in climb.alarms:
            key = _key(climb, home)
            steps[key] = climb.at(home)
            homes.setdefault(key, set()).add(home)
    asked = [
        Asked(org, step, frozenset(homes[org, name, number, severity]), severity)
        for (org, name, number, severity), step in steps.items()
    ]
    answers = dict(zip(steps, resolve(conn, asked, channels, now), strict=True))
    for climb in climbs:
        told: dict[str, Told] = {}
        for home in sorted(climb.alarms, key=lambda one: climb.alarms[one].raised_at):
            for reached in answers[_key(climb, home)][home]:
                told.setdefault(reached.key, Told(reached)).homes.append(home)
        climb.told = list(told.values())


def _key(climb: Climb, home: str) -> Key:
    ladder = climb.ladders[home]
    number = min(climb.step, len(ladder.steps))
    return climb.row.org_id, ladder.id, number, climb.row.severity
