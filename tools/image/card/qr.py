"""A code held to the camera: prints the first that is read, and ends; nothing is kept or shown.

Run by the gateway's Python (for its camera drivers and PyAV) as its user, with Debian's libzbar.
Ends with 3 where there is no camera, with 4 where nothing was read in its time.
Not for: what the code says (`given`).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NO_CAMERA, NO_CODE = 3, 4
TEXT_MAX_CHARS = 600
_GREY = int.from_bytes(b"Y800", "little")


class Reader:
    """zbar.  Raises `OSError` where it is not installed."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("zbar") or "libzbar.so.0"
        self._zbar = zbar = ctypes.CDLL(name)
        for made in ("zbar_image_scanner_create", "zbar_image_create", "zbar_image_first_symbol"):
            getattr(zbar, made).restype = ctypes.c_void_p
        zbar.zbar_symbol_get_data.restype = ctypes.c_char_p
        self._scanner = ctypes.c_void_p(zbar.zbar_image_scanner_create())

    def read(self, grey: bytes, width: int, height: int) -> str | None:
        """The first code of a picture of one byte a dot; None: none."""
        zbar = self._zbar
        image = ctypes.c_void_p(zbar.zbar_image_create())
        try:
            zbar.zbar_image_set_format(image, ctypes.c_ulong(_GREY))
            zbar.zbar_image_set_size(image, width, height)
            zbar.zbar_image_set_data(image, grey, ctypes.c_ulong(len(grey)), None)
            if zbar.zbar_scan_image(self._scanner, image) <= 0:
                return None
            symbol = zbar.zbar_image_first_symbol(image)
            data = zbar.zbar_symbol_get_data(ctypes.c_void_p(symbol)) if symbol else None
            return data.decode(errors="replace")[:TEXT_MAX_CHARS] if data else None
        finally:
            zbar.zbar_image_destroy(image)


def pictures(device: Path) -> Iterator[tuple[bytes, int, int]]:
    """Grey pictures of a USB camera."""
    import av

    with av.open(str(device), format="v4l2", options={"video_size": "640x480"}) as opened:
        for frame in opened.decode(video=0):
            plane = frame.reformat(format="gray").planes[0]
            rows, step = bytes(plane), plane.line_size
            wide, tall = frame.width, frame.height
            yield b"".join(rows[y * step : y * step + wide] for y in range(tall)), wide, tall


def main(argv: list[str]) -> int:
    """`qr.py SECONDS [DEVICE]`"""
    until = time.monotonic() + float(argv[0])
    given = [Path(name) for name in argv[1:]]
    devices = given or sorted(Path("/dev").glob("video[0-9]*"))
    if not devices:
        return NO_CAMERA
    reader = Reader()
    for device in devices:
        with suppress(OSError):  # PyAV's errors are of it: no camera after all, or one that is used
            for picture in pictures(device):
                text = reader.read(*picture)
                if text is not None:
                    print(text)
                    return 0
                if time.monotonic() > until:
                    return NO_CODE
    return NO_CAMERA


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
