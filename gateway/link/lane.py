"""What the uplink's three lanes have in common: a thread that loops over exchanges.

An exchange sends or receives, or raises; what it raises decides the pause.  An error that nobody
foresaw is logged, told as a problem, and the thread goes on: a dead lane would be silent.

Not for: what a lane carries (`batch_lane`, `urgent_lane`, `stream_lane`).
"""

from __future__ import annotations

import json
import logging
import threading

from gateway.errors import LinkError, LinkRefused
from gateway.link.backoff import Backoff
from gateway.link.link_state import NOT_OURS, Problem, SharedLinkState

log = logging.getLogger(__name__)

EVENT_STATUS = frozenset({400, 413, 422})
"""Answers that mean the events, not the home."""


class LaneThread(threading.Thread):
    """The loop that the lanes have in common."""

    def __init__(self, name: str, shared: SharedLinkState, base_s: float, cap_s: float) -> None:
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
                self.exchange()
            except LinkError as error:
                self._failed(error)
            except Exception as error:  # the edge: a lane that dies would be silent
                log.exception("the uplink's lane failed", extra={"lane": self.lane_name})
                self.problem(Problem("internal", repr(error)[:300]))
                self.pause()
        self.lane.close()

    def exchange(self) -> None:
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
            code = error.code if error.code in NOT_OURS else "refused"
            self.problem(Problem(code, error.text))
        log.info("the uplink pauses", extra={"lane": self.lane_name, "why": error.text})
        self.on_down()
        self.pause()


def seq_of(body: bytes) -> int:
    """The number of an event's JSON."""
    return int(json.loads(body)["seq"])
