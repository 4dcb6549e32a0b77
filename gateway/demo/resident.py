"""A virtual resident: sleeps, gets up, comes back, falls; and presses the mat as people do.

Real mats chatter: pulses of 1–2 s on, and on for only 40 % of the time that somebody lies in the
bed (measured on the recorded home kasteren_b).  Everything is drawn from a seed.

Not for: what the gateway makes of it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator
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

LOOK_S = 0.02
"""Real seconds between looks at a clock whose pace may change."""


class Mat(Protocol):
    """A virtual mat."""

    def press(self) -> None: ...

    def release(self) -> None: ...


class Act(StrEnum):
    """What the resident does."""

    TO_BED = "to_bed"
    GET_UP = "get_up"
    LIE_STILL = "lie_still"
    """In bed, and the mat stays pressed: a pause in which time may jump."""
    FALL = "fall"
    """Out of bed and not back; nothing else moves."""


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
    """Lives by the clock until cancelled; `do` overrides the plan."""

    def __init__(self, seed: int, mat: Mat, clock: Clock, timezone: str) -> None:
        self._rng = random.Random(seed)
        self._mat = mat
        self._clock = clock
        self._zone = ZoneInfo(timezone)
        self._in_bed = False
        self._fallen = False
        self._still = False
        self._changed = asyncio.Event()

    @property
    def in_bed(self) -> bool:
        """Whether the resident lies in bed."""
        return self._in_bed

    def do(self, act: Act) -> None:
        """Do this now, whatever the plan says; after a fall only `to_bed` helps."""
        self._fallen = act is Act.FALL
        self._still = act is Act.LIE_STILL
        self._in_bed = act in (Act.TO_BED, Act.LIE_STILL)
        if self._still:
            self._mat.press()
        self._changed.set()

    async def run(self, *, planned: bool = True) -> None:
        """Live; with `planned` False only by `do`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lie())
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
                await self._until(at)
                if not self._fallen:
                    self.do(act)
            day += timedelta(days=1)

    async def _lie(self) -> None:
        pulses = chatter(self._rng)
        while True:
            if not self._in_bed or self._still:
                if not self._in_bed:
                    self._mat.release()
                self._changed.clear()
                await self._changed.wait()
                continue
            pressed, seconds = next(pulses)
            if pressed:
                self._mat.press()
            else:
                self._mat.release()
            seconds = max(seconds, STEADY_S * self._clock.rate())
            await self._until(self._clock.now() + timedelta(seconds=seconds), or_changed=True)

    async def _until(self, at: datetime, *, or_changed: bool = False) -> None:
        lay = (self._in_bed, self._still)
        while self._clock.now() < at and not (or_changed and (self._in_bed, self._still) != lay):
            rate = max(self._clock.rate(), 0.001)
            left_s = (at - self._clock.now()).total_seconds() / rate
            await asyncio.sleep(max(0.0, min(left_s, LOOK_S)))
