"""`ScaipSender` for a program with threads: a loop of its own in a thread, asked from any other.

Not for: the home, which has a loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from gateway.scaip.here import Here, Timers
from gateway.scaip.message import ScaipRequest
from gateway.scaip.sender import Centre, Patience, ScaipSender, Try, Unmatched

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

    def once(self, message: ScaipRequest, centre: Centre) -> Try:
        """As `ScaipSender.once`."""
        return self._wait(self._sender.once(message, centre), START_S + self._patience.answer_s)

    def beats(self, cid: str, centres: Sequence[Centre]) -> list[Try]:
        """A heartbeat to each of them at once."""

        async def all_of_them() -> list[Try]:
            return await asyncio.gather(*(self._sender.beat(cid, one) for one in centres))

        return self._wait(all_of_them(), START_S + self._patience.answer_s)

    def hosts(self, centre: Centre) -> frozenset[str]:
        """As `ScaipSender.hosts`; from any thread but the loop's own."""
        return self._wait(self._sender.hosts(centre), START_S)

    def close(self) -> None:
        """Hang up; the thread ends, and who waits for something gets `OSError`.  May be called
        twice."""
        if not self._loop.is_closed():
            self._wait(self._sender.close(), START_S)
            self._end()

    def _wait(self, work: Coroutine[Any, Any, T], longest_s: float) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(longest_s)
        except CancelledError as error:
            raise OSError("the SIP user agent was closed") from error
        except RuntimeError as error:  # its loop is closed
            work.close()
            raise OSError("the SIP user agent is closed") from error

    def _end(self) -> None:
        def end() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join(START_S)
        if not self._thread.is_alive():
            self._loop.close()
