"""The group `core`: the durable path, the gateway's size and start, an event's way to the page."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import stage
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader
from gateway.engine.sequencer import Sequencer
from gateway.envelope import Draft
from gateway.events import MatPressed, MatReleased
from gateway.replay import run
from gateway.rules import DeviceFacts, HomeFacts, bind
from gateway.rules.fold import Fold
from tests.bench import slowdisk
from tests.bench.figure import Figure
from tests.bench.unit import machine_unit_ms

PRESSES = 80
"""Presses timed on their way to the page."""

PRESS_S = 0.15
"""Seconds that a press and a pause last: faster, and the driver calls it a loose plug."""

READY_ROUNDS = 3

MONTH = timedelta(days=30)
"""The recorded month: thirty nights of a mat that chatters, and days with other sensors."""

KILLS = 5
"""Kills in a bench run; the test does twenty."""

HOME_TOML = """
[home]
id = "bench"
[gpio]
factory = "mock"
[web]
port = 0
[devices.bed]
driver = "mat_gpio"
role = "bed"
pin = 17
[devices.door]
driver = "lock_nuki"
role = "front_door"
address = "C0:11:22:33:44:55"
"""


def measure() -> Iterator[Figure]:
    """All figures of the group."""
    with tempfile.TemporaryDirectory(dir=slowdisk.memory_folder()) as name:
        folder = Path(name)
        yield from _durable(folder)
        yield from _gateway(folder)
        yield from _page(folder)
        yield from _replays(folder)


def _durable(folder: Path) -> Iterator[Figure]:
    lib = slowdisk.library(folder)
    told: dict[str, Any] = {}
    note = "" if lib else "no C compiler for the SD model"
    if lib:
        (folder / "durable").mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.durable", str(folder / "durable")],
            env=slowdisk.environment(lib),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        told = json.loads(done.stdout)
    yield Figure(
        "durable_rate_ratio",
        told.get("ours"),
        "events/s",
        0.85,
        told.get("raw"),
        on="ratio",
        most=False,
        note=note or "SD model; reference: raw sqlite3, by turns",
        ratio_of_turns=told.get("ratio"),
    )
    yield Figure(
        "durable_p50_ms",
        told.get("p50_ms"),
        "ms",
        5.5,
        told.get("raw_p50_ms"),
        note=note or "SD model; reference: raw sqlite3",
    )
    yield Figure(
        "bytes_per_event", told.get("bytes"), "bytes", 1000, note="groups of 50, with mark"
    )


def _gateway(folder: Path) -> Iterator[Figure]:
    config, state = folder / "home.toml", folder / "state"
    config.write_text(HOME_TOML)
    state.mkdir(mode=0o700)
    (state / "secrets").mkdir(mode=0o700)
    secret = state / "secrets" / "nuki-door"
    secret.write_text(_nuki_secret())
    secret.chmod(0o600)
    sizes, starts = [], []
    unit_ms = machine_unit_ms()
    for _ in range(READY_ROUNDS):
        size, start = _one_start(folder, config, state)
        sizes.append(size)
        starts.append(start)
    bare = _bare_start()
    yield Figure("gateway_rss_mb", statistics.median(sizes), "MB", 80)
    yield Figure(
        "gateway_ready_s",
        statistics.median(starts),
        "s",
        1.6,
        bare,
        on="units",
        machine_ms=unit_ms,
        note="reference: a bare Python",
    )


def _nuki_secret() -> str:
    from drivers.virtual.lock_nuki import VirtualNuki
    from drivers.virtual.radio import VirtualRadio

    async def make() -> str:
        return VirtualNuki(VirtualRadio()).trust()

    return asyncio.run(make())


def _one_start(folder: Path, config: Path, state: Path) -> tuple[float, float]:
    """Resident memory (MB) after a few seconds, and seconds until it says READY to systemd."""
    path = folder / "notify"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(30)
        began = time.perf_counter()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gateway.cli", "gateway", "run"),
                *("--config", str(config), "--state", str(state)),
            ],
            env={**os.environ, "NOTIFY_SOCKET": str(path)},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
            ready_s = time.perf_counter() - began
            time.sleep(3)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    line = next(text for text in status.splitlines() if text.startswith("VmRSS"))
    return int(line.split()[1]) / 1024, ready_s


def _bare_start() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, sqlite3, ssl"], check=True)
    return time.perf_counter() - began


def _page(folder: Path) -> Iterator[Figure]:
    """From the pin's callback to the bytes on a watching screen, both programs as they are; then
    some kills, and what was lost."""
    evening = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    options = ("--still",)
    with stage(folder / "stage", at=evening, home_options=options) as made:
        assert made.home is not None
        watcher = made.account("night_watcher")
        live = StaffClient(made.url, watcher.email, watcher.password).live()
        times = []
        unit_ms = machine_unit_ms()
        for i in range(PRESSES):
            asked = time.perf_counter()
            moment = made.home.do("press")["moment"]
            ms, _ = live.wait("mat.pressed", after=asked)
            if i >= 10:  # the first ones warm the connections
                times.append(ms - (moment - asked) * 1000)
            time.sleep(PRESS_S)
            made.home.do("release")
            live.wait("mat.released", after=asked)
            time.sleep(PRESS_S)
        live.close()
        lost = _lost(made)
    times.sort()
    p50_ms, p99_ms = statistics.median(times), times[int(len(times) * 0.99)]
    for name, value, goal in (("p50", p50_ms, 12.5), ("p99", p99_ms, 25.0)):
        yield Figure(
            f"event_to_page_{name}_ms",
            value,
            "ms",
            goal,
            on="units",
            machine_ms=unit_ms,
            note="loopback, memory disk",
        )
    yield Figure("lost_events", lost, "events", 0, note=f"{KILLS} kills of the gateway under load")


def _lost(made: Any) -> float:
    """Acknowledged events that are not in the log after random kills."""
    from tests.e2e.test_kill import LoadedHome

    made.home.stop()
    made.home = None
    moments = random.Random(1)
    acknowledged: dict[int, str] = {}
    for _ in range(KILLS):
        home = LoadedHome(made.folder)
        first = home.acknowledged(until=1)
        time.sleep(moments.uniform(0.0, 0.5))
        home.kill()
        acknowledged |= first | home.acknowledged()
    reader = LogReader(made.home_log)
    log = {e["seq"]: e["hash"] for e in reader.events() if e["origin"] == reader.origin}
    return float(sum(log.get(seq) != digest for seq, digest in acknowledged.items()))


def _replays(folder: Path) -> Iterator[Figure]:
    path = folder / "month.csv"
    rows = _write_month(path)
    unit_ms = machine_unit_ms()
    began = time.perf_counter()
    for _ in run.run(path, None, {}, {}, "Europe/Stockholm"):
        pass
    took_s = time.perf_counter() - began
    yield Figure(
        "month_replay_s",
        took_s,
        "s",
        12.7,
        on="units",
        machine_ms=unit_ms,
        note=f"{rows} rows, reading included",
    )
    unit_ms = machine_unit_ms()
    yield Figure(
        "rules_rebuild_s",
        _rebuild_s(folder),
        "s",
        2.4,
        on="units",
        machine_ms=unit_ms,
        note="seven days, 25,000 events",
    )


def _write_month(path: Path) -> int:
    """A month of one home with as many rows as the busiest recorded one (104,000)."""
    rng = random.Random(30)
    begin = datetime(2026, 1, 1, 12, 0)  # noqa: DTZ001 - a recording has local times
    rows: list[tuple[datetime, str, str, int]] = []
    for day in range(MONTH.days):
        at = begin + timedelta(days=day, hours=10)
        for _ in range(1450):
            at += timedelta(seconds=rng.lognormvariate(1.0, 1.0))
            rows.append((at, "bed", "bed_mat", 1))
            at += timedelta(seconds=rng.uniform(1, 2))
            rows.append((at, "bed", "bed_mat", 0))
        at = begin + timedelta(days=day)
        for _ in range(290):
            at += timedelta(seconds=rng.uniform(1, 200))
            rows.append((at, rng.choice(["kitchen", "hall"]), "motion", 1))
            rows.append((at + timedelta(seconds=1), rows[-1][1], "motion", 0))
    rows.sort()
    lines = ["timestamp_local,home,sensor,kind,value"]
    lines += [f"{at.isoformat()},bench,{sensor},{kind},{on}" for at, sensor, kind, on in rows]
    path.write_text("\n".join(lines) + "\n")
    return len(rows)


def _rebuild_s(folder: Path) -> float:
    """Seconds to fold the rules from seven days of log on disk."""
    facts = HomeFacts(
        "bench",
        "Europe/Stockholm",
        devices={"bed": DeviceFacts("bed", "mat_gpio", "sensor", "bed")},
    )
    rules = bind({}, facts)
    sequencer = Sequencer(Fold(rules), origin="home:bench", boot="b")
    eventlog = EventLog.open(folder / "week.sqlite", "home:bench")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for i in range(25_000):
        data = MatPressed() if i % 2 else MatReleased()
        sequencer.number(Draft(data, device="bed"), at=at, mono_s=float(i))
        at += timedelta(seconds=24)
    eventlog.append(sequencer.drain().rows, lambda _error: None)
    eventlog.close()
    eventlog = EventLog.open(folder / "week.sqlite", "home:bench")
    began = time.perf_counter()
    Fold(rules).rebuild(eventlog.since())
    took_s = time.perf_counter() - began
    eventlog.close()
    return took_s
