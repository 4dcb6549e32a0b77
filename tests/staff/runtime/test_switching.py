"""A page that asks the database is not held up by threads that work: it gets the interpreter soon.

Not for: who is let in when (`test_admission.py`).
"""

from __future__ import annotations

import select
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from web.staff.core.config import StaffConfig
from web.staff.runtime.serve import SWITCH_S, Server

ANSWER_S = 0.0002
"""Seconds until the database answers: for so long the interpreter is somebody else's."""

PYTHONS_OWN_S = 0.005
"""What `sys.getswitchinterval` is at the start of any Python."""


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The interval, and the size of stacks, of this process are given back."""
    before, stack = sys.getswitchinterval(), threading.stack_size()
    yield
    sys.setswitchinterval(before)
    threading.stack_size(stack)


def test_a_worker_switches_often(config: StaffConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set in the worker itself, before the application begins its threads."""
    monkeypatch.setattr(sys, "argv", ["tryggve"])
    sys.setswitchinterval(PYTHONS_OWN_S)
    app = Server(config).load()
    try:
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    finally:
        app.extensions["tryggve.stop"]()


def test_who_waits_for_answers_goes_on_soon_beside_who_works() -> None:
    """A thread that waits often, as a page for its statements, comes to several times as much
    beside one that computes, as a batch does, than at Python's own interval."""
    assert max(turns(SWITCH_S) / turns(PYTHONS_OWN_S) for _ in range(3)) > 2


def turns(interval_s: float, for_s: float = 0.25) -> int:
    """How often a thread that waits got on, while another computed."""
    sys.setswitchinterval(interval_s)
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(range(100))

    working = threading.Thread(target=compute)
    working.start()
    count, until_s = 0, time.monotonic() + for_s
    while time.monotonic() < until_s:
        select.select([], [], [], ANSWER_S)
        count += 1
    done.set()
    working.join()
    return count
