"""What a release is called, and which one fits this machine.  Pure, but for reading `release.json`.

Not for: whether it is genuine (`trust`).
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"tryggve-gateway_[0-9A-Za-z.~+]{1,60}_(?:arm64|amd64)\.tar\.xz")
"""Of an artefact: as `make deb` names it."""

VERSION = re.compile(r"[0-9][0-9A-Za-z.]{0,39}")
"""Python's way: `0.3.0`, `0.3.0.dev1`."""

_PRE = re.compile(r"[.]?(dev|a|b|rc)")


@dataclass(frozen=True, slots=True)
class Fits:
    """What a release must have been made for.  `frame` is the newest that the package here knows:
    which units, users and Debian packages a release counts on."""

    debian: int
    machine: str
    python: str
    frame: int

    def target(self, version: str) -> str:
        """The artefact of this version for here.  Debian sorts `0.3.0~dev1` before `0.3.0`."""
        sorted_right = _PRE.sub(r"~\1", version)
        return f"tryggve-gateway_{sorted_right}+deb{self.debian}_{self.machine}.tar.xz"

    def refuses(self, about: object, version: str) -> str | None:
        """Why a release that says this of itself does not fit, in a word: `unfit`, `frame`; None:
        it does."""
        if not isinstance(about, dict):
            return "unfit"
        mine = (version, self.debian, self.machine, self.python)
        told = tuple(about.get(key) for key in ("release", "debian", "machine", "python"))
        if told != mine:
            return "unfit"
        frame = about.get("frame")
        return None if isinstance(frame, int) and frame <= self.frame else "frame"


def of_folder(folder: Path, package: Path | None = None) -> Fits | None:
    """What fits beside the release in `folder`; None: nothing that was installed as a release lies
    there.  `package` is what the package brought, whose frame counts; None: `folder`."""
    try:
        told = json.loads((folder / "release.json").read_text())
        frame = told if package is None else json.loads((package / "release.json").read_text())
        return Fits(
            int(told["debian"]), str(told["machine"]), str(told["python"]), int(frame["frame"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def here() -> Path:
    """The folder of the release whose Python this is."""
    return Path(sys.prefix)
