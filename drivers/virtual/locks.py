"""What every virtual lock has: a place on the air, a motor that counts, a handle that wakes it, and
what may be wrong with it.

Not for: how a make speaks (`nuki`, `yale`, `danalock`).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from drivers.virtual.radio import VirtualPeripheral, VirtualRadio


class Moment(StrEnum):
    """When the lock drops the link."""

    BEFORE_COMMAND = "before_command"
    """The command was never given.  Nuki: on the question for a challenge; the others: while the
    session is made."""
    COMMAND_LOST = "command_lost"
    """The command is written and lost: the motor does not run."""
    COMMAND_TAKEN = "command_taken"
    """The command is taken, nothing is answered, and the motor runs."""
    TURNING = "turning"
    """Accepted; the link is lost while the motor runs."""


@dataclass
class CommonFaults:
    """What may be wrong with a lock of any make.  All may be set and reset at any time."""

    jammed: bool = False
    """The motor starts and is blocked."""
    error: int | None = None
    """The make's own error code that answers each action; the motor does not run."""
    drop_at: Moment | None = None
    drops: int = 1
    """How many times the link is dropped at `drop_at`."""
    late_s: float = 0.0
    """Seconds until the lock takes an action up: the command is heard, the answer comes late."""


class VirtualLock(ABC):
    """A lock on `radio`.  `start` it in the event loop of the radio.

    `turn_s` seconds of motor; `sleepy`: it advertises only for `awake_s` seconds after
    `take_handle`; `interval_s` seconds between advertisements; `battery_pct` 0 to 100.
    """

    def __init__(
        self,
        radio: VirtualRadio,
        *,
        address: str,
        mtu: int,
        turn_s: float,
        sleepy: bool,
        awake_s: float,
        battery_pct: int,
        interval_s: float,
    ) -> None:
        self.address = address
        self.turn_s = turn_s
        self.awake_s = awake_s
        self.battery_pct = battery_pct
        self._radio = radio
        self._mtu = mtu
        self._sleepy = sleepy
        self._interval_s = interval_s
        self._awake = not sleepy
        self._turning = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._sleep_timer: asyncio.TimerHandle | None = None

    # --- what a make adds -------------------------------------------------------------------------

    @property
    @abstractmethod
    def _wrong(self) -> CommonFaults:
        """What is wrong now."""

    @abstractmethod
    def _services(self) -> Iterable[Service]:
        """The GATT services."""

    @abstractmethod
    def _advertisement(self) -> bytes:
        """What it advertises now."""

    # --- what a person at the door does -----------------------------------------------------------

    async def start(self) -> None:
        """Put the batteries in."""
        self._peripheral: VirtualPeripheral = await self._radio.add(
            self.address, self._services(), mtu=self._mtu, interval_s=self._interval_s
        )
        await self._advertise()

    async def stop(self) -> None:
        """Take the batteries out.  May be called twice."""
        if self._sleep_timer is not None:
            self._sleep_timer.cancel()
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._peripheral.hush()
        await self._peripheral.drop()

    async def take_handle(self) -> None:
        """Wake a sleepy lock for `awake_s`."""
        self._awake = True
        await self._advertise()
        if self._sleep_timer is not None:
            self._sleep_timer.cancel()
        if self._sleepy:
            loop = asyncio.get_running_loop()
            self._sleep_timer = loop.call_later(self.awake_s, lambda: self._spawn(self.sleep()))

    async def sleep(self) -> None:
        """Fall asleep: no advertisement any more."""
        self._awake = False
        await self._peripheral.hush()

    def go_away(self) -> None:
        """Out of range: silent, and a link dies."""
        self._radio.lose(self.address)

    def come_back(self) -> None:
        """In range again."""
        self._radio.find(self.address)

    @property
    def connected(self) -> bool:
        """Whether somebody is connected now."""
        return bool(self._peripheral.connections)

    # --- the radio --------------------------------------------------------------------------------

    async def _advertise(self) -> None:
        if self._awake:
            await self._peripheral.advertise(self._advertisement())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drops(self, moment: Moment) -> bool:
        """Drop the link if this is the moment for it."""
        if self._wrong.drop_at != moment or self._wrong.drops < 1:
            return False
        self._wrong.drops -= 1
        await self._peripheral.drop()
        return True

    async def _send(
        self, connection: Connection, where: Characteristic[bytes], frame: bytes, *, sure: bool
    ) -> None:
        """Send a frame in pieces of the MTU; `sure`: by indications, which are confirmed."""
        size = connection.att_mtu - 3
        for at in range(0, len(frame), size):
            gone = self._peripheral.connections.get(connection)
            if gone is None:
                return
            device, piece = self._peripheral.device, frame[at : at + size]
            send = device.indicate_subscriber if sure else device.notify_subscriber
            sending = asyncio.ensure_future(send(connection, where, piece))
            # A motor does not stop because nobody listens any more.
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
