"""Who is worked for now, when more comes than the server can do: alarms first, history last.

After an outage a thousand homes come back at once, each with hours of events and perhaps one alarm.
`Turns` says how many of each lane are worked for at once, and who goes next.

Not for: HTTP (`web.staff.runtime.admission_gate`), when a home is to come again
(`web.staff.core.waits`), what a batch may cost (`web.staff.core.pace`), or SQLite's lock
(`web.staff.storage.write_turn`).
"""

from __future__ import annotations

import math
import threading
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter

from gateway.errors import TryggveError


class Lane(IntEnum):
    """What a request is, in the order in which it is worked for."""

    ALARM = 0
    """A home's urgent events."""
    ORDER = 1
    """What people do: take an alarm, answer a check, turn a lock, speak with a home; and what the
    home says to that."""
    LIVE = 2
    """A batch of a few events: what happens now."""
    STREAM = 3
    """A home that begins to listen."""
    PAGE = 4
    """A page that is looked at."""
    HISTORY = 5
    """A batch of many: what happened while the home was not heard."""


EVENTS = "tryggve.events"
"""In the environment of a batch's request: how many events it held, told by who read it."""

STOOD = "tryggve.stood"
"""And for how many seconds it stood still for others: that is no part of what it costs, or batches
would shrink with the pages beside them, and stand as long for each few events."""

WRITERS = frozenset({Lane.ORDER, Lane.LIVE, Lane.HISTORY})
"""Lanes that come in crowds and only take the interpreter from each other on SQLite, which has one
writer: forty doors opened at once, one after the other, cost a quarter less of the processor (bench
`unlock_40_homes_own_share_p95_ms`: 490 → 380 ms on two cores)."""

YIELDS_S = 2.0
"""Seconds for which others stand back behind what is urgent; then it is their turn as well, or a
night full of alarms would leave homes unheard."""

GIVES_WAY_S = 0.25
"""Seconds for which a batch that is under way stands still, altogether, while alarms or orders are
worked for."""

GIVES_PAGES_S = 0.02
"""And for pages where history has had less of the processor than they have lately (`Used`): then at
most `PAGES_BESIDE` are worked for beside it, so that both have their part of the server however
many pages are looked at.  All at once they would leave each batch a fifth of one interpreter while
it works; with each batch standing as long as it works, eight screens that show *Nu* left history a
tenth."""

PAGES_BESIDE = 1
"""Pages that are worked for beside history then."""

CROWD, NO_CROWD = 4, 1
"""From so many who are read, wait or are worked for there is a crowd, until they are so few
again."""

LATELY_S = 5.0
"""Seconds after which what was used counts for a third (e⁻¹) of itself."""


ORDER_WAITS_S = 0.5
"""Seconds that an order waits at the most for other `WRITERS`, then it is worked for beside them:
what forty take on SQLite."""


PATIENCE_S = {Lane.ORDER: ORDER_WAITS_S, Lane.PAGE: YIELDS_S, Lane.HISTORY: YIELDS_S}
"""Seconds after which who waits in these lanes may begin beside whom it stood back for."""


TURN_WITHIN_S = 20.0
"""Seconds that anybody waits for a place at the most, as long as a home waits for its answer: those
who are worked for have a database that hangs."""


class NoTurn(TryggveError):
    """No place became free in time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many are worked for at once in each lane, and of `WRITERS` together; `inside` is how many
    may be at the server (they read, wait or are worked for), each holding a thread."""

    at_once: Mapping[Lane, int]
    writers: int
    inside: Mapping[Lane, int]


INSIDE = {Lane.LIVE: 48, Lane.PAGE: 64, Lane.HISTORY: 16}
"""Requests of a lane at the server at once, each holding a thread; more are told to come again.
The other lanes have no limit: they are few, and nobody is told to wait with an alarm."""

ALARMS_TOGETHER = 40
"""Alarms that are stored in one transaction at the most.  It asks the database as often for forty
as for ten, and after each answer its thread stands in line for the interpreter: with ten, a
thousand homes that came back with an alarm each waited for one another for 11 s (p99), with forty
for 2."""

ALARMS_FEW = 12
"""While more alarms than these are worked for, others stand back; pages do not."""

ALARMS_AT_ONCE = 48
"""Alarms at once: as many as are stored together, and who comes next.  They wait for one
transaction, and hold no connection meanwhile."""

