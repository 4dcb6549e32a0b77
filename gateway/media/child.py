"""The process of one call: WebRTC with the page, the home's sound, and its own end.

`python -m gateway.media.child` reads one JSON object a line and writes one a line (`process` has
the other side).  It ends by itself: at its limit (the microphone's track has a deadline of its own,
a watchdog closes everything, and a thread ends the process should its loop hang), when the page
says so or falls silent, when no way to it is found, and when its parent is gone.

Only here are aiortc and what it stands on imported.  Nothing is written to a disk.  Not for: who
may call (`gateway.media.calls`).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, AudioResampler

from gateway.events import VoiceEnd, VoiceRefusal
from gateway.media.sound import BLOCK, BLOCK_BYTES, RATE, SILENCE, Sound, SoundFailed, sound_of

ICE_WITHIN_S = 15.0
"""Seconds for an answer, and then for a way to the page: aioice itself never says that there is
none, and a relay that does not answer takes long."""

BEAT_WITHIN_S = 6.0
"""Seconds without a word from the page after which it is gone; it speaks each second, and its last
word comes when it is closed.  A mobile network is away for three seconds now and then."""

TELL_EVERY_S = 1.0
"""Seconds between two words to the parent and to the page: that this runs, and the time left."""

TALK_TAIL_S = 0.3
"""Seconds for which the microphone stays shut after somebody has spoken: what the room gives
back."""

HARD_END_S = 1.5
"""Seconds past the limit after which a thread ends the process, should its loop hang."""

WORD_MAX_CHARS = 300
"""Of a message from the page."""


class Limit:
    """When the call ends, on a clock that nobody sets."""

    def __init__(self) -> None:
        self.ends_s = time.monotonic() + ICE_WITHIN_S
        self.limit_s = 0.0

    def begin(self, limit_s: float) -> None:
        """From now on, for so long."""
        self.limit_s = limit_s
        self.ends_s = time.monotonic() + limit_s

    def extend(self, by_s: float) -> None:
        """Once longer."""
        self.limit_s += by_s
        self.ends_s += by_s

    @property
    def left_s(self) -> float:
        return self.ends_s - time.monotonic()


class Microphone(AudioStreamTrack):
    """The home's sound on its way out, until the limit: the first of the three layers."""

    def __init__(self, sound: Sound, limit: Limit, shut: Callable[[], bool]) -> None:
        super().__init__()
        self._sound, self._limit, self._shut = sound, limit, shut
        self._pts = 0
        self.failed = ""

    async def recv(self) -> Any:
        """The next block; silence while somebody speaks and the home would echo."""
        if self._limit.left_s <= 0:
            self.stop()
            raise MediaStreamError
        try:
            block = await self._sound.read()
        except SoundFailed as error:
            self.failed = str(error)
            self.stop()
            raise MediaStreamError from error
        frame = AudioFrame(format="s16", layout="mono", samples=BLOCK)
        frame.planes[0].update(SILENCE if self._shut() else block)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._pts, Fraction(1, RATE)
        self._pts += BLOCK
        return frame


