"""A home that takes calls, with its own child processes, and a page made of aiortc.

`CallHome` is the home's side with a log in memory; `Page` speaks as the browser does.  Not for: the
server, or a real browser (`tests/e2e/test_voice.py`).
"""

from __future__ import annotations

import array
import asyncio
import json
import math
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drivers import speakerphone
from gateway.access import permits
from gateway.access.permits import MediaAction, Permit
from gateway.envelope import Draft, Event
from gateway.errors import DeviceUnavailable, LogUnwritable
from gateway.events import AlarmRaised, AlarmType, Data
from gateway.media.calls import CallRecord, Calls
from gateway.media.process import MediaProcess
from gateway.ports import Signal, Speaker
from gateway.state.home_view import HomeView
from gateway.wire import CallOrder, CallSignal
from tests.drivers.parts import driver_context

KEY = Ed25519PrivateKey.from_private_bytes(b"v" * 32)
NOW = datetime(2026, 11, 23, 1, 14, tzinfo=UTC)
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


class CallHome:
    """One home with a speaker made of files, a lamp, and an open pendant alarm."""

    def __init__(self, folder: Path, **settings: Any) -> None:
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
        self.view, self.record = HomeView(), CallRecord()
        self.events: list[Event] = []
        self.done: list[str] = []
        """What was done in the home, in order: lamp, sounds, events, signals."""
        self.signals: asyncio.Queue[CallSignal] = asyncio.Queue()
        self.lamp_works = self.disk_works = True
        self.now: datetime | None = NOW
        self.children: list[MediaProcess] = []
        self.start: Callable[[], Coroutine[Any, Any, MediaProcess]] = MediaProcess.start
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls = Calls(
            home="h1",
            keys=lambda: {"k1": KEY.public_key()},
            view=lambda: self.view,
            record=lambda: self.record,
            writer=self,
            now=lambda: self.now,
            speaker=lambda: self.speaker,
            light=self._light,
            signal=self._signal,
            spawn=self.spawn,
            start=self._start,
        )
        self.alarm = self.happened(AlarmRaised.usual(AlarmType.PENDANT, NOW)).ref

    # --- what the calls are given

    def submit(self, draft: Draft) -> None:
        self.happened(draft.data, draft.person)

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event:
        if not self.disk_works:
            raise LogUnwritable("full")
        return self.happened(draft.data, draft.person)

    def happened(self, data: Data, person: str | None = None) -> Event:
        """An event, folded in as the home does."""
        event = Event(
            origin="home:h1",
            seq=len(self.events) + 1,
            at=NOW,
            clock="synced",
            boot="b",
            mono_s=0.0,
            data=data,
            person=person,
        )
        self.events.append(event)
        self.done.append(event.kind)
        self.view.apply(event)
        self.record.apply(event)
        self.calls.reconsider()
        return event

    async def _light(self, on: bool) -> bool:
        self.done.append(f"lamp {'on' if on else 'off'}")
        return self.lamp_works

    async def _signal(self, signal: CallSignal) -> None:
        self.done.append(signal.state)
        self.signals.put_nowait(signal)

    async def _start(self) -> MediaProcess:
        child = await self.start()
        self.children.append(child)
        return child

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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

    async def said(self, state: str, within_s: float = 20.0) -> CallSignal:
        """The next signal of this state."""
        async with asyncio.timeout(within_s):
            while True:
                signal = await self.signals.get()
                if signal.state == state:
                    return signal

    async def settled(self, within_s: float = 20.0) -> None:
        """Until no call goes on."""
        async with asyncio.timeout(within_s):
            while self.calls.busy:
                await asyncio.sleep(0.01)

    def data(self, cls: type[Any]) -> list[Any]:
        """The data of the events of a class."""
        return [one.data for one in self.events if isinstance(one.data, cls)]


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


class Page:
    """The other end, as the browser is it."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("tryggve")
        self.left: list[int] = []
        self.heard = bytearray()
        self.talking = False
        self._tasks: list[asyncio.Task[None]] = []
        self.channel.on("message", lambda word: self.left.append(json.loads(word)["left_s"]))
        self.peer.on("track", lambda track: self._spawn(self._hear(track)))
        self.peer.addTrack(Voice(440))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp: str = self.peer.localDescription.sdp
        return sdp

    async def take(self, answer: str) -> None:
        """The home's answer; from now on it speaks each half second."""
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        self._spawn(self._beat())

    async def _beat(self) -> None:
        while True:
            self.say()
            await asyncio.sleep(0.5)

    def say(self, **more: Any) -> None:
        if self.channel.readyState == "open":
            self.channel.send(json.dumps({"talk": self.talking, **more}))

    async def _hear(self, track: Any) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            for made in resampler.resample(frame):
                self.heard += bytes(made.planes[0])[: 2 * made.samples]

    def fall_silent(self) -> None:
        """Nothing is said any more; the connection stays."""
        self._tasks[-1].cancel()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.peer.close()
