"""Which boot this is, how the last run ended, and what the home tells of itself at its start.

Not for: the home's keys (`gateway.enroll`) or its log (`gateway.logkeeper`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.envelope import Event
from gateway.events import (
    DeviceTold,
    GatewayStopped,
    HomeDescribed,
    PreviousRun,
)
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
        self.how = PreviousRun.NONE

    def apply(self, event: Event) -> None:
        """Take one event in."""
        if event.origin == self._own():
            stopped = isinstance(event.data, GatewayStopped)
            self.how = PreviousRun.CLEAN if stopped else PreviousRun.CUT
