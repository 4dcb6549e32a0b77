"""The releases that may still be met, and their code, taken from git.

Nothing is fetched over a network: where this clone does not have a release's commit (a shallow
one), whoever asks is told so.  Not for: golden logs, which lie beside the list.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tomllib
from pathlib import Path

from tests._tree import ROOT

LIST = ROOT / "tests" / "golden" / "RELEASES.toml"

NEEDED = ("drivers", "gateway", "web", "pyproject.toml")
"""What of a release its programs need to run."""


def releases() -> dict[str, str]:
    """Version to commit, the last release last."""
    listed: dict[str, str] = tomllib.loads(LIST.read_text(encoding="utf-8"))["releases"]
    return listed


def last_release() -> str:
    """The version of the last release."""
    return list(releases())[-1]


def is_here(version: str) -> bool:
    """Whether this clone has the release's commit."""
    asked = ["git", "cat-file", "-e", f"{releases()[version]}^{{commit}}"]
    try:
        return subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0
    except OSError:  # no git: an unpacked archive
        return False


def unpack(version: str, folder: Path) -> Path:
    """The release's code in `folder`, which need not exist; returns `folder`."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", releases()[version], *NEEDED],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder
