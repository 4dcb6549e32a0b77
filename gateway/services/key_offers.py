"""Brings each new key that the server announced to the keys that this home trusts.

What a restart reads from the log is offered once more, for the disk may have refused to keep it;
a refusal is written only when the key is new.

A key is written in a thread: a disk that hangs must not hold the home's loop.

Not for: whether a key is trusted (`gateway.link.server_keys`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from gateway.envelope import Event
from gateway.events import Data, ServerKeyAdded, ServerKeyRefused
from gateway.link.server_keys import ServerKeys

log = logging.getLogger(__name__)


Background = Callable[[Callable[[], None]], None]
"""Runs what it is given, one after the other, beside the loop."""


class KeyOffers:
    """A fold of the server's announcements.  `keys` None: this home has no server; `record` writes
    what came of an offer, from any thread."""

    def __init__(
        self,
        keys: ServerKeys | None,
        record: Callable[[Data], None],
        background: Background,
    ) -> None:
        self._keys = keys
        self._record = record
        self._background = background
        self._announced: list[ServerKeyAdded] = []

    def forget(self) -> None:
        """The events are about to be told anew."""
        self._announced = []

    def apply(self, event: Event) -> None:
        """Fold one event."""
        if isinstance(event.data, ServerKeyAdded) and event.origin.startswith("staff:"):
            self._announced.append(event.data)

    def see_live(self, event: Event) -> None:
        """Offer the key that was announced just now."""
        if isinstance(event.data, ServerKeyAdded) and event.origin.startswith("staff:"):
            self._offer(event.data, again=False)

    def offer_again(self) -> None:
        """Offer every announced key: one may not have been kept then."""
        for added in tuple(self._announced):
            self._offer(added, again=True)

    def _offer(self, added: ServerKeyAdded, *, again: bool) -> None:
        keys = self._keys
        if keys is not None:
            self._background(lambda: self._judge(keys, added, again=again))

    def _judge(self, keys: ServerKeys, added: ServerKeyAdded, *, again: bool) -> None:
        try:
            verdict = keys.offered(added)
        except OSError:  # the disk refuses: the older key stays good, and a restart tries again
            log.exception("a new server key could not be kept")
            return
        if verdict is not None and not (again and isinstance(verdict, ServerKeyRefused)):
            self._record(verdict)


def in_a_thread(name: str) -> Background:
    """A background of its own: one daemon thread, which begins with the first work."""
    waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                waiting.get()()
            except Exception:  # the edge: what comes after it is done all the same
                log.exception("work beside the loop failed", extra={"what": name})

    thread = threading.Thread(target=work, name=name, daemon=True)

    def background(do: Callable[[], None]) -> None:
        waiting.put(do)
        if thread.ident is None:
            thread.start()

    return background
