"""The dispatcher: one thread in each worker that climbs ladders, hands out messages, and notes what
came of them, over and over.

It remembers nothing that is not in the database: it may be killed at any moment, and another goes
on.  `step` does one round, by hand in tests.  Not for: any of the parts (`climbing`, `outbox`,
`senders`, `noting`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from queue import Empty, SimpleQueue

from web.staff.channels import points
from web.staff.channels.contract import Address, Channel, Message, Report
from web.staff.core.context import Staff
from web.staff.homelink import chain_tests
from web.staff.ladders import climbing, noting, outbox
from web.staff.ladders.noting import Known
from web.staff.ladders.outbox import Taken
from web.staff.ladders.senders import Senders
from web.staff.storage import escalations
from web.staff.storage.outage import is_away
from web.staff.storage.shares import Share, working_for

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""Real seconds between two rounds when nothing wakes it: a step is due to the second, and another
worker's alarm wakes nobody here."""

AGAIN_S = 2.0
"""Real seconds after a round that failed: the database may be starting."""

MISSING_EVERY_S = 30.0
"""Real seconds between looks for alarms that have no ladder at all."""

MISSING_SINCE = timedelta(days=1)
"""How old an alarm may be that is found so: those that were open long before there were ladders are
known, and wake nobody in the first night."""

LATE_S = 60.0
"""Real seconds without a round that was done until the server calls itself ill."""

STOP_TIMEOUT_S = 5.0
"""Seconds to wait for the last round, and for what is being sent."""

NOTE_WITHIN_S = 0.25
"""Real seconds for which what was sent waits to be noted with others that are on their way: of five
hundred messages each would else cost a transaction.  Less than it takes to read one; who dies
within it sends these again, as always after a death.  What did not go out is noted at once."""

EARLY_KEPT = 1_000
"""Reports kept that came before their message was noted."""

EARLY_S = 60.0
"""Real seconds for which such a report is tried again."""


