"""systemd's watchdog is fed while the server is well, and a worker that stands is not hidden by the
others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes import tell_group
from tests.staff import postgres
from tests.test_watchdog import Systemd
from web.staff.core.context import Staff
from web.staff.core.secret_files import SecretFiles
from web.staff.runtime.health import WATCH_LATE_S, ill
from web.staff.runtime.watch import Watch
from web.staff.runtime.watch_dog import EVERY_S, LEAST_S, LOOKS, WatchDog, between_s, end_worker

WITHIN_S = 90.0


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path / "notify")
    yield made
    made.close()


def test_it_is_fed_while_all_is_well(systemd: Systemd) -> None:
    """And not a moment longer: what is ill is started anew."""
    said: list[str | None] = [None, "database", "watch", "schema", None]
    dog = WatchDog(lambda: said[0], str(systemd.path), every_s=1.0, alone=True)
    fed = []
    while said:
        dog.look()
        fed.append(systemd.hears("WATCHDOG=1", 0.05))
        said.pop(0)
    assert fed == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("alone", "words", "ends"),
    [
        (False, ["watch"] * (LOOKS + 2), 1),
        (False, ["watch"] * (LOOKS - 1), 0),
        (False, [*["watch"] * (LOOKS - 1), None, "watch"], 0),
        (False, ["database"] * (LOOKS + 2), 0),
        (True, ["watch"] * (LOOKS + 2), 0),
    ],
)
def test_one_of_several_whose_watch_stands_ends(
    alone: bool, words: list[str | None], ends: int
) -> None:
    """Once, and not for what a moment brings, nor for what is wrong with all of them."""
    ended: list[bool] = []
    left = iter(words)
    end = lambda: ended.append(True)  # noqa: E731 - one line is enough
    dog = WatchDog(lambda: next(left), None, every_s=1.0, alone=alone, end=end)
    for _ in words:
        dog.look()
    assert len(ended) == ends


def test_a_third_of_systemd_s_time() -> None:
    """What is not a number does not keep the server from running."""
    assert between_s("30000000") == 10.0
    assert between_s(None) == between_s("x") == EVERY_S
    assert between_s("0") == between_s("-1") == EVERY_S
    assert between_s("3") == LEAST_S, "nor makes it look without a pause"


def test_a_first_round_that_hangs_is_noticed(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any later one: a watch that was started and never came round is not well."""
    go_on = threading.Event()
    ago_s = WATCH_LATE_S + 1
    watch = Watch(staff, monotonic=lambda: time.monotonic() - ago_s)
    assert ill(staff, watch) is None, "nobody started it"
    monkeypatch.setattr(watch, "look", lambda: go_on.wait(WITHIN_S))
    watch.start()
    try:
        assert ill(staff, watch) == "watch"
    finally:
        go_on.set()
        watch.stop()


STANDING = """
import os, sys, time
from pathlib import Path
from web.staff.cli.main import main
from web.staff.runtime import health
from web.staff.runtime.watch import Watch

led, look = Path(sys.argv.pop(1)), Watch.look
health.WATCH_LATE_S = 1.0

def first_stands(self):
    others = led.read_text().split() if led.exists() else []
    if str(os.getpid()) not in others:
        with led.open("a") as file:
            file.write(f"{os.getpid()}\\n")
    if not others or others[0] == str(os.getpid()):
        time.sleep(600)
    look(self)

Watch.look = first_stands
sys.exit(main())
"""
"""The program, whose first leading worker stands in its first round."""


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_a_worker_that_leads_and_stands_makes_room(
    postgres_url: str, tmp_path: Path, systemd: Systemd
) -> None:
    """Two workers, really: the other one feeds the watchdog, so systemd does nothing; the one that
    stands ends all the same, and another leads."""
    url = postgres.make_database(postgres_url, "standing", "template_tryggve")
    SecretFiles(tmp_path / "secrets").make_missing()
    config, script, led = (tmp_path / name for name in ("staff.toml", "run.py", "led"))
    config.write_text(
        f'database = "{url}"\nsecrets_dir = "secrets"\nsecure_cookies = false\n'
        "watch_every_s = 0.05\n[listen]\nhomes = 4\nscreens = 8\nworkers = 2\n"
        "graceful_stop_s = 2\n"
    )
    script.write_text(STANDING)
    run = [str(led), "run", "--config", str(config), "--port", str(free_port())]
    with (tmp_path / "log").open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, str(script), *run],
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "600000"},
        )
    try:
        assert systemd.hears("READY=1", WITHIN_S), (tmp_path / "log").read_text()
        assert systemd.hears("WATCHDOG=1", WITHIN_S)
        until_s = time.monotonic() + WITHIN_S
        while len(leaders := led.read_text().split() if led.exists() else []) < 2:
            assert time.monotonic() < until_s, (tmp_path / "log").read_text()
            time.sleep(0.05)
        assert leaders[0] != leaders[1]
        assert "the watch of this worker stands" in (tmp_path / "log").read_text()
        assert systemd.hears("WATCHDOG=1", WITHIN_S)
        server.send_signal(signal.SIGTERM)
        assert server.wait(WITHIN_S) == 0
    finally:
        if server.poll() is None:
            tell_group(server.pid)
            server.wait(WITHIN_S)


def test_it_ends_as_its_master_would_end_it() -> None:
    """By the signal that has it say goodbye."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    try:
        end_worker()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [signal.SIGTERM]
