"""WebRTC with the page, for a call and a look alike: the answer, ways, the channel, who is there.

Only here and in what stands on it is aiortc imported.  Not for: what is carried (`talk`, `sight`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

WORD_MAX_CHARS = 300
"""Of a message from the page."""

BUFFERED_MAX_BYTES = 4_000
"""That may wait in the channel: a page that takes nothing is told nothing more."""


class BadOffer(Exception):
    """What the page offers cannot be answered."""


class Peer:
    """One connection.  `found` is called when there is a way, `lost` when there is none (any more);
    `heard` with each message of the page that is one."""

    def __init__(
        self,
        ice: Sequence[Mapping[str, Any]],
        *,
        found: Callable[[], None],
        lost: Callable[[], None],
        heard: Callable[[dict[str, Any]], None],
    ) -> None:
        # without a configuration aiortc asks a public server for its own address
        servers = [RTCIceServer(**one) for one in ice]
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self.beat_s = 0.0
        """When the page last said something; 0: there is no way yet."""
        self._found, self._lost, self._heard = found, lost, heard
        self._channel: Any = None
        self._answered = False
        self._early: list[str] = []
        self.connection.on("datachannel", self._speak_over)
        self.connection.on("connectionstatechange", self._see_state)

    async def answer(self, sdp: str, *tracks: Any) -> str:
        """The answer to the page's offer.  Raises `BadOffer`."""
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            for track in tracks:
                self.connection.addTrack(track)
            await self.connection.setLocalDescription(await self.connection.createAnswer())
        except Exception as error:  # aiortc has no error of its own for what it cannot read
            raise BadOffer(repr(error)[:200]) from error
        self._answered = True
        await self.add(self._early)
        made: str = self.connection.localDescription.sdp
        return made

    async def add(self, ways: Sequence[str]) -> None:
        """More ways to reach the page; before there is an answer they wait for it."""
        if not self._answered:
            self._early.extend(ways)
            return
        for way in ways:
            found = candidate_from_sdp(way.removeprefix("candidate:"))
            found.sdpMLineIndex = 0
            await self.connection.addIceCandidate(found)

    def silent_s(self) -> float:
        """Seconds since the page said something; 0 while there is no way."""
        return time.monotonic() - self.beat_s if self.beat_s else 0.0

    def tell(self, words: Mapping[str, Any]) -> None:
        """Say something to the page, if it listens."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        if channel.bufferedAmount < BUFFERED_MAX_BYTES:
            channel.send(json.dumps(words))

    async def close(self) -> None:
        """End it."""
        await self.connection.close()

    def _see_state(self) -> None:
        state = self.connection.connectionState
        if state == "connected" and self.beat_s == 0.0:
            self.beat_s = time.monotonic()
            self._found()
        elif state in ("failed", "closed"):
            self._lost()

    def _speak_over(self, channel: Any) -> None:
        self._channel = channel
        channel.on("message", self._hear)
        self._hear("{}")

    def _hear(self, word: object) -> None:
        if not isinstance(word, str) or len(word) > WORD_MAX_CHARS:
            return
        try:
            said = json.loads(word)
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict):
            self.beat_s = time.monotonic()
            self._heard(said)
