"""A look's pictures as video to the page: VP8, or H264 as the camera made it.

Not for: the way itself (`gateway.media.peer`), or when it ends (`gateway.media.sight`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpsender import RTCRtpSender
from av import Packet, VideoFrame
from av.video.frame import PictureType

from gateway.events import LookEnd
from gateway.media.eyes import OpenEye, SightFailed
from gateway.media.limit import Limit
from gateway.media.peer import Peer
from gateway.ports import Form, Shot


class Look(Protocol):
    """What is asked of the look that this is the video of."""

    limit: Limit

    def see_picture(self) -> None:
        """One more goes out."""

    def tell(self) -> None:
        """Tell the page the time left."""

    def end(self, why: str) -> None:
        """End it."""


CLOCK_HZ = 90_000
"""Of video in RTP."""


class Camera(MediaStreamTrack):
    """The camera's pictures, until the limit: the first of the three layers."""

    kind = "video"

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._began_s = 0.0
        self.eye: asyncio.Future[OpenEye] = asyncio.get_running_loop().create_future()
        self.failed = asyncio.Event()
        self.why = LookEnd.CAMERA_FAILED

    async def recv(self) -> Any:
        """The next picture; waits until the camera is open."""
        try:
            eye = await asyncio.shield(self.eye)
            shot = await eye.next()
        except SightFailed as error:
            self.why = error.why
            self.failed.set()
            self.stop()
            raise MediaStreamError from error
        if self._look.limit.left_s <= 0:
            self.stop()
            raise MediaStreamError
        self._look.see_picture()
        self._began_s = self._began_s or time.monotonic()
        pts = round((time.monotonic() - self._began_s) * CLOCK_HZ)
        made = as_packet(shot) if shot.form is Form.PACKETS else as_frame(shot)
        made.pts, made.time_base = pts, Fraction(1, CLOCK_HZ)
        return made


def as_packet(shot: Shot) -> Packet[Any]:
    """H264 as the camera made it."""
    packet: Packet[Any] = Packet(shot.data)
    packet.is_keyframe = shot.key
    return packet


def as_frame(shot: Shot) -> VideoFrame:
    """A picture that is to be encoded here."""
    frame = VideoFrame(shot.width, shot.height, "yuv420p")
    at = 0
    for plane, share in zip(frame.planes, (1, 2, 2), strict=True):
        width, height = shot.width // share, shot.height // share
        rows = shot.data[at : at + width * height]
        at += width * height
        if plane.line_size != width:
            padding = bytes(plane.line_size - width)
            lines = range(0, width * height, width)
            rows = b"".join(rows[line : line + width] + padding for line in lines)
        plane.update(rows)
    frame.pict_type = PictureType.NONE  # else every picture is a key picture
    return frame


class Video:
    """Video to the page of one look.  `found`: there is a way; `lost`: there is none (any more);
    `failed`: no more pictures."""

    def __init__(self, ice: Sequence[Mapping[str, Any]], forms: Sequence[Form], look: Look) -> None:
        self._look, self._forms = look, forms
        self.found, self.lost = asyncio.Event(), asyncio.Event()
        self.peer = Peer(ice, found=self.found.set, lost=self._lost, heard=self._heard)
        self.track = Camera(look)
        self.form = Form.FRAMES
        self._closed = False

    @property
    def failed(self) -> asyncio.Event:
        """There are no more pictures."""
        return self.track.failed

    @property
    def why(self) -> LookEnd:
        """Why there are none."""
        return self.track.why

    async def answer(self, sdp: str) -> str:
        """The answer to the page's offer.  Raises `gateway.media.peer.BadOffer`."""
        packets = Form.PACKETS in self._forms and "H264" in sdp
        frames = Form.FRAMES in self._forms
        # passed through where the camera would rather, or cannot do otherwise
        if packets and (not frames or self._forms.index(Form.PACKETS) == 0):
            self.form = Form.PACKETS
        transceiver = self.peer.connection.addTransceiver(self.track, direction="sendonly")
        transceiver.setCodecPreferences(self._codecs())
        return await self.peer.answer(sdp)

    def _codecs(self) -> list[Any]:
        """What the page may choose of, the best first."""
        names = ("video/H264",) if self.form is Form.PACKETS else ("video/VP8", "video/H264")
        known = RTCRtpSender.getCapabilities("video").codecs
        return [codec for name in names for codec in known if codec.mimeType == name]

    def begin(self, eye: OpenEye) -> None:
        """The camera is being opened: its pictures go out."""
        if self.form is Form.PACKETS:
            for sender in self.peer.connection.getSenders():
                # it encodes nothing here; without this the page's first picture takes a whole GOP
                vars(sender)["_send_keyframe"] = eye.want_key
        self.track.eye.set_result(eye)

    async def close(self) -> None:
        """End it; that it is closed then is no page that was lost."""
        self._closed = True
        self.track.stop()
        self.track.eye.cancel()
        await self.peer.close()

    def _lost(self) -> None:
        if self._closed:
            return
        self.lost.set()
        if self.found.is_set():
            self._look.end(LookEnd.VIEWER_LOST)

    def _heard(self, said: dict[str, Any]) -> None:
        if not said:
            self._look.tell()  # the channel is open
        elif said.get("end") is True:
            self._look.end(LookEnd.CLOSED)
