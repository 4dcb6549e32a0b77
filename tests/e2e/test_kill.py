"""kill -9 and outages, with both programs for real: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pytest

from gateway.demo.staffclient import RESYNC, StaffClient
from gateway.demo.stage import Stage
from gateway.engine.log_reader import LogReader
from tests.e2e.conftest import at_server

KILLS = 20
WAIT_S = 60.0


class LoadedHome:
    """The stage's home under load, in a process, and what it has acknowledged."""

    def __init__(self, folder: Path, *options: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.loaded_home", str(folder), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        self.lines: SimpleQueue[str] = SimpleQueue()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def acknowledged(self, until: int | None = None, kind: str | None = None) -> dict[int, str]:
        """What it has acknowledged so far, of `kind` alone where one is given; with `until`, wait
        until it is that many."""
        told: dict[int, str] = {}
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and (until is None or len(told) < until):
            try:
                line = self.lines.get(timeout=0.05) if until else self.lines.get_nowait()
            except Empty:
                if until is None:
                    break
                continue
            if line.endswith("\n") and len(words := line.split()) == 3 and kind in (None, words[2]):
                told[int(words[0])] = words[1]
        return told

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)
        self._thread.join(WAIT_S)
        self.close()

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(WAIT_S)
        self._thread.join(WAIT_S)
        self.close()

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def until(held: Callable[[], bool], what: str) -> None:
    """Wait for `held`, at most `WAIT_S`."""
    deadline = time.monotonic() + WAIT_S
    while not held():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_gateway_killed_at_any_moment_keeps_what_it_acknowledged(
    set_stage: Callable[..., Stage],
) -> None:
    """Twenty kills under load: every acknowledged event is in the log with its hash, the chain
    holds, and the server has each number once."""
    made = set_stage(home=False)
    moments = random.Random(2026)
    acknowledged: dict[int, str] = {}
    for number in range(KILLS):
        home = LoadedHome(made.folder)
        first = home.acknowledged(until=(1, 25)[number % 2])  # a busy machine takes its time
        time.sleep(moments.uniform(0.0, 0.6))
        home.kill()
        acknowledged |= first | home.acknowledged()
    assert len(acknowledged) > KILLS * 10, "it was under load"

    reader = LogReader(made.home_log)
    log = {e["seq"]: e["hash"] for e in reader.events() if e["origin"] == reader.origin}
    assert {seq: log.get(seq) for seq in acknowledged} == acknowledged
    home = LoadedHome(made.folder, "--events", "0")
    until(lambda: len(at_server(made).get("home:h1", {})) >= len(log), "forwarding")
    home.end()
    log = {e["seq"]: e["hash"] for e in reader.events() if e["origin"] == reader.origin}
    made.start_home("--still")
    until(lambda: set(log) <= set(at_server(made)["home:h1"]), "the last forwarding")
    held = at_server(made)["home:h1"]
    assert {seq: held[seq] for seq in log} == log


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_wait_and_an_alarm_goes_first(set_stage: Callable[..., Stage]) -> None:
    """The server is away for a day and comes back: an alarm raised meanwhile is there before the
    backlog is drained, then everything arrives, once."""
    made = set_stage(home=False)
    made.kill_staff()
    home = LoadedHome(made.folder, "--events", "10000")
    acknowledged = home.acknowledged(until=10_000)
    home.say("alarm")
    acknowledged |= home.acknowledged(until=1)
    home.process.send_signal(signal.SIGSTOP)  # until somebody looks at the page
    made.start_staff()
    watcher = made.account("night_watcher")
    page = StaffClient(made.url, watcher.email, watcher.password)
    live = page.live()
    asked = time.perf_counter()
    home.process.send_signal(signal.SIGCONT)
    _, first = live.wait(
        *("alarm.raised", RESYNC),
        after=asked,
        fits=lambda event: event["kind"] == RESYNC or event["data"]["type"] == "test",
    )
    if first["kind"] == RESYNC:  # five hundred at once are too much for a screen: it loads anew
        until(lambda: 'data-test="alarm"' in page.get("/nu"), "the alarm on the page")
    before = live.count("contact.changed")
    until(lambda: len(at_server(made).get("home:h1", {})) >= len(acknowledged), "the backlog")
    live.close()
    home.end()
    held = at_server(made)["home:h1"]
    assert {seq: held[seq] for seq in acknowledged} == acknowledged
    assert before < 10_000, "the alarm waited for the backlog"
