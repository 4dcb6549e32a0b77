"""What the gateway and root's half leave each other on the disk.

The gateway's folder has what it downloaded and one request; root reads it as a stranger's: regular
files of a bounded size, no link followed.  Root answers by `last.json` and `trial.json` beside the
releases, which all may read.  Not for: what any of it means.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from gateway.updates.slots import sync

FOLDER = "updates"
"""In the gateway's state folder."""

METADATA_NAME = re.compile(r"[0-9]{1,9}\.(?:root|snapshot|targets)\.json|timestamp\.json")
REQUEST_MAX_BYTES = 2_000
VERSION_MAX = 40
PLAN_MAX = 2**63 - 1
"""As a database numbers plans."""


@dataclass(frozen=True, slots=True)
class Request:
    """`id` is of this request alone; `plan` the server's, told with what comes of it.  Without a
    `version`: what the plan brought and nobody has started is to be taken back."""

    id: str
    version: str
    plan: int


class Inbox:
    """The gateway's folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER
        self.metadata = self.folder / "metadata"
        """The lists that the gateway has seen, as `trust` keeps them; root reads them there."""
        self.artefact = self.folder / "release.tar.xz"
        self.request_file = self.folder / "request.json"
        self.proved_file = self.folder / "proved.json"
        self.lacks_file = self.folder / "lacks.json"

    # --- the gateway

    def make(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def ask(self, request: Request) -> None:
        """Ask root's half to take in what was downloaded."""
        _write(self.request_file, json.dumps(asdict(request)).encode())

    def prove(self, trial: str) -> None:
        """The release on trial does what it should."""
        _write(self.proved_file, json.dumps({"id": trial}).encode())

    def lack(self, trial: str, what: str) -> None:
        """What the release on trial lacks yet."""
        _write(self.lacks_file, json.dumps({"id": trial, "what": what}).encode())

    def lacked(self, trial: str) -> str:
        """What a release lacked at last; empty: not known."""
        try:
            said = json.loads(self.lacks_file.read_text())
            return str(said["what"])[:20] if said["id"] == trial else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def clear(self) -> None:
        """Nothing is asked for, and nothing of a download is kept."""
        self.request_file.unlink(missing_ok=True)
        self.artefact.unlink(missing_ok=True)

    # --- root's half

    def request(self) -> Request | None:
        """What is asked for; None: nothing that can be read."""
        try:
            with _strange(self.request_file) as file:
                said = json.loads(file.read(REQUEST_MAX_BYTES))
            request = Request(str(said["id"]), str(said["version"]), int(said["plan"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return None
        fits = len(request.version) <= VERSION_MAX and 0 <= request.plan <= PLAN_MAX
        return request if fits and re.fullmatch(r"[0-9a-f]{16}", request.id) else None

    def open_metadata(self, name: str) -> BinaryIO:
        """Raises `KeyError`, `OSError`."""
        if not METADATA_NAME.fullmatch(name):
            raise KeyError(name)
        if name.endswith(".root.json"):
            file = self.metadata / "root_history" / name
        else:  # kept without its number, which stands in what is signed
            file = self.metadata / name.lstrip("0123456789").lstrip(".")
        try:
            return _strange(file)
        except FileNotFoundError as error:
            raise KeyError(name) from error

    def open_artefact(self) -> BinaryIO:
        """Raises `OSError`."""
        return _strange(self.artefact)

    def drop_request(self) -> bool:
        """It was answered.  False: the disk keeps it, and it is asked again."""
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                os.unlink(self.request_file.name, dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


def _strange(path: Path) -> BinaryIO:
    """A regular file of somebody else, by no link of theirs.  Raises `OSError`."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(path.name, flags, dir_fd=folder)
    finally:
        os.close(folder)
    if not S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path.name} is no file")
    return os.fdopen(handle, "rb")


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(data)
    sync(new)
    new.replace(path)
    sync(path.parent)
