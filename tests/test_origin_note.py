"""The file that notes which log a home writes, `origin`: spoilt, it gives no number out twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine.log_folder import FILE, LogFolder
from gateway.origin import generation
from tests.start_damage import (
    Damage,
    a_folder,
    cut_off,
    emptied,
    gone,
    no_text,
    taken_away,
    zeroed,
)
from tests.test_log_folder import beyond, used


@pytest.fixture
def logs(tmp_path: Path) -> LogFolder:
    (tmp_path / "state").mkdir()
    (tmp_path / "memory").mkdir()
    return LogFolder(tmp_path / "state", "h1", memory=tmp_path / "memory", boot="b1")


@pytest.mark.parametrize("damage", [emptied, cut_off, zeroed, no_text, a_folder, gone])
def test_a_note_that_is_spoilt_gives_no_number_twice(logs: LogFolder, damage: Damage) -> None:
    """The third log of a home: what it is, it says itself, and it goes on; with the log lost as
    well, the next one has an origin that none had before it."""
    used(logs)
    for seq in (1, 2):
        log, _ = logs.reopen(f"damaged {seq}")
        beyond(log, 3)
        logs.close(log)
    assert logs.origin() == "home:h1~3"
    note = logs.path / "origin"
    damage(note)
    log, recovered = logs.open()
    assert (log.origin, log.head.seq, recovered) == ("home:h1~3", 3, None)
    logs.close(log)
    assert note.read_text() == "home:h1~3\nclosed 3\n"
    damage(note)
    if damage is cut_off:  # its first line alone is what an enrolment writes
        return
    taken_away(logs.path / FILE)
    log, _ = logs.open()
    assert generation(log.origin) > 3
    logs.close(log)


def test_a_note_older_than_the_log_is_no_word_about_it(logs: LogFolder) -> None:
    """Put back from a copy: it speaks of a log that was set aside."""
    used(logs)
    old = (logs.path / "origin").read_text()
    log, _ = logs.reopen("damaged")
    beyond(log, 3)
    logs.close(log)
    (logs.path / "origin").write_text(old)
    log, recovered = logs.open()
    assert (log.origin, log.head.seq, recovered) == ("home:h1~2", 3, None)
    logs.close(log)
