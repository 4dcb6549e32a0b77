"""Is the home's clock right, and did it jump?

A Pi has no battery clock: it boots with the time it last saw, and jumps when NTP answers.  Right is
what systemd-timesyncd or the kernel (adjtimex(2)) call synchronised, or what agrees with the staff
server.  A jump is what the wall clock did beyond what the monotonic clock says.

Not for: correcting times of events (the fold does), or setting the clock (systemd does).
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.clock import Clock, SystemClock
from gateway.engine.stamp_time import STEP_OVER_S

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Real seconds between looks: a jump is noticed well before a minute's slot."""

DEMO_LOOK_S = 0.1
"""The same for the demo's clock, where a second may be an hour."""

STEP_S = 1.0
"""A jump smaller than this moves no check and breaks no grant."""

AGREE_S = 5.0
"""The server's clock agrees when it is this near: its `Date` has whole seconds, and a mobile link
adds some; grants allow as much (`gateway.access.tokens.SKEW_S`)."""

TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd touches it when it has set the clock in this boot (systemd-timesyncd(8))."""

_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""


class _Timex(ctypes.Structure):
    """The head of `struct timex`, and room for the rest."""

    _fields_ = [("modes", ctypes.c_uint), ("rest", ctypes.c_long * 64)]


def kernel_synced() -> bool:
    """What the kernel says; False where it cannot be asked (no libc, forbidden)."""
    try:
        libc = ctypes.CDLL(None)
        state = int(libc.adjtimex(ctypes.byref(_Timex(modes=0))))
    except (OSError, AttributeError):
        return False
    return 0 <= state < _TIME_ERROR


def system_synced() -> bool:
    """Whether this machine's own parts call its clock right."""
    return TIMESYNCD.exists() or kernel_synced()


class ClockWatch:
    """`on_synced(offset_s)` once, when the clock became right: how far it was off before (0 when it
    was right all along).  `on_step(step_s)` for each jump, and for a change of the demo clock's
    pace.  `on_set(step_s)` before that, where a clock that counted as right jumped by more than
    `STEP_OVER_S`; not for the demo's, where that much time passed.  All are called in the event
    loop, the one of `run`.

    `evidence` None: the machine's own for a `SystemClock`, and always right for the demo's."""

    def __init__(
        self,
        *,
        clock: Clock,
        on_synced: Callable[[float], None],
        on_step: Callable[[float], None],
        on_set: Callable[[float], None] = lambda _step_s: None,
        evidence: Callable[[], bool] | None = None,
        real_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._on_synced, self._on_step, self._on_set = on_synced, on_step, on_set
        self._real_clock = evidence is not None or isinstance(clock, SystemClock)
        self._evidence = evidence or (system_synced if self._real_clock else lambda: True)
        self._real_s = real_s
        self._server_base: float | None = None
        self._rate = clock.rate()
        self._real, self._wall = real_s(), clock.now().timestamp()
        self._moved_s = 0.0
        self._synced = self._proved = False

    @property
    def synced(self) -> bool:
        """Whether the home is sure of the time.  Any thread."""
        return self._synced

    def best_now(self) -> datetime | None:
        """The time as the home knows it best: its own when it is sure, else the server's; None when
        it knows neither.  A clock that nothing but the server called right drifts from then on by
        seconds a day, so there the server's goes on to count.  For judging grants.  Any thread."""
        base = self._server_base
        if self._synced and (self._proved or base is None):
            return self._clock.now()
        return None if base is None else datetime.fromtimestamp(base + self._real_s(), UTC)

    def server_time(self, offset_s: float) -> None:
        """The server's clock minus this machine's, real seconds (from the uplink).  Any thread."""
        if self._real_clock:
            # held against the monotonic clock: ours may be set at any moment
            self._server_base = self._clock.now().timestamp() + offset_s - self._real_s()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                self.look()
            except Exception:  # whoever was told of it broke: without a clock no door opens
                log.exception("the clock could not be looked at")
            await asyncio.sleep(LOOK_S if self._real_clock else DEMO_LOOK_S)

    def look(self) -> None:
        """One look: did the clock jump, is it right?"""
        real, wall, rate = self._real_s(), self._clock.now().timestamp(), self._clock.rate()
        step_s = (wall - self._wall) - (real - self._real) * self._rate
        paced = rate != self._rate
        self._real, self._wall, self._rate = real, wall, rate
        self._moved_s += step_s
        if self._synced and self._real_clock and abs(step_s) > STEP_OVER_S:
            self._on_set(step_s)
        self._proved = self._evidence()
        if not self._synced and self._right(real, wall):
            self._synced = True
            offset_s = self._moved_s if abs(self._moved_s) > STEP_S else 0.0
            log.info("the clock is right", extra={"offset_s": round(offset_s, 3)})
            self._on_synced(round(offset_s, 3))
        if abs(step_s) > STEP_S * max(1.0, rate) or paced:
            log.info("the clock jumped", extra={"step_s": round(step_s, 3)})
            self._on_step(0.0 if paced else step_s)

    def _right(self, real: float, wall: float) -> bool:
        base = self._server_base
        return self._proved or (base is not None and abs(base + real - wall) <= AGREE_S)
