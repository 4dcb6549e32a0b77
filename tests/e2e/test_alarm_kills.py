"""Home, server and database are killed while alarms are open and raised; the bench kills twenty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import alarm_kills
from tests.staff import postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        postgres.programs() is None, reason="PostgreSQL is not installed (Debian: postgresql)"
    ),
]


def test_alarms_outlive_a_kill_of_each_part(tmp_path: Path) -> None:
    """`kill -9` of each once, at a random moment, with alarms open and one just raised: whatever
    the home had on its disk is at the server once, somebody was told of it, its ladder goes on
    until somebody answers, and then no more."""
    whom = alarm_kills.order(3, seed=9)
    assert sorted(whom) == sorted(alarm_kills.TARGETS)
    came = alarm_kills.play(tmp_path / "stage", whom, seed=9)
    assert len(came.raised) >= 2
    assert not (came.lost or came.unanswered or came.shown_twice or came.rang_on), came
