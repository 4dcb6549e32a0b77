"""Runs one command of those that make and prove a card.  Not for: what they are."""

from __future__ import annotations

import subprocess

from tools.deb.locked import BuildError

STEP_S = 3600
"""Seconds that a step may take: a Pi's Debian, unpacked and set up by an emulated processor."""


def run(command: list[str], *, env: dict[str, str] | None = None) -> str:
    """What it printed on standard output.  Raises `BuildError` with the end of all that it said."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=STEP_S,
        stdin=subprocess.DEVNULL,
        env=env,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise BuildError(f"{' '.join(command)[:300]} ended with {done.returncode}:\n{said}")
    return done.stdout
