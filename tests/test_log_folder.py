"""A log that cannot be used is set aside, and the home goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine.log_folder import FILE, LogFolder, next_origin
from gateway.events import LogRecovered
from tests.conftest import sealed_chain
from tests.test_eventlog import append


@pytest.fixture
def logs(tmp_path: Path) -> LogFolder:
    (tmp_path / "state").mkdir()
    (tmp_path / "memory").mkdir()
    return LogFolder(tmp_path / "state", "h1", memory=tmp_path / "memory", boot="b1")


def test_origins_are_never_given_out_twice() -> None:
    """Each new log of a home has the next origin."""
    assert [next_origin(o) for o in ("home:a", "home:a~2", "home:a~9")] == [
        "home:a~2",
        "home:a~3",
        "home:a~10",
    ]
    assert next_origin("home:a~memory-b1") == "home:a~2"


def test_a_damaged_log_is_kept_beside_the_new_one(logs: LogFolder) -> None:
    """The damaged file keeps its bytes under a new name, and the next start uses the new log."""
    log, recovered = logs.open()
    assert recovered is None
    append(log, sealed_chain(10))
    log.close()
    damaged = b"\0" * 4096 + (logs.path / FILE).read_bytes()[4096:]
    (logs.path / FILE).write_bytes(damaged)

    log, recovered = logs.open()
    assert isinstance(recovered, LogRecovered)
    assert (log.origin, recovered.continues) == ("home:h1~2", "home:h1")
    assert recovered.set_aside is not None
    assert (logs.path / recovered.set_aside).read_bytes() == damaged
    log.close()
    log, recovered = logs.open()
    assert (log.origin, recovered) == ("home:h1~2", None)
    log.close()


def test_a_home_whose_disk_is_gone_keeps_its_log_in_memory(logs: LogFolder, tmp_path: Path) -> None:
    """No disk is no reason to be silent: the log is kept in memory, under an origin of its own."""
    (tmp_path / "state").rmdir()
    log, recovered = logs.open()
    assert recovered is not None
    assert log.origin == "home:h1~memory-b1"
    assert append(log, sealed_chain(1, origin=log.origin)) is None
    log.close()
