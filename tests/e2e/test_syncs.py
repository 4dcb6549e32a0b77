"""How often the running gateway syncs its log, counted on a disk that counts.

Not for: what a power cut takes (`test_power_cut`).
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.faulty_disk import FaultyDisk
from tests.e2e.test_kill import LoadedHome
from tests.e2e.test_power_cut import HOME

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TURNS = 5

REST_S = 0.5
"""Seconds without a word after which a home that has begun is at rest."""


@pytest.mark.parametrize("synchronous", [None, "OFF"])
def test_each_committed_turn_is_synced(tmp_path: Path, synchronous: str | None) -> None:
    """An alarm is told as durable after its turn's own sync of the log's -wal; a writer that was
    told not to sync would be seen."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home.toml").write_text(HOME)
    disk = FaultyDisk(tmp_path / "disk", tmp_path / "home")
    spoilt = ("--synchronous", synchronous) if synchronous else ()
    home = LoadedHome(tmp_path, "--events", "1", *spoilt, env=disk.environment())
    try:
        assert home.acknowledged(until=20)
        while home.acknowledged():  # what a start writes, to its end
            time.sleep(REST_S)
        before = disk.syncs()
        for _ in range(TURNS):
            home.say("alarm")
            assert home.acknowledged(until=1)
            while home.acknowledged():  # what follows from it: the next is a turn of its own
                time.sleep(REST_S)
        counted = disk.syncs() - before
        home.end()
    finally:
        home.process.kill()
        home.close()
    assert (counted >= TURNS) is (synchronous is None)
