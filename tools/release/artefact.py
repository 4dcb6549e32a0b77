"""What `make deb` built for updates, looked at as a home will before anybody signs it.

Not for: what is put on a list of it (`listed`).
"""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from pathlib import Path
from typing import Any

from gateway.errors import ReleaseRefused, UserError
from gateway.updates import archive, target
from tools.release.files import read_within

TOLD_MAX_BYTES = 10_000
"""Of `release.json`, which has some 200."""

UNREADABLE = (OSError, ValueError, EOFError, RecursionError, tarfile.TarError, lzma.LZMAError)


def read(artefact: Path) -> tuple[bytes, dict[str, Any]]:
    """An artefact's bytes, and what it says of itself.  Raises `UserError` where that is not its
    name, or where a home could not unpack it; `OSError`."""
    if not target.NAME.fullmatch(artefact.name):
        raise UserError(f"{artefact} is no release; `make deb` builds one.")
    data = read_within(artefact, archive.PACKED_MAX_BYTES, "a release that a home takes")
    about = _told(artefact, data)
    try:
        archive.look(io.BytesIO(data))
    except ReleaseRefused as error:
        raise UserError(f"{artefact} is not whole: {error.text}") from error
    return data, about


def _told(artefact: Path, data: bytes) -> dict[str, Any]:
    try:
        with lzma.open(io.BytesIO(data)) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            first = tar.next()
            content = tar.extractfile(first) if first and first.name == "release.json" else None
            about = json.loads(content.read(TOLD_MAX_BYTES)) if content else None
    except UNREADABLE as error:
        raise UserError(f"{artefact} is no release: {error}.") from error
    if not isinstance(about, dict):
        raise UserError(f"{artefact} is no release; `make deb` builds one.")
    version = about.get("release")
    if not isinstance(version, str) or not target.VERSION.fullmatch(version):
        raise UserError(f"{artefact} does not say which version it is.")
    try:
        fits = target.Fits(about["debian"], about["machine"], about["python"], about["frame"])
        called = fits.target(version)
    except KeyError as error:
        raise UserError(f"{artefact} does not say for what it was made: {error}.") from error
    told = (fits.debian, int), (fits.python, str), (fits.frame, int)
    if not all(isinstance(value, kind) for value, kind in told):
        raise UserError(f"{artefact} says in a way that no home reads for what it was made.")
    if called != artefact.name:
        raise UserError(f"{artefact} is called otherwise than what it says of itself.")
    return about
