"""What a shot of the virtual camera shows: for tests, and for whoever plays a watcher.

Judged by the dots that leave the home, normal or as outlines, frame or file: by which drawing they
are nearest to.  Not for: a real room.
"""

from __future__ import annotations

from functools import cache

from drivers.pictures import bedroom, outline
from drivers.pictures.bedroom import Shows
from gateway.ports import Form, Shot

_BANDS = slice(outline.GRID[0] * 20, outline.GRID[0] * 47)
"""Cells of the bed and of the floor before it: neither the clock nor the moving mark is among
them."""


def seen(shot: Shot) -> Shows:
    """Where whoever lives there is to be seen; a JPEG needs PyAV."""
    if shot.form is Form.JPEG:
        shot = _frame(shot)
    light = shot.data[: shot.width * shot.height]
    cells = outline.grid_of(light, shot.width, shot.height)[_BANDS]
    outlines = (shot.width, shot.height) == (outline.WIDTH, outline.HEIGHT)
    drawn = _drawn(outlines)
    return min(drawn, key=lambda shows: _far(drawn[shows], cells))


def _far(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


@cache
def _drawn(outlines: bool) -> dict[Shows, bytes]:
    """The cells of each scene."""
    made = {}
    for shows in Shows:
        size = bedroom.WIDTH, bedroom.HEIGHT
        light = bedroom.layers()[shows.value][: size[0] * size[1]]
        if outlines:
            light = outline.outline(light, *size, 0)
            size = outline.WIDTH, outline.HEIGHT
            light = light[: size[0] * size[1]]
        made[shows] = outline.grid_of(light, *size)[_BANDS]
    return made


def _frame(shot: Shot) -> Shot:
    """A file as a frame."""
    import av

    frame = av.CodecContext.create("mjpeg", "r").decode(av.Packet(shot.data))[0]
    video = frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
    plane = video.planes[0]
    data, step = bytes(plane), plane.line_size
    rows = [data[row * step : row * step + frame.width] for row in range(frame.height)]
    return Shot(Form.FRAMES, b"".join(rows), frame.width, frame.height)
