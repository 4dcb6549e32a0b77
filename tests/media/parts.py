"""A home that takes calls, with its own child processes, and a page made of aiortc.

`CallHome` is the home's side with a log in memory; `Page` speaks as the browser does.  Not for: the
server, or a real browser (`tests/e2e/test_voice.py`).
"""

from __future__ import annotations

import array
import asyncio
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiortc import AudioStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from drivers import speakerphone
from gateway.access import permits
from gateway.access.permits import MediaAction, Permit
from gateway.errors import DeviceUnavailable
from gateway.media.calls import Calls
from gateway.ports import Signal, Speaker
from gateway.wire import CallOrder
from tests.drivers.parts import driver_context
from tests.media.home_parts import KEY, NOW, MediaHome
from tests.media.page import RtcPage

RATE = 48_000


def sine(hertz: int, seconds: float = 1.0) -> bytes:
    """Raw sound; whole periods, so that it can be repeated without a crack."""
    count = int(RATE * seconds)
    return array.array(
        "h", (int(9000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(count))
    ).tobytes()


def share_of(raw: bytes, hertz: int) -> float:
    """How much of a piece of sound is of this frequency, 0 to 1 (Goertzel)."""
    samples = array.array("h", raw[: len(raw) - len(raw) % 2])
    power = sum(s * s for s in samples) or 1
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    strength = last * last + before * before - turn * last * before
    return 2 * strength / (max(1, len(samples)) * power)


class CallHome(MediaHome):
    """One home with a speaker made of files, a lamp, and an open pendant alarm."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__()
        self.folder = folder
        (folder / "mic.raw").write_bytes(sine(1000))
        self.played = folder / "played.raw"
        config = speakerphone.Config(
            system="files",
            playback=str(self.played),
            microphone=str(folder / "mic.raw"),
            **settings,
        )
        self.speaker: Speaker | None = speakerphone.Driver(config, driver_context("speaker"))
        self.sessions = self.calls = Calls(self.around(), lambda: self.speaker)
        self.alarm = self.raise_alarm()

    # --- what a test does

    def permit(self, call: str = "c1", **changed: Any) -> Permit:
        """A permit that holds, but for what is changed."""
        good = Permit(
            id=call,
            home="h1",
            call=call,
            action=MediaAction.TALK,
            person="p7",
            alarm=self.alarm,
            limit_s=30,
            not_before=NOW,
            expires=NOW + timedelta(seconds=permits.LIFE_S),
        )
        return replace(good, **changed)

    def order(self, permit: Permit, sdp: str = "", what: Any = "begin") -> None:
        """The server's order comes down the stream."""
        token = permits.sign(permit, KEY, "k1")
        order = CallOrder(what=what, call=permit.call, permit=token, sdp=sdp)
        self.spawn(self.calls.order(order))


class Mute(Speaker):
    """A speaker that does not sound."""

    def __init__(self, driver: Speaker) -> None:
        self._driver = driver

    async def play(self, signal: Signal) -> None:
        raise DeviceUnavailable("no sound")

    def place(self) -> Any:
        return self._driver.place()

    async def run(self, emit: Any) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None: ...


class Voice(AudioStreamTrack):
    """What the caregiver's microphone hears: one tone."""

    def __init__(self, hertz: int) -> None:
        super().__init__()
        raw = sine(hertz)
        self._blocks = [raw[at : at + 1920] for at in range(0, len(raw), 1920)]
        self._at = 0

    async def recv(self) -> Any:
        frame = await super().recv()
        made = AudioFrame(format="s16", layout="mono", samples=960)
        made.planes[0].update(self._blocks[self._at % len(self._blocks)])
        made.sample_rate, made.time_base = RATE, frame.time_base
        made.pts = self._at * 960
        self._at += 1
        return made


class Page(RtcPage):
    """The other end: it has a tone of its own, and keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[int] = []
        self.sound = bytearray()
        self.talking = False
        self.peer.on("track", lambda track: self.spawn(self._hear(track)))
        self.peer.addTrack(Voice(440))

    def heard(self, word: dict[str, Any]) -> None:
        self.left.append(word["left_s"])

    def say(self, **words: Any) -> None:
        super().say(talk=self.talking, **words)

    async def _hear(self, track: Any) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            for made in resampler.resample(frame):
                self.sound += bytes(made.planes[0])[: 2 * made.samples]
