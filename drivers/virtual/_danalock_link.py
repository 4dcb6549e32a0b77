"""The lock's side of Danalock's channel: frames on a byte stream, one unacknowledged at a time.

Frames and their checksum are the library's codec; who answers what, and when a number moves on, is
written here anew.

Not for: what the frames carry.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from pydanalock.ble import X_DATA, X_FIN, X_SYN, Frame, FrameStream, build_frame

PORT = 2
RESEND_S = 2.0
"""Seconds until a frame without an acknowledgement is sent again."""


class LockLink:
    """One connection.  `write` sends bytes, `on_payload` gets what arrived in order, once."""

    def __init__(
        self,
        serial: bytes,
        write: Callable[[bytes], Awaitable[None]],
        on_payload: Callable[[bytes], None],
    ) -> None:
        self._serial = serial
        self._write = write
        self._on_payload = on_payload
        self._stream = FrameStream()
        self._peer = bytes(6)
        self._peer_port = 0
        self._number = os.urandom(1)[0] & 0x0F
        self._next = 0
        self._open = False
        self._acknowledged = asyncio.Event()
        self._sending = asyncio.Lock()
        self.closed = False
        self.resent = 0
        """Frames that were sent again."""

    async def feed(self, data: bytes) -> None:
        """Bytes that arrived."""
        for frame in self._stream.decode(data):
            if frame.dst == self._serial:
                await self._take(frame)

    async def send(self, payload: bytes) -> None:
        """Deliver a payload; returns when it is acknowledged, or the link is closed."""
        async with self._sending:
            self._acknowledged.clear()
            for attempt in range(4):
                if self.closed:
                    return
                self.resent += attempt > 0
                await self._frame(X_DATA, payload)
                try:
                    async with asyncio.timeout(RESEND_S):
                        await self._acknowledged.wait()
                    return
                except TimeoutError:
                    continue

    def close(self) -> None:
        """The connection is gone."""
        self.closed = True
        self._acknowledged.set()

    async def _take(self, frame: Frame) -> None:
        if frame.frame_type == X_SYN:
            self._peer, self._peer_port = frame.src, frame.ports & 0x0F
            self._next = (frame.seq + 1) & 0x0F
            await self._frame(X_SYN, b"")
            if not self._open:
                self._number = (self._number + 1) & 0x0F
            self._open = True
            return
        if frame.frame_type == X_DATA and frame.ack == (self._number + 1) & 0x0F:
            self._number = frame.ack
            self._acknowledged.set()
        if frame.seq != self._next or not (frame.is_data or frame.frame_type == X_FIN):
            return  # an acknowledgement, or said before
        self._next = (frame.seq + 1) & 0x0F
        await self._frame(X_DATA, b"")
        if frame.frame_type == X_FIN:
            await self._frame(X_FIN, b"")
            self.close()
        else:
            self._on_payload(frame.payload)

    async def _frame(self, kind: int, payload: bytes) -> None:
        ports = PORT | self._peer_port << 4
        numbers = self._number | self._next << 4
        await self._write(build_frame(self._peer, self._serial, kind, ports, numbers, payload))
