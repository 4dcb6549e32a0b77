"""Room on the disk that is kept for the moment when it is full.

Not for: when it is given up (`gateway.engine.event_log`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

BALLAST_BYTES = 4_000_000
"""Kept free on the disk as a file.  When the disk is full it is given up, and the log writes on for
some ten thousand events while a technician comes."""


def _ballast(path: Path) -> Path:
    return path.with_name(path.name + ".ballast")


def keep_ballast(path: Path) -> None:
    """Make the ballast where there is room for it and twice as much beside."""
    ballast = _ballast(path)
    with suppress(OSError):
        free = os.statvfs(path.parent)
        if not ballast.exists() and free.f_bavail * free.f_frsize > 3 * BALLAST_BYTES:
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)


def give_up_ballast(path: Path) -> bool:
    """Where the disk of the log at `path` is full: give it the room that was kept.  False: it is
    not full, or there is no ballast."""
    try:
        free = os.statvfs(path.parent)
        if free.f_bavail * free.f_frsize >= BALLAST_BYTES:
            return False
    except OSError:
        return False
    return _drop(path)


def _drop(path: Path) -> bool:
    ballast = _ballast(path)
    try:
        ballast.unlink()
    except OSError:
        return False
    return True
