"""The scene `day`: a morning in warped time, with what a day has of lines that break and come back,
slow and hostile homes, alarms, doors, and staff who click through their pages.

Not for: a crowd at one moment (`storm`).
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from datetime import timedelta
from random import Random

from gateway.envelope import Draft
from tests.load import hostile, life, proof
from tests.load.figures import Figures
from tests.load.home import LoadHome
from tests.load.ledger import Ledger
from tests.load.life import Doing
from tests.load.staffroom import Staffroom
from tests.load.storm import HOSTILE, SLOW_BYTES_S, SLOW_SHARE, await_all, go_away
from tests.load.town import Town

BEGIN = timedelta(hours=6)
"""When the scene begins, after midnight: people get up, and a day is at its busiest."""

EVENTS_DAY = 430
"""Events of one home in a day (`tests.made_homes`, a mat that chatters)."""

EVENTS_S_MAX = 60.0
"""Events a second of all homes together at the most: time runs as fast as that allows."""

WARP_MAX = 600.0
"""So fast does time run at the most: a minute of it is 0.1 s, as in the demo."""

OUT_SHARE = 0.1
"""Homes that lose their line in the scene, for a tenth to a third of it."""

ALARM_SHARE = 0.05
"""Homes that have an alarm in the scene; at least three."""

START_S = 5.0
"""Seconds within which the homes come on the line."""

END_S = 60.0
"""Seconds after the scene for what still waits."""


def warp(homes: int, seconds: float) -> float:
    """How many times faster than real time the scene runs."""
    real = homes * EVENTS_DAY / 86_400
    return max(1.0, min(86_400 / seconds, EVENTS_S_MAX / real, WARP_MAX))


def extra_homes(_homes: int) -> int:
    """Homes beside those that live: the hostile, and one that they attack."""
    return HOSTILE + 1


def play(town: Town, homes: int, seconds: float) -> Figures:
    """Live for so many real seconds."""
    many, victim = town.homes[:homes], town.homes[homes]
    bad = town.homes[homes + 1 : homes + 1 + HOSTILE]
    rng = Random(5)
    for home in rng.sample(many, max(1, round(homes * SLOW_SHARE))):
        home.slow_bytes_s = SLOW_BYTES_S
    ledger = Ledger()
    watching = Staffroom(town, ledger, everywhere=True)
    loose = hostile.set_loose(bad, victim, town.url, ledger)
    _come(town, many, ledger)
    began_s = time.perf_counter()
    alarms = _live(town, many, ledger, seconds, rng)
    for one in loose:
        one.stop()
    arrived = await_all(many, END_S)
    took_s = time.perf_counter() - began_s
    watching.close()
    town.look()
    with town.parts() as parts:
        proof.settle(parts, many)
    go_away(many)
    return Figures.of_day(
        town, many, ledger, alarms=alarms, took_s=took_s if arrived else None,
        began_s=began_s, screens=watching.screens,
    )  # fmt: skip


def _come(town: Town, homes: list[LoadHome], ledger: Ledger) -> None:
    """All come on the line."""
    for home in homes:
        home.start(town.url, ledger)
        time.sleep(START_S / len(homes))


def _live(town: Town, homes: list[LoadHome], ledger: Ledger, seconds: float, rng: Random) -> int:
    """What happens in the homes, in order of time, until `seconds` have passed; how many alarms
    were raised."""
    pace = warp(len(homes), seconds)
    count = max(3, round(len(homes) * ALARM_SHARE))
    alarms = [(rng.uniform(0.05, 0.9) * seconds, rng.choice(homes)) for _ in range(count)]
    outs = list(_outages(homes, seconds, rng))
    plan: list[tuple[float, int, LoadHome, str]] = [
        *((at_s, 0, home, "alarm") for at_s, home in alarms),
        *((at_s, 1, home, what) for at_s, home, what in outs),
    ]
    plan = [(at_s, number, home, what) for number, (at_s, _, home, what) in enumerate(plan)]
    lives = {home: life.day(number, BEGIN) for number, home in enumerate(homes)}
    doing: dict[int, tuple[Iterator[Doing], Doing]] = {}
    for number, (home, stream) in enumerate(lives.items(), len(plan)):
        doing[number] = (stream, next(stream))
        plan.append((_real_s(doing[number][1], pace), number, home, "doing"))
    heapq.heapify(plan)
    began_s = time.perf_counter()
    while plan and plan[0][0] < seconds:
        at_s, number, home, what = heapq.heappop(plan)
        time.sleep(max(0.0, began_s + at_s - time.perf_counter()))
        if what == "doing":
            stream, now = doing[number]
            home.write(Draft(now.data, device=now.device))
            doing[number] = (stream, next(stream))
            heapq.heappush(plan, (_real_s(doing[number][1], pace), number, home, "doing"))
        elif what == "alarm":
            home.urgent([home.raise_alarm()])
        elif what == "out":
            home.stop()
        else:
            home.start(town.url, ledger)
    return count


def _real_s(doing: Doing, pace: float) -> float:
    return (doing.after - BEGIN).total_seconds() / pace


def _outages(
    homes: list[LoadHome], seconds: float, rng: Random
) -> Iterator[tuple[float, LoadHome, str]]:
    for home in rng.sample(homes, max(1, round(len(homes) * OUT_SHARE))):
        out_s = rng.uniform(0.05, 0.5) * seconds
        yield out_s, home, "out"
        yield out_s + rng.uniform(0.1, 0.33) * seconds, home, "back"
