"""What must not be lost and need not be in the database yet: lines in a file, durable when `add`
returns, until the database has them.

Each process has a file of its own and holds a lock on it; what a process that died left behind is
taken over by the next one that starts.  A line may be given twice after such a death (it was
written, and not yet struck out): who writes it looks for it first (`maybe_known`).

Not for: what the lines say (`web.staff.care.reads`), or anything that others must see at once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import uuid
from pathlib import Path

log = logging.getLogger(__name__)

FULL = 2000
"""Lines that may wait for the database; then `add` says no, and what it was asked for is written
before the answer, as without a spool: minutes of a busy server, and a file of some megabytes."""

SUFFIX = ".spool"


class Spool:
    """One process's file.  All methods may be called from any thread."""

    def __init__(self, folder: Path, name: str) -> None:
        """Open a new file; take over what was left in `folder` under the same name.  Raises
        `OSError`: there cannot be one there."""
        self._lock = threading.Lock()
        self._sync = threading.Lock()
        self._waiting: list[str] = []
        self._left: list[tuple[Path, int]] = []
        self._adding = 0
        self._end = self._synced = 0
        self._closed = False
        self.wake = threading.Event()
        self.maybe_known = 0
        """How many of the first lines may be in the database already: a process died over them."""
        for path in sorted(folder.glob(f"{name}-*{SUFFIX}")):
            self._take_over(path)
        self.maybe_known = len(self._waiting)
        self._path = folder / f"{name}-{uuid.uuid4().hex}{SUFFIX}"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sync_folder(folder)

    def _take_over(self, path: Path) -> None:
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # its process lives
            os.close(fd)
            return
        lines = path.read_bytes().split(b"\n")[:-1]  # a last one without its end was never durable
        self._waiting += [line.decode(errors="replace") for line in lines]
        self._left.append((path, fd))

    def add(self, line: str) -> bool:
        """Whether the line is on the disk now.  False: too many wait, or the disk refuses."""
        raw = line.encode() + b"\n"
        with self._lock:
            full = len(self._waiting) + self._adding >= FULL
            if self._closed or full or not self._write(raw):
                return False
            self._end += len(raw)
            mine = self._end
            self._adding += 1
        durable = self._make_durable(mine)
        with self._lock:
            self._adding -= 1
            if durable:
                self._waiting.append(line)
        self.wake.set()
        return durable

    def _write(self, raw: bytes) -> bool:
        try:
            if os.write(self._fd, raw) == len(raw):
                return True
            os.ftruncate(self._fd, self._end)  # half a line: the disk is full
        except OSError as error:
            log.error("the spool cannot be written", extra={"errno": error.errno})
        return False

    def _make_durable(self, upto: int) -> bool:
        """One sync does for all who wrote before it."""
        with self._sync:
            if self._synced >= upto:
                return True
            end = self._end
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                log.error("the spool cannot be synced", extra={"errno": error.errno})
                return False
            self._synced = end
            return True

    def waiting(self) -> list[str]:
        """The lines that wait, the oldest first."""
        with self._lock:
            return list(self._waiting)

    def done(self, count: int) -> None:
        """The first `count` lines are in the database."""
        with self._sync, self._lock:
            del self._waiting[:count]
            self.maybe_known = max(0, self.maybe_known - count)
            if self.maybe_known == 0:
                self._forget_left()
            if not self._waiting and not self._adding:
                os.ftruncate(self._fd, 0)
                self._end = self._synced = 0

    def _forget_left(self) -> None:
        for path, fd in self._left:
            path.unlink(missing_ok=True)
            os.close(fd)
        self._left = []

    def close(self) -> None:
        """Let go of the file; it is removed when nothing waits in it."""
        with self._sync, self._lock:
            self._closed = True
            if self._synced < self._end:
                os.fdatasync(self._fd)
                self._synced = self._end
            for _path, fd in self._left:
                os.close(fd)
            if not self._waiting and not self._adding:
                self._path.unlink(missing_ok=True)
            os.close(self._fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
