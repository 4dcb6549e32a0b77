"""How often the running gateway syncs its log, counted on a disk that counts.

Not for: what a power cut takes (`test_power_cut`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.faulty_disk import FaultyDisk
from tests.e2e.test_kill import LoadedHome
from tests.e2e.test_power_cut import HOME

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TURNS = 5


@pytest.mark.parametrize("synchronous", [None, "OFF"])
def test_each_committed_turn_is_synced(tmp_path: Path, synchronous: str | None) -> None:
    """An alarm is told as durable after a sync of the log's -wal that came after it was raised; a
    writer that was told not to sync would be seen."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home.toml").write_text(HOME)
    disk = FaultyDisk(tmp_path / "disk", tmp_path / "home")
    spoilt = ("--synchronous", synchronous) if synchronous else ()
    home = LoadedHome(tmp_path, "--events", "1", *spoilt, env=disk.environment())
    try:
        assert home.acknowledged(until=20)
        synced = []
        for _ in range(TURNS):
            before = disk.syncs()
            home.say("alarm")
            # itself, for a start goes on writing: what it says of itself would be taken for this
            assert home.acknowledged(until=1, kind="alarm.raised")
            synced.append(disk.syncs() > before)
        home.end()
    finally:
        home.process.kill()
        home.close()
    assert synced == [synchronous is None] * TURNS
