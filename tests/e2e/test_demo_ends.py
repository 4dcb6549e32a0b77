"""The demo as somebody at a terminal has it: it tells what it does, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import tell_each

pytestmark = pytest.mark.slow

START_S = 150.0
"""Real seconds until the demo is ready on a machine that does other things too."""

GONE_S = 60.0
"""Real seconds in which everything must be gone: each program has 15 to stop in order."""


def of_the_demo(folder: Path) -> dict[int, str]:
    """Every process that has the demo's folder among its words: servers, workers, homes."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found[int(entry.name)] = words
    return found


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "demo", "--keep", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def lines_until(demo: subprocess.Popen[str], wanted: str) -> Iterator[str]:
    """What it says, up to the line with `wanted`."""
    assert demo.stdout is not None
    until = time.monotonic() + START_S
    for line in demo.stdout:
        yield line
        if wanted in line:
            return
        assert time.monotonic() < until, f"no {wanted}"
    raise AssertionError(f"it ended before {wanted}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("number", "when", "programs"),
    [
        (signal.SIGINT, "q  stop", 4),
        (signal.SIGKILL, "q  stop", 4),
        (signal.SIGHUP, "starting the home", 2),
        (signal.SIGTERM, "an account for", 1),
    ],
    ids=["interrupt when it plays", "killed", "hang-up at the start", "told to end in setting up"],
)
def test_the_demo_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, when: str, programs: int
) -> None:
    """However it ends and wherever it was: the server with its workers and the homes are gone.  A
    demo that was killed cannot stop them; they notice by themselves."""
    folder = tmp_path / "demo"
    demo = start(folder)
    try:
        said = list(lines_until(demo, when))
        running = of_the_demo(folder)
        assert len(running) > programs, running
        os.kill(demo.pid, number)
        until = time.monotonic() + GONE_S
        while left := of_the_demo(folder):
            assert time.monotonic() < until, left
            demo.poll()  # a process that ended is there until somebody asks
            time.sleep(0.1)
        assert demo.wait(60) == (-number if number == signal.SIGKILL else 128 + number)
        assert [line for line in said if line.strip().endswith("…")], "a line a step"
    finally:
        tell_each(of_the_demo(folder))
        demo.kill()
        demo.communicate()
