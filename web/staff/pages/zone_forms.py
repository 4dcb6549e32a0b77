"""What a form about places says, read: a point, a zone's corners, hours.

A point is written as two numbers (`57.7012, 11.9673`, as every map on the web tells it when it is
pressed) or, where it is known where the home lies, as a distance and a direction from it (`420 m
nordost`): who cannot point draws as well.  Not for: whether a zone can be meant (`geometry`).
"""

from __future__ import annotations

import math
import re
from datetime import time

from web.staff.core.i18n import N_
from web.staff.places.geometry import CORNERS_MAX, Circle, Point, Polygon, Shape, moved

LINE_MAX = 80
"""Characters of a point."""

_NUMBERS = re.compile(r"([+-]?\d{1,3}(?:[.,]\d+)?)\s*[,;\s]\s*([+-]?\d{1,3}(?:[.,]\d+)?)")
_FROM_HOME = re.compile(r"(\d{1,6}(?:[.,]\d+)?)\s*(m|km)\s+([^\W\d_]{1,12})", re.IGNORECASE)

NAMES = {
    **dict.fromkeys(("n", "norr", "norrut", "north"), 0),
    **dict.fromkeys(("no", "nö", "nordost", "nordöst", "ne", "northeast"), 1),
    **dict.fromkeys(("o", "ö", "öster", "österut", "e", "east"), 2),
    **dict.fromkeys(("so", "sö", "sydost", "sydöst", "se", "southeast"), 3),
    **dict.fromkeys(("s", "söder", "söderut", "south"), 4),
    **dict.fromkeys(("sv", "sydväst", "sw", "southwest"), 5),
    **dict.fromkeys(("v", "väster", "västerut", "w", "west"), 6),
    **dict.fromkeys(("nv", "nordväst", "nw", "northwest"), 7),
}
"""What the eight directions are called, clockwise from north."""


class Unread(ValueError):
    """What was written cannot be read: the sentence that says how to write it, untranslated."""


POINT = N_("Skriv platsen som 57.7012, 11.9673.")
CORNERS = N_("Skriv ett hörn per rad, som 57.7012, 11.9673 eller 420 m nordost, minst tre.")
FIRST_HOME = N_("Ange först var hemmet ligger.")
RADIUS = N_("Skriv avståndet i meter, som 300.")
HOURS = N_("Skriv båda klockslagen, eller inget av dem.")


def point(text: str, home: Point | None = None) -> Point | None:
    """The point that was written; None for what is none."""
    line = " ".join(text.split())
    if not line or len(line) > LINE_MAX:
        return None
    if numbers := _NUMBERS.fullmatch(line):
        lat, lon = (float(number.replace(",", ".")) for number in numbers.groups())
        found = Point(lat, lon)
        return found if found.is_real() else None
    told = _FROM_HOME.fullmatch(line)
    if told is None or home is None or told[3].lower() not in NAMES:
        return None
    far = float(told[1].replace(",", ".")) * (1000 if told[2].lower() == "km" else 1)
    angle = math.radians(NAMES[told[3].lower()] * 45)
    return moved(home, far * math.sin(angle), far * math.cos(angle))


def circle(radius: str, home: Point | None) -> Shape:
    """A circle around the home.  Raises `Unread`."""
    if home is None:
        raise Unread(FIRST_HOME)
    text = radius.strip().replace(" ", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise Unread(RADIUS)
    return Circle(home, float(text))


def polygon(text: str, home: Point | None) -> Shape:
    """The corners, one a line.  Raises `Unread`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > CORNERS_MAX:
        raise Unread(CORNERS)
    corners = [point(line, home) for line in lines]
    found = tuple(corner for corner in corners if corner is not None)
    if len(found) < len(corners) or len(found) < 3:
        raise Unread(CORNERS)
    return Polygon(found)


def hours(first: str, last: str) -> tuple[int, int] | None:
    """Minutes of the day from two times; None where neither is written.  Raises `Unread`."""
    if not first.strip() and not last.strip():
        return None
    try:
        begins, ends = (time.fromisoformat(text.strip()) for text in (first, last))
    except ValueError:
        raise Unread(HOURS) from None
    return begins.hour * 60 + begins.minute, ends.hour * 60 + ends.minute
