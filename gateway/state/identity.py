"""Which boot this is, how the last run ended, and what the home tells of itself at its start.

Not for: the home's keys (`gateway.link.enrolment`) or its log (`gateway.engine.log_folder`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from gateway.envelope import Event
from gateway.events import (
    DeviceTold,
    GatewayStopped,
    HomeDescribed,
    PreviousRun,
)
from gateway.origin import is_in_memory
from gateway.rules import HomeFacts

BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")
BOOT_CHARS = 8
"""Characters of the boot's id that are kept: a home boots some thousand times, not billions, and
each character costs a byte in every event."""


def boot_id() -> str:
    """The first characters of the kernel's boot id; made up where there is none."""
    with suppress(OSError):
        return BOOT_FILE.read_text().strip()[:BOOT_CHARS]
    return secrets.token_hex(BOOT_CHARS // 2)


def described(home: HomeFacts) -> HomeDescribed:
    """What the home consists of, by its configuration."""
    devices = tuple(
        DeviceTold(id=d.id, driver=d.driver, type=d.type, role=d.role, room=d.room)
        for d in home.devices.values()
    )
    return HomeDescribed(devices=devices, timezone=home.timezone, resident=home.resident)


class PreviousEnd:
    """A fold that knows, after the log was read, how the last run ended."""

    def __init__(self, own: Callable[[], str]) -> None:
        self._own = own
        self._last: Event | None = None
        self.how = PreviousRun.NONE

    def apply(self, event: Event) -> None:
        """Fold one event."""
        if event.origin == self._own() or is_in_memory(event.origin):
            stopped = isinstance(event.data, GatewayStopped)
            self.how = PreviousRun.CLEAN if stopped else PreviousRun.CUT
            self._last = event

    def unsynced_by(self, boot: str, now: datetime, mono_s: float) -> float | None:
        """By how many seconds the unsynced times of an earlier run in this boot are off, now that
        the clock is right: the monotonic clock went on between them.  None: there are none."""
        last = self._last
        if last is None or last.boot != boot or last.clock == "synced":
            return None
        return (now - last.at).total_seconds() - (mono_s - last.mono_s)
