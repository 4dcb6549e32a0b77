"""The newest sealed picture of each look: in memory, one at a time, at every worker."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from gateway.wire import PICTURE_MAX_BYTES
from tests.staff.parts import parts_of
from web.staff.core.config import StaffConfig
from web.staff.realtime import pictures
from web.staff.realtime.pictures import NoPlace, Pictures
from web.staff.runtime.serve import Server


def test_the_newest_alone_is_held() -> None:
    """A picture takes the place of the one before; one that is no newer changes nothing; the page
    is given what it has not seen, as soon as it comes, and no other look's."""
    held = Pictures(places=2)
    assert held.put("a", 1, b"x" * PICTURE_MAX_BYTES)
    assert held.put("a", 3, b"third")
    assert not held.put("a", 2, b"second")
    assert held.newest("a", 0) == (3, b"third")
    assert held.newest("a", 3) is None
    assert held.newest("b", 0) is None
    assert held.held() == len(b"third")
    threading.Timer(0.1, held.put, ("a", 4, b"fourth")).start()
    assert held.newest("a", 3, within_s=60.0) == (4, b"fourth")
    held.drop("a")
    assert (held.newest("a", 0), held.held()) == (None, 0)


def test_there_is_an_end_to_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """More looks than places are told so; a place that nobody used for so long is free, and its
    picture gone."""
    held = Pictures(places=1)
    held.put("a", 1, b"first")
    with pytest.raises(NoPlace):
        held.put("b", 1, b"other")
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + pictures.KEPT_S + 1)
    held.sweep()
    assert held.held() == 0
    assert held.put("b", 1, b"other")
    assert held.newest("b", 0) == (1, b"other")


FORKED = """
import os, signal, sys, time
from web.staff.realtime.pictures import Pictures
held = Pictures()
child = os.fork()
if child == 0:
    held.put("look", 1, b"of the one worker")
    with held._held():
        os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
assert held.newest("look", 0, within_s=2.0) == (1, b"of the one worker")
print(os.readlink(f"/proc/self/fd/{held._file}"))
"""


def test_what_one_worker_was_given_another_has() -> None:
    """The workers of a server are forked from one process and share the memory, which is a file on
    no disk; one that is killed with the lock in its hand holds up nobody."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("/memfd:tryggve-pictures")


def test_a_server_makes_the_memory_before_its_workers(config: StaffConfig) -> None:
    """What is made in each worker would be one worker's own."""
    server = Server(config)
    stack, switch_s = threading.stack_size(), sys.getswitchinterval()
    try:
        app = server.load()
    finally:
        threading.stack_size(stack)
        sys.setswitchinterval(switch_s)
    try:
        made = parts_of(app).pictures
        assert made is server._pictures
        assert parts_of(app).siblings is server._siblings
    finally:
        app.extensions["tryggve.stop"]()
