"""Finds the home's log, or begins a new one when it cannot be used.

The origin of the log in use stands in a small text file, `origin`, beside it; `tryggve gateway
enroll` writes it too.  A log that cannot be used is renamed, never deleted, and the new one has an
origin of its own (`home:<id>~2`, `~3` …), so that no number is given out twice.

Not for: repairing a damaged file; `sqlite3 FILE .recover` by a technician does that.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from pathlib import Path

from gateway.config.secrets import write_durably
from gateway.engine.event_log import EventLog
from gateway.errors import LogCorrupt, LogUnwritable
from gateway.events import LogRecovered

log = logging.getLogger(__name__)

FILE = "events.sqlite"
"""The log in use, in the state folder."""


class LogFolder:
    """The logs of one home in `path`; `memory` is a folder that lives in memory, for a home whose
    disk cannot be used at all; `boot` tells apart the logs that were kept there."""

    def __init__(self, path: Path, home: str, *, memory: Path, boot: str) -> None:
        self.path = path
        self._home = home
        self._memory = memory
        self._boot = boot

    def open(self) -> tuple[EventLog, LogRecovered | None]:
        """The home's log, and what to write first when it is a new one in place of another."""
        origin = self.origin()
        try:
            return EventLog.open(self.path / FILE, origin), None
        except LogCorrupt as error:
            return self.reopen(str(error))
        except LogUnwritable as error:
            return self._in_memory(str(error))

    def origin(self) -> str:
        """The origin of the log in use; `home:<id>` when none was written yet."""
        with suppress(OSError):
            written = (self.path / "origin").read_text().strip()
            if written.split("~")[0] == f"home:{self._home}":
                return written
        return f"home:{self._home}"

    def reopen(self, why: str) -> tuple[EventLog, LogRecovered]:
        """Set the log aside and begin a new one; what to write first in it."""
        old = self.origin()
        try:
            aside = self._set_aside(old)
            new = next_origin(old)
            write_durably(self.path / "origin", f"{new}\n".encode(), 0o644)
            opened = EventLog.open(self.path / FILE, new)
        except (OSError, LogUnwritable, LogCorrupt) as error:
            return self._in_memory(f"{why}; {error}")
        log.warning("event log set aside", extra={"file": aside})
        return opened, LogRecovered(set_aside=aside, continues=old, why=why)

    def _set_aside(self, origin: str) -> str | None:
        """Rename the log and what belongs to it; its new name, None when there was none."""
        stem = "aside-" + re.sub(r"[^A-Za-z0-9]", "-", origin)
        path = self.path / FILE
        if not path.exists():
            return None
        name, n = f"{stem}.sqlite", 1
        while (self.path / name).exists():
            n += 1
            name = f"{stem}-{n}.sqlite"
        for suffix in ("-wal", "-shm", ""):  # the file itself last: until then nothing has happened
            with suppress(FileNotFoundError):
                (self.path / (FILE + suffix)).rename(self.path / (name + suffix))
        return name

    def _in_memory(self, why: str) -> tuple[EventLog, LogRecovered]:
        """The disk cannot be used: alarms do not wait for it, so the log is kept in memory."""
        old = self.origin()
        new = f"{old.split('~')[0]}~memory-{self._boot}"
        path = self._memory / f"tryggve-{self._home}-{self._boot}.sqlite"
        log.error("disk unusable, event log in memory")
        n = 1
        while path.exists():
            n += 1
            path = path.with_stem(f"tryggve-{self._home}-{self._boot}-{n}")
            new = f"{old.split('~')[0]}~memory-{self._boot}-{n}"
        return EventLog.open(path, new), LogRecovered(set_aside=None, continues=old, why=why)


def next_origin(origin: str) -> str:
    """`home:a` → `home:a~2` → `home:a~3`."""
    base, _, number = origin.partition("~")
    return f"{base}~{int(number) + 1 if number.isdigit() else 2}"