SQLITE = Limits(
    {
        Lane.ALARM: ALARMS_AT_ONCE,
        Lane.ORDER: 40,
        Lane.LIVE: 1,
        Lane.STREAM: 2,
        Lane.PAGE: 4,
        Lane.HISTORY: 1,
    },
    writers=1,
    inside=INSIDE,
)
POSTGRES = Limits(
    {
        Lane.ALARM: ALARMS_AT_ONCE,
        Lane.ORDER: 3,
        Lane.LIVE: 2,
        Lane.STREAM: 8,
        Lane.PAGE: 4,
        Lane.HISTORY: 2,  # to begin with: `web.staff.core.pace` finds what the database takes
    },
    writers=40,
    inside=INSIDE,
)
"""A worker's Python does one thing at a time: more of a lane at once finish no sooner.  As many as
the connections of their shares carry (`web.staff.storage.shares.CONNECTIONS`)."""

HISTORY_MAX = 4
"""Batches of history at once at the most, on PostgreSQL: the connections that batches have, less
those of `Lane.LIVE`."""


@dataclass(eq=False)
class _Waiter:
    lane: Lane
    since_s: float
    """Monotonic; of a home that was told to wait, from when it first came."""
    came_s: float
    who: str = ""
    called: threading.Event = field(default_factory=threading.Event)


class Used:
    """What lanes used of the processor lately, in seconds; what is older counts for less.  For one
    thread at a time."""

    def __init__(self) -> None:
        self._used: dict[Lane, float] = dict.fromkeys(Lane, 0.0)
        self._at_s = time.monotonic()

    def note(self, lane: Lane, cpu_s: float) -> None:
        """A turn of this lane used so much."""
        self._used[lane] = self.of(lane) + cpu_s

    def of(self, lane: Lane) -> float:
        """How much it has used."""
        now_s = time.monotonic()
        share = math.exp((self._at_s - now_s) / LATELY_S)
        self._at_s = now_s
        for one in self._used:
            self._used[one] *= share
        return self._used[lane]


