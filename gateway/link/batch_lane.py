"""The uplink's batch lane: every event, in order, and a sign of life.

Not for: what must not wait for what is older (`urgent_lane`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from gateway.errors import LinkDown, LinkError, LinkRefused
from gateway.link.https import GapError
from gateway.link.lane import EVENT_STATUS, LaneThread, seq_of
from gateway.link.line import ALIVE_S, NextBatch
from gateway.link.link_state import Problem, Rest, SharedLinkState
from gateway.wire import BATCH_MAX, BODY_MAX_BYTES, HEARTBEAT_S

log = logging.getLogger(__name__)

UP_BASE_S, UP_CAP_S = 0.5, 60.0
"""Pauses of the batch lane: well below the 180 s after which the server calls a home silent."""

LIMIT_MIN = 20
"""Events in a batch at the least, after ones that were not answered: below it each costs more in
its request than in itself."""

GAPS_AT_ONCE = 3
"""Gap answers in a row that are followed without a pause; more, and the server contradicts
itself."""


class BatchLane(LaneThread):
    """Every event, in order.  The position is the log's own; a gap answer moves it back."""

    def __init__(self, shared: SharedLinkState) -> None:
        super().__init__("up", shared, UP_BASE_S, UP_CAP_S)
        self._origin = ""
        self._from: int | None = None
        self._limit = BATCH_MAX
        self._gaps = 0
        self._spoken = False
        self._told: set[str] = set()
        self._next = NextBatch(shared.rand, time.monotonic)
        self._called = threading.Event()
        """Ends a wait that the server asked for: a stop, or doubt whether it is there."""
        shared.waited.append(self._called)
        shared.doubt = self._doubt

    def _doubt(self) -> None:
        self._spoken = False
        self._called.set()
        self.signal.set()

    def on_down(self) -> None:
        self._spoken = False
        self.shared.set_accepting(False)
        self.shared.batch_answered()

    def exchange(self) -> None:
        if self._wait_in_line():
            return
        box = self.shared.outbox
        self.signal.clear()  # before looking, so that a commit meanwhile is seen
        rest = box.rest(BATCH_MAX)
        if rest is not None:
            self._send_rest(rest)
            return
        origin, forwarded = box.place()
        if origin != self._origin:
            self._origin, self._from, self._gaps = origin, None, 0
        after = forwarded if self._from is None else self._from
        bodies = fitting(box.pending(after, min(self._limit, self.lane.line.most)))
        if box.origin() != origin:
            return  # another log has taken its place: these may be of either
        if not bodies and self._spoken:
            if not self.signal.wait(HEARTBEAT_S):
                self._spoken = False  # an empty batch: we are alive
            return
        if self._from is not None and bodies and seq_of(bodies[0]) != after + 1:
            self.problem(
                Problem("server_behind", "the server asks for events pruned here", after + 1)
            )
            self._alive()
            self.pause()
            return
        have = self._send(bodies, after)
        if have is None:
            return
        self.shared.set_accepting(True)
        self._spoken = True
        if bodies and self.lane.line.wait_s is not None and have < box.head():
            self._stand_in_line(self.lane.line.wait_s)
        # the answer to an empty batch may speak of an older log
        if bodies and not self._accepted(bodies, after, have):
            self.pause()
            return
        self.backoff.reset()
        self.problem(None)

    def _send(self, bodies: Sequence[bytes], after: int) -> int | None:
        """Send a batch; the number that the server has, None where it does not take this one."""
        try:
            return self.lane.events(bodies, self.shared.outbox.down_have())
        except GapError as gap:
            self.shared.set_accepting(True)
            self._gap(gap, after, len(bodies))
        except LinkRefused as refused:
            if not bodies or refused.status not in EVENT_STATUS:
                raise
            self.shared.set_accepting(True)
            self._refused(refused, bodies)
        except LinkDown as down:
            if down.wait_s is None:  # it may have been too much for the line
                self._limit = max(LIMIT_MIN, len(bodies) // 2)
            raise
        return None

    def _failed(self, error: LinkError) -> None:
        if not isinstance(error, LinkDown) or error.wait_s is None:
            super()._failed(error)
            return
        log.info("the uplink waits", extra={"wait_s": error.wait_s, "why": error.text})
        if error.busy:  # the server is there: only history waits
            self.shared.set_accepting(True)
            self._spoken = True
            self.backoff.reset()
        else:
            self.on_down()
        self._stand_in_line(error.wait_s)

    def _stand_in_line(self, wait_s: float) -> None:
        self._next.wait(wait_s)
        self._called.clear()
        self.shared.told_to_wait = True
        self.shared.batch_answered()  # what would have left its event to us goes itself

    def _wait_in_line(self) -> bool:
        """Wait as the server asked, with a sign of life now and then; False: it is our time."""
        left_s = self._next.left_s()
        if left_s <= 0 or self.shared.stopping.is_set():
            self.shared.told_to_wait = False
            return False
        called = self._called.wait(min(left_s, ALIVE_S))
        self._called.clear()
        if (called or left_s > ALIVE_S) and not self.shared.stopping.is_set():
            self._alive()
            self._spoken = True
        return True

    def _send_rest(self, rest: Rest) -> None:
        """First what a log before this one still held, under its own origin.  What the server will
        not take of it (it has more of it than we, or another chain) is left: it is in the old file,
        and nothing that is new waits for it."""
        bodies = fitting(rest.bodies)
        have = rest.head
        try:
            if bodies:
                have = self.lane.events(bodies, self.shared.outbox.down_have())
        except GapError as gap:
            log.info("a part of an old log is not taken", extra={"why": gap.text})
            if gap.code == "gap" and bodies and gap.have >= seq_of(bodies[0]):
                have = gap.have
        except LinkRefused as refused:
            if refused.status not in EVENT_STATUS:
                raise
            log.warning("a part of an old log is refused", extra={"why": refused.text})
        self.shared.set_accepting(True)
        self._spoken = True
        self.shared.outbox.mark_rest(rest.origin, have)

    def _accepted(self, bodies: Sequence[bytes], after: int, have: int) -> bool:
        """Move on to `have`; False: the server's answer does not fit what was sent."""
        self._gaps, self._from = 0, None
        self._limit = min(BATCH_MAX, self._limit * 2)
        if self._ahead(have) or have < after + len(bodies):
            return False
        box = self.shared.outbox
        origin, forwarded = box.place()
        if origin != self._origin:
            return True  # another log has taken its place, with what is not confirmed of this
        if have >= forwarded:
            box.mark_forwarded(self._origin, have)
            self.shared.batch_answered()
        else:
            self._from = have  # the server lost some and is being told again
        return True

    def _gap(self, gap: GapError, after: int, count: int) -> None:
        """The server says where to go on, or that the chain is broken."""
        self._gaps += 1
        if gap.code == "chain":
            if not self._ahead(gap.have) and f"chain {self._origin}" not in self._told:
                self._told.add(f"chain {self._origin}")
                self.shared.callbacks.on_chain_broken()
            self.pause()
        elif self._ahead(gap.have):
            self.pause()
        else:
            self._from = None
            if gap.have > self.shared.outbox.forwarded():
                self.shared.outbox.mark_forwarded(self._origin, gap.have)
            elif gap.have < after + count:
                self._from = gap.have
            if self._gaps > GAPS_AT_ONCE:
                self.pause()

    def _ahead(self, have: int) -> bool:
        box = self.shared.outbox
        if box.origin() != self._origin or have <= box.head() or box.origin() != self._origin:
            return False
        if f"ahead {self._origin}" not in self._told:
            self._told.add(f"ahead {self._origin}")
            self.shared.callbacks.on_server_ahead(have)
        return True

    def _refused(self, refused: LinkRefused, bodies: Sequence[bytes]) -> None:
        """Find the event that the server refuses by halves, and say which it is.  It is never
        skipped: the chain allows none to be missing, and urgent events go their own way."""
        if len(bodies) > 1:
            self._limit = max(1, len(bodies) // 2)
            return
        self.problem(Problem("event_refused", refused.text, seq_of(bodies[0])))
        self._alive()
        self.pause()

    def _alive(self) -> None:
        """A sign of life where nothing else gets through: a home that is there is not called
        silent for it."""
        self.lane.events((), self.shared.outbox.down_have())
        self.shared.set_accepting(True)


def fitting(bodies: Sequence[bytes]) -> Sequence[bytes]:
    """As many of `bodies`, from the first, as one request may hold; at least one."""
    room = BODY_MAX_BYTES - 1000
    if sum(map(len, bodies)) + len(bodies) <= room:
        return bodies
    for index, body in enumerate(bodies):
        room -= len(body) + 1
        if room < 0:
            return bodies[: max(1, index)]
    return bodies
