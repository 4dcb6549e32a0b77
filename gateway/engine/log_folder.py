"""Finds the home's log, or begins a new one when it cannot be used.

The origin of the log in use stands in a small text file, `origin`, beside it.  `tryggve gateway
enroll` writes its first line.  The second is written whenever a log is opened or closed: the last
number that was in it then, and `open` while newer ones may stand in its `-wal`.  So a log that is
missing, emptied, put back from a copy or without its `-wal` is not taken for a first start.

A log that cannot be used is renamed, never deleted, and the new one has an origin of its own
(`home:<id>~2`, `~3` …), so that no number is given out twice.

What can still be read of it goes into the new one (`log_rest`).

On a disk that refuses, the log goes on in memory (`memory_logs`); what was held there goes to the
disk when it takes events again (`log_return`).

Not for: repairing a damaged file; `sqlite3 FILE .recover` by a technician does that.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

from gateway.config.put_aside import put_aside
from gateway.config.secrets import write_durably
from gateway.engine import log_rest
from gateway.engine.ballast import give_up_ballast, keep_ballast
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader, connect, trouble_of
from gateway.engine.log_return import Returned, give_back
from gateway.engine.memory_logs import MemoryLogs, is_log, open_again, remove
from gateway.errors import LogCorrupt, LogError, LogUnwritable
from gateway.events import LogLeftDisk, LogRecovered, LogReturned
from gateway.origin import disk_origin, generation, is_in_memory, is_origin_of, read_origin

log = logging.getLogger(__name__)

FILE = "events.sqlite"
"""The log in use, in the state folder."""

OPEN_S = 10.0
"""Seconds that the disk may take to open the log; a card that tidies up answers within a few, and
what it takes longer is spent in memory."""

REOPEN_S = 5.0
"""The same while the home runs: its loop waits, and the watchdog bites after 30 s."""


@dataclass(frozen=True, slots=True)
class _Noted:
    """What the second line of `origin` says of the log: it held number `seq`, and it was `open`:
    what came after may stand in its `-wal`."""

    seq: int
    open: bool


_OnDisk = tuple[EventLog, LogRecovered | None, Returned | None]
"""The log on the disk; what to write first in it, when it is a new one; what memory had held."""


class LogFolder:
    """The logs of one home in `path`; `memory` is a folder that lives in memory, for a home whose
    disk cannot be used at all; `boot` tells apart the logs that were kept there.

    From one thread at a time: the one that makes it opens, then `disk_watch` has it."""

    def __init__(self, path: Path, home: str, *, memory: Path, boot: str) -> None:
        self.path = path
        self.memory = MemoryLogs(memory, home, state=path, boot=boot)
        self.returned: LogReturned | None = None
        """What to write after what `open` gave: an earlier run had held its log in memory."""
        self._home = home
        self._late: _Start | None = None  # a start that the disk has not answered yet
        self._left: list[EventLog] = []  # logs on the disk that it refused to go on with

    # --- at a start -------------------------------------------------------------------------------

    def open(self) -> tuple[EventLog, LogRecovered | LogLeftDisk | None]:
        """The home's log, and what to write first when it is another one than before.  One in
        memory when the disk refuses it, or does not answer within `OPEN_S`."""
        start = _Start(self.back, self.close)
        start.start()
        answer = start.wait(OPEN_S)
        if answer is None:
            self._late = start
            return self._in_memory(f"the disk has not answered for {OPEN_S:.0f} s", None)
        if not isinstance(answer, LogUnwritable):
            opened, recovered, returned = answer
            self.returned = None if returned is None else returned.told
            for path in self.memory.left():
                remove(path)
            return opened, recovered
        origin = self.origin()
        in_memory, told = self._in_memory(answer.text, origin)
        self._take_in(in_memory, self.path / FILE, origin)  # it may still be read
        return in_memory, told

    def back(self) -> _OnDisk:
        """The log on the disk, with all that the logs in memory hold until now.  Raises
        `LogUnwritable` when the disk refuses."""
        if self._late is not None and self._late.is_alive():
            raise LogUnwritable("the disk has not answered since the start")
        try:
            opened, recovered = self._on_disk()
            try:
                return opened, recovered, self._give_back(opened)
            except LogCorrupt as error:
                opened.close()
                opened, recovered = self._anew(error.text)
                returned = self._give_back(opened)
                # last: what memory holds need not continue what the damaged one has left
                self.take_in(opened, recovered)
                return opened, recovered, returned
        except (OSError, LogCorrupt) as error:
            raise LogUnwritable(f"a new log could not be begun: {error}") from error
        except sqlite3.Error as error:  # in the middle of it: not now
            raise LogUnwritable(f"the disk does not give back the log: {error}") from error

    def _give_back(self, opened: EventLog) -> Returned | None:
        given: Returned | None = None
        try:
            for path in self.memory.left():
                if is_log(path):  # one that was cut off as it was made holds nothing
                    given = give_back(opened.path, path, given)
            opened.reread()
        except sqlite3.Error as error:
            self.put_back(opened)
            raise trouble_of(opened.path, error) from error
        return given

    def put_back(self, opened: EventLog) -> None:
        """Close a log on the disk that is not used yet, for the one in memory goes on."""
        if self._left:
            opened.close()  # what was left holds the file open, so the -wal stays
        else:
            self.close(opened)

    def _on_disk(self) -> tuple[EventLog, LogRecovered | None]:
        noted = self._noted()
        gone = self._what_is_gone(noted)
        if gone is not None:
            return self._in_its_place(gone)
        origin = self._origin_on_disk()
        noted = noted if origin == self.origin() else None
        try:
            opened = self._open_file(origin)
        except LogCorrupt as error:
            return self._in_its_place(error.text)
        if noted is not None and opened.head.seq < noted.seq:
            opened.close()
            return self._in_its_place(f"{FILE} ends at {opened.head.seq} and went to {noted.seq}")
        try:
            self._again(opened)
        except sqlite3.Error as error:
            opened.close()
            trouble = trouble_of(opened.path, error)
            if isinstance(trouble, LogCorrupt):
                return self._in_its_place(trouble.text)
            raise trouble from error
        with suppress(OSError):  # what was noted before still holds
            self._note(origin, opened.head.seq, is_open=self._size("-wal") > 0)
        keep_ballast(opened.path)
        return opened, None

    def _open_file(self, origin: str) -> EventLog:
        """Open the log; on a full disk with the room that was kept for it."""
        path = self.path / FILE
        try:
            return EventLog.open(path, origin)
        except LogUnwritable:
            self._note_folded()
            if not give_up_ballast(path):
                raise
        log.warning("disk full, ballast given up")
        return EventLog.open(path, origin)

    # --- while the home runs ----------------------------------------------------------------------

    def leave(self, origin: str, seq: int, why: str) -> tuple[EventLog, LogLeftDisk]:
        """A log in memory in place of the one on the disk, in which `seq` is the last number given.
        Does not touch the disk.  Raises `LogError`, `OSError`."""
        log.error("disk unusable, event log in memory")
        memory = self.memory.begin((generation(origin), seq))
        memory.complete = False
        return memory, LogLeftDisk(why=why, continues=origin)

    def settle(self, new: EventLog, left: EventLog) -> None:
        """The log in memory takes in what can be read of the one that was left."""
        left.abandon()
        self._left.append(left)
        self._take_in(new, left.path, left.origin)
        new.complete = True

    def let_go(self) -> None:
        """The log on the disk is open and has everything: what stood in for it goes."""
        for path in self.memory.left():
            remove(path)
        for left in self._left:
            left.close(
                timeout_s=1.0
            )  # not before `kept` is open: SQLite folds the `-wal` of the last one
        self._left.clear()

    def close(self, log: EventLog) -> None:
        """Close the log in use: from now on it is whole without its `-wal`."""
        for one in (*self._left, log):
            if one.path == self.path / FILE and one.origin == self.origin():
                with suppress(OSError):
                    self._note(one.origin, one.durable, is_open=False)
            one.close()
        self._left.clear()

    def origin(self) -> str:
        """The origin of the log in use; `home:<id>` when none was written yet."""
        written = self._lines()[0]
        ours = is_origin_of(written, self._home)
        return written if ours else f"home:{self._home}"

    def _origin_on_disk(self) -> str:
        """The origin of the log in use, also where the file that notes it is damaged, or older than
        the log: an origin that was used is never given to another log."""
        written = self._lines()[0]
        ours = is_origin_of(written, self._home)
        known = generation(written) if ours else 1
        with suppress(LogError, OSError):
            said = LogReader(self.path / FILE).origin
            if is_origin_of(said, self._home) and not is_in_memory(said):
                return disk_origin(self._home, max(known, generation(said)))
        return disk_origin(self._home, known if ours else self._least_generation())

    def _least_generation(self) -> int:
        """Where neither file says it: one that no log had which was set aside, nor the last one."""
        known = [2 if os.path.lexists(self.path / "origin") else 1]
        stem = _aside_stem(f"home:{self._home}")
        for path in self.path.glob(f"{stem}*.sqlite"):
            if found := re.fullmatch(r"-?(\d{0,6})", path.stem.removeprefix(stem)):
                known.append(int(found[1] or 1) + 2)
        return max(known)

    def reopen(self, why: str, used: EventLog | None = None) -> tuple[EventLog, LogRecovered]:
        """Set the log aside and begin a new one; what to write first in it.  `used`: the log in
        use, for one in memory gives way to another there."""
        old = self.origin() if used is None else used.origin
        name = read_origin(old)
        if name is not None and name.boot is not None:
            return self.memory.begin(name.after), LogRecovered(
                set_aside=None, continues=old, why=why
            )
        start = _Start(lambda: (*self._anew(why), None), self.close)
        start.start()
        try:
            made = start.wait(REOPEN_S)
        except (OSError, LogCorrupt) as error:
            made = LogUnwritable(str(error))
        if isinstance(made, tuple):
            return made[0], made[1] or LogRecovered(set_aside=None, continues=old, why=why)
        if made is None:
            self._late = start
        why = f"{why}; {'the disk has not answered' if made is None else made.text}"
        return self._in_memory(why, old)[0], LogRecovered(set_aside=None, continues=old, why=why)

    def _anew(self, why: str) -> tuple[EventLog, LogRecovered]:
        old = self._origin_on_disk()
        aside = self._set_aside(old)
        new = next_origin(old)
        self._note(new, 0, is_open=True)
        opened = EventLog.open(self.path / FILE, new)
        keep_ballast(opened.path)
        log.warning("event log set aside", extra={"file": aside})
        return opened, LogRecovered(set_aside=aside, continues=old, why=why)

    def take_in(self, new: EventLog, recovered: LogRecovered) -> None:
        """Copy into `new` what can still be read of the log that it replaces.  Any thread."""
        aside = None if recovered.set_aside is None else self.path / recovered.set_aside
        self._take_in(new, aside, recovered.continues or self.origin())

    def _take_in(self, new: EventLog, old: Path | None, origin: str) -> None:
        try:
            log_rest.take_in(new.path, old, origin, in_memory=is_in_memory(new.origin))
        except sqlite3.Error:
            log.exception("what was left of a log could not be taken in")
        new.rests.look_again()

    def _in_its_place(self, why: str) -> tuple[EventLog, LogRecovered]:
        """A new log that knows what could still be read of the old one."""
        opened, recovered = self._anew(why)
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
        text = f"{origin}\n{'open' if is_open else 'closed'} {seq}\n".encode()
        file = self.path / "origin"
        if file.is_dir():  # nothing can be written over a folder
            put_aside(self.path, file)
        try:
            write_durably(file, text, 0o644)
        except OSError:
            # a full disk has no room for a second file, and these bytes are less than a sector
            with file.open("r+b") as there:
                there.write(text)
                there.truncate()
                there.flush()
                os.fsync(there.fileno())

    def _note_folded(self) -> None:
        """SQLite folded the `-wal` into the file when it closed a log that could not be opened."""
        noted = self._noted()
        if noted is not None and noted.open and self._size("") > 0 and self._size("-wal") == 0:
            with suppress(OSError):
                self._note(self.origin(), noted.seq, is_open=False)

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

    def _in_memory(self, why: str, origin: str | None) -> tuple[EventLog, LogLeftDisk | None]:
        """The disk cannot be used: alarms do not wait for it, so the log is kept in memory: the one
        of an earlier run, where there is one.  `origin` of the log on the disk; None: not known."""
        log.error("disk unusable, event log in memory")
        for path in reversed(self.memory.left()):
            with suppress(LogCorrupt, LogUnwritable):
                return open_again(path), None
            remove(path)
        after = None if origin is None else self._last_on_disk(origin)
        return self.memory.begin(after), LogLeftDisk(why=why, continues=origin)

    def _last_on_disk(self, origin: str) -> tuple[int, int] | None:
        """Which log is on the disk and its last number, as far as can be read; None: not known."""
        with suppress(sqlite3.Error), closing(connect(self.path / FILE, read_only=True)) as db:
            row = db.execute(
                "SELECT seq FROM event WHERE origin IS NULL ORDER BY row DESC LIMIT 1"
            ).fetchone()
            return generation(origin), 0 if row is None else int(row[0])
        noted = self._noted()
        return None if noted is None else (generation(origin), noted.seq)


class _Start(Thread):
    """`work`, which a disk that hangs may hold up; what is made too late is `undone`."""

    def __init__(self, work: Callable[[], _OnDisk], undo: Callable[[EventLog], None]) -> None:
        super().__init__(name="eventlog-open", daemon=True)
        self._work, self._undo = work, undo
        self._lock = Lock()
        self._ended = Event()
        self._given_up = False
        self._answer: _OnDisk | LogUnwritable | None = None
        self._broke: Exception | None = None

    def run(self) -> None:
        answer: _OnDisk | LogUnwritable | None = None
        try:
            answer = self._work()
        except LogUnwritable as error:
            answer = error
        except Exception as error:  # raised by `wait`, in the thread that started this one
            self._broke = error
        with self._lock:
            if not self._given_up:
                self._answer = answer
                self._ended.set()
            elif isinstance(answer, tuple):
                self._undo(answer[0])

    def wait(self, timeout_s: float) -> _OnDisk | LogUnwritable | None:
        """What came of it; None: nothing yet, and it is given up."""
        self._ended.wait(timeout_s)
        with self._lock:
            self._given_up = not self._ended.is_set()
        if self._broke is not None:
            raise self._broke
        return self._answer


def _aside_stem(origin: str) -> str:
    return "aside-" + re.sub(r"[^A-Za-z0-9]", "-", origin)


def origin_before(origin: str) -> str | None:
    """`home:a~3` → `home:a~2` → `home:a` → None: there was none before; None, too, in memory."""
    name = read_origin(origin)
    if name is None or name.generation < 2:
        return None
    return disk_origin(name.home, name.generation - 1)


def next_origin(origin: str) -> str:
    """`home:a` → `home:a~2` → `home:a~3`."""
    name = read_origin(origin)
    assert name is not None  # noqa: S101 - it is one of this home's (`LogFolder.origin`)
    return disk_origin(name.home, generation(origin) + 1)
