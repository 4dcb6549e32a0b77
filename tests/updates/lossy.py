"""A disk that forgets what was never synced: what a folder looks like after a power cut.

Files and folders are the real ones; what is watched is which of them were synced, and when.  After
the cut a file has the bytes of its last sync, and a folder the names of its own; whatever came
later is gone, which is the worst that a file system may do.  (A link's target comes with its name.)
Not for: cuts that keep what was written (`test_slots`, `box`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISLNK
from typing import Any

import pytest


@dataclass
class _Kept:
    """What the disk has of one: a file's bytes, a link's target, or a folder's names."""

    mode: int
    data: bytes = b""
    target: str = ""
    names: dict[str, int] = field(default_factory=dict)


class LossyDisk:
    """Watches what is synced below `top`, of which all that is there now is on the disk."""

    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._top = top
        self._kept: dict[int, _Kept] = {}
        self._held: list[int] = []
        self._real = os.fsync
        for path in (top, *sorted(top.rglob("*"))):
            self._keep(path, whole=True)
        monkeypatch.setattr(os, "fsync", self._fsync)

    def _fsync(self, handle: Any) -> None:
        self._real(handle)
        number = handle if isinstance(handle, int) else handle.fileno()
        path = Path(f"/proc/self/fd/{number}").readlink()
        if path.is_relative_to(self._top):
            self._keep(path, whole=True)

    def _keep(self, path: Path, *, whole: bool) -> int:
        """Note what the disk has of it; its number.  Not `whole`: no more than that it is there."""
        about = path.lstat()
        kept = self._kept.get(about.st_ino)
        if kept is None:
            # held, or another thing might get its number when it is gone
            self._held.append(os.open(path, os.O_PATH | os.O_NOFOLLOW))
            kept = self._kept[about.st_ino] = _Kept(about.st_mode)
        kept.mode = about.st_mode
        if S_ISLNK(about.st_mode):
            kept.target = str(path.readlink())
        elif whole and S_ISDIR(about.st_mode):
            kept.names = {one.name: self._keep(one, whole=False) for one in path.iterdir()}
        elif whole and not S_ISDIR(about.st_mode):
            kept.data = path.read_bytes()
        return about.st_ino

    def after_a_cut(self, into: Path) -> Path:
        """Make what is left in the new folder `into`."""
        self._make(self._kept[self._top.stat().st_ino], into)
        return into

    def _make(self, kept: _Kept, path: Path) -> None:
        if S_ISLNK(kept.mode):
            path.symlink_to(kept.target)
        elif S_ISDIR(kept.mode):
            path.mkdir()
            for name, number in kept.names.items():
                self._make(self._kept[number], path / name)
        else:
            path.write_bytes(kept.data)
            path.chmod(kept.mode & 0o777)

    def close(self) -> None:
        for handle in self._held:
            os.close(handle)


class Cut(BaseException):
    """The power is gone."""


def cut_at_sync(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the power go before the so-manieth sync from now on."""
    left, real = number, os.fsync

    def fsync(handle: Any) -> None:
        nonlocal left
        if left == 0:
            raise Cut
        left -= 1
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
