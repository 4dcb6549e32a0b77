"""Brings each new key that the server announced to the keys that this home trusts.

What a restart reads from the log is offered once more, for the disk may have refused to keep it;
a refusal is written only when the key is new.

Not for: whether a key is trusted (`gateway.link.server_keys`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.envelope import Event
from gateway.events import Data, ServerKeyAdded, ServerKeyRefused
from gateway.link.server_keys import ServerKeys

log = logging.getLogger(__name__)


class KeyOffers:
    """A fold of the server's announcements.  `keys` None: this home has no server; `record` writes
    what came of an offer."""

    def __init__(self, keys: ServerKeys | None, record: Callable[[Data], None]) -> None:
        self._keys = keys
        self._record = record
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
        if self._keys is None:
            return
        try:
            verdict = self._keys.offered(added)
        except OSError:  # the disk refuses: the older key stays good, and a restart tries again
            log.exception("a new server key could not be kept")
            return
        if verdict is not None and not (again and isinstance(verdict, ServerKeyRefused)):
            self._record(verdict)
