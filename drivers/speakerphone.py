"""A speaker with a microphone (kind `speaker`): tones and words for the resident, and where a call
finds its sound.

Sounds are played by `aplay` (Debian: alsa-utils).  Each signal is a tone; after it come words,
where there are any: a recording of the organisation's own (`recordings`), else espeak-ng where it
is installed and `speech` names a language.  With `system = "files"` two files stand in for a card,
for the demo and for tests.

Not for: when something is said (the gateway), or calls themselves (`gateway.media`).  What only a
real speakerphone can show: docs/hardware.md.
"""

from __future__ import annotations

import array
import asyncio
import io
import math
import shutil
import wave
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from gateway.errors import DeviceError, DeviceUnavailable
from gateway.events import DeviceOnline
from gateway.ports import SIGNAL_MAX_S, DriverContext, Emit, Signal, SoundPlace

KIND = "speaker"
NEEDS_PINS = False
NEEDS_RADIO = False

RATE = 48_000
"""Samples a second of the tones: as a call has them, so that a card changes nothing in between."""

LOUD = 9_000
"""Of 32,767: heard in the next room, and no fright at night."""

FADE = 480
"""Samples (10 ms) in which a tone comes and goes: without them it cracks."""

TONES: dict[Signal, tuple[tuple[int, float], ...]] = {
    Signal.RAISED: ((523, 0.18), (0, 0.06), (784, 0.3)),
    Signal.TAKEN: ((523, 0.15), (0, 0.05), (659, 0.15), (0, 0.05), (784, 0.4)),
    Signal.LISTENING: ((880, 0.35), (0, 0.08), (880, 0.35)),
    Signal.LISTENED: ((880, 0.25), (0, 0.05), (440, 0.35)),
}
"""Hertz (0: silence) and seconds.  Rising: something begins; falling: it is over."""

WORDS: dict[str, dict[Signal, str]] = {
    "sv": {
        Signal.RAISED: "Ditt larm har gått.",
        Signal.TAKEN: "Personalen har tagit emot ditt larm.",
        Signal.LISTENING: "Nu kan personalen höra dig.",
        Signal.LISTENED: "Nu hör ingen dig längre.",
    },
    "en": {
        Signal.RAISED: "Your alarm has gone off.",
        Signal.TAKEN: "The staff have taken your alarm.",
        Signal.LISTENING: "Now the staff can hear you.",
        Signal.LISTENED: "Nobody hears you any more.",
    },
}
"""No word promises more than is known: a taken alarm is not yet help at the door."""

RECORDING_MAX_BYTES = 2_000_000
"""Of a recorded sentence: ten seconds of a studio's quality."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "speakerphone"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: Literal["alsa", "files"] = "alsa"
    """`alsa`: a sound card. `files`: two files in its place (demo and tests)."""
    playback: str = "default"
    """Where sounds are played: a name of ALSA (`aplay -L`), or a file."""
    speaker: str = ""
    """The speaker in a call, by PortAudio's name. Empty: the usual one."""
    microphone: str = ""
    """The microphone in a call, by PortAudio's name. Empty: the usual one. With `files`: a file of
    raw sound, heard over and over."""
    echo_cancelled: bool = False
    """It takes the speaker's sound out of the microphone's by itself, so that both may speak at
    once. Without it the home is not heard while the staff speak."""
    speech: Literal["sv", "en"] | None = "sv"
    """Language of the words that espeak-ng says after a tone, where it is installed."""
    recordings: Path | None = None
    """Folder with own words as `raised.wav`, `taken.wav`, `listening.wav`, `listened.wav`."""


@cache
def tone(signal: Signal) -> bytes:
    """A signal's tones as raw sound: 16 bits, one channel."""
    samples = array.array("h")
    for hertz, seconds in TONES[signal]:
        count = int(RATE * seconds)
        for n in range(count):
            loud = LOUD * min(1.0, n / FADE, (count - n) / FADE)
            samples.append(int(loud * math.sin(2 * math.pi * hertz * n / RATE)))
    return samples.tobytes()


def as_wav(raw: bytes) -> bytes:
    """Raw sound with the head of a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(RATE)
        made.writeframes(raw)
    return file.getvalue()


class Driver:
    """A speaker with a microphone (`gateway.ports.Speaker`)."""

    def __init__(self, config: Config, context: DriverContext) -> None:  # noqa: ARG002 - as drivers
        self._config = config
        self._one = asyncio.Lock()

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Speaker`.  Raises `DeviceUnavailable` where `aplay` is not
        installed."""
        if self._config.system == "alsa" and shutil.which("aplay") is None:
            raise DeviceUnavailable("aplay is not installed (Debian: alsa-utils)")
        emit(DeviceOnline())
        await asyncio.Event().wait()

    async def play(self, signal: Signal) -> None:
        """See `gateway.ports.Speaker`.  The tone must be heard; words that cannot be said are left
        out."""
        raw = await asyncio.to_thread(tone, signal)
        async with self._one:
            try:
                async with asyncio.timeout(SIGNAL_MAX_S):
                    await self._sound(as_wav(raw))
                    words = await self._words(signal)
                    if words:
                        await self._sound(words)
            except TimeoutError as error:
                raise DeviceUnavailable("the speaker did not end in time") from error

    async def _sound(self, wav: bytes) -> None:
        if self._config.system == "alsa":
            await _through(wav, "aplay", "-q", "-D", self._config.playback, "-")
            return
        raw = wav[44:]
        try:
            await asyncio.to_thread(_add, Path(self._config.playback), raw)
        except OSError as error:
            raise DeviceUnavailable(f"the file cannot be written: {error}") from error
        await asyncio.sleep(len(raw) / 2 / RATE)

    async def _words(self, signal: Signal) -> bytes:
        """The words after a tone as a WAV file; empty: none."""
        config = self._config
        if config.recordings is not None:
            recorded = await asyncio.to_thread(_read, config.recordings / f"{signal.value}.wav")
            if recorded:
                return recorded
        if config.speech is None or config.system != "alsa" or shutil.which("espeak-ng") is None:
            return b""
        text = WORDS[config.speech][signal]
        try:
            return await _through(b"", "espeak-ng", "-v", config.speech, "--stdout", text)
        except DeviceError:
            return b""  # the tone was heard, and says it too

    def place(self) -> SoundPlace:
        """See `gateway.ports.Speaker`."""
        config = self._config
        if config.system == "alsa":
            return SoundPlace("card", config.microphone, config.speaker, config.echo_cancelled)
        speaker = config.speaker or config.playback
        return SoundPlace("files", config.microphone, speaker, config.echo_cancelled)

    async def close(self) -> None:
        """See `gateway.ports.Speaker`: what plays ends with its own task."""


async def _through(given: bytes, *command: str) -> bytes:
    """What a program makes of `given`.  Raises `DeviceUnavailable`; it never outlives its task."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise DeviceUnavailable(f"{command[0]} does not start: {error}") from error
    try:
        made, said = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        text = said.decode(errors="replace").strip().splitlines()
        raise DeviceUnavailable(f"{command[0]}: {text[-1] if text else process.returncode}")
    return made


def _add(path: Path, raw: bytes) -> None:
    with path.open("ab") as file:
        file.write(raw)


def _read(path: Path) -> bytes:
    """A recording; empty when there is none, or one that is too large."""
    try:
        with path.open("rb") as file:
            raw = file.read(RECORDING_MAX_BYTES + 1)
    except OSError:
        return b""
    return raw if len(raw) <= RECORDING_MAX_BYTES else b""
