"""The counts of a thermal or depth sensor as colours: cold is dark blue, warm is yellow; near is
warm.

Not for: a temperature in degrees; nobody is measured here.
"""

from __future__ import annotations

import array
import sys

WIDE_MAX, TALL_MAX = 160, 120
"""Dots that are kept: what a good thermal sensor has.  A depth sensor has more, and might show a
face."""

SPAN_MIN = 400
"""Counts between darkest and brightest at the least: 4 K of a sensor that counts in hundredths, 40
cm of one that counts in millimetres.  Without it a room where all is alike would be stretched into
noise."""

LOW, HIGH = 0.02, 0.98
"""Shares of the dots below which all is dark, above which all is bright: a lamp must not make the
rest black."""

_IRON = ((0, 0, 20), (60, 0, 110), (170, 20, 110), (235, 90, 20), (255, 190, 20), (255, 255, 220))
"""Red, green and blue from cold to warm."""


def _palette() -> tuple[bytes, bytes, bytes]:
    """Y, U and V of each of 256 levels (BT.601, a video's range)."""
    light, blues, reds = bytearray(), bytearray(), bytearray()
    for level in range(256):
        place = level / 255 * (len(_IRON) - 1)
        low = min(int(place), len(_IRON) - 2)
        part = place - low
        r, g, b = (
            one + (other - one) * part
            for one, other in zip(_IRON[low], _IRON[low + 1], strict=True)
        )
        light.append(round(16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255))
        blues.append(round(128 + (-37.797 * r - 74.203 * g + 112 * b) / 255))
        reds.append(round(128 + (112 * r - 93.786 * g - 18.214 * b) / 255))
    return bytes(light), bytes(blues), bytes(reds)


_Y, _U, _V = _palette()


def coloured(counts: bytes, width: int, height: int, *, near_is_warm: bool = False) -> bytes:
    """Counts of 16 bits, low byte first, `width` × `height` (both even) as I420.  `near_is_warm`:
    they are distances, where 0 is none that was measured."""
    levels = _levels(counts, near_is_warm=near_is_warm)
    small = b"".join(levels[row * width : (row + 1) * width : 2] for row in range(0, height, 2))
    return levels.translate(_Y) + small.translate(_U) + small.translate(_V)


def _levels(counts: bytes, *, near_is_warm: bool) -> bytes:
    values = array.array("H", counts)
    if sys.byteorder == "big":
        values.byteswap()
    known = sorted(value for value in values if value or not near_is_warm)
    if not known:
        return bytes(len(values))
    low, high = known[int(LOW * (len(known) - 1))], known[int(HIGH * (len(known) - 1))]
    span = max(high - low, SPAN_MIN)
    if near_is_warm:
        return bytes(
            min(255, max(0, (low + span - value) * 255 // span)) if value else 0 for value in values
        )
    return bytes(min(255, max(0, (value - low) * 255 // span)) for value in values)
