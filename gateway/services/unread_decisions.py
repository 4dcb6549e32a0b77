"""Tells the server, once a kind, that it decided something which this home cannot read.

The server is of a newer version, or the home went back to an older one.  What cannot be read is
kept and not obeyed; whoever decided it should know.  Not for: reading it
(`gateway.events.tolerance`).
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.envelope import Event
from gateway.events import Data, ServerUnread, Unknown

KINDS_MAX = 20
"""Kinds that are told between two starts: a release has fewer new ones."""


class UnreadDecisions:
    """A fold of what was told of it; `record` writes what is to be told."""

    def __init__(self, record: Callable[[Data], None]) -> None:
        self._record = record
        self._told: set[str] = set()

    def forget(self) -> None:
        """The events are about to be told anew."""
        self._told = set()

    def apply(self, event: Event) -> None:
        """Fold one event."""
        if isinstance(event.data, ServerUnread):
            self._told.add(event.data.about)

    def see_live(self, event: Event) -> None:
        """Tell of what came just now, if it cannot be read and was not told of its kind."""
        if not isinstance(event.data, Unknown) or not event.origin.startswith("staff:"):
            return
        if event.kind not in self._told and len(self._told) < KINDS_MAX:
            self._told.add(event.kind)
            self._record(ServerUnread(event=event.ref, about=event.kind))
