"""`python -m tests.e2e.loaded_home STAGE`: the stage's home under load, telling what is durable.

Prints `<seq> <hash> <kind>` for each own event once the gateway has acknowledged it.  With
`--events N` it writes N events and then waits for its input to end; without, it writes until it is
killed.  `--large` has its log taken for one that is too large to be checked whole.  `--synchronous
WORD` spoils the log's writer by that pragma, to show that a test would see it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.app.home import Home
from gateway.clock import open_clock
from gateway.config import home_file as configuration
from gateway.engine import log_reader
from gateway.engine.sequencer import Sealed
from gateway.envelope import Draft
from gateway.events import AlarmRaised, ContactChanged, Severity, alarm_type

BURST = 20
"""Events at once; between two bursts the loop breathes."""


async def main(folder: Path, events: int | None, synchronous: str | None, *, large: bool) -> None:
    if large:
        log_reader.CHECK_MAX_BYTES = 0
    demo = folder / "clock"
    clock = open_clock(str(demo) if demo.exists() else None)
    home = Home(configuration.load(folder / "home.toml"), state_dir=folder / "home", clock=clock)
    if synchronous is not None:
        home.engine.log._db.execute(f"PRAGMA synchronous={synchronous}")
    wake = home.engine.hooks.on_durable

    def durable(rows: Sequence[Sealed]) -> None:
        for row in rows:
            if row.received_at is None:
                print(row.event.seq, row.event.hash, row.event.kind, flush=True)
        wake(rows)

    home.engine.hooks.on_durable = durable
    running = asyncio.create_task(home.run())
    loop = asyncio.get_running_loop()
    written = 0
    while events is None or written < events:
        for i in range(BURST):
            home.engine.submit(Draft(ContactChanged(on=bool(i % 2)), device="seat"))
        written += BURST
        await asyncio.sleep(0.002)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, _, about = line.strip().partition(" ")
        if word == "alarm":
            type_ = alarm_type(about or "test")
            alarm = AlarmRaised(type=type_, severity=Severity.CARE, since=clock.now())
            home.engine.submit(Draft(alarm))
    home.stop()
    await running


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int)
    parser.add_argument("--synchronous")
    parser.add_argument("--large", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.folder, given.events, given.synchronous, large=given.large))
