"""Where time comes from.  Everything that means *time of day* goes through a `Clock`, so that the
demo can let a night pass in a minute and a test can stand still.

Time-outs of the network and of radios are real seconds and do not come from here: a lock takes as
long as it takes.  Not for: rules and schedules, which are pure and get time as events.
"""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

MADE = datetime(2026, 1, 1, tzinfo=UTC)
"""No gateway ran before: a Pi without a battery for its clock boots in 1970, or when its system was
built."""


class Clock(Protocol):
    """Domain time.  `rate` is domain seconds per real second."""

    def now(self) -> datetime:
        """Aware UTC."""

    def mono_s(self) -> float:
        """Domain seconds since some fixed moment of this boot; never goes back."""

    def rate(self) -> float:
        """Domain seconds per real second, at this moment."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def mono_s(self) -> float:
        return time.monotonic()

    def rate(self) -> float:
        return 1.0


class FileClock:
    """The demo's clock: several processes read the same small file and agree on the time.

    The file holds three little-endian doubles: a real monotonic moment (s), the domain time at
    that moment (s since 1970), and the rate.  `write` replaces them at once; readers follow.
    """

    _FORM = struct.Struct("<ddd")

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), self._FORM.size)

    @classmethod
    def create(cls, path: Path, at: datetime, rate: float) -> FileClock:
        """Make (or replace) the file so that it is `at` now and runs at `rate`."""
        path.write_bytes(cls._FORM.pack(time.monotonic(), at.timestamp(), rate))
        path.chmod(0o600)
        return cls(path)

    def set(self, *, at: datetime | None = None, rate: float | None = None) -> None:
        """Jump to `at`, run at `rate`; what is None stays as it is."""
        moment = (self.now() if at is None else at).timestamp()
        pace = self.rate() if rate is None else rate
        self._map[:] = self._FORM.pack(time.monotonic(), moment, pace)

    def _read(self) -> tuple[float, float, float]:
        real, domain, rate = self._FORM.unpack(self._map[:])
        return real, domain, rate

    def now(self) -> datetime:
        real, domain, rate = self._read()
        return datetime.fromtimestamp(domain + (time.monotonic() - real) * rate, UTC)

    def mono_s(self) -> float:
        real, domain, rate = self._read()
        return domain + (time.monotonic() - real) * rate

    def rate(self) -> float:
        return self._read()[2]


class ManualClock:
    """A clock that moves only when told: for tests and for replays."""

    def __init__(self, at: datetime, mono_s: float = 0.0) -> None:
        self.at = at
        self.mono = mono_s

    def now(self) -> datetime:
        return self.at

    def mono_s(self) -> float:
        return self.mono

    def rate(self) -> float:
        return 1.0

    def advance(self, seconds: float) -> None:
        """Let both clocks run on by `seconds`."""
        self.at += timedelta(seconds=seconds)
        self.mono += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock by `seconds` without time passing, as NTP does."""
        self.at += timedelta(seconds=seconds)


def open_clock(spec: str | None) -> Clock:
    """The clock named by `spec`: None is the system's, else the path of a demo clock file."""
    return SystemClock() if spec is None else FileClock(Path(spec))
