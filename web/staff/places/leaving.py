"""When somebody was outside their zones, by the times of the fixes.  Pure.

`outings` is given fixes in any order and sorts them by their own time, so that it makes no
difference when they came, how often, or in what order.  A fix is a point with a circle around it;
where that circle straddles a zone's edge it says nothing by itself, and several in a row do.  What
cannot have been travelled is set aside until others say the same.  Where no zone holds (outside its
hours, while the resident is away with everybody's knowledge) nothing is judged.

Not for: fixes of the future and older than is kept (`positions`), alarms, or reading a clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from zoneinfo import ZoneInfo

from web.staff.places.fixes import Fix
from web.staff.places.geometry import Shape, distance_m, outside_m

ACC_UNKNOWN_M = 50.0
"""Radius that a fix without one is given: what a phone reaches among houses."""

COARSE_M = 500.0
"""A fix less exact than that is of a mast, and the next one of the same mast errs with it: several
are no more than one."""

SEVERAL = 3
"""Fixes in a row whose centre lies outside, each of which says nothing by itself: by chance one in
two would, on the edge itself; together they are a leaving."""

SEVERAL_WITHIN = timedelta(minutes=2)
"""How long those must last at least: a receiver's error moves slowly, fixes of one moment err
alike."""

BACK = 3
"""What it takes to be back: a fix that is surely inside counts 2, one whose centre is inside 1.  A
single one could be the receiver's error, and would end an alarm about somebody who is out."""

SPEED_MAX_MPS = 60.0
"""216 km/h: the fastest trains here do 200."""

AGREE = 3
"""Fixes that say the same in a row after a jump, until it is believed."""


class Ended(StrEnum):
    """How an outing ended."""

    BACK = "back"
    UNJUDGED = "unjudged"
    """No zone held any longer."""
    NEVER = "never"
    """Fixes that came later showed that it was none."""


@dataclass(frozen=True, slots=True)
class Outing:
    """Outside from `left_at` to `until` (None: still)."""

    left_at: datetime
    until: datetime | None = None
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` up to `until` (None: without end)."""

    since: datetime
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether this time lies in it."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Zone:
    """Where the resident may be, from when to when it was drawn; `hours` in minutes of the day in
    `timezone` (None: around the clock; 1320 to 360: the night)."""

    shape: Shape
    drawn: Span
    hours: tuple[int, int] | None = None
    timezone: str = "Europe/Stockholm"

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at this time."""
        if not self.drawn.holds(at):
            return False
        if self.hours is None:
            return True
        here = at.astimezone(ZoneInfo(self.timezone))
        minute, (first, last) = here.hour * 60 + here.minute, self.hours
        if first <= last:
            return first <= minute < last
        return minute >= first or minute < last


class Side(Enum):
    """What one fix says by itself."""

    INSIDE = auto()
    OUTSIDE = auto()
    MAYBE_INSIDE = auto()
    """The circle straddles the edge, and its centre is inside."""
    MAYBE_OUTSIDE = auto()
    FREE = auto()
    """No zone holds."""


def side(fix: Fix, zones: Iterable[Zone], away: Iterable[Span]) -> Side:
    """What a fix says by itself; inside any of the zones is inside."""
    holding = [zone for zone in zones if zone.holds(fix.at)]
    if not holding or any(span.holds(fix.at) for span in away):
        return Side.FREE
    beyond = min(outside_m(zone.shape, fix.point) for zone in holding)
    within = radius_of(fix)
    if beyond > within:
        return Side.OUTSIDE
    if beyond < -within:
        return Side.INSIDE
    return Side.MAYBE_OUTSIDE if beyond > 0 else Side.MAYBE_INSIDE


def radius_of(fix: Fix) -> float:
    """Metres within which the fix lies."""
    return ACC_UNKNOWN_M if fix.acc_m is None else fix.acc_m


# --- what can be believed -------------------------------------------------------------------------


def credible(fixes: Sequence[Fix]) -> Iterator[Fix]:
    """Of fixes in the order of their times, those that can have been reached from the one before;
    what jumps is left out until `AGREE` of them say the same."""
    last: Fix | None = None
    doubted: list[Fix] = []
    for fix in fixes:
        if last is None or _reachable(last, fix):
            doubted.clear()
            last = fix
            yield fix
            continue
        if doubted and not _reachable(doubted[-1], fix):
            doubted.clear()
        doubted.append(fix)
        if len(doubted) >= AGREE:
            yield from doubted
            last = fix
            doubted.clear()


def _reachable(one: Fix, two: Fix) -> bool:
    apart = distance_m(one.point, two.point) - radius_of(one) - radius_of(two)
    took_s = max(1.0, (two.at - one.at).total_seconds())
    return apart / took_s <= SPEED_MAX_MPS


# --- out and back ---------------------------------------------------------------------------------


@dataclass
class _Judge:
    """Goes through fixes in order."""

    found: list[Outing] = field(default_factory=list)
    out: Outing | None = None
    run: list[Fix] = field(default_factory=list)
    """Those in a row that speak for the other side, by themselves not enough."""
    weight: int = 0

    def see(self, fix: Fix, where: Side) -> None:
        if where is Side.FREE:
            self._over(fix.at, Ended.UNJUDGED)
        elif self.out is None:
            self._inside(fix, where)
        else:
            self._outside(fix, where)

    def _inside(self, fix: Fix, where: Side) -> None:
        if where in (Side.INSIDE, Side.MAYBE_INSIDE):
            self._forget()
            return
        if where is Side.MAYBE_OUTSIDE and radius_of(fix) > COARSE_M:
            return
        self.run.append(fix)
        lasted = fix.at - self.run[0].at >= SEVERAL_WITHIN
        if where is Side.OUTSIDE or (len(self.run) >= SEVERAL and lasted):
            self.out = Outing(self.run[0].at)
            self._forget()

    def _outside(self, fix: Fix, where: Side) -> None:
        if where in (Side.OUTSIDE, Side.MAYBE_OUTSIDE):
            self._forget()
            return
        if where is Side.MAYBE_INSIDE and radius_of(fix) > COARSE_M:
            return
        self.run.append(fix)
        self.weight += 2 if where is Side.INSIDE else 1
        if self.weight >= BACK and fix.at - self.run[0].at >= SEVERAL_WITHIN:
            self._over(self.run[0].at, Ended.BACK)

    def _over(self, at: datetime, how: Ended) -> None:
        if self.out is not None:
            self.found.append(Outing(self.out.left_at, at, how))
        self.out = None
        self._forget()

    def _forget(self) -> None:
        self.run.clear()
        self.weight = 0


def outings(
    fixes: Collection[Fix],
    zones: Sequence[Zone],
    away: Sequence[Span] = (),
    *,
    out_since: datetime | None = None,
) -> list[Outing]:
    """When the resident was outside, the first first.  `away`: when they are known to be away.
    `out_since`: they were outside already when these fixes begin, since then."""
    judge = _Judge(out=None if out_since is None else Outing(out_since))
    for fix in credible(sorted(fixes, key=lambda one: one.at)):
        judge.see(fix, side(fix, zones, away))
    return [*judge.found, *([judge.out] if judge.out is not None else [])]
