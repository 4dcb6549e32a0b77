"""A fold of the calls and looks that this home admitted: which permits are used up, what has no
end.

Not for: the line of events itself, or who is shown them.
"""

from __future__ import annotations

from gateway.envelope import Event
from gateway.events import (
    LookAdmitted,
    LookEnded,
    LookExtended,
    VoiceAdmitted,
    VoiceEnded,
    VoiceExtended,
)


class MediaRecord:
    """`open_calls` and `open_looks` have the event that admitted each."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.open_calls: dict[str, Event] = {}
        self.open_looks: dict[str, Event] = {}

    def apply(self, event: Event) -> None:
        """Fold one event."""
        match event.data:
            case VoiceAdmitted(permit=permit, call=call):
                self.used.add(permit)
                self.open_calls[call] = event
            case LookAdmitted(permit=permit, look=look):
                self.used.add(permit)
                self.open_looks[look] = event
            case VoiceExtended(permit=permit) | LookExtended(permit=permit):
                self.used.add(permit)
            case VoiceEnded(call=call):
                self.open_calls.pop(call, None)
            case LookEnded(look=look):
                self.open_looks.pop(look, None)
