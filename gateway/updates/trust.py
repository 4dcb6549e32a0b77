"""The Update Framework: whether a release is genuine, and the newest that was signed.

Releases are signed offline by two keys; who carries them (the staff server) holds none, and can
neither change nor invent one, nor offer an older list than a home has seen, nor an expired one.
What is wrong is one sentence and one word (`gateway.events.UpdateWhy`), and nothing was taken.

The framework's library is loaded when something is to be checked, for it weighs some megabytes.
Not for: where the files come from (`fetch`; `install` reads them from the disk).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import ReleaseRefused

if TYPE_CHECKING:
    from tuf.api.metadata import TargetFile
    from tuf.ngclient import FetcherInterface, Updater

ROOT = Path(__file__).with_name("root.json")
"""The root of trust that comes with the program; a build puts it there (`tools/release`)."""

SEEN = Path(__file__).with_name("timestamp.json")
"""The newest list when the program was built, from the same hand: a new card has seen no other, a
package may have come since, and an older one is refused there too."""

METADATA_MAX_BYTES = 512_000
"""Of one metadata file: root, snapshot or targets with some hundred releases have 60,000."""

TIMESTAMP_MAX_BYTES = 16_000
ROOTS_MAX = 32
"""New roots that are followed at once: keys change each year or so."""

Read = Callable[[str], Iterator[bytes]]
"""A metadata file of the mirror by its name, in pieces.  Raises `KeyError` where there is none."""


@dataclass(frozen=True, slots=True)
class Genuine:
    """An artefact that was signed: `about` is what the signers say of it (`release.json`)."""

    name: str
    path: str
    """Its file's name at the mirror, with its hash."""
    length: int
    about: Any
    _target: TargetFile

    def check(self, file: Path) -> None:
        """Raise `ReleaseRefused` unless `file` is it, byte for byte."""
        from tuf.api.exceptions import LengthOrHashMismatchError

        try:
            with file.open("rb") as content:
                self._target.verify_length_and_hashes(content)
        except LengthOrHashMismatchError as error:
            raise _no("altered", "what was downloaded is not the file that was signed") from error


def root_of_trust(file: Path = ROOT) -> bytes:
    """The root that came with the program.  Raises `ReleaseRefused` where there is none."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise _no("no_root", "this program came without the keys that sign releases") from error


def seen_when_built(file: Path = SEEN) -> bytes:
    """The list that the program was built with; empty: none."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def genuine(name: str, read: Read, kept: Path, root: bytes, seen: bytes = b"") -> Genuine:
    """The artefact `name` of the newest list that was signed; `kept` is the folder of what was seen
    before, and `seen` stands for it where nothing was.  Raises `ReleaseRefused`, and whatever
    `read` raises but `KeyError`."""
    target = newest(read, kept, root, seen).get_targetinfo(name)
    if target is None:
        raise _no("missing", f"the signed list has no {name}")
    digest = next(iter(target.hashes.values()))
    return Genuine(name, f"{digest}.{name}", target.length, target.custom, target)


def newest(read: Read, kept: Path, root: bytes, seen: bytes = b"") -> Updater:
    """The newest list that was signed, whatever is on it; as `genuine`."""
    from tuf.api import exceptions as told
    from tuf.ngclient import Updater, UpdaterConfig

    logging.getLogger("tuf").setLevel(logging.ERROR)
    _begin(kept, seen)
    fetcher = _fetcher(read)
    config = UpdaterConfig(
        max_root_rotations=ROOTS_MAX,
        max_delegations=0,
        root_max_length=METADATA_MAX_BYTES,
        timestamp_max_length=TIMESTAMP_MAX_BYTES,
        snapshot_max_length=METADATA_MAX_BYTES,
        targets_max_length=METADATA_MAX_BYTES,
    )
    try:
        updater = Updater(str(kept), "", None, "", fetcher, config, bootstrap=root)
        updater.refresh()
        _keep(kept)
    except told.ExpiredMetadataError as error:
        raise _no("expired", "its signatures have expired; new ones must be made") from error
    except told.BadVersionNumberError as error:
        raise _no("rolled_back", "an older list of releases was offered than before") from error
    except told.UnsignedMetadataError as error:
        raise _no("wrongly_signed", "it is not signed by those whom this home trusts") from error
    except told.LengthOrHashMismatchError as error:
        raise _no("altered", "the list of releases is not the one that was signed") from error
    except told.DownloadLengthMismatchError as error:
        raise _no("too_large", "the list of releases is larger than it may be") from error
    except told.DownloadHTTPError as error:
        raise _no("missing", "the server has no complete list of releases") from error
    except told.DownloadError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, told.DownloadError):
            raise error.__cause__ from None
        raise _no("missing", "the list of releases did not come") from error
    except (told.RepositoryError, ValueError) as error:
        raise _no("unreadable", "the list of releases cannot be read") from error
    return updater


def _begin(kept: Path, seen: bytes) -> None:
    """Make the folder; what a power cut left of a file in it is nobody's."""
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in kept.glob("tmp*"):
        left.unlink()
    last = kept / "timestamp.json"
    try:
        had = last.read_bytes()
    except OSError:
        had = b""
    if seen and _version(had) < max(_version(seen), 1):
        last.write_bytes(seen)


def _version(listed: bytes) -> int:
    """Of a list; 0: none can be read."""
    try:
        return int(json.loads(listed)["signed"]["version"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return 0


def _no(why: str, what: str) -> ReleaseRefused:
    return ReleaseRefused(f"The release is refused: {what}.", why=why)


def _fetcher(read: Read) -> FetcherInterface:
    from tuf.api.exceptions import DownloadError, DownloadHTTPError
    from tuf.ngclient import FetcherInterface as Interface

    class Fetcher(Interface):
        """Whatever goes wrong while reading is the cause of a `DownloadError`."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            try:
                yield from read(url.lstrip("/"))
            except KeyError as error:
                raise DownloadHTTPError("there is no such file", 404) from error
            except Exception as error:
                raise DownloadError("it did not come") from error

    return Fetcher()


def _keep(kept: Path) -> None:
    """What was seen is on the disk: an older list would else be taken after a power cut."""
    for path in (*kept.glob("*.json"), *kept.glob("root_history/*.json"), kept):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