class Turns:
    """Places to be worked for.  Every method may be called from any thread."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.history_at_once = limits.at_once[Lane.HISTORY]
        self._lock = threading.Lock()
        self._at_work: Counter[Lane] = Counter()
        self._inside: Counter[Lane] = Counter()
        self._used = Used()
        self._waiting: dict[Lane, list[_Waiter]] = {lane: [] for lane in Lane}
        """Of each lane, who came first before others: a thousand homes that come back wait here, so
        that nothing goes through all of them whenever a turn ends."""
        self._ended = threading.Condition(self._lock)
        self._is_crowd = False
        self.on_crowd: Callable[[bool], None] = lambda _is_crowd: None
        """Called with True when a crowd has come, and with False when it has gone; quick."""
        self.read_now: Callable[[], int] = lambda: 0
        """How many requests are read before it is known what they are."""

    def come_in(self, lane: Lane, at_most: int | None = None) -> bool:
        """Whether one more of the lane may be inside (at most so many; None: the lane's limit);
        who may must `leave`."""
        limit = self.limits.inside.get(lane) if at_most is None else at_most
        with self._lock:
            if limit is not None and self._inside[lane] >= limit:
                return False
            self._inside[lane] += 1
            return True

    def leave(self, lane: Lane) -> None:
        """One who came in has gone."""
        with self._lock:
            self._inside[lane] -= 1

    def inside(self, lane: Lane) -> int:
        """How many of the lane are at the server now."""
        with self._lock:
            return self._inside[lane]

    def waiting(self) -> int:
        """How many wait for a place."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    @contextmanager
    def turn(
        self, lane: Lane, waited_s: float = 0.0, within_s: float | None = None, who: str = ""
    ) -> Iterator[None]:
        """Wait for a place, and be worked for.  `waited_s`: it has waited before it came; `who`:
        whom `prefer` knows it by.  Raises `NoTurn` after `within_s` (None: `TURN_WITHIN_S`)."""
        within_s = TURN_WITHIN_S if within_s is None else within_s
        now_s = time.monotonic()
        self._take(_Waiter(lane, now_s - waited_s, now_s, who), within_s)
        began_s = time.thread_time()
        try:
            yield
        finally:
            cpu_s = time.thread_time() - began_s
            with self._lock:
                self._at_work[lane] -= 1
                self._used.note(lane, cpu_s)
                self._call()
                self._count()
                self._ended.notify_all()

    def is_at_work(self, *lanes: Lane) -> bool:
        """Whether any of these lanes is worked for now."""
        return any(self._at_work[lane] for lane in lanes)

    def is_behind(self) -> bool:
        """Whether history has had less of the processor than pages lately."""
        with self._lock:
            return self._is_behind()

    def _is_behind(self) -> bool:
        return self._used.of(Lane.HISTORY) < self._used.of(Lane.PAGE)

    def stand_still(self, way: Callable[[], bool], at_most_s: float) -> None:
        """Wait until `way` is free; it is asked whenever somebody's turn ends."""
        if not way():
            with self._lock:
                self._ended.wait_for(way, at_most_s)

    def prefer(self, lane: Lane, who: str, ahead_s: float) -> None:
        """Who waits there already goes before others, as if it had waited for so much longer."""
        with self._lock:
            waiting = self._waiting[lane]
            for waiter in [one for one in waiting if one.who == who]:
                waiting.remove(waiter)
                waiter.since_s -= ahead_s
                insort(waiting, waiter, key=attrgetter("since_s"))

    def _take(self, me: _Waiter, within_s: float) -> None:
        lane = me.lane
        with self._lock:
            insort(self._waiting[lane], me, key=attrgetter("since_s"))
            self._count()
            self._call()
        patience_s = PATIENCE_S.get(lane, 0.0)
        if me.called.wait(patience_s):
            return
        with self._lock:
            free = self._at_work[lane] < self.limits.at_once[lane]
            if lane is Lane.ORDER and free and not me.called.is_set():
                self._begin(me)
            self._call()
        if me.called.wait(within_s):
            return
        with self._lock:
            if not me.called.is_set():
                self._waiting[lane].remove(me)
                raise NoTurn("no place became free in time", lane=lane.name)

    def _call(self) -> None:
        """Let everybody begin who may (the lock is held)."""
        now_s = time.monotonic()
        for lane, waiting in self._waiting.items():
            if not waiting or self._is_full(lane):
                continue
            for waiter in waiting.copy():
                if self._may_begin(waiter, now_s):
                    self._begin(waiter)
                if self._is_full(lane):
                    break

    def _count(self) -> None:
        """Say when a crowd has come or gone (the lock is held)."""
        limit = NO_CROWD if self._is_crowd else CROWD
        count = sum(map(len, self._waiting.values())) + sum(self._at_work.values())
        count += self.read_now()
        if (count >= limit) is not self._is_crowd:
            self._is_crowd = not self._is_crowd
            self.on_crowd(self._is_crowd)

    def _begin(self, waiter: _Waiter) -> None:
        self._waiting[waiter.lane].remove(waiter)
        self._at_work[waiter.lane] += 1
        waiter.called.set()

    def _may_begin(self, waiter: _Waiter, now_s: float) -> bool:
        """Whether who waits may begin beside those who are at work, where its lane has a place."""
        lane, at_work = waiter.lane, self._at_work
        if lane in WRITERS and sum(at_work[one] for one in WRITERS) >= self.limits.writers:
            return False
        if lane in (Lane.ALARM, Lane.ORDER) or now_s - waiter.came_s >= YIELDS_S:
            return True
        if lane is Lane.PAGE:
            could_begin = self._waiting[Lane.HISTORY] and not at_work[Lane.ALARM]
            history = at_work[Lane.HISTORY] or could_begin
            return not (at_work[lane] >= PAGES_BESIDE and history and self._is_behind())
        if self._waiting[Lane.ORDER] or at_work[Lane.ALARM] > ALARMS_FEW:
            return False
        if lane is Lane.STREAM:  # beside a page one, as well
            return not (at_work[Lane.PAGE] and at_work[lane])
        if lane is not Lane.HISTORY:
            return True
        # not beside an alarm; beside a page one, for they share one interpreter
        return not at_work[Lane.ALARM] and not (at_work[Lane.PAGE] and at_work[lane])

    def _is_full(self, lane: Lane) -> bool:
        limit = self.history_at_once if lane is Lane.HISTORY else self.limits.at_once[lane]
        return self._at_work[lane] >= limit


class Way:
    """How a batch that is under way lets others go first; for one batch."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.stood_s = 0.0
        """Seconds for which it stood still."""

    def give(self, *, holding: bool = False) -> None:
        """Stand still while a page is worked for, or an alarm or an order, unless we are `holding`
        what these wait for."""
        behind = self._turns.is_behind()
        for_pages_s = min(GIVES_PAGES_S, GIVES_WAY_S) if behind else GIVES_WAY_S
        if holding:
            self._stand(self._held, for_pages_s)
            return
        self._stand(lambda: not self._turns.is_at_work(Lane.PAGE), for_pages_s)
        self._stand(lambda: not self._turns.is_at_work(Lane.ALARM, Lane.ORDER), GIVES_WAY_S)

    def give_alarms(self) -> None:
        """Stand still while an alarm is worked for: a small batch has not asked for the lock yet,
        and would only take the interpreter from it."""
        self._stand(lambda: not self._turns.is_at_work(Lane.ALARM), GIVES_WAY_S)

    def _stand(self, way: Callable[[], bool], at_most_s: float) -> None:
        """Until `way` is free; so long altogether."""
        left_s = at_most_s - self.stood_s
        if left_s > 0 and not way():
            began_s = time.monotonic()
            self._turns.stand_still(way, left_s)
            self.stood_s += time.monotonic() - began_s

    def _held(self) -> bool:
        at_work = self._turns.is_at_work
        return not at_work(Lane.PAGE) or at_work(Lane.ALARM, Lane.ORDER)
