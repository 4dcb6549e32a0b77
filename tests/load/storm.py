"""The scene `storm`: everybody comes back at once.

After three hours without a line each home has its events and some have an alarm; they return within
seconds, with batches, urgent requests and streams at once.  Not for: judging the figures
(`tests/bench/storm.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import Thread

from tests.load import life
from tests.load.home import LoadHome
from tests.load.ledger import Ledger, Stopwatch
from tests.load.town import Town

AWAY_H = 3.0
"""Hours without a line."""

EVENTS = 300
"""Events of each home in that time."""

WITHIN_S = 10.0
"""Seconds within which all come back: a mobile network that is there again."""

LOOK_S = 0.05
"""Seconds between looks whether everything has arrived."""

TIMEOUT_S = 600.0
"""Seconds after which a storm is called off: what is missing then counts as lost."""


@dataclass(frozen=True, slots=True)
class StormOutcome:
    """What a storm came to.  `took_s` is from the first return until the server had everything;
    None: it never had."""

    homes: int
    alarms: int
    events: int
    took_s: float | None
    calm_events_s: float

    @property
    def events_s(self) -> float:
        """Events a second."""
        return self.events / self.took_s if self.took_s else 0.0


def calm_share(homes: int) -> int:
    """How many more homes are needed for the calm rate."""
    return max(3, homes // 20)


def prepare(homes: Sequence[LoadHome], now: datetime, events: int = EVENTS) -> None:
    """Three hours of each home's log, not yet sent."""
    for home in homes:
        home.describe(now - timedelta(hours=AWAY_H))
        life.away(home.log, home.rng, now, hours=AWAY_H, count=events)


def calm(town: Town, homes: Sequence[LoadHome], ledger: Ledger) -> float:
    """These homes send the same one after another; events a second."""
    total = sum(home.log.head() for home in homes)
    with Stopwatch() as watch:
        for home in homes:
            home.start(town.url, ledger)
            await_all([home], TIMEOUT_S, look_s=0.002)
            home.stop()
    return total / watch.took_s


def blow(
    town: Town,
    homes: Sequence[LoadHome],
    ledger: Ledger,
    *,
    alarm_share: float,
    within_s: float = WITHIN_S,
    calm_events_s: float = 0.0,
    meanwhile: Callable[[], None] = lambda: None,
) -> StormOutcome:
    """All return within `within_s`; `alarm_share` of them with an alarm.  `meanwhile` is called now
    and then.  Returns when the server has everything."""
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
    arrived = await_all(homes, TIMEOUT_S, meanwhile=meanwhile)
    took_s = time.perf_counter() - began_s if arrived else None
    town.look()
    events = sum(home.log.head() for home in homes)
    return StormOutcome(len(homes), count, events, took_s, calm_events_s)


def await_all(
    homes: Sequence[LoadHome],
    timeout_s: float,
    *,
    look_s: float = LOOK_S,
    meanwhile: Callable[[], None] = lambda: None,
) -> bool:
    """Wait until the server has told each of these homes that it has everything."""
    until = time.monotonic() + timeout_s
    left = list(homes)
    while left and time.monotonic() < until:
        left = [home for home in left if not home.told()]
        meanwhile()
        time.sleep(look_s if left else 0)
    return not left


def go_away(homes: Sequence[LoadHome]) -> None:
    """All go off the line."""
    threads = [Thread(target=home.stop, daemon=True) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
