"""The trial of a home at its own page: begun, ticked and accepted by the home's own events.

All of it stands in the log, so that it goes on after the plug was pulled, which is one of its
steps, and reaches the server with everything else.  What was begun at a page of the server is
another trial, and none of this one's.

Not for: what the events make of a trial (`gateway.installs`), or who may (`install_page`).
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

from gateway.envelope import Event
from gateway.events import InstallAccepted, InstallBegun
from gateway.installs import steps
from gateway.installs.trial import EVENTS_MAX, OWN

KINDS = steps.TOLD | OWN


class HomeTrial:
    """The last trial that was begun here, folded from the log."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The log is folded anew."""
        self._begun: Event | None = None
        self._accepted: Event | None = None
        self._said: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.accepted_at: datetime | None = None

    def apply(self, event: Event) -> None:
        """Fold one event."""
        data, ours = event.data, not event.origin.startswith("staff:")
        if isinstance(data, InstallAccepted):
            self.accepted_at = max(event.at, self.accepted_at or event.at)
        if isinstance(data, InstallBegun) and ours:
            self._begun, self._accepted = event, None
            self._said.clear()
        elif self._begun is None or self._accepted is not None:
            return
        elif isinstance(data, InstallAccepted):
            if data.begun == self._begun.ref:
                self._accepted = event
        elif event.kind in KINDS and (ours or event.kind not in OWN):
            self._said.append(event)

    def told(self) -> tuple[Event | None, Event | None, tuple[Event, ...]]:
        """The event that began it (None: none was), the one that accepted it, and what was said
        in between: what `gateway.installs.trial.trial_of` makes a trial of."""
        return self._begun, self._accepted, tuple(self._said)
