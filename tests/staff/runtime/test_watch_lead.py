"""One worker leads the watch, for as long as the database says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.staff import postgres
from tests.staff.parts import parts_of
from web.staff.runtime.watch import LEADER_LOCK, Watch

pytestmark = pytest.mark.postgres

WITHIN_S = 60.0


def _until(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def test_who_has_lost_the_lead_does_not_go_on_with_it(workers: Any, postgres_url: str) -> None:
    """The database cut the leader's connection, and another has the lead by now: the first sees it
    at its next look, only observes, and leads again when it is free.  At its end it gives it
    back."""
    staff = parts_of(workers[0])
    url = f"{postgres_url}{staff.db.url.database}"
    watch = Watch(staff)
    with postgres.connected(url) as other:

        def takes() -> bool:
            row = other.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK]).fetchone()
            return bool(row and row[0])

        watch.start()
        _until(lambda: watch.leads)
        assert not takes()
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        _until(takes)
        _until(lambda: not watch.leads)
        other.execute("SELECT pg_advisory_unlock_all()")
        _until(lambda: watch.leads)
        watch.stop()
        _until(takes)
