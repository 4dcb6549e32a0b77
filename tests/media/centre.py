"""A home that an alarm centre may call, with its own baresip, and the centre as another baresip.

`CentreHome` is the home's side with a log in memory; `Centre` dials, and tells what it heard;
`Caller` speaks SIP by hand, for peers that misbehave.  Not for: the server (`tests/staff/talk`).
"""

from __future__ import annotations

import array
import asyncio
import os
import re
import secrets
import socket
import wave
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drivers import speakerphone
from gateway.access.centre_calls import LIFE_S, CentreCall
from gateway.envelope import Draft, Event
from gateway.errors import LogUnwritable
from gateway.events import AlarmRaised, AlarmType, Data
from gateway.media import baresip
from gateway.media.baresip import Line, Phone
from gateway.media.record import MediaRecord
from gateway.media.sip_call import CentreCalls, CentrePorts
from gateway.media.sip_ports import FrontHere
from gateway.ports import Speaker
from gateway.state.home_view import HomeView
from tests.drivers.parts import driver_context
from tests.media.parts import RATE, sine

NOW = datetime(2026, 11, 23, 1, 14, tzinfo=UTC)
LOCAL = "127.0.0.1"
HOME_HZ, CENTRE_HZ = 1000, 440
"""What the home's microphone hears, and what the centre says."""


