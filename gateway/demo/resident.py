"""A virtual resident: sleeps, gets up, goes to the bathroom, falls; and moves the home's sensors as
people do.

Real mats chatter: pulses of 1–2 s on, and on for only 40 % of the time that somebody lies in the
bed (measured on the recorded home kasteren_b).  Everything is drawn from a seed.

Not for: what the gateway makes of it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from gateway.clock import Clock

PULSE_S = 1.7
"""Median seconds of a pulse (recorded: 1–2 s)."""

GAP_S = 1.8
"""Median seconds between pulses; with the spreads below the mat is on 40 % of the time."""

PULSE_SPREAD = 0.5
GAP_SPREAD = 1.0
"""Sigmas of the two log-normal distributions."""

STEADY_S = 0.3
"""Real seconds that the mat stays as it is at the least: in fast time a pulse would be shorter than
any contact's, and the driver would rightly call it a loose plug."""

STEP_S = 2.0
"""Seconds of a foot on the mat by the bed."""

WALK_S = 15.0
"""Seconds from the bed to the bathroom."""

SEEN_S, UNSEEN_S = 20.0, 25.0
"""Seconds that a detector holds after a movement, and that somebody in a bathroom sits still."""

LOOK_S = 0.02
"""Real seconds between looks at a clock whose pace may change."""


class Mat(Protocol):
    """A virtual mat."""

    def press(self) -> None: ...

    def release(self) -> None: ...


class Detector(Protocol):
    """A virtual motion detector."""

    def close(self) -> None: ...

    def open(self) -> None: ...


@dataclass(frozen=True, slots=True)
class House:
    """What the resident touches: the bed's mat, the mat on the floor beside it, and the detector in
    the bathroom."""

    bed: Mat
    floor: Mat
    bathroom: Detector


class Act(StrEnum):
    """What the resident does."""

    TO_BED = "to_bed"
    GET_UP = "get_up"
    """Out of bed, over the mat, to the bathroom, and about there."""
    LIE_STILL = "lie_still"
    """In bed, and the mat stays pressed: a pause in which time may jump."""
    FALL = "fall"
    """Out of bed and onto the mat beside it, where the resident stays lying."""
    FALL_BEYOND = "fall_beyond"
    """Out of bed and beyond the mat; nothing else moves."""


LIES = (Act.FALL, Act.FALL_BEYOND)
"""Acts after which only somebody else gets the resident to bed."""


def chatter(rng: random.Random) -> Iterator[tuple[bool, float]]:
    """Pressed or not, and for how many seconds, for as long as somebody lies there."""
    while True:
        yield True, rng.lognormvariate(math.log(PULSE_S), PULSE_SPREAD)
        yield False, rng.lognormvariate(math.log(GAP_S), GAP_SPREAD)


def night(rng: random.Random, evening: datetime) -> list[tuple[datetime, Act]]:
    """One night's plan from `evening` (aware, local): to bed, up once or twice, up in the
    morning."""
    begin = evening.replace(hour=22, minute=0, second=0, microsecond=0)

    def after(minutes: float) -> datetime:
        return begin + timedelta(minutes=minutes)

    plan = [(after(rng.uniform(10, 50)), Act.TO_BED)]
    for around in rng.sample([150, 270, 390], rng.choice([1, 2])):
        up = around + rng.uniform(-30, 30)
        plan += [(after(up), Act.GET_UP), (after(up + rng.uniform(4, 10)), Act.TO_BED)]
    plan.append((after(rng.uniform(510, 560)), Act.GET_UP))
    return sorted(plan)


