"""Releases for tests: signed by two keys as people sign them, in a folder that is made anew.

Not for: testing how they are signed (`test_release_tool`).
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import SSlibKey

from gateway.updates import archive
from gateway.updates.target import Fits
from tools.release.listed import Repo

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = "arm64" if platform.machine() == "aarch64" else "amd64"
HERE = Fits(13, MACHINE, PYTHON, 1)

KEYS = tuple(Ed25519PrivateKey.generate() for _ in range(3))
"""Two that are trusted, and a stranger's."""


def public(key: Ed25519PrivateKey) -> SSlibKey:
    return SSlibKey.from_crypto(key.public_key())


def about(version: str, fits: Fits = HERE) -> dict[str, object]:
    """`release.json` of a release for here."""
    return {
        "package": "tryggve-gateway",
        "release": version,
        "debian": fits.debian,
        "python": fits.python,
        "machine": fits.machine,
        "frame": fits.frame,
    }


def small(folder: Path, version: str) -> Path:
    """A release that holds little: a program that does nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python3").symlink_to(f"/usr/bin/python{PYTHON}")
    (folder / "lib").mkdir()
    (folder / "lib" / "one.py").write_text(f'VERSION = "{version}"\n')
    (folder / "release.json").write_text(json.dumps(about(version)))
    return folder


class Signed:
    """A list of releases, signed by both: `add` makes a small one and signs anew."""

    def __init__(self, folder: Path, keys: Sequence[Ed25519PrivateKey] = KEYS[:2]) -> None:
        self.folder, self._keys = folder, keys
        self.repo = Repo(folder / "repo")
        self.repo.begin([public(key) for key in keys])
        self.sign()

    @property
    def root(self) -> bytes:
        """The root of trust that a program comes with."""
        return (self.repo.metadata / "1.root.json").read_bytes()

    def sign(self, *keys: Ed25519PrivateKey) -> None:
        for key in keys or self._keys:
            self.repo.sign(key)

    def add(self, version: str, release: Path | None = None) -> Path:
        """Put a release on the list; its artefact."""
        name = HERE.target(version)
        packed = self.folder / name
        archive.pack(release or small(self.folder / "made", version), packed, preset=0)
        self.repo.add([packed])
        self.sign()
        return next(self.repo.targets.glob(f"*.{name}"))

    def expire(self, role: str) -> None:
        """Let a role's time be over, rightly signed."""
        what = self.repo.load(role)
        what.signed.expires = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        what.signatures.clear()
        self.repo.save(role, what)
        self.sign()

    def read(self, name: str) -> Iterator[bytes]:
        return self.repo.read(name)
