"""The test alarm: at each start, and each day at a time of its own, the way of an alarm is gone.

A test alarm is an urgent event like any other: over the urgent lane to the server, there through
the dispatcher and each channel's own check, and back as `server.test_answered`.  It rings nowhere.
What does not come back within `answer_s` is told with the hop where it stayed; an answer that
comes later ends that.  The gateway's own second path is looked at beside it: whether the modem has
a network, and whether all numbers are here.

Not for: what a failed test means (the rule `alarm_way`), or sending anything (`teller`).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, time, timedelta

from gateway.clock import Clock
from gateway.envelope import Event
from gateway.events import (
    Data,
    GatewaySecondPathReady,
    GatewayStarted,
    GatewayTestFailed,
    GatewayTestPassed,
    GatewayTestSent,
    HomeSecondPathSet,
    PathChannel,
    ServerTestAnswered,
    TestWhy,
)
from gateway.ports import ModemState
from gateway.rules.common.time import next_local
from gateway.second_path.receivers_file import ReceiversFile
from gateway.second_path.senders import Sender
from gateway.second_path.teller import LinkView, Teller

log = logging.getLogger(__name__)

SPREAD_S = 50
"""Seconds over which the homes of a server spread their tests, each always at its own: a thousand
in one second would be a storm each morning, and it is still 06:00 on the page."""

LATE = timedelta(seconds=120)
"""How much later than planned a test may be sent: a gateway that is busy."""

LOOK_S = 30.0
"""Real seconds between looks at the clock: it may be set."""

SURE_S, SURE_LOOK_S = 120.0, 0.5
"""Real seconds that the first test waits at most for a clock that is right, and between looks at
it: the server answers no test of hours ago, nor one of 1970.  After a power cut the clock is set
within a minute of the network's coming."""

MODEM_LOOK_S = 150.0
"""Real seconds between looks at the modem: told when two find the same, so within five minutes."""

SETTLE_S = 2.0
"""Real seconds after the server named other receivers until they are looked at: their numbers come
beside the event."""

SEEN_BY_LOOKS = frozenset({"no_modem", "no_network", "locked", "no_answer", "busy", "no_channel"})
"""What a look at the modem can call over; that a message was refused, only another message."""


