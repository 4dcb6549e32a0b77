"""Forty homes in one process: `python -m tests.bench.forty FOLDER` runs them until standard input
ends.  The gateway as it is (log, engine, doors, link), with a lock that takes its time and nothing
else.

Not for: radios; what is measured is everything else.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.app.home import Home
from gateway.clock import FileClock
from gateway.config import home_file
from gateway.events import DeviceTold, HomeDescribed, LockOperationOutcome
from gateway.ports import Bolt, Emit, LockResult, LockStatus, OnStep

HOME_TOML = """
[home]
id = "{home}"
[staff]
url = "{url}"
[web]
enabled = false
"""


TURN_S = 0.5
"""Seconds of radio and motor: what the virtual locks take at 30 ms a PDU (`unlock_warm_p95_s`).
They are no part of what is measured."""


class TimedLock:
    """A lock without a radio and without a motor, that takes as long as one with both."""

    async def run(self, emit: Emit) -> None:
        await asyncio.Event().wait()

    async def status(self) -> LockStatus:
        return LockStatus(Bolt.LOCKED)

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        await asyncio.sleep(TURN_S)
        return LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)

    async def lock(self, on_step: OnStep, wake_s: float) -> LockResult:
        await asyncio.sleep(TURN_S)
        return LockResult(LockOperationOutcome.DONE, Bolt.LOCKED)

    async def close(self) -> None: ...


async def main(folder: Path) -> None:
    clock = FileClock(folder / "clock")
    homes = []
    for state in sorted((folder / "forty").iterdir()):
        home = Home(home_file.load(state / "home.toml"), state_dir=state, clock=clock)
        lock = TimedLock()
        home.lock_orders._devices = ["door"]
        home.lock_orders._lock = lambda _device, lock=lock: lock
        door = DeviceTold(id="door", driver="bench", type="lock", role="front_door")
        home.described = HomeDescribed(devices=(door,), timezone="Europe/Stockholm")
        homes.append(home)
    running = [asyncio.create_task(home.run()) for home in homes]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for home in homes:
        home.stop()
    await asyncio.gather(*running)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
