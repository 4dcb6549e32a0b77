"""`ScaipSender` for a program with threads: a loop of its own in a thread, asked from any other.

Not for: the home, which has a loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from gateway.scaip.here import Here, Timers
from gateway.scaip.message import ScaipRequest
from gateway.scaip.sender import Centre, Patience, ScaipSender, Sent, Try, Unmatched

T = TypeVar("T")

START_S = 10.0
"""Until a socket is bound: a moment; a machine that swaps takes longer."""


class ScaipThread:
    """Sends to alarm centres from any thread."""

    def __init__(
        self,
        here: Here,
        *,
        patience: Patience | None = None,
        timers: Timers | None = None,
        unmatched: Unmatched | None = None,
    ) -> None:
        self._sender = ScaipSender(here, patience=patience, timers=timers, unmatched=unmatched)
        self._patience = patience or Patience()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scaip", daemon=True)

    def start(self) -> None:
        """Listen.  Raises `OSError` where the address cannot be had."""
        self._thread.start()
        try:
            self._wait(self._sender.start(), START_S)
        except OSError:
            self._end()
            raise

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._sender.port

    def send(self, message: ScaipRequest, centres: Sequence[Centre]) -> Sent:
        """As `ScaipSender.send`."""
        patience = self._patience
        each_s = patience.answer_s + max(patience.busy_max_s, patience.pause_s)
        longest_s = START_S + len(centres) * patience.tries * each_s
        return self._wait(self._sender.send(message, centres), longest_s)

    def beat(self, cid: str, centre: Centre) -> Try:
        """As `ScaipSender.beat`."""
        return self._wait(self._sender.beat(cid, centre), START_S + self._patience.answer_s)

    def close(self) -> None:
        """Hang up; the thread ends.  May be called twice."""
        if not self._loop.is_closed():
            self._wait(self._sender.close(), START_S)
            self._end()

    def _wait(self, work: Coroutine[Any, Any, T], longest_s: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(longest_s)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        if not self._thread.is_alive():
            self._loop.close()
