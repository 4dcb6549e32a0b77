"""`python -m tests.bench.durable FOLDER`: the durable path beside raw sqlite3, in this process.

Prints one JSON object: rates (events/s) and the median of their ratios, one event's p50 (ms), bytes
written an event.  Run in a process of its own so that the disk can be a model.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.clock import SystemClock
from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.sequencer import Sealed
from gateway.engine.turns import Hooks
from gateway.envelope import Draft
from gateway.events import LogRecovered, MatPressed, MatReleased
from gateway.rules import DeviceFacts, HomeFacts, bind
from tests.conftest import sealed_chain

EVENTS = 5_000
SINGLES = 150
GROUP = 50
ROUNDS = 5
"""Turns of ours and of the reference; the median of their ratios counts.  In three runs on an idle
machine, each taken once, the ratio was 1.04, 1.05 and 0.66."""


def written_bytes() -> int:
    """Bytes this process has handed to write(2) and its kin."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    raise RuntimeError("this kernel does not count writes")


def raw_rate(path: Path) -> float:
    """Events/s of plain sqlite3 with the same rows, WAL and FULL, in groups of `GROUP`."""
    rows = [(r.event.seq, r.body.decode(), r.digest) for r in sealed_chain(EVENTS)]
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT, hash BLOB)")
    began = time.perf_counter()
    for i in range(0, EVENTS, GROUP):
        db.execute("BEGIN")
        db.executemany("INSERT INTO event VALUES (?, ?, ?)", rows[i : i + GROUP])
        db.execute("COMMIT")
    took = time.perf_counter() - began
    db.close()
    return EVENTS / took


def raw_single_p50_ms(path: Path) -> float:
    """Milliseconds of one plain insert with its commit."""
    row = sealed_chain(1)[0]
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT, hash BLOB)")
    times = []
    for i in range(SINGLES):
        began = time.perf_counter()
        db.execute("BEGIN")
        db.execute("INSERT INTO event VALUES (?, ?, ?)", (i, row.body.decode(), row.digest))
        db.execute("COMMIT")
        times.append(time.perf_counter() - began)
    db.close()
    return statistics.median(times) * 1000


class Bench:
    """An engine with the home's rules on a log in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        home = HomeFacts(
            "h1",
            "Europe/Stockholm",
            "p1",
            {"bed": DeviceFacts("bed", "mat_gpio", "sensor", "bed", "bedroom")},
        )
        self.log = EventLog.open(folder / name, "home:h1")
        self.left = 0
        self.all_durable = asyncio.Event()
        self.engine = Engine(
            eventlog=self.log,
            reopen=self._reopen,
            rules=bind({}, home),
            clock=SystemClock(),
            boot="bench",
            down_origin="staff:h1",
            hooks=Hooks(on_durable=self._durable),
        )

    def _reopen(self, why: str) -> tuple[EventLog, LogRecovered]:
        raise RuntimeError(why)

    def _durable(self, rows: Sequence[Sealed]) -> None:
        self.left -= len(rows)
        if self.left <= 0:
            self.all_durable.set()
        self.log.mark_forwarded(rows[-1].event.seq)  # as the uplink does after each batch

    async def rate(self) -> tuple[float, float]:
        """Events/s from the first submit to the last commit, and bytes written an event."""
        self.left = EVENTS
        drafts = [
            Draft(MatPressed() if i % 2 else MatReleased(), device="bed") for i in range(EVENTS)
        ]
        task = asyncio.create_task(self.engine.run())
        before = written_bytes()
        began = time.perf_counter()
        for draft in drafts:
            self.engine.submit(draft)
        await self.all_durable.wait()
        took = time.perf_counter() - began
        task.cancel()
        self.log.close()  # the checkpoint belongs to the bytes
        return EVENTS / took, (written_bytes() - before) / EVENTS

    async def single_p50_ms(self) -> float:
        """Milliseconds from an event to its commit, one at a time."""
        task = asyncio.create_task(self.engine.run())
        times = []
        for i in range(SINGLES):
            began = time.perf_counter()
            await self.engine.write(Draft(MatPressed() if i % 2 else MatReleased(), device="bed"))
            times.append(time.perf_counter() - began)
        task.cancel()
        self.log.close()
        return statistics.median(times) * 1000


async def main(folder: Path) -> None:
    ours, raws, sizes = [], [], []
    for i in range(ROUNDS):
        raws.append(raw_rate(folder / f"raw{i}.sqlite"))
        rate, size = await Bench(folder, f"ours{i}.sqlite").rate()
        ours.append(rate)
        sizes.append(size)
    raw_p50_ms = raw_single_p50_ms(folder / "raw-single.sqlite")
    p50_ms = await Bench(folder, "single.sqlite").single_p50_ms()
    print(
        json.dumps(
            {
                "ours": statistics.median(ours),
                "raw": statistics.median(raws),
                "ratio": statistics.median(a / b for a, b in zip(ours, raws, strict=True)),
                "bytes": statistics.median(sizes),
                "p50_ms": p50_ms,
                "raw_p50_ms": raw_p50_ms,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
