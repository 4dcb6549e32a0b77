"""Microphone and speaker for the process of a call: a sound card, or files.

Blocks of 20 ms, 16 bits, one channel, 48 kHz; every queue is bounded, and drops what is oldest:
late sound is worse than none.  A file stands in for a card in the demo and in tests; it is read and
written at the pace of a card.

Not for: what is played before a call (drivers), or WebRTC (`gateway.media.child`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import Any, Protocol

RATE = 48_000
"""Samples a second: what Opus works with."""

BLOCK = 960
"""Samples of 20 ms."""

BLOCK_S = BLOCK / RATE
BLOCK_BYTES = 2 * BLOCK
SILENCE = bytes(BLOCK_BYTES)

QUEUE_BLOCKS = 10
"""Blocks that may wait: 200 ms, what two people who speak still bear."""

CARD_SILENT_S = 3.0
"""Seconds without a block after which the microphone counts as gone.  A driver's first block may
take a second."""


class SoundFailed(Exception):
    """Microphone or speaker cannot be used; one sentence."""


class Sound(Protocol):
    """Both ends of the home's sound."""

    def open(self) -> None:
        """Open both.  Raises `SoundFailed`."""

    async def read(self) -> bytes:
        """The next block from the microphone.  Raises `SoundFailed`."""

    def write(self, block: bytes) -> None:
        """Have a block played; never blocks."""

    def close(self) -> None:
        """Give both back.  May be called twice."""


class SoundCard:
    """By PortAudio; `microphone` and `speaker` are names of its devices, "" the usual ones."""

    def __init__(self, microphone: str, speaker: str) -> None:
        self._names = microphone, speaker
        self._in: deque[bytes] = deque(maxlen=QUEUE_BLOCKS)
        self._out: deque[bytes] = deque(maxlen=QUEUE_BLOCKS)
        self._came = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._streams: list[Any] = []

    def open(self) -> None:
        """See `Sound`.  Blocks for as long as the card takes."""
        try:
            import sounddevice

            kind = {"samplerate": RATE, "channels": 1, "dtype": "int16", "blocksize": BLOCK}
            made = (
                (sounddevice.RawInputStream, self._names[0], self._heard),
                (sounddevice.RawOutputStream, self._names[1], self._wanted),
            )
            for stream, name, callback in made:
                opened = stream(device=name or None, callback=callback, latency="low", **kind)
                self._streams.append(opened)
                opened.start()
        except Exception as error:  # PortAudioError, OSError without the library, ValueError
            self.close()
            raise SoundFailed(f"the sound card cannot be used: {error}") from error

    def _heard(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        self._in.append(bytes(data))
        self._loop.call_soon_threadsafe(self._came.set)

    def _wanted(self, data: Any, _frames: int, _time: Any, _status: Any) -> None:
        block = self._out.popleft() if self._out else SILENCE
        data[:] = block.ljust(len(data), b"\0")[: len(data)]

    async def read(self) -> bytes:
        """See `Sound`."""
        while not self._in:
            self._came.clear()
            try:
                async with asyncio.timeout(CARD_SILENT_S):
                    await self._came.wait()
            except TimeoutError as error:
                raise SoundFailed("the microphone gives no sound") from error
        return self._in.popleft()

    def write(self, block: bytes) -> None:
        """See `Sound`."""
        self._out.append(block)

    def close(self) -> None:
        """See `Sound`."""
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.abort()
            stream.close()


class SoundFiles:
    """Raw sound in files: one is heard over and over, what is played is added to the other."""

    def __init__(self, microphone: str, speaker: str) -> None:
        self._names = microphone, speaker
        self._blocks: list[bytes] = []
        self._at = 0
        self._due_s = 0.0
        self._out: Any = None

    def open(self) -> None:
        """See `Sound`."""
        try:
            raw = Path(self._names[0]).read_bytes() if self._names[0] else b""
            self._out = Path(self._names[1]).open("ab", buffering=0)  # noqa: SIM115 - see `close`
        except OSError as error:
            raise SoundFailed(f"the file cannot be used: {error}") from error
        cut = len(raw) - len(raw) % BLOCK_BYTES
        blocks = (raw[at : at + BLOCK_BYTES] for at in range(0, cut, BLOCK_BYTES))
        self._blocks = list(blocks) or [SILENCE]
        self._due_s = time.monotonic()

    async def read(self) -> bytes:
        """See `Sound`."""
        self._due_s = max(self._due_s + BLOCK_S, time.monotonic() - QUEUE_BLOCKS * BLOCK_S)
        await asyncio.sleep(self._due_s - time.monotonic())
        self._at += 1
        return self._blocks[(self._at - 1) % len(self._blocks)]

    def write(self, block: bytes) -> None:
        """See `Sound`."""
        if self._out is not None:
            self._out.write(block)

    def close(self) -> None:
        """See `Sound`."""
        out, self._out = self._out, None
        if out is not None:
            out.close()


def sound_of(kind: str, microphone: str, speaker: str) -> Sound:
    """What the parent names: `card`, or `files`."""
    made = SoundFiles if kind == "files" else SoundCard
    return made(microphone, speaker)