class Resident:
    """Lives by the clock until cancelled; `do` overrides the plan, and while `waits` says that
    somebody is needed the plan stands still."""

    def __init__(
        self,
        seed: int,
        house: House,
        clock: Clock,
        timezone: str,
        waits: Callable[[], bool] = lambda: False,
    ) -> None:
        self._waits = waits
        self._rng = random.Random(seed)
        self._house = house
        self._clock = clock
        self._zone = ZoneInfo(timezone)
        self._in_bed = False
        self._act: Act | None = None
        self._fell_at: datetime | None = None
        self._changed = asyncio.Event()

    @property
    def in_bed(self) -> bool:
        """Whether the resident lies in bed."""
        return self._in_bed

    @property
    def lies(self) -> bool:
        """Whether the resident fell and was not helped up."""
        return self._act in LIES

    def helped(self, at: datetime) -> None:
        """Somebody was here, and said so at `at` (aware).  What was said before the fall, and is
        only heard now, helps nobody up."""
        if self.lies and self._fell_at is not None and at > self._fell_at:
            self.do(Act.TO_BED)

    def do(self, act: Act) -> None:
        """Do this now, whatever the plan says; after a fall only `to_bed` helps."""
        self._act = act
        self._fell_at = self._clock.now() if act in LIES else None
        self._in_bed = act in (Act.TO_BED, Act.LIE_STILL)
        if act is Act.LIE_STILL:
            self._house.bed.press()
        self._changed.set()

    async def run(self, *, planned: bool = True) -> None:
        """Live; with `planned` False only by `do`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live())
            if planned:
                tasks.create_task(self._plan())

    async def _plan(self) -> None:
        day = self._clock.now().astimezone(self._zone)
        while True:
            for at, act in night(self._rng, day):
                if at < self._clock.now():
                    if act is not Act.GET_UP or self._in_bed:
                        self.do(act)  # the plan began earlier: be where it says
                    continue
                await self._until(at, or_needed=True)
                if not self.lies:
                    self.do(act)
            day += timedelta(days=1)

    async def _live(self) -> None:
        pulses = chatter(self._rng)
        while True:
            self._changed.clear()
            match self._act:
                case Act.TO_BED:
                    await self._lie(pulses)
                case Act.LIE_STILL:
                    await self._changed.wait()
                case Act.GET_UP:
                    await self._be_up()
                case Act.FALL | Act.FALL_BEYOND as act:
                    self._leave_bed()
                    if act is Act.FALL:
                        self._house.floor.press()
                    await self._changed.wait()
                    self._house.floor.release()
                case None:
                    await self._changed.wait()

    async def _lie(self, pulses: Iterator[tuple[bool, float]]) -> None:
        self._house.bathroom.open()
        while not self._changed.is_set():
            pressed, seconds = next(pulses)
            if pressed:
                self._house.bed.press()
            else:
                self._house.bed.release()
            await self._pass(seconds)

    async def _be_up(self) -> None:
        self._leave_bed()
        self._house.floor.press()
        await self._pass(STEP_S)
        self._house.floor.release()
        await self._pass(WALK_S)
        while not self._changed.is_set():
            self._house.bathroom.close()
            await self._pass(SEEN_S)
            self._house.bathroom.open()
            await self._pass(UNSEEN_S)

    def _leave_bed(self) -> None:
        self._house.bed.release()
        self._house.bathroom.open()

    async def _pass(self, seconds: float) -> None:
        """So many seconds of the home's time, or until something else is done."""
        seconds = max(seconds, STEADY_S * self._clock.rate())
        await self._until(self._clock.now() + timedelta(seconds=seconds), or_changed=True)

    async def _until(
        self, at: datetime, *, or_changed: bool = False, or_needed: bool = False
    ) -> None:
        """Until `at`; not longer than to another act with `or_changed`, and for as long as somebody
        is needed with `or_needed`."""
        while self._clock.now() < at or (or_needed and self._waits()):
            if or_changed and self._changed.is_set():
                return
            rate = max(self._clock.rate(), 0.001)
            left_s = (at - self._clock.now()).total_seconds() / rate
            await asyncio.sleep(min(left_s, LOOK_S) if left_s > 0 else LOOK_S)
