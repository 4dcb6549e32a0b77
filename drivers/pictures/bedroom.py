"""A drawn bedroom at night, with somebody in bed, on the floor, or away; its clock goes.

Not for: who lives there (`gateway.demo`), or the drawing itself (bedroom.svg).
"""

from __future__ import annotations

import lzma
import math
import time
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path

WIDTH, HEIGHT = 512, 384
"""Dots: whole groups of a JPEG (16), and eight of them a cell of an outline (`outline`)."""

ASSET = Path(__file__).with_name("bedroom.i420.xz")

MARK_BYTES = 32
"""What the file begins with: the SHA-256 of the drawing that its pictures are of."""

LAYERS = ("away", "bed", "breath", "floor")
"""The drawing's layers, in the order in which they are kept; "breath" is "bed" a breath later."""

CLOCK = 328, 80
"""Where the middle of the clock's face is, in dots."""

HANDS = ((13, 2.6), (19, 1.8), (22, 0.9))
"""Length and half the width of the hands, in dots: hours, minutes, seconds."""

INK, RED = (40, 128, 128), (98, 100, 190)
"""Y, U and V of the hands; the seconds' is red."""

BREATH_S = 2.0
"""Seconds that a breath of the drawing is in, and out."""


class Shows(StrEnum):
    """Where whoever lives there is."""

    BED = "bed"
    FLOOR = "floor"
    AWAY = "away"
    """Not in this room."""


@cache
def layers() -> dict[str, bytes]:
    """Each layer of the drawing as I420 planes."""
    planes = lzma.decompress(ASSET.read_bytes())[MARK_BYTES:]
    size = WIDTH * HEIGHT * 3 // 2
    return {name: planes[n * size : (n + 1) * size] for n, name in enumerate(LAYERS)}


def picture(shows: Shows, at_s: float) -> bytes:
    """The room at `at_s` (seconds since 1970, told as UTC by the clock on the wall) as I420."""
    breathes = shows is Shows.BED and at_s % (2 * BREATH_S) >= BREATH_S
    planes = bytearray(layers()["breath" if breathes else shows.value])
    moment = time.gmtime(at_s)
    turns = (
        (moment.tm_hour % 12 + moment.tm_min / 60) / 12,
        (moment.tm_min + moment.tm_sec / 60) / 60,
        moment.tm_sec / 60,
    )
    for (length, half), turn, ink in zip(HANDS, turns, (INK, INK, RED), strict=True):
        for column, row, cover in _hand(turn, length, half):
            place = row * WIDTH + column
            planes[place] += round((ink[0] - planes[place]) * cover)
            if column % 2 == 0 and row % 2 == 0:
                at = WIDTH * HEIGHT + row // 2 * (WIDTH // 2) + column // 2
                for plane in (0, 1):
                    spot = at + plane * WIDTH * HEIGHT // 4
                    planes[spot] += round((ink[1 + plane] - planes[spot]) * cover)
    return bytes(planes)


def _hand(turn: float, length: float, half: float) -> Iterator[tuple[int, int, float]]:
    """The dots of a hand that has turned so far from twelve, and how much of each it covers."""
    along = math.sin(2 * math.pi * turn), -math.cos(2 * math.pi * turn)
    reach = math.ceil(length) + 1
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            far = column * along[0] + row * along[1]
            beside = abs(column * along[1] - row * along[0])
            over = max(-far - 2, far - length, beside - half)
            if over < 0.5:
                yield CLOCK[0] + column, CLOCK[1] + row, min(1.0, 0.5 - over)