class Dispatcher:
    """Climbs and sends; `start` begins, `step` does one round."""

    def __init__(
        self,
        staff: Staff,
        channels: Mapping[str, Channel],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._staff = staff
        self.channels = channels
        self._monotonic = monotonic
        self._done: SimpleQueue[Known] = SimpleQueue()
        self._left: list[Known] = []
        self._left_s = 0.0
        """When the first of these came (monotonic)."""
        self._early: deque[tuple[float, str, Report]] = deque(maxlen=EARLY_KEPT)
        self._senders = Senders(channels, self._finished)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._began_s = monotonic()
        self._missing_s: float | None = None
        self.last_step_s: float | None = None
        """Monotonic time of the last round that was done; None before the first."""
        self.failing: str | None = None
        """What the last round failed of; None: it was done."""
        self.broken: tuple[str, ...] = ()
        """Channels that do not hold, as `web.staff.runtime.channel_watch` found them."""

    # --- the thread

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="tryggve-ladders", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what was taken is sent and noted, the rest waits for the next one.  May be called
        twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._staff.ladders_due.set()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
        self._senders.stop(STOP_TIMEOUT_S)
        if self._thread is not None:
            while self._guarded(self._note):
                pass  # all channels together may have sent more than one transaction notes

    def revive(self) -> None:
        """Begin anew where the thread has ended, which it never should."""
        if self._thread is None or self._thread.is_alive() or self._stopping.is_set():
            return
        log.error("ladders: the dispatcher had ended, and is started anew")
        self.start()

    def ill(self) -> str | None:
        """What is wrong, in a few words; None: all is well."""
        if self._thread is None:
            return None
        if self.failing is not None:
            return f"ladders: {self.failing}"
        last_s = self._began_s if self.last_step_s is None else self.last_step_s
        return "ladders" if self._monotonic() - last_s > LATE_S else None

    def _run(self) -> None:
        with working_for(Share.URGENT):
            while not self._stopping.is_set():
                self._staff.ladders_due.clear()  # what comes during the round is for the next
                more = self._guarded(self.step)
                if self.failing is not None:
                    self._stopping.wait(AGAIN_S)
                elif not more:
                    self._staff.ladders_due.wait(NOTE_WITHIN_S if self._left else LOOK_EVERY_S)

    def _guarded(self, do: Callable[[], object]) -> bool:
        """Do it, whatever happens; whether it said that there is more."""
        try:
            more = bool(do())
        except Exception as error:  # the edge: a dispatcher that ended would let alarms be silent
            if self.failing is None:
                log.exception("ladders could not be climbed", extra={"why": type(error).__name__})
            self.failing = type(error).__name__
            return False
        self.failing = None
        self.last_step_s = self._monotonic()
        return more

    def _finished(self, known: Known, has_room: bool) -> None:
        self._done.put(known)
        # a round for each would be one message's: they are noted together, and as many taken
        if has_room or known.proof is None:
            self._staff.ladders_due.set()

    # --- one round

    def step(self) -> bool:
        """One round; whether there may be more to do at once.  A part that fails keeps none of the
        others; the first error is raised when they are done."""
        staff = self._staff
        parts: tuple[Callable[[], object], ...] = (
            self._look_for_missing,
            self._note,
            self._note_early,
            lambda: noting.overdue(staff, self._within),
            lambda: climbing.look(staff, self.channels.keys()),
            self._send,
        )
        more, wrong = False, None
        for part in parts:
            try:
                more = bool(part()) or more
            except Exception as error:
                if is_away(error):  # then nothing of the round can be done
                    raise
                wrong = wrong or error
        if wrong is not None:
            raise wrong
        # last: an answer says that all of the round was done
        chain_tests.answer_due(staff, self.broken)
        return more

    def _send(self) -> int:
        """Hand out what is due."""
        taken = outbox.take(self._staff, self._senders.room())
        for one in taken:
            self._senders.put(one)
        return len(taken)

    def say(self, channel: str, message: Message, to: Address) -> None:
        """Send something that is on no ladder, once: the answer to what somebody wrote."""
        self._senders.put(Taken(message.id, channel, message, to))

    def report(self, channel: str, reports: Sequence[Report]) -> None:
        """Note what a provider says; what is of no message yet is tried again for a while."""
        until_s = self._monotonic() + EARLY_S
        for strange in noting.report(self._staff, channel, reports, self._within):
            if not points.report(self._staff, channel, strange):  # no trial of an address
                self._early.append((until_s, channel, strange))

    def _within(self, channel: str) -> float | None:
        known = self.channels.get(channel)
        return None if known is None else known.delivered_within_s

    def _note(self) -> int:
        """Note what was sent since, when it is time; what a failing database did not take is
        kept."""
        while len(self._left) < noting.AT_ONCE:
            try:
                known = self._done.get_nowait()
            except Empty:
                break
            if not self._left:
                self._left_s = self._monotonic()
            self._left.append(known)
        if not self._is_time_to_note():
            return 0
        noting.note(self._staff, self._left, self._within)
        count, self._left = len(self._left), []
        return count

    def _is_time_to_note(self) -> bool:
        left = self._left
        if not left or len(left) >= noting.AT_ONCE or any(one.proof is None for one in left):
            return True
        if self._stopping.is_set() or self._senders.are_idle():
            return True
        return self._monotonic() - self._left_s >= NOTE_WITHIN_S

    def _note_early(self) -> None:
        for _ in range(len(self._early)):
            until_s, channel, one = self._early.popleft()
            strange = noting.report(self._staff, channel, [one], self._within)
            if strange and self._monotonic() < until_s:
                self._early.append((until_s, channel, one))

    def _look_for_missing(self) -> None:
        now_s, staff = self._monotonic(), self._staff
        if self._missing_s is not None and now_s - self._missing_s < MISSING_EVERY_S:
            return
        with staff.db.read() as conn:
            is_missing = escalations.is_missing(conn, staff.moment(), MISSING_SINCE)
        if is_missing:
            with staff.write() as tx:
                escalations.begin_missing(tx.conn, staff.moment(), MISSING_SINCE)
        self._missing_s = now_s
