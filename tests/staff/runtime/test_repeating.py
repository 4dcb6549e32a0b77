"""Rounds that go on whatever happens in one, and end when they are told to."""

from __future__ import annotations

import logging
import threading

import pytest

from web.staff.core.repeating import Repeating

WITHIN_S = 60.0


class Rounds(Repeating):
    """Fails in its first two rounds and in its fourth; `come` is one count for each."""

    def __init__(self, *, every_s: float = 0.0, at_once: bool = False) -> None:
        super().__init__(
            "rounds", "it did not do", every_s=every_s, stop_within_s=WITHIN_S, at_once=at_once
        )
        self.come, self.count = threading.Semaphore(0), 0

    def look(self) -> None:
        self.count += 1
        self.come.release()
        if self.count in (1, 2, 4):
            raise OSError("no database")


def test_a_round_that_fails_ends_no_other_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Until one does: what fails after that is told again."""
    rounds = Rounds()
    with caplog.at_level(logging.ERROR):
        rounds.start()
        for _ in range(6):
            assert rounds.come.acquire(timeout=WITHIN_S)
        rounds.stop()
    rounds.stop()
    assert [(one.name, one.message) for one in caplog.records] == [(__name__, "it did not do")] * 2


@pytest.mark.parametrize("at_once", [True, False])
def test_the_first_is_at_once_or_after_a_pause(at_once: bool) -> None:
    """And the end waits for no pause."""
    rounds = Rounds(every_s=10 * WITHIN_S, at_once=at_once)
    rounds.start()
    if at_once:
        assert rounds.come.acquire(timeout=WITHIN_S)
    rounds.stop()
    assert rounds.count == int(at_once)
