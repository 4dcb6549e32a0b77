"""Finds the home's log, or begins a new one when it cannot be used.

The origin of the log in use stands in a small text file, `origin`, beside it.  `tryggve gateway
enroll` writes its first line.  The second is written whenever a log is opened or closed: the last
number that was in it then, and `open` while newer ones may stand in its `-wal`.  So a log that is
missing, emptied, put back from a copy or without its `-wal` is not taken for a first start.

A log that cannot be used is renamed, never deleted, and the new one has an origin of its own
(`home:<id>~2`, `~3` …), so that no number is given out twice.

What can still be read of it goes into the new one (`log_rest`).

Not for: repairing a damaged file; `sqlite3 FILE .recover` by a technician does that.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.config.secrets import write_durably
from gateway.engine import log_rest
from gateway.engine.event_log import EventLog
from gateway.errors import LogCorrupt, LogUnwritable
from gateway.events import LogRecovered

log = logging.getLogger(__name__)

FILE = "events.sqlite"
"""The log in use, in the state folder."""


@dataclass(frozen=True, slots=True)
class _Noted:
    """What the second line of `origin` says of the log: it held number `seq`, and it was `open`:
    what came after may stand in its `-wal`."""

    seq: int
    open: bool


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
        noted = self._noted()
        gone = self._what_is_gone(noted)
        if gone is not None:
            return self._in_its_place(gone)
        origin = self.origin()
        try:
            opened = EventLog.open(self.path / FILE, origin)
        except LogCorrupt as error:
            return self._in_its_place(str(error))
        except LogUnwritable as error:
            in_memory = self._in_memory(str(error))
            self._take_in(in_memory[0], self.path / FILE, origin)  # it may still be read
            return in_memory
        if noted is not None and opened.head.seq < noted.seq:
            opened.close()
            return self._in_its_place(f"{FILE} ends at {opened.head.seq} and went to {noted.seq}")
        self._again(opened)
        with suppress(OSError):  # a full disk: what was noted before still holds
            self._note(origin, opened.head.seq, is_open=self._size("-wal") > 0)
        return opened, None

    def close(self, log: EventLog) -> None:
        """Close the log in use: from now on it is whole without its `-wal`."""
        if log.path == self.path / FILE and log.origin == self.origin():
            with suppress(OSError):
                self._note(log.origin, log.durable, is_open=False)
        log.close()

    def origin(self) -> str:
        """The origin of the log in use; `home:<id>` when none was written yet."""
        written = self._lines()[0]
        return written if written.split("~")[0] == f"home:{self._home}" else f"home:{self._home}"

    def reopen(self, why: str) -> tuple[EventLog, LogRecovered]:
        """Set the log aside and begin a new one; what to write first in it."""
        old = self.origin()
        try:
            aside = self._set_aside(old)
            new = next_origin(old)
            self._note(new, 0, is_open=True)
            opened = EventLog.open(self.path / FILE, new)
        except (OSError, LogUnwritable, LogCorrupt) as error:
            return self._in_memory(f"{why}; {error}")
        log.warning("event log set aside", extra={"file": aside})
        return opened, LogRecovered(set_aside=aside, continues=old, why=why)

    def take_in(self, new: EventLog, recovered: LogRecovered) -> None:
        """Copy into `new` what can still be read of the log that it replaces.  Any thread."""
        aside = None if recovered.set_aside is None else self.path / recovered.set_aside
        self._take_in(new, aside, recovered.continues or self.origin())

    def _take_in(self, new: EventLog, old: Path | None, origin: str) -> None:
        try:
            log_rest.take_in(new.path, old, origin)
        except sqlite3.Error:
            log.exception("what was left of a log could not be taken in")
        new.rests.look_again()

    def _in_its_place(self, why: str) -> tuple[EventLog, LogRecovered]:
        """At a start: a new log that knows what could still be read of the old one."""
        opened, recovered = self.reopen(why)
        self.take_in(opened, recovered)
        return opened, recovered

    def _again(self, opened: EventLog) -> None:
        """A home that was cut off while it took in another log's rest does so anew."""
        before = origin_before(opened.origin)
        if before is None or log_rest.is_taken_in(opened.path):
            return
        stem = _aside_stem(before)
        found = sorted(self.path.glob(f"{stem}*.sqlite"), key=lambda file: file.stat().st_mtime)
        self._take_in(opened, found[-1] if found else None, before)

    def _what_is_gone(self, noted: _Noted | None) -> str | None:
        """What is missing of a log that was there; None: nothing, or there never was one."""
        if noted is None:
            return None
        for suffix in ("", "-wal") if noted.open else ("",):
            if self._size(suffix) == 0:
                there = (self.path / (FILE + suffix)).exists()
                return f"{FILE}{suffix} was {'empty' if there else 'missing'}"
        return None

    def _size(self, suffix: str) -> int:
        """The size of a file of the log; 0 when it is missing; 1 when it cannot be looked at."""
        try:
            return (self.path / (FILE + suffix)).stat().st_size
        except FileNotFoundError:
            return 0
        except OSError:
            return 1

    def _lines(self) -> list[str]:
        """The lines of `origin`, at least one."""
        with suppress(OSError, UnicodeDecodeError):
            return (self.path / "origin").read_text().splitlines() or [""]
        return [""]

    def _noted(self) -> _Noted | None:
        """What was noted of the log; None for a home that never opened one under this origin."""
        found = re.fullmatch(r"(open|closed) (\d{1,18})", "".join(self._lines()[1:2]))
        return None if found is None else _Noted(int(found[2]), found[1] == "open")

    def _note(self, origin: str, seq: int, *, is_open: bool) -> None:
        text = f"{origin}\n{'open' if is_open else 'closed'} {seq}\n"
        write_durably(self.path / "origin", text.encode(), 0o644)

    def _set_aside(self, origin: str) -> str | None:
        """Rename the log and what belongs to it; its new name, None when nothing was there."""
        stem = _aside_stem(origin)
        name, n = f"{stem}.sqlite", 1
        while any((self.path / (name + suffix)).exists() for suffix in ("", "-wal")):
            n += 1
            name = f"{stem}-{n}.sqlite"
        moved = False
        for suffix in ("-wal", "-shm", ""):  # the file itself last: until then nothing has happened
            with suppress(FileNotFoundError):
                (self.path / (FILE + suffix)).rename(self.path / (name + suffix))
                moved = True
        return name if moved else None

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


def _aside_stem(origin: str) -> str:
    return "aside-" + re.sub(r"[^A-Za-z0-9]", "-", origin)


def origin_before(origin: str) -> str | None:
    """`home:a~3` → `home:a~2` → `home:a` → None: there was none before; None, too, in memory."""
    base, _, number = origin.partition("~")
    if not number.isdigit():
        return None
    return base if number == "2" else f"{base}~{int(number) - 1}"


def next_origin(origin: str) -> str:
    """`home:a` → `home:a~2` → `home:a~3`."""
    base, _, number = origin.partition("~")
    return f"{base}~{int(number) + 1 if number.isdigit() else 2}"
