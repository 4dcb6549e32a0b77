"""Figures over many alarms that point at nobody: counts, false alarms, percentiles of the response.

A group of a few is hidden (`few`).  What rang in many homes at once counts once.

Pure: no database, no clock, no texts.  Not for: one alarm's times (`response_times`), or which
alarms somebody may count.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from gateway.events import AlarmFinding, AlarmOutcome, Trait, alarm_type
from web.staff.care.few import FEW, hidden, is_few
from web.staff.care.response_times import Answered, Response, percentile

FEW_FOR_P90 = 10
"""Of fewer the ninth decile is the longest of them: one person's own time."""

GATHERED = timedelta(minutes=10)
"""Alarms with a common cause within this of the one before are one: homes fall silent over minutes,
as their time-outs pass."""

GATHERED_HOMES = 5
"""… in so many homes at least; fewer are each their own."""

FALSE = frozenset({AlarmFinding.FALSE_PRESS.value, AlarmFinding.SENSOR_WRONG.value})

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Spread:
    """Half of the alarms took `p50` at the most, nine of ten `p90`; None: too few to say."""

    p50: timedelta | None
    p90: timedelta | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One group.  `count` None: hidden; `false` likewise, where the count is shown."""

    count: int | None
    false: int | None
    delivered: Spread
    acknowledged: Spread
    arrived: Spread
    resolved: Spread


NOTHING = Spread(None, None)
HIDDEN = Figures(None, None, NOTHING, NOTHING, NOTHING, NOTHING)


def is_false(one: Answered) -> bool:
    """Whether there was no cause: pressed by mistake, or a sensor or a rule was wrong."""
    if one.finding is not None:
        return one.finding in FALSE
    return one.outcome == AlarmOutcome.FALSE.value


def found(one: Answered) -> str:
    """What an alarm was: its finding; `cancelled`, or the outcome of one that was closed without;
    `open`."""
    return one.finding or one.outcome or "open"


def once_each(alarms: Iterable[Answered]) -> list[Answered]:
    """The alarms, by when they were raised, with those of one cause in many homes as one that
    belongs to no home (`home` empty)."""
    told: list[Answered] = []
    shared: dict[str, list[Answered]] = {}
    for one in alarms:
        common = one.type is not None and Trait.COMMON_CAUSE in alarm_type(one.type).traits
        if common and one.type is not None:
            shared.setdefault(one.type, []).append(one)
        else:
            told.append(one)
    for same in shared.values():
        for group in _near(same):
            homes = {one.home for one in group}
            told += [_as_one(group)] if len(homes) >= GATHERED_HOMES else group
    return sorted(told, key=lambda one: one.raised_at)


def _near(alarms: Iterable[Answered]) -> list[list[Answered]]:
    groups: list[list[Answered]] = []
    for one in sorted(alarms, key=lambda one: one.raised_at):
        if groups and one.raised_at - groups[-1][-1].raised_at <= GATHERED:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _as_one(group: Sequence[Answered]) -> Answered:
    """It was answered when the first of them was, and over when the last was."""
    first = group[0]

    def since_first(name: str) -> list[timedelta]:
        took = [(one.raised_at, getattr(one.response, name)) for one in group]
        return [at + after - first.raised_at for at, after in took if after is not None]

    resolved = since_first("resolved")
    response = Response(
        min(since_first("delivered"), default=None),
        min(since_first("acknowledged"), default=None),
        min(since_first("arrived"), default=None),
        max(resolved) if len(resolved) == len(group) else None,
    )
    return replace(first, home="", response=response)


def figures(alarms: Sequence[Answered]) -> Figures:
    """Of one group, large enough to be shown.  Trials count, and take no part in how long help
    took."""
    real = [one.response for one in alarms if one.finding != AlarmFinding.TEST.value]
    false = sum(map(is_false, alarms))
    return Figures(
        count=len(alarms),
        false=None if is_few(false) or is_few(len(alarms) - false) else false,
        delivered=_spread(one.delivered for one in real),
        acknowledged=_spread(one.acknowledged for one in real),
        arrived=_spread(one.arrived for one in real),
        resolved=_spread(one.resolved for one in real),
    )


def _spread(times: Iterable[timedelta | None]) -> Spread:
    known = [time for time in times if time is not None]
    return Spread(
        percentile(known, 0.5) if len(known) >= FEW else None,
        percentile(known, 0.9) if len(known) >= FEW_FOR_P90 else None,
    )


def whole(alarms: Sequence[Answered]) -> Figures:
    """All of them as one group; hidden where they are few."""
    return HIDDEN if is_few(len(alarms)) else figures(alarms)


def by(
    alarms: Iterable[Answered],
    key: Callable[[Answered], K | None],
    part: Callable[[K], Hashable] = lambda _name: None,
) -> dict[K, Figures]:
    """The figures of each group, largest first; what has no key is in none.  The sum of all groups
    may be known beside them, of the alarms and of the false ones, and the sums of their parts."""
    groups: dict[K, list[Answered]] = {}
    for one in alarms:
        name = key(one)
        if name is not None:
            groups.setdefault(name, []).append(one)
    gone = hidden({name: len(group) for name, group in groups.items()}, part)
    shown = {
        name: HIDDEN if name in gone else figures(group)
        for name, group in sorted(groups.items(), key=lambda item: -len(item[1]))
    }
    return _without_false(shown, groups)


def _without_false(
    shown: Mapping[K, Figures], groups: Mapping[K, Sequence[Answered]]
) -> dict[K, Figures]:
    """The same, with the counts of false alarms left out that a difference would give away."""
    false = {name: sum(map(is_false, group)) for name, group in groups.items()}
    other = {name: len(group) - false[name] for name, group in groups.items()}
    gone = {name for name, one in shown.items() if one.false is None}
    left = sorted((name for name in shown if name not in gone), key=lambda name: false[name])

    def few(counts: Mapping[K, int]) -> bool:
        return is_few(sum(counts[name] for name in gone))

    while gone and left and (len(gone) < 2 or few(false) or few(other)):
        gone.add(left.pop(0))
    return {name: replace(one, false=None) if name in gone else one for name, one in shown.items()}
