"""baresip (Debian: baresip-core) as the home's phone for one call, and killed with it.

A process for each call, with a folder of its own in memory: one account, one microphone and
speaker, no registrar, no video, no contact with anything but the port at the loopback that the call
is passed on from (`gateway.media.sip_front`) and the centre's sound.  It rings until it is told to
take the call.  It ends by itself when its time is out (`-t`), when its parent ends (the kernel
kills it), and when it is killed.

Not for: who may call (`gateway.media.sip_call`).
"""

from __future__ import annotations

import array
import asyncio
import json
import logging
import os
import re
import shutil
import socket
import tempfile
import wave
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.media.sound import RATE
from gateway.ports import SoundPlace

log = logging.getLogger(__name__)

PROGRAM = "baresip"
"""Debian: baresip-core; 1.0.0 in bookworm."""

MODULES = (
    *(Path("/usr/lib/baresip/modules"), Path("/usr/local/lib/baresip/modules")),
    *sorted(Path("/usr/lib").glob("*-linux-gnu*/baresip/modules")),
)
"""Where its modules may be."""

USER = "hem"
"""Its one account, at the loopback."""

READY_S = 10.0
"""Seconds until it must listen; on a Pi it takes one."""

TRIES = 4
"""How often it is started where another program was quicker to take its ports."""

POLL_S = 1.0
"""Seconds between two questions whether it lives."""

SILENT_S = 6.0
"""Seconds without an answer after which it counts as stuck."""

RTP_TIMEOUT_S = 20
"""Seconds without sound from a centre that speaks, after which it ends the call: a line that is
dead keeps no microphone open."""

SLOW = 8_000
"""Samples a second of a file that stands in for a microphone: ten minutes are 10 MB."""

MICROPHONE = "microphone.wav"
"""That file, in the folder of the call."""

TAKEN = 98
"""Its exit status (`EADDRINUSE`) when a port was taken."""

_ALSA_NAME = re.compile(r"[A-Za-z0-9_.:=,-]{1,120}")
_PORTAUDIO = re.compile(r"\((hw:\d{1,2},\d{1,2})\)")


class NoPhone(Exception):
    """It cannot be started; one sentence."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a call needs: the home's sound, the address of ours that the centre's sound comes to,
    the ports for it, which way it goes, and how long it may last at the most."""

    place: SoundPlace
    address: str
    ports: tuple[int, int]
    hears: bool
    speaks: bool
    limit_s: int


def installed() -> str | None:
    """What is missing, one sentence; None: nothing."""
    if shutil.which(PROGRAM) is None:
        return "baresip is not installed (Debian: baresip-core)"
    if _modules() is None:
        return "the modules of baresip are not found (Debian: baresip-core)"
    return None


def _modules() -> Path | None:
    return next((one for one in MODULES if (one / "g711.so").exists()), None)


def alsa_name(name: str) -> str:
    """A sound card as ALSA names it, from its own or from PortAudio's name."""
    found = _PORTAUDIO.search(name)
    if found:
        return f"plug{found[1]}"
    return name if _ALSA_NAME.fullmatch(name) else "default"


def config_of(line: Line, folder: Path, sip_port: int, control_port: int) -> str:
    """Its configuration: nothing that the call does not need."""
    from_file = line.place.kind == "files" or not line.hears
    sound = ["aubridge", "sndfile"] if line.place.kind == "files" else ["alsa"]
    sound += ["aufile"] if from_file else []
    lines = [
        "poll_method epoll",
        f"sip_listen 127.0.0.1:{sip_port}",
        "call_local_timeout 60",
        "call_max_calls 1",
        f"net_interface {line.address}",
        f"rtp_ports {line.ports[0]}-{line.ports[1]}",
        f"rtp_timeout {RTP_TIMEOUT_S if line.speaks else 0}",
        "jitter_buffer_delay 2-10",
        "statmode_default off",
        "menu_bell no",
        f"ctrl_tcp_listen 127.0.0.1:{control_port}",
        f"module_path {_modules()}",
        *(f"module {one}.so" for one in ("opus", "g722", "g711", *sound, "srtp")),
        "module_tmp account.so",
        *(f"module_app {one}.so" for one in ("ctrl_tcp", "menu")),
        "ausrc_channels 1",
        "auplay_channels 1",
    ]
    if line.place.kind == "files":
        lines += ["audio_player aubridge,nobody", f"snd_path {folder}"]
    else:
        lines.append(f"audio_player alsa,{alsa_name(line.place.speaker)}")
    if from_file:
        lines += [f"audio_source aufile,{folder / MICROPHONE}", f"ausrc_srate {SLOW}"]
    else:
        lines.append(f"audio_source alsa,{alsa_name(line.place.microphone)}")
    return "\n".join(lines) + "\n"


ACCOUNT = f"<sip:{USER}@127.0.0.1>;regint=0;answermode=manual;mediaenc=srtp;call_transfer=no\n"
"""No registrar; sound is encrypted where the centre offers it (SRTP), and plain where it cannot."""


