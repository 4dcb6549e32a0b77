"""The server's copy of the releases that homes take: files, given on as they are.

The server holds no key to them and judges none; each home does (`gateway.updates`).  What is put
here is looked at once all the same, so that a wrong folder is noticed here and not in two hundred
homes.  Not for: which home takes what (`web.staff.releases`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import BoundedSemaphore

from gateway.errors import ReleaseRefused, UserError
from gateway.updates import papers, trust
from gateway.updates.archive import PACKED_MAX_BYTES
from gateway.updates.target import NAME
from gateway.wire import UPDATE_PIECE_BYTES

METADATA = re.compile(r"[0-9]{1,9}\.(?:root|snapshot|targets)\.json|timestamp\.json")
TARGET = re.compile(r"[0-9a-f]{64}\.(.+)")

AT_ONCE = 4
"""Pieces that go out at once: homes that take a release leave the server to those that send."""

places = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Release:
    """A version on the newest list: for which machines, until when homes take it, and what comes
    with it."""

    version: str
    machines: tuple[str, ...]
    until: datetime
    papers: papers.Papers


class Mirror:
    """The folder of `staff.toml`'s `releases`."""

    def __init__(self, folder: Path) -> None:
        self._metadata, self._targets = folder / "metadata", folder / "targets"

    def piece(self, what: str, name: str, first: int) -> bytes | None:
        """Of a file, from its byte `first` on: metadata whole, a release at most
        `UPDATE_PIECE_BYTES`; None: there is no such file."""
        if what == "metadata" and METADATA.fullmatch(name):
            file, most = self._metadata / name, trust.METADATA_MAX_BYTES
        elif what == "targets" and _is_target(name):
            file, most = self._targets / name, UPDATE_PIECE_BYTES
        else:
            return None
        try:
            with file.open("rb") as opened:
                opened.seek(first)
                return opened.read(most)
        except OSError:
            return None

    def versions(self) -> frozenset[str] | None:
        """What is on the newest list; None: no list can be read now, which withdraws nothing."""
        listed = self._listed()
        return None if listed is None else frozenset(one.version for one in listed)

    def releases(self) -> list[Release]:
        """Those of the newest list, the newest first; none where there is no list."""
        return self._listed() or []

    def _listed(self) -> list[Release] | None:
        try:
            targets = _newest(self._metadata, "targets")
            roles = (_newest(self._metadata, "root"), targets, _newest(self._metadata, "snapshot"))
            until = min(map(_expires, (*roles, self._metadata / "timestamp.json")))
            listed = json.loads(targets.read_text())["signed"]["targets"].values()
            found: dict[str, list[str]] = {}
            with_it: dict[str, papers.Papers] = {}
            for one in listed:
                told = one["custom"]
                machine = f"Debian {int(told['debian'])}, {told['machine']}"
                found.setdefault(str(told["release"]), []).append(machine)
                with_it[str(told["release"])] = papers.papers(told)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return [
            Release(version, tuple(sorted(machines)), until, with_it[version])
            for version, machines in sorted(found.items(), key=lambda one: _sorted_as(one[0]))
        ][::-1]

    def sbom(self, version: str) -> bytes | None:
        """The bill of materials of a release on the newest list; None: there is none, or not the
        one that was signed."""
        listed = {one.version: one.papers for one in self.releases()}
        try:
            file = listed[version].check(self._targets)
        except (KeyError, UserError):
            return None
        return None if file is None else file.read_bytes()

    def add(self, given: Path, root: bytes) -> list[str]:
        """Take the list and its artefacts over from `given`, what they rest on first; the names.  A
        list without releases is one too: the last was withdrawn.  Raises `UserError`."""
        metadata = given / "metadata"
        try:
            listed = json.loads(_newest(metadata, "targets").read_text())
            names = sorted(listed["signed"]["targets"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{given} is no list of releases.") from error
        try:
            with tempfile.TemporaryDirectory() as kept:
                seen = self.piece("metadata", "timestamp.json", 0) or b""
                trust.newest(_reader(metadata), Path(kept), root, seen)
                if json.loads((Path(kept) / "targets.json").read_bytes()) != listed:
                    raise UserError(f"the last change of {given} was not finished: refresh it.")
                for name in names:
                    if not NAME.fullmatch(name):
                        raise UserError(f"{name!r} is no name of a release.")
                    found = trust.genuine(name, _reader(metadata), Path(kept), root)
                    file = given / "targets" / found.path
                    if found.length > PACKED_MAX_BYTES or not file.is_file():
                        raise UserError(f"{file} is missing, or larger than a home takes.")
                    found.check(file)
                    bill = papers.papers(found.about).check(given / "targets")
                    for one in (file, bill) if bill is not None else (file,):
                        _copy(one, self._targets / one.name)
        except ReleaseRefused as error:
            raise UserError(f"no home would take this: {error.text}") from error
        files = [file for file in metadata.iterdir() if METADATA.fullmatch(file.name)]
        for file in sorted(files, key=lambda one: one.name == "timestamp.json"):
            _copy(file, self._metadata / file.name)
        return names


def _is_target(name: str) -> bool:
    found = TARGET.fullmatch(name)
    return found is not None and NAME.fullmatch(found[1]) is not None


def _reader(metadata: Path) -> trust.Read:
    def read(name: str) -> Iterator[bytes]:
        if not METADATA.fullmatch(name) or not (metadata / name).is_file():
            raise KeyError(name)
        yield (metadata / name).read_bytes()

    return read


def _newest(metadata: Path, role: str) -> Path:
    """Raises `OSError` where there is none."""
    found = [file for file in metadata.glob(f"*.{role}.json") if METADATA.fullmatch(file.name)]
    if not found:
        raise FileNotFoundError(f"{metadata} has no {role}")
    return max(found, key=lambda file: int(file.name.partition(".")[0]))


def _expires(timestamp: Path) -> datetime:
    return datetime.fromisoformat(str(json.loads(timestamp.read_text())["signed"]["expires"]))


def _sorted_as(version: str) -> list[tuple[int, int, str]]:
    """`0.10.0` after `0.9.0`, and a `0.10.0.dev1` before it."""
    parts = re.findall(r"[0-9]+|[a-z]+", version)
    told = [(2, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
    return [*told, (1, 0, "")]


def _copy(file: Path, to: Path) -> None:
    """Whole or not at all, and on the disk."""
    to.parent.mkdir(parents=True, exist_ok=True)
    new = to.with_name(f"{to.name}.new")
    shutil.copyfile(file, new)
    _sync(new)
    new.replace(to)
    _sync(to.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
