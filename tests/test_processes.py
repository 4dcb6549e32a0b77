"""What ends while a test looks at it, or before the test ends it, fails no test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests._tree import ROOT, tracked
from tests.processes import children, halt, open_files, state, tell_each, tell_group

WAIT_S = 60.0

FAMILY = """
import subprocess, sys, threading
def begin():
    subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    begun.set()
    threading.Event().wait()
begun = threading.Event()
threading.Thread(target=begin, daemon=True).start()
begun.wait()
print("begun", flush=True)
input()
"""


def test_a_file_that_is_closed_meanwhile() -> None:
    """The list of our own open files names the one that lists them, which is gone then."""
    with Path(os.devnull).open() as kept:
        assert kept.name in open_files(os.getpid())


def test_a_group_of_which_nobody_is_left() -> None:
    """It was waited for, and has no children."""
    with subprocess.Popen(["true"], start_new_session=True) as gone:
        gone.wait(WAIT_S)
        tell_group(gone.pid)
        tell_each([gone.pid])
        assert children(gone.pid) == []


def test_who_is_there_is_told() -> None:
    """Also the child of a thread, and the other members of a group."""
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == b"begun\n"
            (child,) = children(first.pid)
            halt(child)
            assert state(child) == "T"
        finally:
            tell_group(first.pid)
        assert first.wait(WAIT_S) == -signal.SIGKILL
        until_s = time.monotonic() + WAIT_S
        while state(child) not in ("", "Z"):
            assert time.monotonic() < until_s
            time.sleep(0.01)
        halt(child)


def test_a_group_is_told_in_one_way() -> None:
    """Whoever calls the system's own would fail where the group is gone."""
    found = [
        path.relative_to(ROOT).as_posix()
        for path in tracked("tests/*.py")
        if re.search(r"\bkillpg\(", path.read_text("utf-8"))
    ]
    assert found == ["tests/processes.py"]
