"""One gateway a home: a second one beside it would give the same numbers to other events, and turn
a lock that the first one turns.

The state folder itself is locked (`flock`), so nothing is written and a disk that takes nothing is
no hindrance; the lock ends with the process.  One that was killed and still waits for a disk that
hangs holds it and does nothing more: it is passed over.

Not for: two homes on one machine, which have a folder each.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from gateway.errors import UserError

WAIT_S = 10.0
"""Seconds that one which is ending may take: it closes its log, and drivers have 5 s."""

LOOK_S = 0.1
"""Seconds between looks while it is waited for."""

SIGKILL_BIT = 1 << 8
"""In the masks of `/proc/<pid>/status`."""

PROC = Path("/proc")


def take(state: Path, *, proc: Path = PROC, wait_s: float | None = None) -> None:
    """Be the gateway of the home in this folder, until the process ends.  Raises `UserError` when
    another one is."""
    try:
        folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # there is no folder: the home runs in memory, and alarms go first
    until_s = time.monotonic() + (WAIT_S if wait_s is None else wait_s)
    while not _locked(folder):
        holders = _holders(folder, proc)
        if holders and all(_is_dead(pid, proc) for pid in holders):
            return
        if time.monotonic() >= until_s:
            os.close(folder)
            who = f" (process {holders[0]})" if holders else ""
            raise UserError(
                f"the home in {state} runs already{who}; stop that one first "
                "(systemctl stop tryggve-gateway), or name another folder with --state DIR."
            )
        time.sleep(LOOK_S)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without such locks: as before
    return True


def _holders(folder: int, proc: Path) -> list[int]:
    """The processes that hold the lock of this folder, as far as the kernel tells us."""
    seen = os.fstat(folder)
    place = f"{os.major(seen.st_dev):02x}:{os.minor(seen.st_dev):02x}:{seen.st_ino}"
    found = []
    with suppress(OSError, ValueError):
        for line in (proc / "locks").read_text().splitlines():
            # 1: FLOCK  ADVISORY  WRITE 1234 08:02:131 0 EOF
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == place:
                found.append(int(words[4]))
    return found


def _is_dead(pid: int, proc: Path = PROC) -> bool:
    """Whether it was killed, and only waits for the kernel.  False for one that cannot be looked
    at."""
    with suppress(OSError, ValueError, IndexError, KeyError):
        told = dict(
            line.split(":", 1)
            for line in (proc / str(pid) / "status").read_text().splitlines()
            if ":" in line
        )
        if told["State"].split()[0] in ("Z", "X"):
            return True
        masks = (int(told[name], 16) for name in ("SigPnd", "ShdPnd"))
        return any(mask & SIGKILL_BIT for mask in masks)
    return False
