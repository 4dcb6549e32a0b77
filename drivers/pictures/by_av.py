"""A camera through PyAV (the extra `voice` brings it), and pictures as frames and files by it.

PyAV is imported by `open_input` and what comes after it, in the process of a look only.  Not for:
which camera (`camera_v4l2`), or waiting (`newest`).
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from drivers.pictures import heat, jpeg, outline
from gateway.errors import DeviceError, DeviceRefused, DeviceUnavailable
from gateway.ports import JPEG_MAX_BYTES, Form, Shot

EVERY_S = 0.1
"""Seconds from one picture to the next at the least; a camera may be faster, its pictures are left
out."""

EARLY_S = 0.02
"""Seconds that a picture may come too early: a camera of ten a second is not quite even."""

WIDE_MAX = 640
"""Dots across of a normal picture: what looks were measured with; more costs a Pi and shows
more."""

QUALITIES = (5, 10, 20, 31)
"""Quantisers (mjpeg's `q`) that are tried until a file is small enough."""

STEP = Fraction(1, 10)
"""Seconds of a step of an encoder's time, which it wants to grow."""

_MISSING = (errno.ENOENT, errno.ENODEV, errno.ENXIO)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


def open_input(device: str, form: str, options: Mapping[str, str]) -> Any:
    """A camera, or what stands in for one; blocks.  Raises `DeviceError`."""
    try:
        import av
    except ImportError as error:
        raise DeviceUnavailable("PyAV is not installed: pip install 'tryggve[voice]'") from error
    try:
        return av.open(device, format=form, options=dict(options))
    except av.FFmpegError as error:
        raise device_error(device, error) from error


def device_error(device: str, error: Any) -> DeviceError:
    """What an error of PyAV's or the kernel's means."""
    number = getattr(error, "errno", None)
    if number == errno.EBUSY:
        return DeviceRefused(f"another program has the camera {device}", why="busy")
    if number in _MISSING:
        return DeviceUnavailable(f"there is no camera {device}")
    if number in _FORBIDDEN:
        return DeviceUnavailable(f"the camera {device} may not be opened: is the user in video?")
    return DeviceUnavailable(f"the camera {device} failed: {error}"[:300])


def shots(opened: Any, picture: str, form: Form) -> Iterator[Shot]:
    """Pictures of an input, at their pace, until it ends.  Raises `DeviceError`."""
    import av

    device = opened.name
    try:
        if form is Form.JPEG and picture == "normal":
            yield from _files(opened)
        else:
            yield from _made(opened, picture, form)
    except av.FFmpegError as error:
        raise device_error(device, error) from error


class Pace:
    """Lets at most one through each `EVERY_S`."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def lets(self) -> bool:
        """Whether the one that is here now goes through."""
        now_s = time.monotonic()
        if now_s < self._next_s - EARLY_S:
            return False
        self._next_s = max(now_s, self._next_s + EVERY_S if self._next_s else now_s + EVERY_S)
        return True


class Jpegs:
    """Files of frames, by PyAV."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[int, int, int], Any] = {}
        self._pts = 0

    def of(self, frame: Any) -> bytes:
        """One file, `JPEG_MAX_BYTES` at the most.  Raises `DeviceUnavailable` for a picture of
        which there is none."""
        full = frame.reformat(format="yuvj420p", dst_color_range="JPEG")
        for quality in QUALITIES:
            self._pts += 1
            full.pts, full.time_base = self._pts, STEP
            packets = self._context(frame.width, frame.height, quality).encode(full)
            data = b"".join(bytes(packet) for packet in packets)
            if data and len(data) <= JPEG_MAX_BYTES:
                return data
        raise DeviceUnavailable("the camera's pictures are too large")

    def _context(self, width: int, height: int, quality: int) -> Any:
        import av

        context = self._contexts.get((width, height, quality))
        if context is None:
            context = av.CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
            context.time_base = STEP
            context.qmin = context.qmax = quality
            self._contexts[width, height, quality] = context
        return context


def _files(opened: Any) -> Iterator[Shot]:
    """Files as the camera made them, where it makes such and they are small enough."""
    stream = opened.streams.video[0]
    passes = stream.codec_context.name == "mjpeg"
    made, pace = Jpegs(), Pace()
    for packet in opened.demux(stream):
        if packet.size == 0 or not pace.lets():
            continue
        data = bytes(packet)
        whole = data.startswith(b"\xff\xd8") and b"\xff\xd9" in data[-64:]
        if passes and whole and len(data) <= JPEG_MAX_BYTES - jpeg.TABLES_BYTES:
            context = stream.codec_context
            yield Shot(Form.JPEG, jpeg.with_tables(data), context.width, context.height)
            continue
        for frame in packet.decode():
            small = _smaller(frame)
            yield Shot(Form.JPEG, made.of(small), small.width, small.height)


def _made(opened: Any, picture: str, form: Form) -> Iterator[Shot]:
    """What is made of each picture here: frames as they are, outlines, colours of heat."""
    made, pace = Jpegs(), Pace()
    for frame in opened.decode(video=0):
        if pace.lets():
            planes, width, height = drawn(frame, picture, int(time.monotonic()))
            if form is Form.JPEG:
                data = made.of(frame_of(planes, width, height))
                yield Shot(form, data, width, height)
            else:
                yield Shot(form, planes, width, height)


def drawn(frame: Any, picture: str, second: int) -> tuple[bytes, int, int]:
    """A picture as it may be seen: I420 planes, width, height."""
    if picture == "edges":
        wide, tall = outline.GRID
        coarse = frame.reformat(wide, tall, "gray", interpolation="AREA")
        lines = outline.strengths(_plane(coarse.planes[0], wide, tall))
        return outline.drawn(lines, second), outline.WIDTH, outline.HEIGHT
    if picture in ("thermal", "depth"):
        wide, tall = _even(frame, heat.WIDE_MAX, heat.TALL_MAX)
        # a mean of a near and a far one, or of one and none, would be a distance where nothing is
        way = "AREA" if picture == "thermal" else "POINT"
        counts = frame.reformat(wide, tall, "gray16le", interpolation=way)
        packed = _plane(counts.planes[0], 2 * wide, tall)
        return heat.coloured(packed, wide, tall, near_is_warm=picture == "depth"), wide, tall
    small = _smaller(frame)
    planes = zip(small.planes, (1, 2, 2), strict=True)
    parts = [_plane(plane, small.width // part, small.height // part) for plane, part in planes]
    return b"".join(parts), small.width, small.height


def frame_of(planes: bytes, width: int, height: int) -> Any:
    """I420 planes as a frame of PyAV's."""
    from av import VideoFrame

    frame = VideoFrame(width, height, "yuv420p")
    place = 0
    for plane, part in zip(frame.planes, (1, 2, 2), strict=True):
        wide, tall = width // part, height // part
        rows = [planes[place + row * wide : place + (row + 1) * wide] for row in range(tall)]
        plane.update(b"".join(row.ljust(plane.line_size, b"\0") for row in rows))
        place += wide * tall
    return frame


def _plane(plane: Any, wide: int, tall: int) -> bytes:
    """A plane's rows of `wide` bytes, without what PyAV puts between them."""
    data, step = bytes(plane), plane.line_size
    if step == wide:
        return data[: wide * tall]
    return b"".join(data[row * step : row * step + wide] for row in range(tall))


def _even(frame: Any, wide_max: int, tall_max: int) -> tuple[int, int]:
    """The frame's size, no larger than that, in even numbers."""
    share = min(1.0, wide_max / frame.width, tall_max / frame.height)
    return max(2, int(frame.width * share) // 2 * 2), max(2, int(frame.height * share) // 2 * 2)


def _smaller(frame: Any) -> Any:
    """A frame in I420 (a video's range), no wider than `WIDE_MAX`."""
    wide, tall = _even(frame, WIDE_MAX, WIDE_MAX)
    return frame.reformat(wide, tall, "yuv420p", dst_color_range="MPEG")