class Phone:
    """One process.  Make it with `start`; end it with `close`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        line: Line,
        folder: Path,
        port: int,
        control: int,
    ) -> None:
        self.process, self.folder, self.port = process, folder, port
        self._line = line
        self._control = control
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self.failed = ""
        """What it said of its sound when that could not be used."""

    @classmethod
    async def start(cls, line: Line, runtime: Path | None = None) -> Phone:
        """Start it and wait until it listens.  `runtime` is a folder in memory, None: a temporary
        one.  Raises `NoPhone`."""
        wrong = installed()
        if wrong is not None:
            raise NoPhone(wrong)
        for _ in range(TRIES):
            folder = Path(tempfile.mkdtemp(prefix="call-", dir=runtime))
            try:
                phone = await cls._started(line, folder)
                if await phone._listens():
                    return phone
                await phone.close()
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            if phone.process.returncode != TAKEN:
                break
        raise NoPhone(f"baresip ended at once ({phone.process.returncode})")

    @classmethod
    async def _started(cls, line: Line, folder: Path) -> Phone:
        port, control = _free_ports()
        (folder / "config").write_text(config_of(line, folder, port, control))
        (folder / "accounts").write_text(ACCOUNT)
        (folder / "contacts").write_text("")
        if line.place.kind == "files" or not line.hears:
            await asyncio.to_thread(_microphone, line, folder / MICROPHONE)
        setpriv = shutil.which("setpriv")  # Debian: util-linux, which is always there
        leash = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        flags = ["-4", "-t", str(line.limit_s), "-p"]
        command = [*leash, PROGRAM, *flags, str(folder), "-f", str(folder)]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", "/usr/bin"), "HOME": str(folder)},
                cwd=folder,
            )
        except OSError as error:
            raise NoPhone(f"baresip does not start: {error}") from error
        return cls(process, line, folder, port, control)

    async def _listens(self) -> bool:
        """Wait until its control port answers; False: it has ended, or does not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while self.process.returncode is None:
                    try:
                        self._reader, self._writer = await asyncio.open_connection(
                            "127.0.0.1", self._control
                        )
                    except OSError:
                        await asyncio.sleep(0.05)
                        continue
                    self._ask("about")
                    return await self._word() is not None
        return False

    def _ask(self, command: str) -> None:
        text = json.dumps({"command": command})
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(f"{len(text)}:{text},".encode())

    async def _word(self) -> dict[str, Any] | None:
        """The next netstring that it says; None: it is gone, or speaks otherwise."""
        assert self._reader is not None  # noqa: S101 - it listens
        try:
            length = int((await self._reader.readuntil(b":"))[:-1])
            if not 0 < length < 1 << 16:
                return None
            word = json.loads((await self._reader.readexactly(length + 1))[:-1])
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        return word if isinstance(word, dict) else None

    def take(self) -> None:
        """Take the call that rings: from here on the microphone is open."""
        self._ask("accept")

    async def watch(self) -> bool:
        """Returns when it is gone (True), or does not answer any more (False)."""
        while True:
            self._ask("about")
            waiting_s = SILENT_S
            while waiting_s > 0:
                began_s = asyncio.get_running_loop().time()
                try:
                    async with asyncio.timeout(waiting_s):
                        word = await self._word()
                except TimeoutError:
                    return False
                if word is None:
                    return True
                if word.get("response"):
                    break
                if word.get("type") == "AUDIO_ERROR":
                    self.failed = str(word.get("param", ""))[:200]
                waiting_s -= asyncio.get_running_loop().time() - began_s
            await asyncio.sleep(POLL_S)

    def kill(self) -> None:
        """End it at once, also when it is stopped or hangs.  May be called twice."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()

    async def close(self) -> None:
        """Kill it, and leave nothing behind."""
        self.kill()
        await self.process.wait()
        if self._writer is not None:
            self._writer.transport.abort()
        if self._line.place.kind == "files":
            await asyncio.to_thread(_played, self.folder, Path(self._line.place.speaker))
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


def _free_ports() -> tuple[int, int]:
    """A port at the loopback with nobody on it or on the next one (which it takes too), and one to
    speak to it by."""
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second, socket.socket() as control:
            control.bind(("127.0.0.1", 0))
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port, int(control.getsockname()[1])
    raise NoPhone("no port at the loopback is free")


def _microphone(line: Line, path: Path) -> None:
    """A file of raw sound as one that lasts for the whole call; silence where the centre is not to
    hear the home: baresip does not speak without a source, and opens no microphone then."""
    known = line.hears and line.place.microphone
    raw = Path(line.place.microphone).read_bytes() if known else b""
    samples = array.array("h", raw[: len(raw) - len(raw) % 2])[:: RATE // SLOW]
    once = samples.tobytes() or bytes(2 * SLOW)
    wanted = 2 * SLOW * (line.limit_s + 5)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SLOW)
        file.writeframes((once * (wanted // len(once) + 1))[:wanted])


def _played(folder: Path, speaker: Path) -> None:
    """What the centre said, added to the file that stands in for a speaker."""
    for path in sorted(folder.glob("dump-*-dec.wav")):
        raw = path.read_bytes()
        channels, rate = int.from_bytes(raw[22:24], "little"), int.from_bytes(raw[24:28], "little")
        samples = array.array("h", raw[44 : len(raw) - len(raw) % 2])[:: max(1, channels)]
        times = max(1, RATE // max(1, rate))
        with speaker.open("ab") as file:
            file.write(array.array("h", (one for one in samples for _ in range(times))).tobytes())