class CentreHome:
    """One home with a speaker made of files, a lamp, and an open pendant alarm."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        (folder / "mic.raw").write_bytes(sine(HOME_HZ))
        self.played = folder / "played.raw"
        config = speakerphone.Config(
            system="files", playback=str(self.played), microphone=str(folder / "mic.raw")
        )
        self.speaker: Speaker | None = speakerphone.Driver(config, driver_context("speaker"))
        self.view, self.record = HomeView(), MediaRecord()
        self.events: list[Event] = []
        self.done: list[str] = []
        """What was done in the home, in order: lamp, events, the phone."""
        self.lamp_works = self.disk_works = True
        self.taken = False
        self.now: datetime | None = NOW
        self.phones: list[Phone] = []
        self.start: Callable[[Line, Path | None], Coroutine[Any, Any, Phone]] = Phone.start
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        secure = {key: settings.pop(key) for key in ("certificate", "key") if key in settings}
        port = settings.pop("port", 0)
        here = FrontHere(baresip.USER, LOCAL, LOCAL, port, **secure)
        self.calls = CentreCalls(
            CentrePorts(here, (24_000, 24_199), folder),
            view=lambda: self.view,
            writer=self,
            now=lambda: self.now,
            speaker=lambda: self.speaker,
            light=self._light,
            taken=lambda: self.taken,
            spawn=self.spawn,
            start=self._start,
            **settings,
        )
        self.alarm = self.happened(AlarmRaised.usual(AlarmType.PENDANT, NOW)).ref

    # --- what the calls are given

    def submit(self, draft: Draft) -> None:
        self.happened(draft.data)

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event:
        if not self.disk_works:
            raise LogUnwritable("full")
        return self.happened(draft.data)

    def happened(self, data: Data) -> Event:
        """An event, folded in as the home does."""
        event = Event(
            origin="home:h1",
            seq=len(self.events) + 1,
            at=NOW,
            clock="synced",
            boot="b",
            mono_s=0.0,
            data=data,
        )
        self.events.append(event)
        self._did(event.kind)
        self.view.apply(event)
        self.record.apply(event)
        self.calls.reconsider()
        return event

    async def _light(self, on: bool) -> bool:
        self._did(f"lamp {'on' if on else 'off'}")
        return self.lamp_works

    async def _start(self, line: Line, runtime: Path | None) -> Phone:
        phone = await self.start(line, runtime)
        self.phones.append(phone)
        take = phone.take

        def taken() -> None:
            self._did("taken")
            take()

        phone.take = taken  # type: ignore[method-assign]
        return phone

    def _did(self, what: str) -> None:
        self.done.append(what)
        self._changed.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- what a test does

    async def expect(self, **changed: Any) -> None:
        """The centre may call, but for what is changed; the home listens."""
        self.calls.expect(self.permitted(**changed))
        async with asyncio.timeout(60):
            while not self.calls.port:
                await asyncio.sleep(0.01)

    def permitted(self, **changed: Any) -> CentreCall:
        """What lets the centre call."""
        until = NOW + timedelta(seconds=LIFE_S)
        good = CentreCall("h1", self.alarm, (LOCAL,), "sip:larm@127.0.0.1", "duplex", NOW, until)
        return replace(good, **changed)

    async def until(self, what: str, within_s: float = 60.0) -> None:
        """Until that was done."""
        async with asyncio.timeout(within_s):
            while what not in self.done:
                self._changed.clear()
                await self._changed.wait()

    async def settled(self, within_s: float = 60.0) -> None:
        """Until no call goes on."""
        async with asyncio.timeout(within_s):
            while self.calls.busy:
                await asyncio.sleep(0.01)

    def data(self, cls: type[Any]) -> list[Any]:
        """The data of the events of a class."""
        return [one.data for one in self.events if isinstance(one.data, cls)]


class Centre:
    """The centre's baresip, which dials the home."""

    def __init__(self, folder: Path, *, user: str = "larm", more: str = "") -> None:
        self.folder = folder
        folder.mkdir()
        with wave.open(str(folder / "microphone.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(sine(CENTRE_HZ, 20))
        port, control = baresip._free_ports()
        self.port = port
        place = Line(speakerphone_place(folder), LOCAL, (24_300, 24_499), True, True, 30)
        text = baresip.config_of(place, folder, port, control)
        text = text.replace("rtp_timeout 20", "rtp_timeout 0")
        text = text.replace(f"ausrc_srate {baresip.SLOW}", f"ausrc_srate {RATE}")
        (folder / "config").write_text(text)
        (folder / "accounts").write_text(f"<sip:{user}@{LOCAL}{more}>;regint=0;mediaenc=srtp\n")
        (folder / "contacts").write_text("")
        self.process: asyncio.subprocess.Process | None = None

    async def dial(self, uri: str) -> None:
        """Call the home."""
        folder = str(self.folder)
        with (self.folder / "said").open("wb") as said:
            self.process = await asyncio.create_subprocess_exec(
                *("baresip", "-4", "-t", "40", "-p", folder, "-f", folder, "-e", f"/dial {uri}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={"PATH": os.environ["PATH"], "HOME": folder},
            )

    def said(self) -> str:
        """What it printed."""
        return (self.folder / "said").read_text(errors="replace")

    async def hears(self, text: str, within_s: float = 60.0) -> None:
        """Until it says this."""
        async with asyncio.timeout(within_s):
            while text not in self.said():
                await asyncio.sleep(0.05)

    def heard(self) -> bytes:
        """What came from the home, as raw sound of `RATE`."""
        out = array.array("h")
        for path in self.folder.glob("dump-*-dec.wav"):
            raw = path.read_bytes()
            channels = int.from_bytes(raw[22:24], "little")
            assert int.from_bytes(raw[24:28], "little") == RATE  # Opus
            out += array.array("h", raw[44 : len(raw) - len(raw) % 2])[::channels]
        return out.tobytes()

    async def end(self, *, ask: bool = True) -> None:
        """Hang up; without `ask` it just vanishes."""
        if self.process is not None and self.process.returncode is None:
            (self.process.terminate if ask else self.process.kill)()
            await self.process.wait()


def speakerphone_place(folder: Path) -> Any:
    """Files in place of a card."""
    config = speakerphone.Config(
        system="files", playback=str(folder / "played.raw"), microphone=str(folder / "mic.raw")
    )
    return speakerphone.Driver(config, driver_context("speaker")).place()


class Caller:
    """Speaks SIP over UDP by hand, from an address of this machine."""

    def __init__(self, port: int, *, host: str = LOCAL, user: str = "larm") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.host, self.port = self.socket.getsockname()
        self.to, self.user = port, user
        self.call, self.branch = secrets.token_hex(6), secrets.token_hex(6)
        self.tag = ""

    def say(self, method: str, *, sdp_host: str | None = None, sequence: int = 1) -> None:
        """A request of this call."""
        body = ""
        if method == "INVITE":
            host = sdp_host or self.host
            body = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            body += "m=audio 24600 RTP/AVP 0\r\n"
        lines = [
            f"{method} sip:hem@{LOCAL}:{self.to} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};rport;branch=z9hG4bK{self.branch}{method}",
            f"From: <sip:{self.user}@{self.host}>;tag=x{self.call}",
            f"To: <sip:hem@{LOCAL}:{self.to}>{self.tag}",
            f"Call-ID: {self.call}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:{self.user}@{self.host}:{self.port}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        data = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        self.socket.sendto(data, (LOCAL, self.to))

    async def hears(self, wanted: str, within_s: float = 60.0) -> str:
        """The next message whose first line has this."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within_s):
            while True:
                text = (await loop.sock_recv(self.socket, 65_535)).decode()
                if wanted in text.partition("\r\n")[0]:
                    tag = re.search(r"(?m)^To:.*?(;tag=\S+)", text)
                    self.tag = tag[1] if tag and "200" in wanted else self.tag
                    return text

    def close(self) -> None:
        self.socket.close()
