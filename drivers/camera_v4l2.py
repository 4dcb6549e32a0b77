"""A USB camera (kind `camera`), by V4L2 through PyAV; also a thermal or depth sensor on USB.

Where it makes JPEG itself (MJPG) those go to the blind relay as they are.  With `system = "test"` a
test picture stands in for a camera, to try the way of a look.

Not for: the Pi's own camera (`camera_pi`).  What only a real camera can show: docs/hardware.md.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from drivers.pictures import watch
from gateway.ports import CameraPlace, DriverContext, Form

KIND = "camera"
NEEDS_PINS = False
NEEDS_RADIO = False

pins = watch.pins

FORMATS = {"edges": "mjpeg", "normal": "mjpeg", "thermal": "gray16le", "depth": "gray16le"}
"""What the camera is asked for: MJPG, which every webcam has, or 16 bits of grey (Y16)."""


class Config(watch.CameraConfig):
    """`[devices.<id>]` with `driver = "camera_v4l2"`."""

    MODULE = __name__

    system: Literal["v4l2", "test"] = "v4l2"
    """`v4l2`: a camera. `test`: a test picture in its place."""
    device: Path = Path("/dev/video0")
    """The camera; one that keeps its name is in `/dev/v4l/by-id`."""
    format: Literal["mjpeg", "yuyv422", "gray", "gray16le"] | None = None
    """What the camera is asked for, as FFmpeg calls it. None: what fits `picture`."""
    width: int = Field(640, ge=16, le=1920)
    """Dots across that it is asked for."""
    height: int = Field(480, ge=16, le=1080)
    """Dots down that it is asked for."""
    rate: int = Field(10, ge=1, le=60)
    """Pictures a second that it is asked for; ten at the most are shown."""


class Driver(watch.WatchedCamera):
    """A USB camera (`gateway.ports.Camera`)."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        flap = watch.flap_of(config, context, self._is_there)
        super().__init__(flap, self._is_there, f"there is no camera {config.device}")
        self._config = config

    def place(self) -> CameraPlace:
        """See `gateway.ports.Camera`."""
        return self._config.place(Form.FRAMES, Form.JPEG)

    def _is_there(self) -> bool:
        if self._config.system == "test":
            return True
        try:
            return stat.S_ISCHR(self._config.device.stat().st_mode)
        except OSError:
            return False


def source(config: Config) -> tuple[str, str, dict[str, str]]:
    """What PyAV is to open: the name, its format, and options."""
    size = f"{config.width}x{config.height}"
    if config.system == "test":
        return f"testsrc2=size={size}:rate={config.rate},realtime", "lavfi", {}
    asked = {"video_size": size, "framerate": str(config.rate)}
    asked["input_format"] = config.format or FORMATS[config.picture]
    return str(config.device), "v4l2", asked


def open_eye(settings: Mapping[str, Any], form: Form) -> Any:
    """See `gateway.ports.Camera`.  Raises `DeviceError`."""
    from drivers.pictures import by_av
    from drivers.pictures.newest import PumpedEye, in_time

    config = Config(**settings)
    words = source(config)
    opened = in_time(lambda: by_av.open_input(*words), lambda late: late.close())
    return PumpedEye(by_av.shots(opened, config.picture, form), opened.close)
