"""The operating system's own security updates, as they are: unattended-upgrades installs them, not
we.  Read by the gateway's own user; nothing is changed.

Not for: releases of ours.
"""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from gateway.events import UpdateSystemTold

ASK = ("apt-get", "--simulate", "-o", "Debug::NoLocking=true", "upgrade")
ASK_S = 120.0
"""Seconds that apt may take to say what it would do: some ten on a Pi."""

_SECURITY = re.compile(r"^Inst .*[( ]Debian-Security:", re.MULTILINE)
_ON = re.compile(r'^\s*APT::Periodic::Unattended-Upgrade\s+"[1-9]', re.MULTILINE)


def look(root: Path = Path("/"), ask: tuple[str, ...] = ASK) -> UpdateSystemTold | None:
    """How it is on the system under `root`; None: this is no Debian."""
    settings = root / "etc/apt/apt.conf.d"
    if not settings.is_dir():
        return None
    texts = [_text(file) for file in sorted(settings.iterdir())]
    there = (root / "usr/bin/unattended-upgrade").exists()
    return UpdateSystemTold(
        automatic=there and any(_ON.search(text) for text in texts),
        pending=_pending(ask),
        restart=(root / "run/reboot-required").exists(),
        ran_at=_when(root / "var/lib/apt/periodic/unattended-upgrades-stamp"),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def _pending(ask: tuple[str, ...]) -> int | None:
    try:
        said = subprocess.run(
            ask, capture_output=True, text=True, timeout=ASK_S, check=True, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return len(_SECURITY.findall(said.stdout))


def _when(stamp: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(stamp.stat().st_mtime), UTC)
    except OSError:
        return None
