"""Which doors stand open, by the last word of their contacts, as the rule `relock` folds it.

A part of `gateway.state.home_view`.  Not for: what a device shows (`device_view`): one in a door
may feel it shake too, or somebody pass, and each is its last reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.envelope import Event
from gateway.events import DoorClosed, DoorOpened


@dataclass(slots=True)
class Doors:
    """`open` are the contacts that said so last, also where they have fallen silent since."""

    open: set[str] = field(default_factory=set)

    def apply(self, event: Event) -> None:
        """Fold one event."""
        if event.device is None:
            return
        if isinstance(event.data, DoorOpened):
            self.open.add(event.device)
        elif isinstance(event.data, DoorClosed):
            self.open.discard(event.device)
