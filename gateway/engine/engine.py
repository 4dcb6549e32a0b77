"""The engine: inbox → number → rules → one transaction → act.

Whatever waits in the inbox becomes one turn; a turn's events are stored together and acted on after
they are durable.  While one turn is on its way to the disk the next is prepared.  If the disk does
not answer within `STALL_S`, alarms go out without it; for `LEAVE_S`, the log goes on in memory
until it does (`disk_watch`).  A corrupt log is set aside while running, and what was not yet stored
goes into a new one.  Everything runs in one loop; `submit` may be called from any thread.

Not for: what events mean (rules), how they are sent (uplink), or how a lock turns (doors).
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from gateway.clock import Clock
from gateway.engine.edge import Edge
from gateway.engine.event_log import EventLog, Head, verified
from gateway.engine.memory_bound import Thinning
from gateway.engine.sequencer import Sealed, Sequencer
from gateway.engine.stamp_time import CORRECT_OVER_S, REBUILD_DAYS, StampTime, corrected
from gateway.engine.turns import Flight, Hooks, Item, Reopen, carry_over, numbered_anew, within
from gateway.envelope import ClockState, Draft, Event, from_json
from gateway.errors import LogCorrupt, LogError, LogUnwritable
from gateway.events import ClockStepped, ClockSynced, Data, LogStalled
from gateway.rules import Rule
from gateway.rules.fold import Fold

log = logging.getLogger(__name__)

TURN_MAX = 50
"""Inputs in one turn: enough to share an fsync, few enough that none waits long for the others."""

STALL_S = 0.5
"""Seconds that an alarm waits for the disk before it goes out without it (DESIGN section 2)."""

HANG_S = 10.0
"""Seconds without an answer until a disk counts as one that refuses: a card that tidies up answers
within a few.  Looked at in each turn, so told `PULSE_S` later at the most."""

LEAVE_S = 2.0
"""Seconds that a disk may refuse until the log goes on in memory (`disk_watch`); until then no door
opens."""

LEAVE_TURNS = 400
"""Turns that may wait for the disk before that, whatever the time: 20,000 events, 10 MB."""

IN_FLIGHT_MAX = 16
"""Turns on their way to the disk at once: a commit spans three or four, for the writer gets the
lock of Python only between two; with 4 the loop waited half of its time (5 ms an fsync)."""

PULSE_S = 5.0
"""Seconds between turns when nothing happens; a turn feeds the watchdog while the writer lives."""

POLL_S = 0.05
"""Seconds between looks at a clock that does not run at real speed (the demo's)."""


class Engine:
    """One home's engine.  Make it, `rebuild()`, then `run()` until cancelled."""

    def __init__(
        self,
        *,
        eventlog: EventLog,
        reopen: Reopen,
        rules: Sequence[Rule],
        clock: Clock,
        boot: str,
        down_origin: str,
        hooks: Hooks,
    ) -> None:
        self.log = eventlog
        self.clock = clock
        self.hooks = hooks
        self._reopen = reopen
        self._rules = rules
        self._boot = boot
        self._down_origin = down_origin
        self._down = eventlog.down_head(down_origin)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: deque[Item] = deque()  # appended to by any thread, emptied in the loop
        self._called = False  # the loop was called to look into it
        self._wake = asyncio.Event()
        self._flights: deque[Flight] = deque()
        self._landed = asyncio.Event()
        self._thinning = Thinning()
        self._stalled: str | None = None  # why the disk takes nothing
        self._answered_s = -math.inf  # when it last took something, by the loop's clock
        self._stuck_s = math.inf  # when that is too long, by the loop's clock
        self._time = StampTime(clock)
        self.edge = Edge(self.submit)
        self._sequencer = self._fresh_sequencer(Fold(rules), "synced")

    # --- giving it something ----------------------------------------------------------------------

    def submit(self, draft: Draft) -> None:
        """Accept an event; from any thread; never blocks.  Its time is now, unless it has one."""
        self._inbox.append(Item(draft, self._now(), self.clock.mono_s()))
        if self._loop is None or self._called:
            return  # `run` will see it, or the loop has been called for one before it
        self._called = True
        with suppress(RuntimeError):  # the loop is closed: the home is going down
            self._loop.call_soon_threadsafe(self._arrived)

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event:
        """Accept an event and wait until it is durable.  Raises `LogUnwritable` when it is not
        within `timeout_s`; the event stays in line all the same."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._put(Item(draft, self._now(), self.clock.mono_s(), durable=future))
        return await within(future, timeout_s)

    async def receive(self, objs: Sequence[dict[str, Any]], timeout_s: float | None = None) -> None:
        """Receive events that the server decided, in order, and wait until they are durable.

        Those already here are passed over.  Raises `ChainError` when one does not continue the
        server's chain, `BadEvent` when it is none, `LogUnwritable` after `timeout_s`.
        """
        loop = asyncio.get_running_loop()
        last: asyncio.Future[Event] | None = None
        for obj in objs:
            event = from_json(obj)
            if self._down is not None and event.seq <= self._down.seq:
                continue
            sealed = verified(obj, event, self._down_origin, self._down)
            self._down = Head(event.seq, sealed.digest)
            last = loop.create_future()
            self._put(Item(None, self._now(), self.clock.mono_s(), foreign=sealed, durable=last))
        if last is not None:
            await within(last, timeout_s)

    @property
    def down_have(self) -> int | None:
        """The number of the server's last event that was received; None: not known (a new log)."""
        return None if self._down is None else self._down.seq

    @property
    def inputs_waiting(self) -> int:
        """Inputs not yet numbered."""
        return len(self._inbox)

    @property
    def stalled(self) -> bool:
        """Whether the disk refuses to take events now, or hangs."""
        return self._stalled is not None

    @property
    def last_seq(self) -> int:
        """The last number that was given in the log in use."""
        return self._sequencer.seq

    def rows_waiting(self) -> Iterator[Sealed]:
        """What is numbered and not yet durable."""
        return (row for flight in self._flights for row in flight.turn.rows)

    @property
    def turns_waiting(self) -> int:
        """Turns not yet durable."""
        return len(self._flights)

    def _put(self, item: Item) -> None:
        self._inbox.append(item)
        self._arrived()

    def _arrived(self) -> None:
        """In the loop: something waits.  One call for all that was submitted: to wake the loop for
        each event cost 20 µs of its turn's 200."""
        self._called = False  # first: what comes from now on calls again
        if self._loop is not None and self._inbox and not self._flights:
            self._turn()  # nothing else is going on: a lone event need not wait for `run`
        self._wake.set()

    def _now(self) -> datetime:
        return self._time.now(is_sure=self._sequencer.clock == "synced")

    # --- starting ---------------------------------------------------------------------------------

    def rebuild(self, clock: ClockState = "synced") -> int:
        """Fold the state of the rules from the log, as a replay would; returns how many events.

        `hooks.on_rebuild` is asked who wants to see them, with their corrected times.
        """
        fold = Fold(self._rules)
        since = self._now() - timedelta(days=REBUILD_DAYS)
        show = self.hooks.on_rebuild()
        count = 0

        def shown() -> Iterator[tuple[Event, datetime]]:
            nonlocal count
            for event, received_at in corrected(self.log, since, self._boot):
                count += 1
                self.edge.show(event, show)
                yield event, received_at

        fold.rebuild(shown())
        self._sequencer = self._fresh_sequencer(fold, clock)
        return count

    def set_clock(self, state: ClockState) -> None:
        """From now on events carry this clock state."""
        self._sequencer.clock = state

    async def clock_synced(self, offset_s: float) -> None:
        """The clock turned out to be off by `offset_s` until now."""
        await self._clock_told(ClockSynced(offset_s=round(offset_s, 3)), offset_s)

    async def clock_set(self, step_s: float) -> None:
        """The clock, which was right, was set by `step_s`."""
        await self._clock_told(ClockStepped(step_s=round(step_s, 3)), step_s)

    async def _clock_told(self, said: Data, off_s: float) -> None:
        """Say so, and fold again by corrected times: no deadline comes early or late."""
        fold = self._sequencer.fold
        fold.held = abs(off_s) > CORRECT_OVER_S
        try:
            while self._inbox:
                self._turn()  # what came by the old time
            self.set_clock("synced")
            self._time.take()
            await self.write(Draft(said, mono_s=self.clock.mono_s()))
            if fold.held:
                await self.fold_again(lambda: self._rules)
        finally:
            fold.held = False
            self._wake.set()

    async def fold_again(self, rules: Callable[[], Sequence[Rule] | None]) -> bool:
        """Fold the log again by these `rules`, asked at the last moment (None: not now); then
        `nudge`.  False: not done, as when the disk is broken and memory knows more than the log."""
        while self._flights and not self._stalled:
            await self._landing()
        new = None if self._flights or not self.log.complete else rules()
        if new is None:
            return False
        old, self._rules = self._rules, new
        try:
            self.rebuild(self._sequencer.clock)
        except sqlite3.Error as error:  # a block that the disk does not give back
            self._rules = old
            self.begin_anew(str(error))
        return self._rules is new

    def _fresh_sequencer(self, fold: Fold, clock: ClockState) -> Sequencer:
        head = self.log.head
        sequencer = Sequencer(
            fold,
            origin=self.log.origin,
            boot=self._boot,
            seq=head.seq,
            head=head.hash,
            on_event=lambda event: self.edge.show(event, self.hooks.on_event),
        )
        sequencer.clock = clock
        return sequencer

    # --- turning ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Turn until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._called = False
        next_pulse_s = self._loop.time()
        while True:
            if len(self._flights) >= IN_FLIGHT_MAX and not self._stalled:
                await self._landing(STALL_S)  # a disk that hangs must not stop the turns
            if self._inbox or self._due_in_s() <= 0 or self._loop.time() >= next_pulse_s:
                self._turn()
                next_pulse_s = self._loop.time() + PULSE_S
                await asyncio.sleep(0)  # let callbacks of the writer in between two full turns
            else:
                await self._wait(next_pulse_s - self._loop.time())

    async def stop(self) -> None:
        """Turn what is left and wait until it is durable, or the log says that it cannot be."""
        while self._inbox:
            self._turn()
        while self._flights and not self._stalled:
            await self._landing()

    def nudge(self) -> None:
        """Look at the clock again: it may have jumped."""
        self._wake.set()

    def _due_in_s(self) -> float:
        """Real seconds until the next tick of a rule; infinite when there is none."""
        wake = self._sequencer.fold.wake
        if wake is None:
            return math.inf
        rate = self.clock.rate()
        left_s = (wake - self._now()).total_seconds()
        return left_s / rate if rate > 0 or left_s <= 0 else math.inf

    async def _wait(self, at_most_s: float) -> None:
        """Until there may be something to do: an input, a tick, or the next pulse."""
        timeout_s = min(at_most_s, self._due_in_s())
        if self.clock.rate() != 1.0:
            timeout_s = min(timeout_s, POLL_S)
        self._wake.clear()
        if timeout_s > 0:  # a timer that wakes us is cheaper than a task with a time-out
            timer = asyncio.get_running_loop().call_later(timeout_s, self._wake.set)
            await self._wake.wait()
            timer.cancel()

    def _turn(self) -> None:
        waiters: list[tuple[asyncio.Future[Event], Event]] = []
        sequencer = self._sequencer
        for _ in range(min(len(self._inbox), TURN_MAX)):
            item = self._inbox.popleft()
            event = self.edge.number(sequencer, self._thinning, item, is_full=self._is_full())
            if item.durable is not None and event is not None:
                waiters.append((item.durable, event))
        self.edge.run_due(sequencer, self._now(), self.clock.mono_s())
        self._launch(Flight(sequencer.drain(), waiters))
        if self.log.writing:
            self.hooks.on_pulse()
        silent_s = self._flights[-1].began_s - max(self._flights[0].began_s, self._answered_s)
        if not self._stalled and silent_s > HANG_S:
            self._stall(LogUnwritable(f"the disk has not answered for {HANG_S:.0f} s"))
        if self._stalled and self._is_stuck():
            self.hooks.on_stuck(self._stalled)

    def _is_full(self) -> bool:
        """Whether there is no room for what sensors say: in memory, or in line for the disk."""
        return self.log.full or len(self._flights) > 2 * LEAVE_TURNS

    def _is_stuck(self) -> bool:
        """Whether the disk has refused for too long; asked again, after as long again."""
        now_s, first_s = asyncio.get_running_loop().time(), self._flights[0].began_s
        if now_s < max(self._stuck_s, first_s + LEAVE_S) and len(self._flights) < LEAVE_TURNS:
            return False
        self._stuck_s = now_s + LEAVE_S
        return True

    def _launch(self, flight: Flight) -> None:
        loop = asyncio.get_running_loop()
        self._flights.append(flight)
        flight.urgent = [r for r in flight.turn.rows if r.event.urgent and r.received_at is None]
        if flight.urgent:
            if self._stalled:
                self._send_urgent(flight)
            else:
                flight.timer = loop.call_later(STALL_S, self._send_urgent, flight)

        def done(error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._landing_of, flight, error)

        self.log.append(flight.turn.rows, done)

    def _landing_of(self, flight: Flight, error: BaseException | None) -> None:
        """In the loop: what the writer said of a turn."""
        if flight not in self._flights:
            return  # a new log has taken it over
        if isinstance(error, LogCorrupt):
            self.begin_anew(str(error))
            return
        if error is not None:
            self._stall(error)
            return
        self._flights.remove(flight)
        self._stalled, self._answered_s = None, asyncio.get_running_loop().time()
        if flight.carried:
            self.log.rests.look_again()
        if flight.timer is not None:
            flight.timer.cancel()
        self._send_urgent(flight)
        if flight.turn.rows:
            self.hooks.on_durable(flight.turn.rows)
        for future, event in flight.waiters:
            if not future.done():
                future.set_result(event)
        for command in flight.turn.commands:
            self.hooks.on_command(command)
        self._landed.set()

    def _send_urgent(self, flight: Flight) -> None:
        sent, flight.urgent_sent = flight.urgent_sent, True
        if flight.urgent and not sent:
            self.hooks.on_urgent(flight.urgent)

    def _stall(self, error: BaseException) -> None:
        """The disk refuses: alarms go out without it, and somebody is told."""
        first = not self._stalled
        if first:
            self._stalled, self._stuck_s = str(error), 0.0
        for flight in self._flights:
            self._send_urgent(flight)
        self._landed.set()
        if first:
            log.error("event log cannot be written")
            self.submit(Draft(LogStalled(why=str(error))))

    def begin_anew(self, why: str) -> None:
        """Set the log aside and go on in a new one, with everything that the old never stored: for
        a damaged file, and for one that the server knows to be older than it should be."""
        old = self._sequencer
        try:
            self.log, recovered = self._reopen(why)
        except (LogError, OSError) as error:
            self._stall(error)  # all stays in line: what is written next tries again
            return
        lost, self._stalled = list(self._flights), None
        self._flights.clear()
        for flight in lost:
            if flight.timer is not None:
                flight.timer.cancel()  # it goes out under its new number
        if self._down is not None and self._down.seq == 0:
            self._down = self.log.down_head(self._down_origin)
        self._sequencer = self._fresh_sequencer(old.fold, old.clock)
        self._sequencer.write_only(Draft(recovered), at=self._now(), mono_s=self.clock.mono_s())
        self._launch(numbered_anew(lost, self._sequencer))

    def go_on_in(
        self, new: EventLog, told: Sequence[Data], before: Sequence[Sealed] = ()
    ) -> asyncio.Future[Event]:
        """Go on in another log, from the next number on: the disk is left, or takes events again.

        `before`, and what the log until now has not stored, go there first, as they are; then
        `told` is written.  Returns the last of it, for when it is durable."""
        for flight in self._flights:
            self._send_urgent(flight)
            if flight.timer is not None:
                flight.timer.cancel()
        carried = carry_over(self._flights, before)
        self._flights.clear()
        old = self._sequencer
        self.log, self._stalled = new, None
        self._sequencer = self._fresh_sequencer(old.fold, old.clock)
        if carried.turn or carried.waiters:
            self._launch(carried)
        durable: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        now, mono_s = self._now(), self.clock.mono_s()
        items = [Item(Draft(data), now, mono_s) for data in told]
        items[-1].durable = durable
        self._inbox.extendleft(reversed(items))
        self._arrived()
        return durable

    async def _landing(self, timeout_s: float | None = None) -> None:
        self._landed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._landed.wait(), timeout_s)
