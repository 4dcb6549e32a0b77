"""The uplink's three threads (`gateway.uplink` says what they are for).

Each is a loop of turns: a turn sends or receives, or raises; what it raises decides the pause.  An
error that nobody foresaw is logged, told as a problem, and the thread goes on: a dead lane would be
silent.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from gateway._linkstate import Problem, Shared
from gateway.backoff import Backoff
from gateway.errors import LinkDown, LinkError, LinkRefused, TryggveError
from gateway.events import KINDS
from gateway.link import GapError, Stream
from gateway.sse import Message, Parser
from gateway.wire import BATCH_MAX, BODY_MAX_BYTES, HEARTBEAT_S, TurnOrder

log = logging.getLogger(__name__)

UP_BASE_S, UP_CAP_S = 0.5, 60.0
"""Pauses of the batch lane: well below the 180 s after which the server calls a home silent."""

URGENT_BASE_S, URGENT_CAP_S = 0.25, 2.0
"""Pauses of the urgent lane: somebody may lie on the floor."""

STREAM_BASE_S, STREAM_CAP_S = 0.25, 15.0
"""Pauses of the stream: a caregiver at the door waits for it."""

URGENT_BATCH = 100
"""Events of one urgent request: small, so that it is through before the link drops again."""

URGENT_KEPT = 1000
"""Urgent events that are no alarms, kept while the server is away (some 400 bytes each); the
oldest go first, for the batch lane has them too.  Alarms are never dropped."""

GAPS_AT_ONCE = 3
"""Gap answers in a row that are followed without a pause; more, and the server contradicts
itself."""

EVENT_STATUS = frozenset({400, 413, 422})
"""Answers that mean the events, not the home."""


class LaneThread(threading.Thread):
    """The loop that the lanes have in common."""

    def __init__(self, name: str, shared: Shared, base_s: float, cap_s: float) -> None:
        super().__init__(name=f"uplink-{name}", daemon=True)
        self.lane_name = name
        self.shared = shared
        self.backoff = Backoff(base_s, cap_s, rand=shared.rand)
        self.signal = threading.Event()
        """There is something to send."""
        self._nudge = threading.Event()
        shared.nudged.append(self._nudge)
        shared.waited.append(self.signal)
        self.lane = shared.link.lane()

    def run(self) -> None:
        while not self.shared.stopping.is_set():
            try:
                self.turn()
            except LinkError as error:
                self._failed(error)
            except Exception as error:  # the edge: a lane that dies would be silent
                log.exception("the uplink's lane failed", extra={"lane": self.lane_name})
                self.problem(Problem("internal", repr(error)[:300]))
                self.pause()
        self.lane.close()

    def turn(self) -> None:
        """Send or receive once, and wait for more."""
        raise NotImplementedError

    def on_down(self) -> None:
        """The server did not answer this lane."""

    def problem(self, problem: Problem | None) -> None:
        """Tell of a problem of this lane, or that it is over."""
        self.shared.set_problem(self.lane_name, problem)

    def pause(self) -> None:
        """Wait before the next try; an answer on another lane, or a stop, ends the pause."""
        self._nudge.clear()
        if not self.shared.stopping.is_set():
            self._nudge.wait(self.backoff.next_s())

    def _failed(self, error: LinkError) -> None:
        if isinstance(error, LinkRefused):
            self.problem(Problem("refused", error.text))
        log.info("the uplink pauses", extra={"lane": self.lane_name, "why": error.text})
        self.on_down()
        self.pause()


class UpLane(LaneThread):
    """Every event, in order.  The position is the log's own; a gap answer moves it back."""

    def __init__(self, shared: Shared) -> None:
        super().__init__("up", shared, UP_BASE_S, UP_CAP_S)
        self._origin = ""
        self._from: int | None = None
        self._limit = BATCH_MAX
        self._gaps = 0
        self._spoken = False
        self._told: set[str] = set()
        shared.doubt = self._doubt

    def _doubt(self) -> None:
        self._spoken = False
        self.signal.set()

    def on_down(self) -> None:
        self._spoken = False
        self.shared.taking(False)

    def turn(self) -> None:
        box = self.shared.outbox
        self.signal.clear()  # before looking, so that a commit meanwhile is seen
        origin = box.origin()
        if origin != self._origin:
            self._origin, self._from, self._gaps = origin, None, 0
        after = box.forwarded() if self._from is None else self._from
        texts = fitting(box.pending(after, self._limit))
        if not texts and self._spoken:
            if not self.signal.wait(HEARTBEAT_S):
                self._spoken = False  # an empty batch: we are alive
            return
        if self._from is not None and texts and _seq(texts[0]) != after + 1:
            self.problem(
                Problem("server_behind", "the server asks for events pruned here", after + 1)
            )
            self.pause()
            return
        try:
            have = self.lane.events(texts, box.down_have())
        except GapError as gap:
            self.shared.taking(True)
            self._gap(gap, after, len(texts))
            return
        except LinkRefused as refused:
            if texts and refused.status in EVENT_STATUS:
                self.shared.taking(True)
                self._not_taken(refused, texts)
                return
            raise
        self.shared.taking(True)
        self._spoken = True
        # the answer to an empty batch may speak of an older log
        if texts and not self._taken(texts, after, have):
            self.pause()
            return
        self.backoff.reset()
        self.problem(None)

    def _taken(self, texts: Sequence[str], after: int, have: int) -> bool:
        """Move on to `have`; False: the server's answer does not fit what was sent."""
        self._gaps, self._from = 0, None
        self._limit = min(BATCH_MAX, self._limit * 2)
        if self._ahead(have) or have < after + len(texts):
            return False
        box = self.shared.outbox
        if have >= box.forwarded():
            box.mark_forwarded(have)
        else:
            self._from = have  # the server lost some and is being told again
        return True

    def _gap(self, gap: GapError, after: int, count: int) -> None:
        """The server says where to go on, or that the chain is broken."""
        self._gaps += 1
        if gap.code == "chain":
            if not self._ahead(gap.have) and f"chain {self._origin}" not in self._told:
                self._told.add(f"chain {self._origin}")
                self.shared.calls.on_chain_broken()
            self.pause()
        elif self._ahead(gap.have):
            self.pause()
        else:
            self._from = None
            if gap.have > self.shared.outbox.forwarded():
                self.shared.outbox.mark_forwarded(gap.have)
            elif gap.have < after + count:
                self._from = gap.have
            if self._gaps > GAPS_AT_ONCE:
                self.pause()

    def _ahead(self, have: int) -> bool:
        box = self.shared.outbox
        if box.origin() != self._origin or have <= box.head():
            return False
        if f"ahead {self._origin}" not in self._told:
            self._told.add(f"ahead {self._origin}")
            self.shared.calls.on_server_ahead(have)
        return True

    def _not_taken(self, refused: LinkRefused, texts: Sequence[str]) -> None:
        """Find the event that the server refuses by halves, and say which it is.  It is never
        skipped: the chain allows none to be missing, and urgent events go their own way."""
        if len(texts) > 1:
            self._limit = max(1, len(texts) // 2)
            return
        self.problem(Problem("event_refused", refused.text, _seq(texts[0])))
        self.pause()


class UrgentLane(LaneThread):
    """Urgent events at once.  They are in the batch lane too; the server drops the twin."""

    def __init__(self, shared: Shared) -> None:
        super().__init__("urgent", shared, URGENT_BASE_S, URGENT_CAP_S)
        self._lock = threading.Lock()
        self._queue: OrderedDict[tuple[str, int], tuple[str, bool]] = OrderedDict()
        self._plain = 0
        self._limit = URGENT_BATCH

    def put(self, texts: Sequence[str]) -> None:
        """Queue events; an alarm is never dropped."""
        with self._lock:
            for text in texts:
                event = json.loads(text)
                alarm = is_alarm(str(event["kind"]))
                key = (str(event["origin"]), int(event["seq"]))
                if key not in self._queue:
                    self._plain += not alarm
                self._queue[key] = (text, alarm)
            while self._plain > URGENT_KEPT:
                oldest = next(key for key, (_, alarm) in self._queue.items() if not alarm)
                self._drop(oldest)
        self.signal.set()

    def waiting(self) -> int:
        """Events that are not sent yet."""
        with self._lock:
            return len(self._queue)

    def turn(self) -> None:
        self.signal.clear()
        taken = self._next()
        if not taken:
            self.signal.wait(HEARTBEAT_S)
            return
        try:
            self.lane.urgent([text for _, text in taken], self.shared.outbox.down_have())
        except LinkRefused as refused:
            if refused.status not in EVENT_STATUS and refused.status != 409:
                raise
            self._not_taken(refused, taken)
            return
        self.shared.heard()
        self.backoff.reset()
        self.problem(None)
        self._limit = min(URGENT_BATCH, self._limit * 2)
        self._done(taken)

    def _next(self) -> list[tuple[tuple[str, int], str]]:
        origin, forwarded = self.shared.outbox.origin(), self.shared.outbox.forwarded()
        with self._lock:
            for key in [k for k in self._queue if k[0] == origin and k[1] <= forwarded]:
                self._drop(key)  # the batch lane was faster
            first = list(self._queue.items())[: self._limit]
        return [(key, text) for key, (text, _) in first]

    def _done(self, taken: Sequence[tuple[tuple[str, int], str]]) -> None:
        with self._lock:
            for key, text in taken:
                # the same number may have been queued anew meanwhile, with another text
                if self._queue.get(key, ("", False))[0] == text:
                    self._drop(key)

    def _drop(self, key: tuple[str, int]) -> None:
        _, alarm = self._queue.pop(key)
        self._plain -= not alarm

    def _not_taken(
        self, refused: LinkRefused, taken: Sequence[tuple[tuple[str, int], str]]
    ) -> None:
        if len(taken) > 1:
            self._limit = max(1, len(taken) // 2)
            return
        self.problem(Problem("event_refused", refused.text, taken[0][0][1]))
        self._done(taken)  # the others must not wait for it; the batch lane tells of it as well


class StreamLane(LaneThread):
    """What comes down: decided events in order, and orders to turn a lock."""

    def __init__(self, shared: Shared) -> None:
        super().__init__("stream", shared, STREAM_BASE_S, STREAM_CAP_S)
        self._stream: Stream | None = None
        self._origin = f"staff:{shared.link.home}"

    def on_down(self) -> None:
        self.shared.doubt()

    def hang_up(self) -> None:
        """End the stream under way.  Any thread."""
        stream = self._stream
        if stream is not None:
            stream.close()

    def turn(self) -> None:
        self._stream = self.lane.stream(self.shared.outbox.down_have())
        try:
            self.shared.heard()
            self.shared.streaming = True
            parser = Parser()
            for chunk in self._stream:
                if self.shared.stopping.is_set():
                    return
                # any bytes at all are a sign of life, and end the growing of the pauses
                self.backoff.reset()
                self._take(parser.feed(chunk))
        finally:
            self.shared.streaming = False
            with contextlib.suppress(Exception):
                self._stream.close()
            self._stream = None

    def _take(self, messages: Sequence[Message]) -> None:
        decided: list[dict[str, Any]] = []
        for message in messages:
            if message.event == "decided":
                decided.append(_decided(message, self._origin))
            elif message.event == "turn":
                self._keep(decided)  # what was decided before the order may concern it
                decided = []
                self._order(message)
        self._keep(decided)

    def _keep(self, decided: list[dict[str, Any]]) -> None:
        have = self.shared.outbox.down_have()
        new = [event for event in decided if event["seq"] > have]
        if not new:
            return
        # a new log (0) is told from where the home had come before; the log judges that start
        first = have + 1 if have else new[0]["seq"]
        for number, event in enumerate(new, first):
            if event["seq"] != number:
                raise LinkDown(f"the stream left out number {number}")
        try:
            self.shared.calls.on_decided(new)
        except TryggveError as error:
            self.problem(Problem("down_refused", error.text, new[0]["seq"]))
            raise LinkDown(f"what came down could not be kept: {error.text}") from error
        self.problem(None)

    def _order(self, message: Message) -> None:
        try:
            order = TurnOrder.model_validate_json(message.data)
        except ValidationError:
            log.warning("an order on the stream could not be read")
            return
        self.shared.calls.on_turn(order.grant)


def _decided(message: Message, origin: str) -> dict[str, Any]:
    try:
        event = json.loads(message.data)
        seq = event["seq"]
        if event["origin"] == origin and type(seq) is int and seq > 0:
            checked: dict[str, Any] = event
            return checked
    except (ValueError, KeyError, TypeError) as error:
        raise LinkDown("an event on the stream could not be read") from error
    raise LinkDown("an event on the stream is not about this home")


def is_alarm(kind: str) -> bool:
    """Whether an urgent kind tells of somebody who may need help: it is never dropped."""
    return kind.startswith(("alarm.", "pendant.", "check.")) or kind not in KINDS


def fitting(texts: Sequence[str]) -> Sequence[str]:
    """As many of `texts`, from the first, as one request may hold; at least one."""
    if sum(map(len, texts)) * 4 < BODY_MAX_BYTES:
        return texts  # whatever the letters are
    room = BODY_MAX_BYTES - 1000
    for index, text in enumerate(texts):
        room -= len(text.encode()) + 1
        if room < 0:
            return texts[: max(1, index)]
    return texts


def _seq(text: str) -> int:
    return int(json.loads(text)["seq"])
