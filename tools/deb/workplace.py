"""A folder to make a Debian in, that is removed afterwards but never with a mount in it, or while
something writes there.

Where a step was ended half-way, what is mounted there may be this machine's own /dev or /proc, and
removing the folder would remove that; and what still runs in it is ended first.  Not for: what is
made in it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.deb import leftover
from tools.deb.locked import BuildError

UMOUNT_S = 60


@contextmanager
def workplace(prefix: str, where: Path | None = None) -> Iterator[Path]:
    """A new folder below `where` (None: where temporary files are).  Raises `BuildError` when it
    cannot be removed, and leaves it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    try:
        yield folder
    finally:
        leftover.end(lambda: leftover.rooted(folder))
        for place in reversed(mounted(folder)):
            subprocess.run(["umount", place], capture_output=True, check=False, timeout=UMOUNT_S)
        if mounted(folder):
            raise BuildError(f"something is still mounted in {folder}; it is left there")
        shutil.rmtree(folder)


def mounted(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> list[str]:
    """What is mounted in it, the outermost first."""
    places = [_plain(line.split(" ")[1]) for line in mounts.read_text().splitlines()]
    return [place for place in places if place.startswith(f"{folder.resolve()}/")]


def _plain(place: str) -> str:
    """The kernel writes a space, and what else would spoil its lines, as a number."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place)
