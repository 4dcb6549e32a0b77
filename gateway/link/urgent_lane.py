"""The uplink's urgent lane: alarms and other urgent events at once, beside the backlog.

What is open now goes before what happened at three o'clock: after an outage the alarms that are
still open and the questions go first, then what is minutes old; alarms that are over, and older
urgent events, go last, and not at all while the server asks homes with history to wait: the batch
lane has them as well.  A lane that begins asks the log for alarms that the server never got.

Not for: the order of events, or what is durable (`batch_lane`).
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from gateway.errors import LinkRefused
from gateway.events import KINDS, AlarmCancelled, AlarmRaised, CheckAsked, CheckDone
from gateway.link.lane import EVENT_STATUS, LaneThread
from gateway.link.link_state import Problem, SharedLinkState, UrgentEvent
from gateway.wire import BATCH_MAX, HEARTBEAT_S

URGENT_BASE_S, URGENT_CAP_S = 0.25, 2.0
"""Pauses of the urgent lane: somebody may lie on the floor."""

URGENT_BATCH = 100
"""Events of one urgent request: small, so that it is through before the link drops again."""

URGENT_KEPT = 1000
"""Urgent events that are no alarms, queued while the server is away (some 400 bytes each); the
oldest go first, for the batch lane has them too.  Alarms are never dropped."""

YIELD_S = 1.0
"""Seconds that an urgent event which is no alarm waits for the batch lane, while that one answers
and has no backlog: it brings the event just as soon, at half the requests.  Less, and a server that
is busy with many doors at once gets every step twice just then (0.25 s: 179 of 559 requests)."""


FRESH_S = 120.0
"""Seconds for which an urgent event that is no alarm is news: a door that opens, a visit that
begins.  Later it is history."""


class _Rank(IntEnum):
    """What goes first."""

    OPEN = 0
    """Alarms that are open, questions, and what ends an alarm that the server knows of."""
    NEWS = 1
    HISTORY = 2


@dataclass(frozen=True, slots=True)
class _Urgent:
    """An event in the urgent lane, queued at `since_s` (monotonic seconds).  `begins` is the alarm
    or the question that it is, `ends` the one that it ends."""

    body: bytes
    alarm: bool
    since_s: float
    begins: str | None = None
    ends: str | None = None


class UrgentLane(LaneThread):
    """Urgent events at once.  They are in the batch lane too; the server drops the twin.

    What is no alarm leaves the batch lane a moment to bring it, while nothing stands before it
    there."""

    def __init__(self, shared: SharedLinkState) -> None:
        super().__init__("urgent", shared, URGENT_BASE_S, URGENT_CAP_S)
        self._lock = threading.Lock()
        self._queue: OrderedDict[tuple[str, int], _Urgent] = OrderedDict()
        self._plain = 0
        self._limit = URGENT_BATCH
        self._began = False
        shared.batch_answered = self.signal.set

    def put(self, events: Iterable[UrgentEvent]) -> None:
        """Queue events; an alarm is never dropped."""
        self._put(events, time.monotonic())

    def _put(self, events: Iterable[UrgentEvent], since_s: float) -> None:
        with self._lock:
            for event in events:
                alarm = is_alarm(event.kind)
                key = (event.origin, event.seq)
                if key not in self._queue:
                    self._plain += not alarm
                self._queue[key] = _Urgent(event.body, alarm, since_s, *_about(event))
            while self._plain > URGENT_KEPT:
                oldest = next(key for key, queued in self._queue.items() if not queued.alarm)
                self._drop(oldest)
        self.signal.set()

    def waiting(self) -> int:
        """Events that are not sent yet."""
        with self._lock:
            return len(self._queue)

    def exchange(self) -> None:
        if not self._began:
            self._put(self._unsent(), -math.inf)
            self._began = True
        self.signal.clear()
        batch = self._next()
        yields_s = self._yields_s(batch) if batch else HEARTBEAT_S
        if yields_s > 0:
            self.signal.wait(yields_s)
            return
        try:
            self.lane.urgent([queued.body for _, queued in batch], self.shared.outbox.down_have())
        except LinkRefused as refused:
            if not refused.is_ours or refused.status not in (*EVENT_STATUS, 409):
                raise  # a proxy that answers in the server's place has judged no alarm
            self._refused(refused, batch)
            return
        self.shared.heard()
        self.shared.callbacks.on_confirmed([key for key, _ in batch])
        self.backoff.reset()
        self.problem(None)
        self._limit = min(URGENT_BATCH, self._limit * 2)
        self._done(batch)

    def _yields_s(self, batch: Sequence[tuple[tuple[str, int], _Urgent]]) -> float:
        """Seconds to wait for the batch lane, which is about to bring these; 0: it is not."""
        box = self.shared.outbox
        last = box.forwarded() + BATCH_MAX
        if not self.shared.up or self.shared.told_to_wait:
            return 0.0
        if any(queued.alarm for _, queued in batch):
            return 0.0
        if any(origin != box.origin() or seq > min(last, box.head()) for (origin, seq), _ in batch):
            return 0.0
        oldest_s = min(queued.since_s for _, queued in batch)
        return max(0.0, oldest_s + YIELD_S - time.monotonic())

    def _next(self) -> list[tuple[tuple[str, int], _Urgent]]:
        """What to send now: all of it of the first rank that there is."""
        origin, forwarded = self.shared.outbox.place()
        with self._lock:
            for key in [k for k in self._queue if k[0] == origin and k[1] <= forwarded]:
                self._drop(key)  # the batch lane was faster
            ranks = self._ranks(time.monotonic())
            first = min(ranks.values(), default=_Rank.HISTORY)
            if first is _Rank.HISTORY and self.shared.told_to_wait:
                return []
            chosen = [(key, self._queue[key]) for key, rank in ranks.items() if rank is first]
        if first is _Rank.OPEN:
            chosen.reverse()  # the newest first
        return chosen[: self._limit]

    def _ranks(self, now_s: float) -> dict[tuple[str, int], _Rank]:
        begun = {queued.begins for queued in self._queue.values()} - {None}
        over = begun & {queued.ends for queued in self._queue.values()}
        ranks = {}
        for key, queued in self._queue.items():
            if queued.begins in over or queued.ends in over:
                ranks[key] = _Rank.HISTORY  # raised and ended before anybody heard of it
            elif queued.alarm:
                ranks[key] = _Rank.OPEN
            else:
                news = now_s - queued.since_s <= FRESH_S
                ranks[key] = _Rank.NEWS if news else _Rank.HISTORY
        return ranks

    def _unsent(self) -> Sequence[UrgentEvent]:
        """What a run before this one could not send."""
        return self.shared.outbox.alarms()

    def _done(self, batch: Sequence[tuple[tuple[str, int], _Urgent]]) -> None:
        with self._lock:
            for key, queued in batch:
                # the same number may have been queued anew meanwhile, with another text
                if self._queue.get(key) is queued:
                    self._drop(key)

    def _drop(self, key: tuple[str, int]) -> None:
        self._plain -= not self._queue.pop(key).alarm

    def _refused(
        self, refused: LinkRefused, batch: Sequence[tuple[tuple[str, int], _Urgent]]
    ) -> None:
        if len(batch) > 1:
            self._limit = max(1, len(batch) // 2)
            return
        self.problem(Problem("event_refused", refused.text, batch[0][0][1]))
        self._done(batch)  # the others must not wait for it; the batch lane tells of it as well


def _about(event: UrgentEvent) -> tuple[str | None, str | None]:
    """Which alarm or question an event begins, and which one it ends; None: none."""
    if event.kind == AlarmRaised.KIND:
        return f"{event.origin}/{event.seq}", None
    field = _FIELDS.get(event.kind)
    if field is None:
        return None, None
    try:
        named = str(json.loads(event.body)["data"][field])
    except (ValueError, KeyError, TypeError):
        return None, None
    return (named, None) if event.kind == CheckAsked.KIND else (None, named)


_FIELDS = {AlarmCancelled.KIND: "alarm", CheckAsked.KIND: "check", CheckDone.KIND: "check"}


def is_alarm(kind: str) -> bool:
    """Whether an urgent kind tells of somebody who may need help: it is never dropped."""
    return kind.startswith(("alarm.", "pendant.", "check.")) or kind not in KINDS
