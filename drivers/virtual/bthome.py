"""A virtual BTHome device: the other end of `bthome`, as its makers' devices behave.

It sends each message for a while, again and again, counts messages and packets, and falls silent.
It can lose its counter (a change of battery), send in the clear, and somebody else can send what it
once sent (`replay`).

Not for: showing how often a real one is heard (docs/hardware.md).
"""

from __future__ import annotations

import asyncio
from typing import Any

from drivers.radio.bthome_decode import seal
from drivers.virtual.radio import VirtualRadio, advertisement

SERVICE_16 = 0xFCD2
CLEAR, SEALED = 0x44, 0x45
"""Info bytes of a device that sends when something happens, without and with encryption."""

REPEAT_S = 0.3
"""Seconds that a message is on the air; makers take one to three."""


class VirtualBthome:
    """A device on `radio`.  `key` None: it sends in the clear.  `start` it in the event loop.

    `beacon_s`: seconds between messages that say the last thing again, None for silence.
    """

    def __init__(
        self,
        radio: VirtualRadio,
        *,
        address: str = "E8:E0:7E:00:00:01",
        key: bytes | None = None,
        interval_s: float = 0.03,
        beacon_s: float | None = None,
        counter: int = 1000,
    ) -> None:
        self.address = address
        self.key = key
        self.counter = counter
        self.packet_id = 0
        self.battery_pct = 100
        self.sent: list[bytes] = []
        """Each message, as it went over the air."""
        self._radio = radio
        self._interval_s = interval_s
        self._beacon_s = beacon_s
        self._last = b""
        self._peripheral: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._hush: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Put the battery in."""
        self._peripheral = await self._radio.add(
            self.address, [], mtu=23, interval_s=self._interval_s
        )
        if self._beacon_s is not None:
            self._spawn(self._beacon(self._beacon_s))

    async def stop(self) -> None:
        """Take the battery out.  May be called twice."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._peripheral.hush()

    async def press(self, kind: int = 1) -> bytes:
        """The button is pressed: 1 once, 2 twice, 4 long."""
        return await self.send(bytes([0x3A, kind]))

    async def open(self, is_open: bool = True) -> bytes:
        """The door (or window) opens or closes."""
        return await self.send(bytes([0x2D, is_open]))

    async def move(self, moving: bool = True) -> bytes:
        """Somebody moves before it, or no longer."""
        return await self.send(bytes([0x21, moving]))

    async def send(self, objects: bytes) -> bytes:
        """Send `objects` after packet id and battery; the message as it went over the air."""
        self._last = objects
        self.packet_id = (self.packet_id + 1) % 256
        self.counter += 1
        return await self.transmit(self._message(objects))

    async def transmit(self, data: bytes) -> bytes:
        """Send these bytes of service data."""
        self.sent.append(data)
        await self._peripheral.advertise(advertisement(service_data={SERVICE_16: data}))
        if self._hush is not None:
            self._hush.cancel()
        self._hush = self._spawn(self._fall_silent())
        return data

    async def replay(self, data: bytes) -> None:
        """Somebody sends again what was recorded, from this address."""
        await self.transmit(data)

    def _message(self, objects: bytes) -> bytes:
        plain = bytes([0x00, self.packet_id, 0x01, self.battery_pct]) + objects
        if self.key is None:
            return bytes([CLEAR]) + plain
        return seal(plain, self.address, self.key, self.counter, SEALED)

    async def _fall_silent(self) -> None:
        await asyncio.sleep(REPEAT_S)
        await self._peripheral.hush()

    async def _beacon(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self.send(self._last)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
