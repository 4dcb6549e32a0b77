"""A release's archive: written with the same bytes from the same folder, unpacked within bounds.

Unpacking writes regular files, folders and links, new ones only, below one folder, and all of it is
on the disk when it returns.  Not for: whether the archive is genuine (`trust`).
"""

from __future__ import annotations

import errno
import io
import lzma
import os
import posixpath
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gateway.errors import ReleaseRefused

PACKED_MAX_BYTES = 150_000_000
"""Of an archive: the whole gateway with voice has some 60 MB."""

UNPACKED_MAX_BYTES = 400_000_000
ENTRIES_MAX = 60_000
"""Files, folders and links: a whole gateway has some 9,000."""

RESERVE_BYTES = 64_000_000
"""That stay free on a disk whatever is downloaded or unpacked: the home's log goes on."""

OUTSIDE = ("/usr/bin/python3.", "/usr/lib/python3/dist-packages/")
"""Where a link of a release may lead beside its own folder: Debian's Python, and its lgpio."""

PIECE_BYTES = 1 << 16


def need_room(folder: Path, more_bytes: int) -> None:
    """Raise `ReleaseRefused` (`no_room`) unless so many bytes more leave the disk of `folder` its
    reserve; `OSError`."""
    if shutil.disk_usage(folder).free - more_bytes < RESERVE_BYTES:
        raise ReleaseRefused("The release is refused: the disk has no room for it.", why="no_room")


def pack(folder: Path, file: Path, *, preset: int = 6) -> None:
    """Write the archive of `folder`: in order, root's, without times.  `preset` is xz's."""
    with (
        lzma.open(file, "wb", preset=preset) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in _first_told(folder):
            entry = tar.gettarinfo(path, path.relative_to(folder).as_posix())
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = 0
            entry.mode = 0o755 if path.is_dir() or entry.mode & 0o100 else 0o644
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)


def _first_told(folder: Path) -> Iterator[Path]:
    told = folder / "release.json"
    yield told
    for path in sorted(folder.rglob("*")):
        if path != told and "__pycache__" not in path.parts:
            yield path


def unpack(file: IO[bytes], into: Path) -> None:
    """Unpack into the empty folder `into`.  Raises `ReleaseRefused` (`unreadable`, `no_room`),
    `OSError`."""
    _go_through(file, _Unpacking(into))


def look(file: IO[bytes]) -> None:
    """Go through all of it as `unpack` does, and write nothing.  Raises `ReleaseRefused`
    (`unreadable`), `OSError`."""
    _go_through(file, _Looking(Path()))


def _go_through(file: IO[bytes], what: _Unpacking) -> None:
    try:
        with (
            lzma.LZMAFile(file) as packed,
            tarfile.open(fileobj=_Bounded(packed), mode="r|") as tar,
        ):
            what.run(tar)
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise _unreadable("its archive is damaged") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise _unreadable("a name in it is longer than any may be") from error


def _unreadable(why: str) -> ReleaseRefused:
    return ReleaseRefused(f"The release cannot be unpacked: {why}.", why="unreadable")


class _Bounded(io.RawIOBase):
    """What comes out of the archive, which may be made to grow without end."""

    def __init__(self, inner: lzma.LZMAFile) -> None:
        self._inner, self._left = inner, UNPACKED_MAX_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(min(PIECE_BYTES * 16, size) if size >= 0 else PIECE_BYTES)
        self._left -= len(data)
        if self._left < 0:
            raise _unreadable(f"it has more than {UNPACKED_MAX_BYTES} bytes")
        return data


class _Unpacking:
    def __init__(self, into: Path) -> None:
        self._into = into
        self._folders = {""}
        self._count = 0

    def run(self, tar: tarfile.TarFile) -> None:
        for entry in tar:
            self._count += 1
            if self._count > ENTRIES_MAX:
                raise _unreadable(f"it has more than {ENTRIES_MAX} entries")
            name = posixpath.normpath(entry.name)
            if name != ".":
                self._one(tar, entry, name)
        self._end()

    def _end(self) -> None:
        for folder in sorted(self._folders):
            _sync(self._into / folder)

    def _one(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, name: str) -> None:
        above = posixpath.dirname(name)
        if name.startswith(("/", "..")) or "\0" in name or above not in self._folders:
            raise _unreadable(f"{name[:80]!r} is no place for a file")
        path = self._into / name
        try:
            if entry.isdir():
                self._folder(path)
                self._folders.add(name)
            elif entry.issym():
                _check_link(name, entry.linkname)
                self._link(path, entry.linkname)
            elif entry.isreg() and not entry.issparse():  # whose holes come out of no archive
                self._file(tar, entry, path)
            else:
                raise _unreadable(f"{name[:80]!r} is no file, folder or link")
        except FileExistsError as error:
            raise _unreadable(f"{name[:80]!r} is in it twice") from error

    def _folder(self, path: Path) -> None:
        path.mkdir(mode=0o755)

    def _link(self, path: Path, leads_to: str) -> None:
        path.symlink_to(leads_to)

    def _file(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
        need_room(self._into, entry.size)
        content = tar.extractfile(entry)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        mode = 0o755 if entry.mode & 0o100 else 0o644
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            while content is not None and (data := content.read(PIECE_BYTES)):
                file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())


class _Looking(_Unpacking):
    """Where each would lie, and that nothing lies there already."""

    def __init__(self, into: Path) -> None:
        super().__init__(into)
        self._there: set[Path] = set()

    def _folder(self, path: Path) -> None:
        if path in self._there:
            raise FileExistsError(path)
        self._there.add(path)

    def _link(self, path: Path, leads_to: str) -> None:  # noqa: ARG002 - looked at before
        self._folder(path)

    def _file(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
        self._folder(path)
        content = tar.extractfile(entry)
        while content is not None and content.read(PIECE_BYTES):
            pass

    def _end(self) -> None:
        """Nothing was written."""


def _check_link(name: str, target: str) -> None:
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if target.startswith("/"):
        fine = target.startswith(OUTSIDE) and target == posixpath.normpath(target)
    else:
        fine = not inside.startswith("..")
    if not fine:
        raise _unreadable(f"{name[:80]!r} is a link to somewhere else")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
