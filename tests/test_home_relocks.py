"""A whole home shuts its door by itself, over the radio, and never against a door that stands
open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.locks.operation import LockAction
from drivers.virtual import State, VirtualPins, virtual_home_radio
from gateway.app.home import Home
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.config.secrets import FileSecrets
from gateway.envelope import Event
from gateway.events import (
    DOOR_OPEN,
    DoorClosed,
    DoorOpened,
    LockAsleep,
    LockLocked,
    LockOperationEnded,
    LockOperationProgressed,
    LockOperationRequested,
    LockOperationStep,
    LockUnlocked,
)
from tests.drivers.locks import OURS

WITHIN_S = 60.0
PIN = 17
MAKE = OURS[0]

TOML = f"""
[home]
id = "h9"
[web]
enabled = false
[gpio]
factory = "mock"
[devices.door]
driver = "{MAKE.driver.name}"
role = "front_door"
sleep_after_s = 1.0
[devices.front]
driver = "door_gpio"
role = "front_door"
pin = {PIN}
[rules.relock]
relock_s = {{ front_door = 0.2 }}
contacts = {{ front_door = "front" }}
"""


@dataclass
class House:
    """The home, its lock and its door's contact."""

    home: Home
    lock: Any
    door: Any
    told: list[Event]

    async def until(self, what: Callable[[Event], bool]) -> Event:
        """Until an event is so."""
        async with asyncio.timeout(WITHIN_S):
            while not (found := [one for one in self.told if what(one)]):
                await asyncio.sleep(0.01)
        return found[-1]


@asynccontextmanager
async def house(folder: Path, **lock: Any) -> AsyncIterator[House]:
    """A home whose lock is paired, and whose door is closed."""
    async with virtual_home_radio() as radio:
        virtual = MAKE.virtual(radio, interval_s=0.02, turn_s=0.02, **lock)
        await virtual.start()
        FileSecrets(folder).write(MAKE.secret, virtual.trust())
        board = VirtualPins()
        door = board.contact(PIN, closed=True)
        config = home_file.parse(TOML.encode(), folder / "home.toml")
        home = Home(
            config,
            state_dir=folder,
            clock=SystemClock(),
            memory_dir=folder,
            pin_factory=board.factory,
        )
        made = House(home, virtual, door, [])
        home.watchers.append(made.told.append)
        running = asyncio.create_task(home.run())
        try:
            yield made
        finally:
            home.stop()
            await running
            await virtual.stop()
            board.close()


async def test_it_shuts_a_bolt_that_somebody_opened_by_hand(tmp_path: Path) -> None:
    """From the lock's own word to the motor: the rule, its command, the record, the radio."""
    async with house(tmp_path) as made:
        await made.until(lambda one: isinstance(one.data, LockLocked | DoorClosed))
        await made.lock.turn_by_hand(State.UNLOCKED)
        await made.until(lambda one: isinstance(one.data, LockUnlocked))
        ended = await made.until(lambda one: isinstance(one.data, LockOperationEnded))
        assert made.lock.turns == [LockAction.LOCK]
        assert made.lock.state is State.LOCKED
        assert (ended.device, ended.person) == ("door", None)
        (asked,) = [d for e in made.told if isinstance(d := e.data, LockOperationRequested)]
        assert (asked.action, asked.reason) == ("lock", "relock")


async def test_a_door_that_is_opened_while_the_lock_sleeps_is_left_alone(tmp_path: Path) -> None:
    """The lock is woken by whoever takes its handle, and the door opens with it: the bolt would be
    shot beside the frame.  The home has taken its order back before the lock hears of it."""
    async with house(tmp_path, sleepy=True, awake_s=3.0) as made:
        await made.lock.take_handle()
        await made.until(lambda one: isinstance(one.data, LockLocked))
        # as the rule would say; the bolt is told open only while the lock is awake
        await made.until(lambda one: isinstance(one.data, LockAsleep))
        home = made.home
        shutting = asyncio.create_task(home.lock_orders.relock("door", "front"))
        await made.until(
            lambda one: (
                isinstance(one.data, LockOperationProgressed)
                and one.data.step is LockOperationStep.WAKING
            )
        )
        made.door.open()
        await made.until(lambda one: isinstance(one.data, DoorOpened))
        await made.lock.take_handle()
        await asyncio.wait_for(shutting, WITHIN_S)
        ended = await made.until(lambda one: isinstance(one.data, LockOperationEnded))
        assert isinstance(ended.data, LockOperationEnded)
        assert ended.data.why == DOOR_OPEN
        assert made.lock.turns == []
