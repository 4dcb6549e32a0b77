"""Broken and restored disks, with both programs for real: the home goes on, the server notices."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.demo.stage import Stage
from gateway.engine.log_reader import LogReader
from tests.e2e.conftest import at_server
from tests.e2e.test_kill import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def press(made: Stage, times: int) -> dict[str, object]:
    """Press the mat as a person does; what the home says then."""
    assert made.home is not None
    for _ in range(times):
        made.home.do("press")
        time.sleep(0.15)
        made.home.do("release")
        time.sleep(0.15)
    return made.home.do("tell")


def all_forwarded(made: Stage) -> bool:
    """Whether the server has everything of the log in use."""
    assert made.home is not None
    told = made.home.do("tell")
    held = at_server(made).get(told["origin"], {})
    return bool(told["backlog"] == 0 and told["durable"] == len(held))


def stop_home(made: Stage) -> None:
    assert made.home is not None
    made.home.stop()
    made.home = None


def kinds_at_server(made: Stage) -> list[str]:
    with closing(sqlite3.connect(made.database, timeout=60)) as db:
        return [kind for (kind,) in db.execute("SELECT kind FROM event ORDER BY received_at")]


def test_an_old_disk_put_back_is_noticed_and_the_home_goes_on(
    set_stage: Callable[..., Stage],
) -> None:
    """The state folder of last week is restored: the server says that it knows more, tells the
    technician, and the home goes on in a log of its own; no number is given out twice."""
    made = set_stage(home_options=("--still",))
    press(made, 2)
    until(lambda: all_forwarded(made), "the first forwarding")
    stop_home(made)
    backup, noted = made.folder / "backup.sqlite", made.folder / "backup-origin"
    shutil.copy(made.home_log, backup)
    shutil.copy(made.home_log.with_name("origin"), noted)
    made.start_home("--still")
    press(made, 5)
    until(lambda: all_forwarded(made), "the second forwarding")
    stop_home(made)
    before = dict(at_server(made)["home:h1"])

    for leftover in made.home_log.parent.glob("events.sqlite-*"):
        leftover.unlink()
    shutil.copy(backup, made.home_log)
    shutil.copy(noted, made.home_log.with_name("origin"))
    made.start_home("--still")
    until(lambda: "home:h1~2" in at_server(made), "a new log")
    press(made, 2)
    until(lambda: all_forwarded(made), "the new log's forwarding")
    held = at_server(made)
    assert held["home:h1"] == before, "nothing of what the server had was changed"
    kinds = kinds_at_server(made)
    assert "log.recovered" in kinds
    assert "home.tampered" in kinds


@pytest.mark.parametrize("damage", ["zeroed", "cut"])
def test_a_damaged_log_is_set_aside_at_the_start(
    set_stage: Callable[..., Stage], damage: str
) -> None:
    """The card lost a block: the home starts all the same, says so first, and its events arrive."""
    made = set_stage(home_options=("--still",))
    press(made, 2)
    until(lambda: all_forwarded(made), "the first forwarding")
    stop_home(made)
    whole = made.home_log.read_bytes()
    made.home_log.write_bytes(
        whole[: len(whole) // 3] if damage == "cut" else bytes(4096) + whole[4096:]
    )
    made.start_home("--still")
    told = press(made, 2)
    assert told["origin"] == "home:h1~2"
    until(lambda: all_forwarded(made), "the new log's forwarding")
    assert kinds_at_server(made).count("log.recovered") == 1
    aside = list(made.home_log.parent.glob("aside-*.sqlite"))
    assert len(aside) == 1, "what could not be read is kept"


@pytest.mark.parametrize("lost", ["log", "wal"])
def test_what_is_written_after_the_log_was_lost_arrives(
    set_stage: Callable[..., Stage], lost: str
) -> None:
    """The log, or what a power cut left in its `-wal`, is gone and the server is away: the home
    says so in a log of its own at once, and everything from then on arrives."""
    made = set_stage(home_options=("--still",))
    press(made, 2)
    until(lambda: all_forwarded(made), "the first forwarding")
    before = dict(at_server(made)["home:h1"])
    made.kill_staff()
    assert made.home is not None
    if lost == "wal":
        made.home.process.kill()
    stop_home(made)
    made.home_log.with_name("events.sqlite-wal" if lost == "wal" else "events.sqlite").unlink()

    made.start_home("--still")
    assert press(made, 5)["origin"] == "home:h1~2"
    made.start_staff()
    until(lambda: all_forwarded(made), "the new log's forwarding")
    held = at_server(made)
    assert held["home:h1"] == before
    with closing(sqlite3.connect(made.database, timeout=60)) as db:
        kinds = [
            kind
            for (kind,) in db.execute(
                "SELECT kind FROM event WHERE origin = 'home:h1~2' ORDER BY seq"
            )
        ]
    assert kinds[0] == "log.recovered"
    assert kinds.count("mat.pressed") == 5


def test_what_is_left_of_a_shortened_log_arrives(set_stage: Callable[..., Stage]) -> None:
    """The server is away, the home writes, then a power cut takes the `-wal`: what the file still
    held, and the server never had, arrives under its own number and hash, beside what is new."""
    made = set_stage(home_options=("--still",))
    press(made, 1)
    until(lambda: all_forwarded(made), "the first forwarding")
    before = dict(at_server(made)["home:h1"])
    made.kill_staff()
    press(made, 3)
    stop_home(made)
    left = {
        obj["seq"]: obj["hash"]
        for obj in LogReader(made.home_log).events()
        if obj["origin"] == "home:h1"
    }
    assert len(left) > len(before) + 6
    made.start_home("--still")
    press(made, 2)
    assert made.home is not None
    made.home.process.kill()
    stop_home(made)
    made.home_log.with_name("events.sqlite-wal").unlink()

    made.start_home("--still")
    assert press(made, 1)["origin"] == "home:h1~2"
    made.start_staff()
    until(lambda: all_forwarded(made), "the new log's forwarding")
    assert at_server(made)["home:h1"] == left


def test_the_smoke_test_says_ok(tmp_path: Path) -> None:
    """`tryggve demo --smoke` plays a night and a morning, loses nothing, and prints one object."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "demo", "--smoke", "--keep", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=150,
        check=False,
    )
    result = json.loads(done.stdout)
    assert result["ok"] is True, result
    assert result["lost"] == 0
    assert done.returncode == 0
