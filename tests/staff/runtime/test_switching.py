"""A page that asks the database is not held up by threads that work: it gets the interpreter soon.

Not for: who is let in when (`test_admission.py`).
"""

from __future__ import annotations

import resource
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from web.staff.core.admission import CROWD, NO_CROWD, SQLITE, Lane, Turns
from web.staff.core.config import StaffConfig
from web.staff.core.context import EXTENSION
from web.staff.runtime.serve import CROWD_SWITCH_S, SWITCH_S, Server
from web.staff.runtime.worker import ENTRY

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
        turns = app.extensions[EXTENSION].admission.turns
        assert turns.read_now == ENTRY.busy
        turns.on_crowd(True)
        assert sys.getswitchinterval() == pytest.approx(CROWD_SWITCH_S)
        turns.on_crowd(False)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    finally:
        app.extensions["tryggve.stop"]()


def test_a_crowd_is_told_when_it_comes_and_when_it_has_gone() -> None:
    """Whoever is worked for or waits counts; a few who come and go at its edge change nothing."""
    turns, told = Turns(SQLITE), list[tuple[int, bool]]()
    with ExitStack() as alarms, ExitStack() as more:
        turns.on_crowd = lambda crowd: told.append((turns._at_work[Lane.ORDER], crowd))
        for n in range(CROWD + 2):
            (alarms if n < NO_CROWD - 1 else more).enter_context(turns.turn(Lane.ORDER))
        assert [crowd for _, crowd in told] == [True]
        with turns.turn(Lane.ORDER):
            pass
        more.close()
        assert told == [(CROWD - 1, True), (NO_CROWD - 1, False)]
        turns.read_now = lambda: CROWD
        with turns.turn(Lane.ORDER):
            assert told[-1][1], "who is read counts too"


def test_who_wait_for_the_interpreter_are_woken_seldom_in_a_crowd() -> None:
    """Each of fifty is woken at every interval, only to wait on: that alone takes the processor."""
    assert max(woken(SWITCH_S) / woken(CROWD_SWITCH_S) for _ in range(3)) > 1.5


def woken(interval_s: float, for_s: float = 0.4) -> int:
    """How often a thread of this process was woken, while fifty computed for so long: seconds of
    the processor, of which a busy machine gives few in the same time."""
    sys.setswitchinterval(interval_s)
    until_s = time.process_time() + for_s

    def compute() -> None:
        while time.process_time() < until_s:
            sum(range(1000))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    threads = [threading.Thread(target=compute) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before


def test_who_waits_for_answers_goes_on_soon_beside_who_works() -> None:
    """A thread that waits often, as a page for its statements, comes to several times as much
    beside one that computes, as a batch does, than at Python's own interval."""
    assert max(turns(SWITCH_S) / turns(PYTHONS_OWN_S) for _ in range(3)) > 2


def turns(interval_s: float, for_s: float = 0.25) -> int:
    """How often a thread that waits got on, while another computed, seconds of the processor."""
    sys.setswitchinterval(interval_s)
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(range(100))

    working = threading.Thread(target=compute)
    working.start()
    count, until_s = 0, time.process_time() + for_s
    while time.process_time() < until_s:
        select.select([], [], [], ANSWER_S)
        count += 1
    done.set()
    working.join()
    return count
