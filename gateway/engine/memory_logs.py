"""Where a home whose disk refuses keeps its log: a file in a folder that lives in memory.

A log there outlives the program, not a power cut: a program that was killed finds it and goes on.
Its name holds the home, its state folder and the boot, so that no home takes another's; what is not
this user's is left alone.

Not for: when it is begun, or what becomes of it (`gateway.engine.log_folder`).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader
from gateway.errors import LogCorrupt, LogUnwritable
from gateway.origin import memory_origin


def memory_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder in memory that systemd keeps for the home over its restarts (`RuntimeDirectory=`);
    without systemd that of every Linux."""
    given = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given or "/dev/shm")  # noqa: S108 - files of others are left alone (`_is_ours`)


class MemoryLogs:
    """The logs in `folder` of the home whose state is at `state`.  `uptime_s` counts seconds since
    the boot."""

    def __init__(
        self,
        folder: Path,
        home: str,
        *,
        state: Path,
        boot: str,
        uptime_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._home = home
        self._boot = boot
        self._uptime_s = uptime_s
        place = hashlib.sha256(os.fsencode(state.absolute())).hexdigest()[:8]
        self._stem = f"tryggve-{home}-{place}-{boot}-"

    def begin(self, after: tuple[int, int] | None) -> EventLog:
        """A new one, that follows this number of the log on disk.  Raises `LogUnwritable`."""
        k = int(self._uptime_s())
        while self._path(k).exists():
            k += 1
        return EventLog.open(self._path(k), memory_origin(self._home, self._boot, k, after))

    def left(self) -> list[Path]:
        """Those that are there, the oldest first."""
        found = {}
        with suppress(OSError):
            for path in self.folder.glob(f"{self._stem}*.sqlite"):
                k = re.fullmatch(r"[0-9]{1,10}", path.stem.removeprefix(self._stem))
                if k is not None and _is_ours(path):
                    found[int(k[0])] = path
        return [path for _, path in sorted(found.items())]

    def _path(self, k: int) -> Path:
        return self.folder / f"{self._stem}{k}.sqlite"


def open_again(path: Path) -> EventLog:
    """Go on in a log of an earlier run.  Raises `LogCorrupt`, `LogUnwritable`."""
    return EventLog.open(path, LogReader(path).origin)


def is_log(path: Path) -> bool:
    """Whether it was made to its end: a file without that never held an event."""
    try:
        return bool(LogReader(path).origin)
    except (LogCorrupt, LogUnwritable):
        return False


def remove(path: Path) -> None:
    """Let a log in memory go; what it held is elsewhere."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _is_ours(path: Path) -> bool:
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
    return False
