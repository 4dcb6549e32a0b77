"""When a screen fetches its page anew: what `web/staff/static/js/refresh.js` does, over again.

The times are that script's (`test_load.py::test_a_screen_fetches_as_the_page_does`), in seconds;
which kinds matter is read in the page.  Not for: what is fetched, or by whom (`screens`).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping
from random import Random

CALM_S, WAIT_AT_MOST_S = 0.06, 0.4
SLOW_S = 2.0
PAUSE: Mapping[bool, float] = {True: 2, False: 4}
PAUSE_AT_LEAST_S: Mapping[bool, float] = {True: 1.0, False: 2.0}
PAUSE_AT_MOST_S: Mapping[bool, float] = {True: 1.5, False: 5.0}
"""By whether somebody may wait for help."""
SPREAD_S = 1.0
ANYWAY_S = 30.0
ALWAYS = frozenset({"alarm", "check", "home"})
HURRIED = frozenset({"alarm", "check", "unlock", "grant", "elsewhere"})
STEPS = frozenset({"alarm.escalated", "alarm.sent", "alarm.shown", "alarm.undelivered"})
ASKED = frozenset({"grant.requested", "grant.approved", "grant.refused"})

CHANGE, RESYNC = b"event: change", b"event: resync"


class Refreshing:
    """One screen's page, whose HTML is `page`.  Thread-safe; one reader (`wait`)."""

    def __init__(self, page: str, rng: Random) -> None:
        main = page[page.index('id="main"') :].partition(">")[0]
        self._kinds = _words(main, "kinds")
        self._slow = _words(main, "slow")
        self._rng = rng
        self._news = threading.Condition()
        self._stopped = False
        self._asked_s: tuple[float, float] | None = None
        """When it was asked for first and last since the last fetch; None: it was not."""
        self._slow_s = self._lost_s = float("inf")
        """When what chatters, and what was lost, makes it due."""
        self._hurried = False
        self._ended_s = time.monotonic()
        self._took_s = 0.0

    def hear(self, message: bytes) -> None:
        """A server-sent event came."""
        if RESYNC in message:
            with self._news:
                self._lost_s = min(self._lost_s, time.monotonic() + SPREAD_S * self._rng.random())
                self._news.notify()
        elif message.startswith(CHANGE) or b"\n" + CHANGE in message:
            self._change(json.loads(message.partition(b"data: ")[2])["kind"])

    def _change(self, kind: str) -> None:
        first = kind.partition(".")[0]
        if kind in self._slow:
            with self._news:
                self._slow_s = min(self._slow_s, time.monotonic() + SLOW_S)
                self._news.notify()
        elif kind != "record.read" and (first in ALWAYS | self._kinds or kind in ASKED):
            self.ask(hurried=first in HURRIED and kind not in STEPS)

    def ask(self, *, hurried: bool = False) -> None:
        """Fetch soon."""
        now_s = time.monotonic()
        with self._news:
            self._asked_s = (self._asked_s or (now_s, now_s))[0], now_s
            self._hurried = self._hurried or hurried
            self._news.notify()

    def wait(self) -> bool:
        """Until it is time to fetch.  False: the screen is closed."""
        with self._news:
            while not self._stopped:
                now_s = time.monotonic()
                if now_s >= self._lost_s:
                    self._lost_s, self._hurried = float("inf"), True
                    self._asked_s = self._asked_s or (now_s, now_s)
                left_s = self._due_s() - now_s
                if left_s <= 0:
                    self._asked_s, self._hurried, self._slow_s = None, False, float("inf")
                    return True
                self._news.wait(min(left_s, max(0.0, self._lost_s - now_s)))
        return False

    def _due_s(self) -> float:
        due_s = min(self._slow_s, self._ended_s + ANYWAY_S)
        if self._asked_s is not None:
            first_s, last_s = self._asked_s
            burst_s = min(last_s + CALM_S, first_s + WAIT_AT_MOST_S)
            pause_s = max(PAUSE[self._hurried] * self._took_s, PAUSE_AT_LEAST_S[self._hurried])
            pause_s = min(pause_s, PAUSE_AT_MOST_S[self._hurried])
            due_s = min(due_s, max(burst_s, self._ended_s + pause_s))
        return due_s

    def fetched(self, took_s: float, *, again: bool) -> None:
        """It was fetched; `again`: the server refused, and it is tried once more."""
        with self._news:
            self._ended_s, self._took_s = time.monotonic(), took_s
        if again:
            self.ask()

    def stop(self) -> None:
        """The screen is closed."""
        with self._news:
            self._stopped = True
            self._news.notify()


def _words(main: str, name: str) -> frozenset[str]:
    found = re.search(rf'data-{name}="([^"]*)"', main)
    return frozenset(found[1].split()) if found else frozenset()
