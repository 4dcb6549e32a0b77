"""A call in its child: the home's sound to the page and the caregiver's to the home.

Not for: who may call (`gateway.media.calls`), or WebRTC itself (`gateway.media.peer`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from aiortc import AudioStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from gateway.events import VoiceEnd, VoiceRefusal
from gateway.media.carried import Carried, Say
from gateway.media.limit import Limit
from gateway.media.peer import BadOffer, Peer
from gateway.media.sound import BLOCK, BLOCK_BYTES, RATE, SILENCE, Sound, SoundFailed, sound_of

ICE_WITHIN_S = 15.0
"""Seconds for an answer, and then for a way to the page: aioice itself never says that there is
none, and a relay that does not answer takes long."""

BEAT_WITHIN_S = 6.0
"""Seconds without a word from the page after which it is gone; it speaks each second, and its last
word comes when it is closed.  A mobile network is away for three seconds now and then."""

WATCH_EVERY_S = 0.25
"""Seconds between two looks at limit, microphone and page."""

TALK_TAIL_S = 0.3
"""Seconds for which the microphone stays shut after somebody has spoken: what the room gives
back."""


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


class Call(Carried):
    """One call, from the page's offer to its end."""

    hard_end_s = 1.5

    def __init__(self, order: dict[str, Any], say: Say) -> None:
        super().__init__(say, Limit(ICE_WITHIN_S), VoiceEnd.HUNG_UP)
        given = order["sound"]
        self.sound = sound_of(given["kind"], given["microphone"], given["speaker"])
        self.echo_cancelled = bool(given["echo_cancelled"])
        self._limit_s, self._sdp = float(order["limit_s"]), str(order["sdp"])
        self._talk_s = 0.0
        self._talking = False
        self.peer = Peer(order["ice"], found=self._found, lost=self._lost, heard=self._heard)
        self.microphone = Microphone(self.sound, self.limit, self._is_shut)

    async def run(self) -> None:
        """See `Carried`."""
        try:
            self.sound.open()  # before the answer: it may take a second
            self.peer.connection.on("track", lambda track: self.spawn(self._play(track)))
            async with asyncio.timeout(ICE_WITHIN_S):
                self.say("answered", sdp=await self.peer.answer(self._sdp, self.microphone))
            self.limit.wait(ICE_WITHIN_S)
            self.spawn(self._watch())
            await self.ended.wait()
        except SoundFailed:
            self.why = VoiceEnd.SOUND_FAILED
        except TimeoutError:
            self.why = VoiceEnd.ICE_TIMEOUT
        except BadOffer as error:
            self.say("refused", why=VoiceRefusal.BAD_OFFER.value, text=str(error))
        finally:
            self.limit.end()
            self.sound.close()
            self.stop()
            await self.peer.close()

    async def obey(self, order: dict[str, Any]) -> None:
        """See `Carried`."""
        if order["do"] == "candidates":
            await self.peer.add(order["candidates"])
        elif order["do"] == "extend":
            self.limit.extend(float(order["limit_s"]))

    def tell(self) -> None:
        """See `Carried`."""
        left = max(0, round(self.limit.left_s))
        words = {"left_s": left, "limit_s": round(self.limit.limit_s)}
        self.peer.tell(words | {"duplex": self.echo_cancelled})

    def _found(self) -> None:
        self.limit.begin(self._limit_s)
        self.say("begun")

    def _lost(self) -> None:
        self.end(VoiceEnd.VIEWER_LOST if self.peer.beat_s else VoiceEnd.ICE_TIMEOUT)

    async def _watch(self) -> None:
        """The second layer, and who is still there."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            if self.limit.left_s <= 0:
                self.end(VoiceEnd.LIMIT_REACHED if self.peer.beat_s else VoiceEnd.ICE_TIMEOUT)
            elif self.microphone.failed:
                self.end(VoiceEnd.SOUND_FAILED)
            elif self.peer.silent_s() > BEAT_WITHIN_S:
                self.end(VoiceEnd.VIEWER_LOST)

    # --- what comes from the page

    def _heard(self, said: dict[str, Any]) -> None:
        if not said:
            self.tell()  # the channel is open
            return
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
