"""Planned against done: which visit answers which planned one, and where they differ.

Pure: no database, no clock, no texts.  A visit answers a planned one of the same home that it began
near; a person who is named there goes before one who is not, the nearer before the farther.  Not
for: reading the plan or the visits, or words for what differs (`words.DEVIATIONS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from web.staff.visits.plan import PlannedVisit

REACH = timedelta(minutes=90)
"""How far outside its planned time a visit may begin and still be the one that was planned; home
care's rounds slip by an hour, and the next meal's visit is three hours away."""


class Deviation(StrEnum):
    """How what was done differs from what was planned."""

    MISSED = "missed"
    """Nobody came, and nobody told why."""
    DECLINED = "declined"
    ABSENT = "absent"
    """The resident was not there, or was known to be away."""
    OTHER = "other"
    """It did not take place for another reason."""
    LATE = "late"
    EARLY = "early"
    SHORT = "short"
    LONG = "long"
    FEWER = "fewer"
    """Fewer came than were needed."""
    SOMEBODY_ELSE = "somebody_else"
    """Not the person who was named."""
    NO_DEPARTURE = "no_departure"
    UNPLANNED = "unplanned"


@dataclass(frozen=True, slots=True)
class DoneVisit:
    """A visit with the times that count (aware UTC); `until` None: no departure yet; `overdue`: it
    should have had one."""

    ref: str
    home: str
    person: str | None
    since: datetime
    until: datetime | None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """That a visit does not take place: `why` is a `gateway.events.Undone` value, `planned` the
    plan's id, None where none was named."""

    ref: str
    home: str
    person: str | None
    at: datetime
    why: str
    planned: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """One line: what was planned (None: unplanned), the visits that answer it, what was told of it
    instead, and how they differ."""

    home: str
    planned: PlannedVisit | None
    done: tuple[DoneVisit, ...]
    undone: Undone | None
    deviations: tuple[Deviation, ...]

    @property
    def at(self) -> datetime:
        """Where the line stands in the day."""
        if self.planned is not None:
            return self.planned.since
        return self.done[0].since if self.done else self.undone.at  # type: ignore[union-attr]


def compare(
    planned: Sequence[PlannedVisit],
    done: Sequence[DoneVisit],
    undone: Sequence[Undone],
    *,
    now: datetime,
    tolerance: timedelta,
    is_away: Callable[[str, datetime], bool] = lambda _home, _at: False,
) -> list[Compared]:
    """The lines by time.  `is_away(home, at)`: the resident was known to be away."""
    answers = _match(planned, done)
    undone_of = {one.planned: one for one in undone if one.planned is not None}
    known = {visit.id for visit in planned}
    lines = []
    for visit in planned:
        here = tuple(sorted(answers.get(visit.id, ()), key=lambda one: one.since))
        said = undone_of.get(visit.id)
        away = is_away(visit.home, visit.since)
        differs = tuple(_deviations(visit, here, said, away, now, tolerance))
        lines.append(Compared(visit.home, visit, here, said, differs))
    taken = {one.ref for some in answers.values() for one in some}
    for one in done:
        if one.ref not in taken:
            ends = (Deviation.NO_DEPARTURE,) if one.overdue and one.until is None else ()
            lines.append(Compared(one.home, None, (one,), None, (Deviation.UNPLANNED, *ends)))
    for said in undone:
        if said.planned not in known:
            lines.append(Compared(said.home, None, (), said, (Deviation(said.why),)))
    return sorted(lines, key=lambda line: (line.at, line.home))


def _match(
    planned: Sequence[PlannedVisit], done: Iterable[DoneVisit]
) -> dict[str, list[DoneVisit]]:
    by_home: dict[str, list[PlannedVisit]] = {}
    for visit in planned:
        by_home.setdefault(visit.home, []).append(visit)
    pairs = []
    for one in done:
        for visit in by_home.get(one.home, ()):
            if visit.since - REACH <= one.since <= visit.until + REACH:
                named = one.person in visit.people
                far = abs(one.since - visit.since)
                pairs.append((not named, far, visit.since, visit.id, one.ref, visit, one))
    by_plan: dict[str, list[DoneVisit]] = {}
    taken: set[str] = set()
    for *_score, visit, one in sorted(pairs, key=lambda pair: pair[:5]):
        some = by_plan.setdefault(visit.id, [])
        full = len(some) >= visit.staff_needed
        twice = any(other.person == one.person for other in some)
        if one.ref not in taken and not full and not twice:
            some.append(one)
            taken.add(one.ref)
    return by_plan


def _deviations(
    visit: PlannedVisit,
    done: Sequence[DoneVisit],
    said: Undone | None,
    away: bool,
    now: datetime,
    tolerance: timedelta,
) -> Iterable[Deviation]:
    over = now > visit.until + tolerance
    if not done:
        if said is not None:
            yield Deviation(said.why)
        elif away:
            yield Deviation.ABSENT
        elif over:
            yield Deviation.MISSED
        return
    first = done[0].since
    if first > visit.since + tolerance:
        yield Deviation.LATE
    elif first < visit.since - tolerance:
        yield Deviation.EARLY
    lengths = [one.until - one.since for one in done if one.until is not None]
    if lengths and len(lengths) == len(done):
        wanted = visit.until - visit.since
        if max(lengths) < wanted - tolerance:
            yield Deviation.SHORT
        elif max(lengths) > wanted + tolerance:
            yield Deviation.LONG
    if len(done) < visit.staff_needed and over:
        yield Deviation.FEWER
    if not visit.open_place and any(one.person not in visit.people for one in done):
        yield Deviation.SOMEBODY_ELSE
    if any(one.overdue and one.until is None for one in done):
        yield Deviation.NO_DEPARTURE
