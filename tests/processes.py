"""Processes that end while a test looks at them, or before it ends them: what is gone is no fault.

A child that nobody has waited for keeps its number; its children, its group and its open files
keep nothing.  Not for: one child of one's own (`Popen.kill` knows whether it ended).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HALT_S = 60.0
"""A process that waits for its disk stops when it is answered."""

HALTED = ("T", "t", "Z", "X", "")
"""States of a process that does nothing (proc(5))."""


def tell_group(group: int, number: int = signal.SIGKILL) -> None:
    """A signal to whoever is left of a process group."""
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def tell_each(processes: Iterable[int], number: int = signal.SIGKILL) -> None:
    """A signal to each of these that is still there."""
    for one in processes:
        with suppress(ProcessLookupError):
            os.kill(one, number)


def halt(pid: int) -> None:
    """It stands still when this returns, or is gone: the signal alone takes a moment."""
    tell_each([pid], signal.SIGSTOP)
    until_s = time.monotonic() + HALT_S
    while state(pid) not in HALTED:
        assert time.monotonic() < until_s, f"{pid} goes on"
        time.sleep(0.001)


def children(pid: int) -> list[int]:
    """The processes that one began and that are there; of one that is gone, none.  (`children` in
    its folder leaves out others where one ends meanwhile.)"""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _fields(int(entry.name))[1:2] == [str(pid)]:
            found.append(int(entry.name))
    return found


def state(pid: int) -> str:
    """Of a process, one letter (proc(5)); empty: there is none."""
    return (_fields(pid) or [""])[0]


def _fields(pid: int) -> list[str]:
    """What the kernel says of it, after its name: its state, its parent, ….  Empty: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def open_files(pid: int) -> set[str]:
    """What a process has open, as the kernel names it: `socket:[1234]`, a path."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found.add(str(link.readlink()))
    return found
