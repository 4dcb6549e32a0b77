"""A camera that sees a drawn bedroom (kind `camera`), for the demo and for tests.

`scene` names a file that says where whoever lives there is, and how far the home's clock is ahead:

    {"shows": "bed", "ahead_s": 3600.0}

It is read anew for each picture, and one that cannot be read is a camera that failed: a guess would
be a lie to whoever looks.  The clock on the wall goes by seconds, so that two pictures a second
apart are never the same.  Needs no library.

Not for: a real camera; anything that happens to whoever lives there (`gateway.demo`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from drivers.pictures import watch
from gateway.errors import DeviceUnavailable
from gateway.ports import CameraPlace, DriverContext, Form, Shot

KIND = "camera"
NEEDS_PINS = False
NEEDS_RADIO = False

EVERY_S = 0.1
"""Seconds from one picture to the next."""

SCENE_MAX_BYTES = 1_000

pins = watch.pins


class Config(watch.CameraConfig):
    """`[devices.<id>]` with `driver = "camera_virtual"`."""

    MODULE = __name__

    picture: Literal["edges", "normal"] = "edges"
    """What is seen of the room. `edges`: outlines, computed in the home, that show where somebody
    lies and no face. `normal`: the picture as it is."""
    scene: Path | None = None
    """File that says where whoever lives there is. None: not in the room."""


class Driver(watch.WatchedCamera):
    """A drawn camera (`gateway.ports.Camera`)."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        super().__init__(watch.flap_of(config, context, _always), _always, "it is drawn")
        self._config = config

    def place(self) -> CameraPlace:
        """See `gateway.ports.Camera`."""
        return self._config.place(Form.FRAMES, Form.JPEG)


def _always() -> bool:
    return True


def open_eye(settings: Mapping[str, Any], form: Form) -> DrawnEye:
    """See `gateway.ports.Camera`.  Raises `DeviceUnavailable` for a scene that cannot be read."""
    eye = DrawnEye(Config(**settings), form)
    eye.look(time.time())
    return eye


class DrawnEye:
    """The bedroom (`gateway.ports.Eye`).  `now_s` is what the drawn clock goes by: seconds since
    1970."""

    def __init__(self, config: Config, form: Form, now_s: Callable[[], float] = time.time) -> None:
        from drivers.pictures import bedroom, outline
        from drivers.pictures.jpeg import JpegEncoder

        self._config, self._form, self._now_s = config, form, now_s
        normal = config.picture == "normal"
        room = bedroom if normal else outline
        self._size = room.WIDTH, room.HEIGHT
        self._encode = JpegEncoder(*self._size).encode if form is Form.JPEG else bytes
        self._closed = threading.Event()
        self._next_s = time.monotonic()
        self._last: tuple[object, Shot] | None = None

    def read(self) -> Shot:
        """See `gateway.ports.Eye`."""
        if self._closed.wait(max(0.0, self._next_s - time.monotonic())):
            raise DeviceUnavailable("the camera is closed")
        self._next_s = max(self._next_s, time.monotonic()) + EVERY_S
        return self.look(self._now_s())

    def want_key(self) -> None:
        """See `gateway.ports.Eye`: there are no packets."""

    def close(self) -> None:
        """See `gateway.ports.Eye`."""
        self._closed.set()

    def look(self, at_s: float) -> Shot:
        """What is to be seen at `at_s`, now.  Raises `DeviceUnavailable`."""
        from drivers.pictures import bedroom, outline

        shows, ahead_s = self._scene()
        second = int(at_s + ahead_s)
        if self._last is None or self._last[0] != (shows, second):
            planes = bedroom.picture(shows, second)
            if self._config.picture == "edges":
                light = planes[: bedroom.WIDTH * bedroom.HEIGHT]
                planes = outline.outline(light, bedroom.WIDTH, bedroom.HEIGHT, second)
            self._last = (shows, second), Shot(self._form, self._encode(planes), *self._size)
        return self._last[1]

    def _scene(self) -> tuple[Any, float]:
        from drivers.pictures.bedroom import Shows

        file = self._config.scene
        if file is None:
            return Shows.AWAY, 0.0
        try:
            with file.open("rb") as opened:
                told = json.loads(opened.read(SCENE_MAX_BYTES))
            return Shows(told["shows"]), float(told.get("ahead_s", 0.0))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DeviceUnavailable(f"the scene {file} cannot be read") from error
