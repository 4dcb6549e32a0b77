"""Ends what a step left running: the programs that it began, and theirs.

A step that is ended half-way has children that go on: what makes a Debian writes in a folder that
is about to be removed.  Each step has a mark in its environment, which all that it begins has too,
in whatever session it runs.  Not for: ending a service (systemd does that).
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tools.deb.locked import BuildError

MARK = "TRYGGVE_STEP"
END_S = 60.0
"""Seconds until what was killed is gone: one that waits for a slow disk goes when that answers."""
LOOK_S = 0.02


def mark() -> dict[str, str]:
    """What a step's environment has more than others."""
    return {MARK: secrets.token_hex(16)}


def marked(marks: dict[str, str]) -> list[int]:
    """All that has that mark and runs."""
    wanted = f"{MARK}={marks[MARK]}".encode()
    return _those(lambda place: wanted in (place / "environ").read_bytes().split(b"\0"))


def rooted(folder: Path) -> list[int]:
    """All whose root is that folder, or lies in it."""
    whole = folder.resolve()

    def is_so(place: Path) -> bool:
        root = (place / "root").readlink()
        return root == whole or whole in root.parents

    return _those(is_so)


def end(found: Callable[[], list[int]]) -> None:
    """Kill what is found until twice there is nothing, for a program that just becomes another has
    no environment for a moment.  Raises `BuildError` when something stays."""
    until, clear = time.monotonic() + END_S, 0
    while clear < 2:
        numbers = found()
        clear = 0 if numbers else clear + 1
        if numbers and time.monotonic() > until:
            said = ", ".join(map(str, numbers))
            raise BuildError(f"what a step began does not end: process {said}")
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(LOOK_S)


def _those(is_so: Callable[[Path], bool]) -> list[int]:
    numbers = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if int(place.name) != os.getpid() and is_so(place):
                numbers.append(int(place.name))
    return numbers
