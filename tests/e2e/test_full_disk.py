"""A home that starts on a full disk, with both programs for real: nothing is silent, nothing lost.

Not for: what the home does inside (`tests/test_log_in_memory.py`), or a disk that breaks otherwise.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from gateway.engine.log_reader import LogReader
from gateway.origin import is_in_memory
from tests.e2e.conftest import at_server
from tests.e2e.test_kill import until
from tests.e2e.test_recovery import all_forwarded, press, stop_home
from tests.test_engine import fill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SPARE_BYTES = 8192
"""Left free: the virtual home pairs its locks at each start, a page at a time.  No log opens in it:
SQLite needs eight pages for its index of the `-wal`."""


@pytest.fixture
def on_small_disk() -> Iterator[Callable[[Path], None]]:
    """Puts what is in a folder on a disk of its own of 10 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    with ExitStack() as stack:

        def move(folder: Path) -> None:
            there = folder.with_name(f"{folder.name}-before")
            folder.rename(there)
            folder.mkdir(mode=0o700)
            mount = [
                "mount",
                "-t",
                "tmpfs",
                "-o",
                "size=10m,mode=0700",
                "tryggve-test",
                str(folder),
            ]
            if subprocess.run(mount, check=False).returncode:
                pytest.skip("this machine does not let a test mount a disk")
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
            shutil.copytree(there, folder, dirs_exist_ok=True)

        yield move


def kinds_of(made: Stage) -> list[tuple[str, str]]:
    """Origin and kind of what the server has, in the order in which it came."""
    with closing(sqlite3.connect(made.database, timeout=60)) as db:
        rows = db.execute("SELECT origin, kind FROM event ORDER BY received_at, origin, seq")
        return [(origin, kind) for origin, kind in rows]


def open_alarms(made: Stage) -> list[str]:
    with closing(sqlite3.connect(made.database, timeout=60)) as db:
        rows = db.execute("SELECT type FROM alarm WHERE closed_at IS NULL ORDER BY type")
        return [kind for (kind,) in rows]


def test_a_home_on_a_full_disk_is_heard_and_goes_back_to_it(
    set_stage: Callable[..., Stage], on_small_disk: Callable[[Path], None]
) -> None:
    """Presses and alarms arrive from memory, and the home's page says so; when there is room the
    home goes on on its disk by itself, and a kill right after loses nothing: the server has it all
    once, and so has the disk."""
    made = set_stage(home_options=("--still",))
    press(made, 2)
    until(lambda: all_forwarded(made), "the first forwarding")
    stop_home(made)
    state = made.home_log.parent
    on_small_disk(state)
    made.home_log.with_name("events.sqlite.ballast").unlink()  # given up before
    (state / "spare").write_bytes(bytes(SPARE_BYTES))
    fill(state / "filler")
    (state / "spare").unlink()

    made.start_home("--still")
    assert made.home is not None
    told = press(made, 3)
    origin = str(told["origin"])
    assert is_in_memory(origin)
    until(lambda: all_forwarded(made), "what is in memory at the server")
    assert open_alarms(made) == ["log_in_memory"]
    made.home.do("pendant")
    until(lambda: "pendant" in open_alarms(made), "the alarm")
    account = made.account("technician")
    page = StaffClient(made.url, account.email, account.password).get("/hem/h1")
    assert "Skriver i minnet sedan" in page

    made.kill_staff()
    press(made, 2)
    (state / "filler").unlink()
    until(lambda: made.home is not None and made.home.do("tell")["origin"] == "home:h1", "the disk")
    press(made, 1)
    made.home.process.kill()
    stop_home(made)
    made.start_staff()
    made.start_home("--still")
    assert press(made, 1)["origin"] == "home:h1"
    until(lambda: all_forwarded(made), "everything at the server")

    on_disk: dict[str, dict[int, str]] = {}
    for obj in LogReader(made.home_log).events():
        on_disk.setdefault(obj["origin"], {})[obj["seq"]] = obj["hash"]
    server = at_server(made)
    for name in ("home:h1", origin):
        assert server[name] == on_disk[name]
        assert sorted(server[name]) == list(range(1, len(server[name]) + 1)), "whole, each once"
    assert {name for name in server if name.startswith("home:")} == {"home:h1", origin}
    kinds = kinds_of(made)
    assert sum(kind == "mat.pressed" for _, kind in kinds) == 9
    assert [kind for _, kind in kinds].count("log.returned") == 1
    assert "log_in_memory" not in open_alarms(made)
    page = StaffClient(made.url, account.email, account.password).get("/hem/h1")
    assert "Skriver i minnet" not in page
