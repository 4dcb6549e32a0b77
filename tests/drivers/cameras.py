"""Cameras' virtual twins, and their pictures as dots.

Not for: the way of a picture out of the home (`tests/media`).
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from drivers import camera_pi
from drivers.pictures import shutter
from drivers.virtual import VirtualPins, VirtualShutter
from gateway.ports import DriverContext, Form, Shot
from tests.drivers import picamera
from tests.drivers.parts import driver_context

SERVO_PIN, SWITCH_PIN = 12, 13
FLAP = {"shutter_pin": SERVO_PIN, "shutter_switch_pin": SWITCH_PIN}

Made = AsyncIterator[tuple[dict[str, Any], DriverContext]]


@contextmanager
def quick_servo() -> Iterator[None]:
    """A virtual flap needs no time to turn."""
    before = shutter.MOVE_S, shutter.SWITCH_S
    shutter.MOVE_S, shutter.SWITCH_S = 0.005, 0.1
    try:
        yield
    finally:
        shutter.MOVE_S, shutter.SWITCH_S = before


@contextmanager
def flap_board() -> Iterator[tuple[VirtualPins, VirtualShutter]]:
    """A board with a flap, which begins open."""
    board = VirtualPins()
    flap = VirtualShutter(board, SERVO_PIN, SWITCH_PIN)
    with quick_servo():
        yield board, flap
    board.close()


@asynccontextmanager
async def virtual_twin() -> Made:
    """The drawn camera, with a flap."""
    with flap_board() as (board, _):
        yield dict(FLAP), driver_context("eye", pin_factory=board.factory)


@asynccontextmanager
async def v4l2_twin() -> Made:
    """A test picture in a USB camera's place, with a flap."""
    with flap_board() as (board, _):
        yield {"system": "test", **FLAP}, driver_context("eye", pin_factory=board.factory)


@contextmanager
def pi_board(model: str = "Raspberry Pi 4 Model B Rev 1.4", receiver: str = "unicam-image") -> Any:
    """A Pi with a camera on its ribbon cable; a test may change the folder's files."""
    before = camera_pi.MODEL_FILE, camera_pi.VIDEO_FOLDER
    with tempfile.TemporaryDirectory() as folder, picamera.installed() as made:
        camera_pi.MODEL_FILE = Path(folder) / "model"
        camera_pi.MODEL_FILE.write_bytes(model.encode() + b"\0")
        camera_pi.VIDEO_FOLDER = Path(folder) / "video4linux"
        (camera_pi.VIDEO_FOLDER / "video0").mkdir(parents=True)
        (camera_pi.VIDEO_FOLDER / "video0" / "name").write_text(f"{receiver}\n")
        try:
            yield made
        finally:
            camera_pi.MODEL_FILE, camera_pi.VIDEO_FOLDER = before


@asynccontextmanager
async def pi_twin() -> Made:
    """A Pi 4 with its own camera and a flap."""
    with flap_board() as (board, _), pi_board():
        yield dict(FLAP), driver_context("eye", pin_factory=board.factory)


CAMERA_TWINS = {
    "camera_virtual": virtual_twin,
    "camera_v4l2": v4l2_twin,
    "camera_pi": pi_twin,
}
"""By the driver's name."""


def light_of(shot: Shot) -> tuple[bytes, int, int]:
    """A shot's light (Y) row by row, and its size; a file is read by PyAV, which knows JPEG."""
    if shot.form is Form.FRAMES:
        assert len(shot.data) == shot.width * shot.height * 3 // 2
        return shot.data[: shot.width * shot.height], shot.width, shot.height
    import av

    frame = av.CodecContext.create("mjpeg", "r").decode(av.Packet(shot.data))[0]
    assert (frame.width, frame.height) == (shot.width, shot.height)
    video = frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
    plane = video.planes[0]
    data, step = bytes(plane), plane.line_size
    rows = [data[row * step : row * step + shot.width] for row in range(shot.height)]
    return b"".join(rows), shot.width, shot.height
