"""A camera for the child process of a test's look: a grey field with a line that wanders.

`note`: a file that is told when it is opened and closed, empty: nothing is; `fault`: what goes
wrong.  Not for: anything else than tests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.ports import Form, Shot

WIDTH, HEIGHT = 160, 120
EVERY_S = 0.05


class Eye:
    """An open camera."""

    def __init__(self, settings: Mapping[str, Any], form: Form) -> None:
        self._note, self._fault, self._form = settings["note"], settings["fault"], form
        self._shot = 0
        self._closed = threading.Event()
        self._encoder: Any = None
        self.keys_wanted = 0
        self.note("opened")

    def note(self, word: str) -> None:
        if self._note:
            with Path(self._note).open("a") as file:
                file.write(f"{word} {self._form.value} {time.monotonic()}\n")

    def read(self) -> Shot:
        """See `gateway.ports.Eye`."""
        if self._closed.wait(EVERY_S):
            raise DeviceUnavailable("closed")
        if self._shot == 3 and self._fault == "breaks":
            raise DeviceUnavailable("unplugged")
        if self._shot == 3 and self._fault == "faulty":
            raise ZeroDivisionError
        self._shot += 1
        if self._form is Form.JPEG:
            return Shot(self._form, b"\xff\xd8 picture %d" % self._shot, WIDTH, HEIGHT)
        raw = self._raw()
        if self._form is Form.PACKETS:
            return self._packet(raw)
        return Shot(self._form, raw, WIDTH, HEIGHT)

    def _raw(self) -> bytes:
        line = self._shot * 4 % HEIGHT
        grey, white = b"\x40" * WIDTH, b"\xe0" * WIDTH
        rows = b"".join(white if row == line else grey for row in range(HEIGHT))
        return rows + b"\x80" * (WIDTH * HEIGHT // 2)

    def _packet(self, raw: bytes) -> Shot:
        import av
        from av.video.frame import PictureType

        from gateway.media.video import as_frame

        if self._encoder is None:
            self._encoder = av.CodecContext.create("libx264", "w")
            self._encoder.width, self._encoder.height = WIDTH, HEIGHT
            self._encoder.pix_fmt, self._encoder.gop_size = "yuv420p", 10_000
            self._encoder.time_base = Fraction(1, 20)
            self._encoder.profile = "Baseline"
            self._encoder.options = {"tune": "zerolatency", "preset": "ultrafast"}
        frame = as_frame(Shot(Form.FRAMES, raw, WIDTH, HEIGHT))
        frame.pts = self._shot
        if self.keys_wanted:
            frame.pict_type, self.keys_wanted = PictureType.I, 0
            self.note("key")
        [packet] = self._encoder.encode(frame)
        return Shot(self._form, bytes(packet), WIDTH, HEIGHT, key=packet.is_keyframe)

    def want_key(self) -> None:
        """See `gateway.ports.Eye`."""
        self.keys_wanted += 1

    def close(self) -> None:
        """See `gateway.ports.Eye`."""
        if not self._closed.is_set():
            self._closed.set()
            if self._fault == "clings":
                time.sleep(60)
            self.note("closed")


def open_eye(settings: Mapping[str, Any], form: Form) -> Eye:
    """See `gateway.ports.Camera`."""
    match settings["fault"]:
        case "missing":
            raise DeviceUnavailable("no camera")
        case "busy":
            raise DeviceRefused("in use", why="busy")
    return Eye(settings, form)
