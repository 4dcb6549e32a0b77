"""A home with a camera, a shutter and a lamp, and a page made of aiortc that looks.

Not for: the server, or a real browser.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.access import look_permits
from gateway.access.look_permits import LookPermit
from gateway.errors import DeviceUnavailable, LinkDown
from gateway.events import (
    CheckPlanned,
    ConsentSettled,
    LookEnd,
    LookEnded,
    LookWhy,
    PictureKind,
)
from gateway.media import sealing
from gateway.media.looks import Looks
from gateway.ports import Camera, CameraPlace, Emit, Form, Shutter
from gateway.wire import LookOrder, PictureTaken
from tests.media.home_parts import KEY, NOW, MediaHome
from tests.media.page import RtcPage

CHECK = "night-1"


class Driver(Camera):
    """The gateway's half of the camera in `tests.media.camera`."""

    def __init__(self, home: LookHome, note: str) -> None:
        self.home, self.note = home, note
        self.fault = ""
        self.works = True
        self.is_open = False
        self.forms: tuple[Form, ...] = (Form.FRAMES, Form.JPEG)

    async def run(self, emit: Emit) -> None:
        await asyncio.Event().wait()

    def place(self) -> CameraPlace:
        settings = {"note": self.note, "fault": self.fault}
        return CameraPlace("tests.media.camera", settings, self.forms, PictureKind.EDGES)

    async def open_shutter(self) -> None:
        if not self.works:
            raise DeviceUnavailable("stuck")
        self.is_open = True
        self.home.done.append("shutter open")

    async def shut(self) -> None:
        if self.is_open:
            self.home.done.append("shutter shut")
        self.is_open = False

    async def shutter(self) -> Shutter:
        return Shutter.OPEN if self.is_open else Shutter.SHUT

    async def close(self) -> None: ...


class LookHome(MediaHome):
    """One home whose resident agreed to looks, with a check that is due."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.note = folder / "camera.txt"
        self.driver = Driver(self, str(self.note))
        self.runs = True
        self.taken: list[tuple[int, bytes]] = []
        self.asked_s: float | None = 0.0
        self.sessions = self.looks = Looks(
            self.around(),
            cameras=frozenset({"camera", "other"}),
            camera=lambda name: self.driver if self.runs and name == "camera" else None,
            picture=self._take,
        )
        self.alarm = self.raise_alarm()
        self.happened(CheckPlanned(check=CHECK, slot=NOW, report_by=NOW))
        self.happened(ConsentSettled(held=True))

    async def _take(self, look: str, number: int, sealed: bytes) -> PictureTaken:
        if self.asked_s is None:
            raise LinkDown("away")
        self.taken.append((number, sealed))
        return PictureTaken(look=look, number=number, asked_s=self.asked_s)

    def permit(self, look: str = "l1", **changed: Any) -> LookPermit:
        """A permit that holds, but for what is changed."""
        good = LookPermit(
            id=look,
            home="h1",
            look=look,
            camera="camera",
            person="p7",
            why=LookWhy.CHECK,
            check=CHECK,
            alarm=None,
            limit_s=30,
            not_before=NOW,
            expires=NOW + timedelta(seconds=look_permits.LIFE_S),
        )
        return replace(good, **changed)

    def order(self, permit: LookPermit, what: Any = "begin", **more: Any) -> None:
        """The server's order comes down the stream."""
        token = look_permits.sign(permit, KEY, "k1")
        self.say(LookOrder(what=what, look=permit.look, permit=token, **more))

    def say(self, order: LookOrder) -> None:
        """Any order."""
        self.spawn(self.looks.order(order))

    def ended(self) -> LookEnd:
        """Why the one look ended; the shutter is shut and the lamp dark, the camera closed."""
        [one] = self.data(LookEnded)
        assert self.done.index("lamp off") > self.done.index("look.ended")
        assert not self.driver.is_open
        why: LookEnd = one.why
        return why

    def noted(self) -> list[tuple[str, str, float]]:
        """What the camera was told: opened and closed, in which form, when."""
        if not self.note.exists():
            return []
        lines = (line.split() for line in self.note.read_text().splitlines())
        return [(word, form, float(at)) for word, form, at in lines]


def gone_at(pid: int) -> float:
    """When a process of ours is gone; waits for it, and leaves it to who asks next."""
    with suppress(ChildProcessError):  # somebody has asked already: it is gone
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return time.monotonic()


class Page(RtcPage):
    """The other end: it takes these codecs, and keeps what it sees."""

    def __init__(self, *codecs: str) -> None:
        from aiortc.rtcrtpreceiver import RTCRtpReceiver

        super().__init__()
        self.told: list[dict[str, Any]] = []
        self.frames: list[Any] = []
        self.over = False
        self.peer.on("track", lambda track: self.spawn(self._see(track)))
        one = self.peer.addTransceiver("video", direction="recvonly")
        can = RTCRtpReceiver.getCapabilities("video")
        known = [] if can is None else can.codecs
        names = [f"video/{name}" for name in codecs or ("VP8", "H264")]
        one.setCodecPreferences([c for name in names for c in known if c.mimeType == name])

    def heard(self, word: dict[str, Any]) -> None:
        self.told.append(word)

    async def _see(self, track: Any) -> None:
        from aiortc.mediastreams import MediaStreamError

        while True:
            try:
                self.frames.append(await track.recv())
            except MediaStreamError:
                self.over = True
                return


class BlindPage:
    """The page's end of the relay by the server."""

    def __init__(self, look: str = "l1") -> None:
        self._look = look
        self._mine = ec.generate_private_key(ec.SECP256R1())
        raw = self._mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.key = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def open(self, home_key: str, number: int, sealed: bytes) -> tuple[float, float, bytes]:
        """Seconds left, seconds of the limit, and the picture."""
        point = base64.urlsafe_b64decode(home_key + "=")
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        secret = self._mine.exchange(ec.ECDH(), theirs)
        key = sealing.sealing_key(secret, self._look, self.key, home_key)
        plain = AESGCM(key).decrypt(
            sealing.nonce(number), sealed, f"{self._look}|{number}".encode()
        )
        left_ms, limit_ms = struct.unpack(">II", plain[:8])
        return left_ms / 1000, limit_ms / 1000, plain[8:]
