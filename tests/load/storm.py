"""The scene `storm`: everybody comes back at once.

After three hours without a line each home has its events and some have an alarm; they return within
seconds, with batches, urgent requests and streams at once, while every screen shows *Nu*.  Slow and
hostile homes are among them.

Not for: judging the figures (`tests/bench/storm.py`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from random import Random
from threading import Thread

from tests.load import hostile, life, proof
from tests.load.figures import Figures
from tests.load.home import LoadHome
from tests.load.ledger import Ledger, Stopwatch
from tests.load.staffroom import Staffroom
from tests.load.town import Town

AWAY_H = 3.0
"""Hours without a line."""

EVENTS = 300
"""Events of each home in that time."""

WITHIN_S = 10.0
"""Seconds within which all come back: a mobile network that is there again."""

CALM_S = 12.0
"""Seconds for which the same screens are looked at when all is over."""

TIMEOUT_S = 240.0
"""Seconds after which a storm is called off, slow modems and all: what has not arrived then is told
as missing, and the figures are of what was.  A thousand homes on two slow cores, with all that is
around it, end within eight minutes."""

TELL_S = 10.0
"""Seconds between two lines of how far it has come."""

LOOK_S = 0.05
"""Seconds between looks whether everything has arrived."""

SLOW_SHARE, SLOW_BYTES_S = 0.01, 4000.0
"""One home in a hundred has a modem of 32 kbit/s."""

HOSTILE = 2
"""Homes that mean harm."""


def extra_homes(homes: int) -> int:
    """Homes beside those that come back: for the calm rate, and the hostile."""
    return _calm_homes(homes) + HOSTILE


def _calm_homes(homes: int) -> int:
    return max(3, homes // 20)


def away(homes: Sequence[LoadHome], town: Town, events: int) -> None:
    """Three hours of each home's log, not yet sent."""
    now = town.clock.now()
    for home in homes:
        life.away(home.log, home.rng, now, hours=AWAY_H, count=events)


def calm_rate(town: Town, homes: Sequence[LoadHome], ledger: Ledger) -> float:
    """These homes send what they have one after another; events a second."""
    total = sum(home.log.head() - home.log.forwarded() for home in homes)
    with Stopwatch() as watch:
        for home in homes:
            home.start(town.url, ledger)
            await_all([home], TIMEOUT_S, look_s=0.002)
            home.stop()
    return total / watch.took_s


def play(
    town: Town,
    homes: int,
    *,
    alarm_share: float,
    events: int = EVENTS,
    within_s: float = WITHIN_S,
    calm_s: float = CALM_S,
    timeout_s: float = TIMEOUT_S,
) -> Figures:
    """The calm rate by some homes, then the storm over the first `homes`."""
    many, rest = town.homes[:homes], town.homes[homes:]
    few, bad = rest[: _calm_homes(homes)], rest[_calm_homes(homes) :][:HOSTILE]
    for home in Random(3).sample(many, max(1, round(homes * SLOW_SHARE))):
        home.slow_bytes_s = SLOW_BYTES_S
    away([*many, *few], town, events)
    waiting = sum(home.log.head() - home.log.forwarded() for home in many)
    rate = calm_rate(town, few, Ledger())
    ledger = Ledger()
    watching = Staffroom(town, ledger, everywhere=False)
    loose = hostile.set_loose(bad, few[0], town.url, ledger)
    began_s = time.perf_counter()
    alarms, took_s = _blow(town, many, ledger, alarm_share, within_s=within_s, timeout_s=timeout_s)
    over_s = time.perf_counter()
    for one in loose:
        one.stop()
    watching.hurry(calm_s)
    watching.close()
    with town.parts() as parts:
        proof.settle(parts, many)
    go_away(many)
    return Figures.of_storm(
        town, many, ledger, alarms=alarms, events=waiting, took_s=took_s, calm_events_s=rate,
        began_s=began_s, over_s=over_s, screens=watching.screens,
    )  # fmt: skip


def _blow(
    town: Town,
    homes: Sequence[LoadHome],
    ledger: Ledger,
    alarm_share: float,
    *,
    within_s: float,
    timeout_s: float,
) -> tuple[int, float | None]:
    """All return within `within_s`, so many with an alarm.  How many alarms there were, and the
    seconds from the first return until the server had everything of all but the slow; None: it
    never had."""
    rng = Random(7)
    count = round(len(homes) * alarm_share)
    alarms = {home.home: home.raise_alarm() for home in rng.sample(list(homes), count)}
    moments = [(rng.uniform(0, within_s), home) for home in homes]
    moments.sort(key=lambda pair: pair[0])
    began_s = time.perf_counter()

    def come_back() -> None:
        for after_s, home in moments:
            time.sleep(max(0.0, began_s + after_s - time.perf_counter()))
            home.start(town.url, ledger)
            if home.home in alarms:
                home.urgent([alarms[home.home]])

    coming = Thread(target=come_back, name="storm", daemon=True)
    coming.start()
    coming.join()
    # how long a modem takes is not the server's
    quick = [home for home in homes if home.slow_bytes_s is None]
    until_s = began_s + timeout_s
    arrived = await_all(quick, until_s - time.perf_counter(), tell=True)
    took_s = time.perf_counter() - began_s
    arrived = arrived and await_all(homes, until_s - time.perf_counter(), tell=True)
    town.look()
    if not arrived:
        left = sum(not home.told() for home in homes)
        ledger.say(
            f"called off after {timeout_s:g} s: {left} of {len(homes)} homes had not told all"
        )
    return count, took_s if arrived else None


def await_all(
    homes: Sequence[LoadHome], timeout_s: float, *, look_s: float = LOOK_S, tell: bool = False
) -> bool:
    """Wait until the server has told each of these homes that it has everything.  `tell`: say now
    and then how far it is."""
    began_s = told_s = time.monotonic()
    left = list(homes)
    while left and time.monotonic() < began_s + timeout_s:
        left = [home for home in left if not home.told()]
        time.sleep(look_s if left else 0)
        if tell and left and time.monotonic() - told_s > TELL_S:
            told_s = time.monotonic()
            text = f"  {len(homes) - len(left)} of {len(homes)} homes, {told_s - began_s:.0f} s"
            print(text, file=sys.stderr, flush=True)
    return not left


def go_away(homes: Sequence[LoadHome]) -> None:
    """All go off the line."""
    threads = [Thread(target=home.stop, daemon=True) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
