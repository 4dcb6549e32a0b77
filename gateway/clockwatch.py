"""Is the home's clock right, and did it jump?  (skeleton: signatures are final, the body follows)

Not for: correcting times of events (the fold does), or setting the clock (systemd does).
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Clock


class ClockWatch:
    """`on_synced(offset_s)` once per boot when the clock became right: how far it was off before (0
    when it was right all along); `on_step(step_s)` for each jump (also a change of pace: 0.0).
    Both are called in the event loop."""

    def __init__(
        self,
        *,
        clock: Clock,
        on_synced: Callable[[float], None],
        on_step: Callable[[float], None],
    ) -> None:
        raise NotImplementedError

    @property
    def synced(self) -> bool:
        """Whether the home is sure of the time.  Any thread."""
        raise NotImplementedError

    def server_time(self, offset_s: float) -> None:
        """The server's clock minus ours, real seconds (from the uplink).  Any thread."""

    async def run(self) -> None:
        """Watch until cancelled."""