class Call:
    """One call, from the page's offer to its end."""

    def __init__(self, order: dict[str, Any], say: Callable[..., None]) -> None:
        given = order["sound"]
        self.sound = sound_of(given["kind"], given["microphone"], given["speaker"])
        self.echo_cancelled = bool(given["echo_cancelled"])
        self.limit = Limit()
        self.limit_s = float(order["limit_s"])
        self.say = say
        self.ended = asyncio.Event()
        self.why = VoiceEnd.HUNG_UP
        self._order = order
        self._beat_s = self._talk_s = 0.0
        self._talking = False
        self._channel: Any = None
        servers = [RTCIceServer(**one) for one in order["ice"]]
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self.microphone = Microphone(self.sound, self.limit, self._is_shut)
        self._tasks: list[asyncio.Task[None]] = []

    def end(self, why: VoiceEnd) -> None:
        """End it; the first reason stands."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()

    async def run(self) -> None:
        """Answer, carry sound, and end."""
        try:
            self.sound.open()  # before the answer: it may take a second
            async with asyncio.timeout(ICE_WITHIN_S):
                await self._answer()
            self.limit.ends_s = time.monotonic() + ICE_WITHIN_S
            self._spawn(self._watch())
            await self.ended.wait()
        except SoundFailed:
            self.why = VoiceEnd.SOUND_FAILED
        except TimeoutError:
            self.why = VoiceEnd.ICE_TIMEOUT
        finally:
            self.limit.ends_s = 0.0
            self.sound.close()
            for task in self._tasks:
                task.cancel()
            await self.peer.close()

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def _answer(self) -> None:
        peer = self.peer
        peer.on("track", lambda track: self._spawn(self._play(track)))
        peer.on("datachannel", self._speak_over)
        peer.on("connectionstatechange", self._see_state)
        offer = RTCSessionDescription(self._order["sdp"], "offer")
        try:
            await peer.setRemoteDescription(offer)
            peer.addTrack(self.microphone)
            await peer.setLocalDescription(await peer.createAnswer())
        except Exception as error:  # aiortc has no error of its own for what it cannot read
            self.say("refused", why=VoiceRefusal.BAD_OFFER.value, text=repr(error)[:200])
            raise SystemExit(0) from error
        self.say("answered", sdp=peer.localDescription.sdp)

    def _see_state(self) -> None:
        state = self.peer.connectionState
        if state == "connected" and self._beat_s == 0.0:
            self._beat_s = time.monotonic()
            self.limit.begin(self.limit_s)
            self.say("begun")
        elif state in ("failed", "closed"):
            self.end(VoiceEnd.VIEWER_LOST if self._beat_s else VoiceEnd.ICE_TIMEOUT)

    async def _watch(self) -> None:
        """The second layer, and who is still there."""
        while True:
            await asyncio.sleep(TELL_EVERY_S / 4)
            if self.limit.left_s <= 0:
                self.end(VoiceEnd.LIMIT_REACHED if self._beat_s else VoiceEnd.ICE_TIMEOUT)
            elif self.microphone.failed:
                self.end(VoiceEnd.SOUND_FAILED)
            elif self._beat_s and time.monotonic() - self._beat_s > BEAT_WITHIN_S:
                self.end(VoiceEnd.VIEWER_LOST)

    def tell(self) -> None:
        """Tell the page the time left, as it is counted here."""
        channel = self._channel
        if channel is not None and channel.readyState == "open" and channel.bufferedAmount < 4_000:
            left = max(0, round(self.limit.left_s))
            words = {"left_s": left, "limit_s": round(self.limit.limit_s)}
            channel.send(json.dumps(words | {"duplex": self.echo_cancelled}))

    # --- what comes from the page

    def _speak_over(self, channel: Any) -> None:
        self._channel = channel
        channel.on("message", self._heard)
        self.tell()

    def _heard(self, word: object) -> None:
        if not isinstance(word, str) or len(word) > WORD_MAX_CHARS:
            return
        try:
            said = json.loads(word)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        self._beat_s = time.monotonic()
        if said.get("end") is True:
            self.end(VoiceEnd.HUNG_UP)
        talking = said.get("talk") is True
        if self._talking and not talking:
            self._talk_s = time.monotonic()
        self._talking = talking

    def _is_shut(self) -> bool:
        """Whether the home is not heard now: somebody speaks, and it would come back."""
        if self.echo_cancelled:
            return False
        return self._talking or time.monotonic() - self._talk_s < TALK_TAIL_S

    async def _play(self, track: Any) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=BLOCK)
        while self.limit.left_s > 0:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            for made in resampler.resample(frame):
                self.sound.write(bytes(made.planes[0])[:BLOCK_BYTES])

    async def add(self, ways: list[str]) -> None:
        """More ways to reach the page."""
        for way in ways:
            found = candidate_from_sdp(way.removeprefix("candidate:"))
            found.sdpMLineIndex = 0
            await self.peer.addIceCandidate(found)


def _say(state: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"say": state, **more}) + "\n")
    sys.stdout.flush()


def _hard_end(limit: Limit) -> None:
    """The thread that ends the process should its loop hang; and with a parent that is gone."""
    parent = os.getppid()
    while True:
        time.sleep(0.5)
        if os.getppid() != parent or 0 < limit.ends_s < time.monotonic() - HARD_END_S:
            os._exit(3)


async def main() -> None:
    """One call."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 16)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say("ready")
    line = await reader.readline()
    if not line:
        return
    call = Call(json.loads(line), _say)
    threading.Thread(target=_hard_end, args=(call.limit,), daemon=True).start()
    told = asyncio.create_task(_keep_telling(call))
    obeyed = asyncio.create_task(_obey(call, reader))
    try:
        await call.run()
        _say("ended", why=call.why.value)
    finally:
        told.cancel()
        obeyed.cancel()


async def _keep_telling(call: Call) -> None:
    while True:
        _say("alive")
        call.tell()
        await asyncio.sleep(TELL_EVERY_S)


async def _obey(call: Call, reader: asyncio.StreamReader) -> None:
    """What the parent says, until it is gone."""
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "candidates":
            await call.add(order["candidates"])
        elif order["do"] == "extend":
            call.limit.extend(float(order["limit_s"]))
        elif order["do"] == "end":
            call.end(VoiceEnd(order["why"]))
    call.end(VoiceEnd.STOPPED)


if __name__ == "__main__":
    asyncio.run(main())
