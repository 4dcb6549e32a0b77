"""The Pi's own camera (kind `camera`), on its ribbon cable, by picamera2 (Debian:
python3-picamera2).

A Pi 3, 4 or Zero 2 has an encoder for H264: its packets go to the page as they are.  A Pi 5 has
none, and gives frames; so does every Pi where the picture is made here (`edges`).  picamera2 is
imported in the process of a look only, and needs a virtual environment that sees Debian's packages.

Not for: a USB camera (`camera_v4l2`).  What only a Pi can show: docs/hardware.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from drivers.pictures import watch
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.ports import CameraPlace, DriverContext, Form, Shot

KIND = "camera"
NEEDS_PINS = False
NEEDS_RADIO = False

MODEL_FILE = Path("/proc/device-tree/model")
"""What board this is, as the kernel has it from the firmware; it ends with a zero byte."""

VIDEO_FOLDER = Path("/sys/class/video4linux")
"""The kernel's video devices, each with a file `name`."""

RECEIVERS = ("unicam", "rp1-cfe")
"""How the receiver of the ribbon cable is called, on a Pi 4 or older and on a Pi 5: it is there
once the kernel has found a sensor on it."""

ENCODES = ("Pi 3", "Pi 4", "Pi Zero 2", "Pi 400", "Compute Module 3", "Compute Module 4")
"""Boards with an encoder for H264 that keeps up; a newer one has none."""

SIZE = 640, 480
"""Dots: a multiple of 64 across, so that a frame's rows have nothing between them."""

RATE = 10
"""Pictures a second."""

KEY_EVERY = 10
"""Packets from one key picture to the next: a page that came late, or lost one, sees within a
second."""

BIT_RATE = 1_000_000
"""Bits a second: 640 × 480 at ten a second, in a dark room with noise."""

pins = watch.pins


class Config(watch.CameraConfig):
    """`[devices.<id>]` with `driver = "camera_pi"`."""

    MODULE = __name__

    picture: Literal["edges", "normal"] = "edges"
    """What is seen of the room. `edges`: outlines, computed in the home, that show where somebody
    lies and no face. `normal`: the picture as it is."""
    camera: int = Field(0, ge=0, le=3)
    """Which of the Pi's cameras, where it has more than one."""


def encodes() -> bool:
    """Whether this board has an encoder for H264."""
    try:
        model = MODEL_FILE.read_bytes().rstrip(b"\0").decode(errors="replace")
    except OSError:
        return False
    return any(board in model for board in ENCODES)


def is_there() -> bool:
    """Whether the kernel has found a sensor on a ribbon cable; nothing is opened."""
    for file in VIDEO_FOLDER.glob("video*/name"):
        with suppress(OSError):
            if file.read_text().startswith(RECEIVERS):
                return True
    return False


class Driver(watch.WatchedCamera):
    """The Pi's camera (`gateway.ports.Camera`)."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        missing = "the Pi has found no camera: is its ribbon cable in, and was it started since?"
        super().__init__(watch.flap_of(config, context, is_there), is_there, missing)
        self._config = config

    def place(self) -> CameraPlace:
        """See `gateway.ports.Camera`."""
        if self._config.picture == "normal" and encodes():
            return self._config.place(Form.PACKETS, Form.FRAMES, Form.JPEG)
        return self._config.place(Form.FRAMES, Form.JPEG)


def open_eye(settings: Mapping[str, Any], form: Form) -> Any:
    """See `gateway.ports.Camera`.  Raises `DeviceError`."""
    from drivers.pictures.newest import PumpedEye, in_time

    config = Config(**settings)
    camera = in_time(lambda: _started(config.camera, form), _give_back)
    if form is Form.PACKETS:
        return PacketEye(camera)
    return PumpedEye(_shots(camera, config.picture, form), lambda: _give_back(camera))


def _started(number: int, form: Form) -> Any:
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        text = "picamera2 cannot be had (Debian: python3-picamera2, and a venv that sees it)"
        raise DeviceUnavailable(text) from error
    try:
        camera = Picamera2(number)
    except IndexError as error:
        raise DeviceUnavailable(f"the Pi has no camera {number}") from error
    except RuntimeError as error:  # libcamera did not give it away; it says no more than that
        raise DeviceRefused(f"another program has the camera {number}", why="busy") from error
    try:
        every_us = 1_000_000 // RATE
        configured = camera.create_video_configuration(
            main={"size": SIZE, "format": "YUV420"},
            controls={"FrameDurationLimits": (every_us, every_us)},
        )
        camera.configure(configured)
        if form is not Form.PACKETS:
            camera.start()
    except Exception as error:
        _give_back(camera)
        raise DeviceUnavailable(f"the camera does not start: {error}"[:300]) from error
    return camera


def _give_back(camera: Any) -> None:
    """Stop it, whatever it does; a camera that hangs is given back by the end of its process."""
    with suppress(Exception):
        camera.stop_recording()
    with suppress(Exception):
        camera.close()


def _shots(camera: Any, picture: str, form: Form) -> Iterator[Shot]:
    """Frames, or files made of them."""
    from drivers.pictures import by_av

    wide, tall = SIZE
    files = by_av.Jpegs() if form is Form.JPEG else None
    while True:
        planes = camera.capture_array("main").tobytes()[: wide * tall * 3 // 2]
        width, height = SIZE
        if picture == "edges":
            coarse = by_av.frame_of(planes, wide, tall)
            planes, width, height = by_av.drawn(coarse, picture, int(time.monotonic()))
        if files is not None:
            planes = files.of(by_av.frame_of(planes, width, height))
        yield Shot(form, planes, width, height)


class PacketEye:
    """The Pi's encoder (`gateway.ports.Eye`): H264 packets, each needing the one before."""

    def __init__(self, camera: Any) -> None:
        from picamera2.encoders import H264Encoder
        from picamera2.outputs import Output

        from drivers.pictures.newest import Newest

        newest = self._newest = Newest(every=True)

        class Packets(Output):  # type: ignore[misc, unused-ignore]
            """Where the encoder puts what it made, from its own thread."""

            def outputframe(self, frame: bytes, keyframe: bool = True, *_: Any, **__: Any) -> None:
                newest.put(Shot(Form.PACKETS, bytes(frame), *SIZE, key=keyframe))

        self._camera = camera
        self._encoder = H264Encoder(
            BIT_RATE, repeat=True, iperiod=KEY_EVERY, profile="constrained baseline"
        )
        camera.start_recording(self._encoder, Packets())

    def read(self) -> Shot:
        """See `gateway.ports.Eye`."""
        return self._newest.read()

    def want_key(self) -> None:
        """See `gateway.ports.Eye`: one comes within a second, whatever is asked."""

    def close(self) -> None:
        """See `gateway.ports.Eye`."""
        self._newest.end("the camera is closed", at_once=True)
        _give_back(self._camera)
