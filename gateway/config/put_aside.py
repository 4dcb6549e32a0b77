"""Copies of the files that a start reads; and puts one that cannot be used out of the way, so that
its copy can take its place.

Not for: logs (`gateway.engine.log_folder`), or the home's own file, which is the technician's.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gateway.config.secrets import sync_folder, write_durably
from gateway.config.toml_file import read
from gateway.errors import ConfigError

KEPT = "kept"
"""The folder in the state folder that has copies, and what was put aside."""

DAMAGED_MAX = 3
"""Files that are kept of each name: enough to see what the card did."""


def put_aside(state: Path, path: Path) -> Path | None:
    """Rename what lies at `path`, a folder too, to `kept/damaged-<name>-<n>`; its new place, None:
    nothing was there.  The first that was seen stays, of the others the newest.  Raises `OSError`.
    """
    if not os.path.lexists(path):
        return None
    folder = state / KEPT
    folder.mkdir(exist_ok=True, mode=0o700)
    places = [folder / f"damaged-{path.name}-{number}" for number in range(1, DAMAGED_MAX + 1)]
    free = next((place for place in places if not os.path.lexists(place)), None)
    if free is None:
        free = min(places[1:], key=lambda place: place.lstat().st_mtime_ns)
        if free.is_dir() and not free.is_symlink():
            shutil.rmtree(free)
    path.replace(free)
    os.utime(free, follow_symlinks=False)  # the order in which they came
    sync_folder(folder)
    return free


def keep_copy(state: Path, name: str, raw: bytes) -> None:
    """Keep `raw` as `kept/<name>`, in place of the copy before it.  Raises `OSError`: the card
    refuses."""
    copy = state / KEPT / name
    try:
        if read(copy) == raw:
            return
    except ConfigError:
        if copy.is_dir():  # nothing can be written over a folder
            put_aside(state, copy)
    copy.parent.mkdir(exist_ok=True, mode=0o700)
    write_durably(copy, raw)
