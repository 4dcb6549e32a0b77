"""Files that are whole or not there at all, also when the disk is full or the power goes.

The folder may lie on a stick with a file system that knows neither owners nor links.  Not for:
what is in them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gateway.errors import UserError


def write_whole(file: Path, data: bytes) -> None:
    """In the place of whatever lay there (of a link itself, not of what it leads to).  Raises
    `OSError`, and then what lay there is as it was."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)  # an earlier try's
    _write(new, data, 0o644)
    try:
        new.replace(file)
    except OSError:
        new.unlink()
        raise
    sync(file.parent)


def write_new(file: Path, data: bytes, mode: int) -> None:
    """Where nothing is yet.  Raises `OSError`, and then nothing is there."""
    _write(file, data, mode)
    try:
        sync(file.parent)
    except OSError:
        with suppress(OSError):
            file.unlink()
        raise


def _write(file: Path, data: bytes, mode: int) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
    except BaseException as error:
        with suppress(OSError):
            file.unlink()
        if isinstance(error, OSError):  # which of itself does not say where
            raise OSError(error.errno, error.strerror, str(file)) from error
        raise


def sync(folder: Path) -> None:
    """What was named in it is on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_within(file: Path, most: int, what: str) -> bytes:
    """A file's bytes.  Raises `UserError` where it is no file, or longer than `what`; `OSError`."""
    if not file.is_file() and file.exists():
        raise UserError(f"{file} is no file.")
    with file.open("rb") as opened:
        data = opened.read(most + 1)
    if len(data) > most:
        raise UserError(f"{file} is larger than {what} is.")
    return data
