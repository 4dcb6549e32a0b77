"""Who would be reached: for a home, an hour and a kind of alarm, in order; and when nobody would.

What does not depend on the hour (people, teams, roles, centres) is asked once; which ladder it is,
and who is on call, is looked up for each half-hour.  Not for: reaching anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from web.staff.ladders import choosing, receivers, rotas, steps
from web.staff.ladders.choosing import Ladders
from web.staff.ladders.receivers import Asked, Reached
from web.staff.ladders.rotas import Span
from web.staff.ladders.steps import Ladder, Step

EVERY = timedelta(minutes=30)
"""How closely a week is looked at: shifts begin at whole and half hours, and a hole that is shorter
is bridged by the ladder's rounds."""

ANY_ALARM = ""
"""A type that no ladder of certain types is for: what most alarms climb."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The ladder, and for each step its time-out and who it reaches then; who has no address is
    there too, with no contacts."""

    ladder: Ladder
    steps: tuple[tuple[Step, tuple[Reached, ...]], ...]

    @property
    def reaches(self) -> bool:
        """Whether anybody hears of it."""
        return any(one.contacts for _, told in self.steps for one in told)


def at(
    conn: Connection,
    channels: Collection[str],
    home: str,
    when: datetime,
    severity: str,
    about: str = ANY_ALARM,
) -> Foreseen | None:
    """What happens to an alarm that is raised then; None: there is no such home."""
    ladders = choosing.read(conn, [home])
    if home not in ladders.places:
        return None
    ladder = ladders.choose(home, about, severity, when)
    org = ladders.places[home].org
    asked = [Asked(org, step, frozenset({home}), severity) for step in ladder.steps]
    told = receivers.resolve(conn, asked, channels, when)
    found = (tuple(each[home]) for each in told)
    return Foreseen(ladder, tuple(zip(ladder.steps, found, strict=True)))


def holes(
    conn: Connection,
    channels: Collection[str],
    home: str,
    first: datetime,
    last: datetime,
    severity: str,
) -> list[Span]:
    """When an alarm of this home would reach nobody, between two moments."""
    ladders = choosing.read(conn, [home])
    if home not in ladders.places:
        return []
    org = ladders.places[home].org
    known = _reachable(conn, channels, org, ladders, home, (first, last), severity)
    found: list[Span] = []
    when = first
    while when < last:
        ladder = ladders.choose(home, ANY_ALARM, severity, when)
        if not known[ladder.id].is_reached(when):
            until = min(when + EVERY, last)
            if found and found[-1].until == when:
                found[-1] = Span(found[-1].since, until)
            else:
                found.append(Span(when, until))
        when += EVERY
    return found


@dataclass(frozen=True, slots=True)
class _Reach:
    """`always`: somebody is reached at any hour; `spans`: when somebody on call is."""

    always: bool
    spans: Sequence[Span]

    def is_reached(self, when: datetime) -> bool:
        return self.always or any(one.since <= when < one.until for one in self.spans)


def _reachable(
    conn: Connection,
    channels: Collection[str],
    org: str,
    ladders: Ladders,
    home: str,
    time: tuple[datetime, datetime],
    severity: str,
) -> Mapping[str, _Reach]:
    """Each ladder that this home may climb, by its id."""
    first = time[0]
    built = [ladders.choose(home, ANY_ALARM, severity, first + EVERY * n) for n in _slots(time)]
    reach = {}
    for ladder in {one.id: one for one in built}.values():
        rest, on_call = _split(ladder)
        asked = [Asked(org, step, frozenset({home}), severity) for step in rest]
        told = receivers.resolve(conn, asked, channels, first)
        always = any(one.contacts for each in told for one in each[home])
        spans: list[Span] = []
        if not always:
            for rota in sorted(on_call):
                spans += _covered(conn, channels, org, rota, time, severity)
        reach[ladder.id] = _Reach(always, spans)
    return reach


def _slots(time: tuple[datetime, datetime]) -> range:
    return range(max(1, -((time[0] - time[1]) // EVERY)))


def _split(ladder: Ladder) -> tuple[list[Step], set[str]]:
    """Its steps without rotas, and the rotas."""
    rest, on_call = [], set()
    for step in ladder.steps:
        others = tuple(one for one in step.receivers if not isinstance(one, steps.OnCall))
        on_call |= {one.id for one in step.receivers if isinstance(one, steps.OnCall)}
        if others:
            rest.append(step.model_copy(update={"receivers": others}))
    return rest, on_call


def _covered(
    conn: Connection,
    channels: Collection[str],
    org: str,
    rota: str,
    time: tuple[datetime, datetime],
    severity: str,
) -> Iterator[Span]:
    """When somebody of this rota is on call who is reached."""
    found = rotas.shifts(conn, rota, *time)
    people = tuple(steps.Person(id=one) for one in sorted({shift.person for shift in found}))
    reached: set[str] = set()
    for start in range(0, len(people), steps.RECEIVERS_MAX):
        step = Step(receivers=people[start : start + steps.RECEIVERS_MAX])
        asked = Asked(org, step, frozenset({""}), severity)
        (told,) = receivers.resolve(conn, [asked], channels, time[0])
        reached |= {one.key for one in told[""] if one.contacts}
    for shift in found:
        if shift.person in reached:
            yield Span(shift.since, shift.until)
