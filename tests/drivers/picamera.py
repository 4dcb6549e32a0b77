"""What `drivers.camera_pi` uses of picamera2, without a camera: frames that count, an encoder whose
packets come when a test says so.

Not for: what a Pi's camera or its encoder really does (docs/hardware.md).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

KEY, DELTA = b"\0\0\0\1\x67key", b"\0\0\0\1\x41delta"


class Array(bytes):
    """What `capture_array` gives, as far as it is used."""

    def tobytes(self) -> bytes:
        return bytes(self)


class Output:
    """`picamera2.outputs.Output`."""

    def outputframe(self, frame: bytes, keyframe: bool = True, *_: Any, **__: Any) -> None:
        raise NotImplementedError


class H264Encoder:
    """`picamera2.encoders.H264Encoder`."""

    def __init__(self, bitrate: int, **options: Any) -> None:
        self.bitrate, self.options = bitrate, options


class Picamera2:
    """`picamera2.Picamera2`; `fault` is raised by the next one that is made."""

    fault: Exception | None = None
    made: list[Picamera2] = []  # noqa: RUF012 - of the class, so that a test finds it

    def __init__(self, number: int) -> None:
        if Picamera2.fault is not None:
            raise Picamera2.fault
        self.number, self.open, self.frames = number, True, 0
        self.output: Output | None = None
        self.encoder: H264Encoder | None = None
        self.configured: dict[str, Any] = {}
        Picamera2.made.append(self)

    def create_video_configuration(self, **configured: Any) -> dict[str, Any]:
        return configured

    def configure(self, configured: dict[str, Any]) -> None:
        self.configured = configured

    def start(self) -> None:
        assert self.configured

    def capture_array(self, name: str) -> Array:
        assert name == "main"
        time.sleep(0.01)  # as a camera that waits for the light
        self.frames += 1
        wide, tall = self.configured["main"]["size"]
        half = wide * tall // 2
        return Array(bytes((60,)) * half + bytes((180,)) * half + bytes((128,)) * half)

    def start_recording(self, encoder: H264Encoder, output: Output) -> None:
        self.encoder, self.output = encoder, output
        output.outputframe(KEY, True, 0, None, False)

    def stop_recording(self) -> None:
        self.output = None

    def close(self) -> None:
        self.open = False


@contextmanager
def installed() -> Iterator[type[Picamera2]]:
    """picamera2 can be imported."""
    names = ("picamera2", "picamera2.encoders", "picamera2.outputs")
    whole, encoders, outputs = modules = [ModuleType(name) for name in names]
    whole.Picamera2 = Picamera2  # type: ignore[attr-defined]
    encoders.H264Encoder = H264Encoder  # type: ignore[attr-defined]
    outputs.Output = Output  # type: ignore[attr-defined]
    Picamera2.fault = None
    Picamera2.made.clear()
    sys.modules.update(zip(names, modules, strict=True))
    try:
        yield Picamera2
    finally:
        for name in names:
            sys.modules.pop(name, None)
