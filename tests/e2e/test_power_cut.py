"""The power goes at any moment: whatever was acknowledged is on the disk, synced.

Not for: what a kill leaves (`test_kill`), or a log of which a part is gone (`test_recovery`).
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from gateway.engine.log_reader import LogReader
from tests.e2e import power_cut
from tests.e2e.test_kill import LoadedHome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CUTS = 6

HOME = """
[home]
id = "h1"

[web]
enabled = false
"""


class Cut:
    """A home whose power goes again and again."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self.library = folder, library
        self.state, self.disk = folder / "home", folder / "disk"
        self.state.mkdir()
        (folder / "home.toml").write_text(HOME)

    def run(self, seconds: float, *options: str, after: int = 1) -> dict[int, str]:
        """Run under load, cut the power so many seconds after so many acknowledgements; what was
        acknowledged."""
        env = power_cut.environment(self.library, self.state, self.disk)
        home = LoadedHome(self.folder, *options, env=env)
        first = home.acknowledged(until=after)
        time.sleep(seconds)
        home.kill()
        power_cut.after_the_cut(self.state, self.disk)
        return first | home.acknowledged()

    def written(self) -> dict[int, str]:
        """What is in the log, by its reader, which checks the chain."""
        reader = LogReader(self.state / "events.sqlite")
        return {e["seq"]: e["hash"] for e in reader.events() if e["origin"] == "home:h1"}


@pytest.fixture
def cut(tmp_path: Path) -> Cut:
    library = power_cut.library(tmp_path)
    if library is None:
        pytest.skip("there is no C compiler")
    return Cut(tmp_path, library)


def test_a_power_cut_at_any_moment_keeps_what_was_acknowledged(cut: Cut) -> None:
    """Under load, again and again: each acknowledged event is there with its hash, in one chain
    under one origin; no cut is taken for a lost log."""
    moments = random.Random(2026)
    acknowledged: dict[int, str] = {}
    for number in range(CUTS):
        acknowledged |= cut.run(moments.uniform(0.0, 0.6), after=(1, 25)[number % 2])
        assert not list(cut.state.glob("aside-*")), "nothing was set aside"
    written = cut.written()
    assert {seq: written.get(seq) for seq in acknowledged} == acknowledged
    assert len(acknowledged) > CUTS * 10, "it was under load"
    assert sorted(written) == list(range(1, len(written) + 1))


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_log_that_does_not_sync_would_be_seen(cut: Cut, synchronous: str) -> None:
    """The same home with a writer that leaves the disk for later loses what it acknowledged: a test
    that could not fail would show nothing."""
    acknowledged = cut.run(0.3, "--synchronous", synchronous, after=11)
    written = cut.written()
    assert len(acknowledged) > 10
    assert [seq for seq in acknowledged if written.get(seq) != acknowledged[seq]]