class ChainTest:
    """`run` until cancelled; `apply` is shown every event, live and from before."""

    def __init__(
        self,
        *,
        home: str,
        at: time,
        timezone: str,
        answer_s: float,
        version: str,
        receivers: ReceiversFile,
        senders: Mapping[PathChannel, Sender],
        teller: Teller,
        link: LinkView,
        is_confirmed: Callable[[str, int], bool],
        record: Callable[[Data], None],
        clock: Clock,
        sure: Callable[[], bool] = lambda: True,
    ) -> None:
        self._sure = sure
        self._at, self._timezone, self._answer_s = at, timezone, answer_s
        self._spread_s = int(hashlib.sha256(home.encode()).hexdigest(), 16) % SPREAD_S
        self._version = version
        self._receivers, self._senders, self._teller = receivers, senders, teller
        self._link, self._is_confirmed = link, is_confirmed
        self._record, self._clock = record, clock
        self._before: str | None = None
        self._sent: Event | None = None
        self._answer: ServerTestAnswered | None = None
        self._told = False
        self._news = asyncio.Event()
        self._changed = asyncio.Event()
        self._bad: str | None = None
        self.passed_at: datetime | None = None
        """When a test alarm last went all the way; None: not yet, as far as the log goes back."""
        self.problem: str | None = None
        """The hop at which the last test stayed; None: it came back, or is on its way."""
        self.broken: tuple[str, ...] = ()
        """What the last answer called broken beyond the server."""

    # --- events -----------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Fold one event."""
        data = event.data
        if isinstance(data, GatewayStarted):
            self._before = data.version
        elif isinstance(data, GatewayTestSent):
            self._sent, self._told = event, False
        elif isinstance(data, GatewayTestPassed):
            self.passed_at, self.problem = event.at, None
        elif isinstance(data, GatewayTestFailed):
            self.problem = data.hop
        elif isinstance(data, ServerTestAnswered):
            self._see_answer(data)

    def _see_answer(self, data: ServerTestAnswered) -> None:
        if self._sent is None or data.test != self._sent.ref:
            return
        self._answer, self.broken = data, data.broken
        self._news.set()

    def see_live(self, event: Event) -> None:
        """An answer, also one that came after its time; and somebody else to tell."""
        if isinstance(event.data, ServerTestAnswered) and self._answer is event.data:
            self._pass(event.data)
        elif isinstance(event.data, HomeSecondPathSet):
            self._changed.set()

    def _pass(self, answer: ServerTestAnswered) -> None:
        if not self._told:
            self._told = True
            self._record(GatewayTestPassed(test=answer.test))

    # --- running ----------------------------------------------------------------------------------

    def first_why(self) -> TestWhy:
        """Why the test at this start is made: asked before the start itself is in the log."""
        if self._before not in (None, self._version):
            return TestWhy.UPDATED
        return TestWhy.STARTED

    async def run(self, why: TestWhy) -> None:
        """Test now, and each day."""
        looks = asyncio.create_task(self._look_on())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wait_for_clock(), SURE_S)
            while True:
                await self._test(why)
                await self._until(self._next(self._clock.now()))
                why = TestWhy.DAILY
        finally:
            looks.cancel()
            with suppress(asyncio.CancelledError):
                await looks

    async def _wait_for_clock(self) -> None:
        while not self._sure():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(SURE_LOOK_S)

    async def _test(self, why: TestWhy) -> None:
        self._news.clear()
        self._record(GatewayTestSent(why=why, next_by=self._next(self._clock.now()) + LATE))
        try:
            async with asyncio.timeout(self._answer_s):
                await self._news.wait()
        except TimeoutError:
            self._fail()
        # after it: at a start, whom to tell comes down before the answer
        await self._look(tell=True)

    def _fail(self) -> None:
        sent = self._sent
        if sent is None:
            return  # the log takes nothing: that is told elsewhere
        has = self._is_confirmed(sent.origin, sent.seq) or self._link.has(sent.origin, sent.seq)
        log.warning("a test alarm did not come back", extra={"at_server": has})
        self._record(GatewayTestFailed(test=sent.ref, hop="dispatcher" if has else "server"))

    def _next(self, now: datetime) -> datetime:
        begins = next_local(now - timedelta(seconds=self._spread_s), self._timezone, self._at)
        return begins + timedelta(seconds=self._spread_s)

    async def _until(self, moment: datetime) -> None:
        # a clock tells nobody that it was set
        while (left_s := (moment - self._clock.now()).total_seconds()) > 0:  # noqa: ASYNC110 - as above
            await asyncio.sleep(min(LOOK_S, left_s / max(self._clock.rate(), 1e-3)))

    # --- the gateway's own way --------------------------------------------------------------------

    async def _look_on(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), MODEM_LOOK_S)
            changed = self._changed.is_set()
            self._changed.clear()
            if changed:
                await asyncio.sleep(SETTLE_S)
            await self._look(tell=changed)

    async def _look(self, *, tell: bool) -> None:
        """Look; whatever breaks at it ends neither the next look nor the next test."""
        try:
            await self.look(tell=tell)
        except Exception:
            log.exception("the way past the server could not be looked at")

    async def look(self, *, tell: bool = False) -> None:
        """Whether receivers could be told now; told when it changes, and with `tell` when all is
        well too."""
        settings = self._receivers.settings
        if settings is None or not settings.receivers:
            return
        if not self._receivers.complete:
            self._teller.cannot("no_address")
            return
        signal_pct = None
        for channel in sorted({receiver.channel for receiver in settings.receivers}):
            sender = self._senders.get(channel)
            if sender is None:
                self._teller.cannot("no_modem" if channel is PathChannel.SMS else "no_channel")
                return
            addresses = self._addresses(channel)
            thorough = tell or bool(self._teller.failed)
            try:
                state = await sender.state(addresses, thorough=thorough)
            except Exception:  # whatever a library raises: that way is not gone, and others are
                log.exception("a way past the server could not be looked at")
                state = ModemState(problem="no_answer")
            if state.problem is not None:
                if tell or self._bad == state.problem:
                    self._teller.cannot(state.problem)
                self._bad = state.problem
                return
            signal_pct = state.signal_pct if signal_pct is None else signal_pct
        self._bad = None
        over = self._teller.failed <= SEEN_BY_LOOKS | {"no_address"}
        if over and (tell or self._teller.failed):
            self._record(GatewaySecondPathReady(signal_pct=signal_pct))

    def _addresses(self, channel: PathChannel) -> list[str]:
        settings = self._receivers.settings
        told = () if settings is None else settings.receivers
        wanted = [self._receivers.address(one.id) for one in told if one.channel is channel]
        return [address for address in wanted if address is not None]
