"""The other end of a call or a look, as the browser is it, made of aiortc: connected, and speaking
each half second.

aiortc is imported when one is made.  Not for: what it hears or sees (`parts`, `look_parts`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any


class RtcPage:
    """One end; `heard` takes each message of the home's."""

    def __init__(self) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection

        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("tryggve")
        self._tasks: list[asyncio.Task[None]] = []
        self.channel.on("message", lambda word: self.heard(json.loads(word)))

    def heard(self, word: dict[str, Any]) -> None:
        """The home said something."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it until this is closed."""
        self._tasks.append(asyncio.ensure_future(work))

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp: str = self.peer.localDescription.sdp
        return sdp

    async def take(self, answer: str) -> None:
        """The home's answer; from now on it speaks each half second."""
        from aiortc import RTCSessionDescription

        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        self.spawn(self._beat())

    async def _beat(self) -> None:
        while True:
            self.say(beat=1)
            await asyncio.sleep(0.5)

    def say(self, **words: Any) -> None:
        """Something over the channel, if it is open."""
        if self.channel.readyState == "open":
            self.channel.send(json.dumps(words))

    def fall_silent(self) -> None:
        """Nothing is said any more; the connection stays."""
        self._tasks[-1].cancel()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.peer.close()
